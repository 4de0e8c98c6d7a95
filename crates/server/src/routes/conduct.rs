//! Abuse rules: what they make of an account, lifting an effect, reporting what an operator's own systems see.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::abuse::penalty::Misdeed;
use headworks_core::command::Command;
use headworks_core::record::{Name, Rule};
use headworks_engine::{ConductView, Idempotency};
use headworks_wire as wire;
use serde::Deserialize;
use wire::{Scope, SignalKind};

use super::accounts::{account_name, page_size};
use super::credits::change;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Parameters, Path, idempotency};
use crate::problem::Failure;

fn shown(view: ConductView) -> wire::Conduct {
    let ConductView { tier, terms, effects, penalties, expired } = view;
    let effects = effects.into_iter().map(|(effect, mode)| wire::AbuseEffect {
        rule: effect.rule,
        mode,
        key: effect.key.map(|key| *key),
        limit: effect.limit,
        figure: effect.figure,
        reference: effect.reference,
        since: effect.since,
        until: effect.until,
        step_up_at: effect.step_up_at,
    });
    let penalties = penalties.into_iter();
    wire::Conduct {
        tier,
        terms: wire::TierTerms {
            holds: terms.holds,
            held_percent: terms.held_percent,
            velocity_floor: terms.velocity_floor,
            velocity_ceiling: terms.velocity_ceiling,
            ramp_floor: terms.ramp_floor,
            sub_keys: u64::try_from(terms.sub_keys).unwrap_or(u64::MAX),
            networks: terms.networks,
            shared_holds: terms.shared_holds,
            key_spend_floor: terms.key_spend_floor,
        },
        effects: effects.collect(),
        penalties: penalties
            .map(|(key, score_milli, level)| wire::Penalty { key, score_milli, level })
            .collect(),
        expired_millionths: expired,
    }
}

/// Show what abuse rules make of an account
#[utoipa::path(get, path = "/v1/accounts/{id}/conduct", tag = "abuse",
    params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "Its tier, effects in force, penalties", body = wire::Conduct),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Conduct>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    Ok(Json(shown(app.engine.conduct(&account).await?)))
}

/// Which accounts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldBackQuery {
    /// Only those that this rule holds back.
    rule: Option<Rule>,
    /// How many at most, up to 1000. Default 100.
    max: Option<u16>,
}

/// List the accounts that abuse rules hold back now
#[utoipa::path(get, path = "/v1/conduct", tag = "abuse", params(HeldBackQuery),
    responses((status = 200, description = "Accounts in memory with an effect in force or a key in the penalty box", body = wire::HeldBack),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    access: Access,
    Parameters(query): Parameters<HeldBackQuery>,
) -> Result<Json<wire::HeldBack>, Failure> {
    access.everywhere(Scope::Read)?;
    let held_back = app.engine.held_back(query.rule, page_size(query.max)).into_iter();
    let accounts =
        held_back.map(|held| wire::AccountConduct { account: held.account, conduct: shown(held.conduct) });
    Ok(Json(wire::HeldBack { accounts: accounts.collect() }))
}

/// End an effect of an abuse rule before its time
#[utoipa::path(post, path = "/v1/accounts/{id}/conduct/lift", tag = "abuse", request_body = wire::LiftRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record of it", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn lift(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::LiftRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    change(&app.run(access.actor(), &account, &key, &ask.command()).await?)
}

/// Report what an operator's own systems see of an account
#[utoipa::path(post, path = "/v1/accounts/{id}/signals", tag = "abuse", request_body = wire::SignalRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn report(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::SignalRequest>,
) -> Result<StatusCode, Failure> {
    let account = account_name(&access, Scope::Record, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    note(&app, &account, &key, access.actor(), &ask).await
}

/// Takes note of a report, once for each key.
pub(super) async fn note(
    app: &App,
    account: &Name,
    key: &Idempotency,
    actor: Option<&Name>,
    ask: &wire::SignalRequest,
) -> Result<StatusCode, Failure> {
    let of = ask.key.as_ref();
    match ask.signal {
        SignalKind::InvalidKey => app.engine.report(account, key, Misdeed::InvalidKey, of).await?,
        SignalKind::ForgedWebhook => app.engine.report(account, key, Misdeed::ForgedWebhook, of).await?,
        SignalKind::Dispute => {
            let command = Command::Dispute { reason: ask.reason.clone() };
            app.run(actor, account, key, &command).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
