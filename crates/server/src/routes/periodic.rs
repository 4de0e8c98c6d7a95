//! Changes of plan, banked resets, automatic top-ups.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use headworks_core::life::still_needs_top_up;
use headworks_core::record::{CREDITS, Event, Name, Periodic, Standing};
use headworks_core::waterfall::{Context, Refusal};
use headworks_engine::{Effect, EngineError};
use headworks_wire as wire;
use wire::{RedeemOutcome, Reference, Scope};

use super::accounts::account_name;
use super::credits::change;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Path, idempotency};
use crate::problem::Failure;

/// Change the plan, and with it recurring grants
#[utoipa::path(post, path = "/v1/accounts/{id}/plan", tag = "accounts", request_body = wire::ChangePlanRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "What periods under way gained and lost", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change_plan(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::ChangePlanRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    change(&app.run(access.actor(), &account, &key, &ask.command(&account)?).await?)
}

/// Bank a reset
#[utoipa::path(post, path = "/v1/accounts/{id}/resets", tag = "accounts", request_body = wire::BankResetRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record; its id names the reset", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn bank(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::BankResetRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    change(&app.run(access.actor(), &account, &key, &ask.command()).await?)
}

/// Show an account's banked resets
#[utoipa::path(get, path = "/v1/accounts/{id}/resets", tag = "accounts", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "Those that can be redeemed", body = wire::Resets),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn resets(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Resets>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let mut resets = app
        .engine
        .view(&account, |ctx| {
            let usable = ctx.account.extras().resets.iter().filter(|r| r.terms.expires_at > ctx.now);
            let shown = usable.map(|r| wire::BankedReset {
                id: Reference::Record(account.clone(), r.id),
                windows: r.terms.windows.clone(),
                expires_at: r.terms.expires_at,
                reference: r.terms.reference.clone(),
            });
            Ok(shown.collect::<Vec<_>>())
        })
        .await?;
    resets.sort_by_key(|r| r.expires_at);
    Ok(Json(wire::Resets { resets }))
}

/// Redeem a banked reset
#[utoipa::path(post, path = "/v1/accounts/{id}/resets/redeem", tag = "decisions", request_body = wire::RedeemResetRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "What became of it; a reset that clears nothing stays banked", body = wire::Redeemed),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn redeem(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::RedeemResetRequest>,
) -> Result<Json<wire::Redeemed>, Failure> {
    let account = account_name(&access, Scope::Decide, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    let nothing = |outcome| wire::Redeemed {
        outcome,
        id: None,
        reset: ask.reset.clone(),
        cleared: Vec::new(),
        replayed: false,
    };
    let answer = match app.run(access.actor(), &account, &key, &ask.command(&account)?).await {
        Err(EngineError::Refused(Refusal::NoReset)) => return Ok(Json(nothing(RedeemOutcome::NoneLeft))),
        Err(EngineError::Refused(Refusal::NothingToReset)) => {
            return Ok(Json(nothing(RedeemOutcome::NothingToReset)));
        }
        Err(EngineError::Refused(Refusal::AlreadyRedeemed(..))) => {
            return Ok(Json(nothing(RedeemOutcome::AlreadyRedeemed)));
        }
        answer => answer?,
    };
    if let Effect::Recorded(record) = &answer.effect
        && let Event::Periodic(event) = &record.event
        && let Periodic::Redeemed { token, cleared, .. } = &**event
    {
        let window = |c: &headworks_core::record::Cleared| wire::ClearedWindow {
            name: c.name.clone(),
            level: c.level,
        };
        return Ok(Json(wire::Redeemed {
            outcome: RedeemOutcome::ResetDone,
            id: Some(Reference::Record(account.clone(), record.seq)),
            reset: Some(Reference::Record(account, *token)),
            cleared: cleared.iter().map(window).collect(),
            replayed: answer.replayed,
        }));
    }
    Err(Failure::invalid("nothing was recorded"))
}

/// Show where an account's alerts and automatic top-ups stand
#[utoipa::path(get, path = "/v1/accounts/{id}/top-ups", tag = "credits", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "What is in flight, and whether it is still needed", body = wire::TopUps),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn top_ups(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::TopUps>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    Ok(Json(app.engine.view(&account, |ctx| Ok(standing(ctx))).await?))
}

fn standing(ctx: Context<'_>) -> wire::TopUps {
    let account = ctx.account;
    let one = |unit: Option<&Name>| {
        let balance = account.balance(unit);
        wire::UnitTopUps {
            unit: unit.map_or(CREDITS, Name::as_str).into(),
            standing: balance.map_or(Standing::Fine, |b| b.standing),
            in_flight: balance.and_then(|b| b.asked).map(|asked| wire::TopUpInFlight {
                number: asked.number,
                amount: asked.amount,
                needed: still_needs_top_up(account, unit, ctx.now),
            }),
            month_total: account.bought_in_month(unit, ctx.now),
        }
    };
    let marked = account.settings.alerts.iter().map(|marks| marks.unit.as_ref());
    let kept = account.extras().balances.iter().map(|balance| balance.unit.as_ref());
    let units: BTreeSet<Option<&Name>> = marked.chain(kept).collect();
    let mut units = units.into_iter();
    let first = one(units.next().unwrap_or(ctx.catalog.credit_unit()));
    wire::TopUps { crossings: account.extras().crossings, first, other_units: units.map(one).collect() }
}

/// Say what became of a top-up's payment
#[utoipa::path(post, path = "/v1/accounts/{id}/top-ups/{number}", tag = "credits", request_body = wire::ConfirmTopUpRequest,
    params(("id" = String, Path, description = "The account"), ("number" = u64, Path, description = "The number the top-up was asked for under")),
    responses((status = 200, description = "The credits that it brought, or the record of its failure", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn confirm_top_up(
    State(app): State<App>,
    access: Access,
    Path((id, number)): Path<(String, u64)>,
    headers: HeaderMap,
    Body(ask): Body<wire::ConfirmTopUpRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    confirm(&app, &account, number, &ask, &headers, access.actor()).await
}

/// The key is the top-up itself, so that it is confirmed once however it is told.
pub(super) async fn confirm(
    app: &App,
    account: &Name,
    number: u64,
    ask: &wire::ConfirmTopUpRequest,
    headers: &HeaderMap,
    actor: Option<&Name>,
) -> Result<Json<wire::Change>, Failure> {
    let key = idempotency(headers, None, Some(format!("top-up {number}")), &(number, ask))?;
    change(&app.run(actor, account, &key, &ask.command(number)?).await?)
}
