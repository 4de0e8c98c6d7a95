//! Correcting charges, one by one or those of a period; use that came too late.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_engine::{Effect, Reprice};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::accounts::account_name;
use super::credits::change;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Path, idempotency};
use crate::problem::Failure;
use crate::render;

/// Correct a charge: its quantities, its prices, or that it happened at all
#[utoipa::path(post, path = "/v1/accounts/{id}/corrections", tag = "credits", request_body = wire::CorrectRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "What is charged instead", body = wire::Charge),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn correct(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::CorrectRequest>,
) -> Result<Json<wire::Charge>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    let answer = app.run(access.actor(), &account, &key, &ask.command(&account)?).await?;
    match &answer.effect {
        Effect::Recorded(record) => render::charge_of_record(&account, record, answer.replayed).map(Json),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    }
    .ok_or_else(|| Failure::invalid("nothing was recorded"))
}

/// Price every charge of a period again: first as a dry run, then applied
#[utoipa::path(post, path = "/v1/catalog/corrections", tag = "ledger", request_body = wire::RepriceRequest,
    responses((status = 200, description = "What changes, by account", body = wire::Repriced),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "It took too long: send it again to go on", body = wire::Problem)))]
pub(super) async fn reprice(
    State(app): State<App>,
    access: Access,
    Body(ask): Body<wire::RepriceRequest>,
) -> Result<Json<wire::Repriced>, Failure> {
    access.everywhere(Scope::Admin)?;
    if ask.from >= ask.to {
        return Err(Failure::invalid("`from` must be before `to`"));
    }
    let reprice = Reprice {
        from: ask.from,
        to: ask.to,
        features: ask.features.clone(),
        accounts: ask.accounts.clone(),
        apply: ask.apply,
        reason: ask.reason.clone(),
    };
    let done = app.engine.reprice(&reprice, access.actor()).await?;
    Ok(Json(render::repriced(&done, ask.apply)))
}

/// Show the use that waits in an account's quarantine
#[utoipa::path(get, path = "/v1/accounts/{id}/quarantine", tag = "accounts", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "Use that came later than the catalog's horizon", body = wire::Quarantine),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn quarantine(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Quarantine>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let kept = app.engine.quarantined(&account).await?;
    let uses = kept.into_iter().map(|(seq, recorded_at, late)| wire::QuarantinedUse {
        id: Reference::Record(account.clone(), seq),
        recorded_at,
        effective_at: late.at,
        feature: late.feature,
        path: late.path,
        dimensions: late.dimensions.into_iter().map(|d| (d.name, d.value)).collect(),
        quantities: late.quantities.into_iter().map(|q| (q.meter, q.quantity)).collect(),
    });
    Ok(Json(wire::Quarantine { uses: uses.collect() }))
}

/// Charge use in quarantine after all, or discard it
#[utoipa::path(post, path = "/v1/accounts/{id}/quarantine/{use}", tag = "credits", request_body = wire::LateRequest,
    params(("id" = String, Path, description = "The account"), ("use" = String, Path, description = "The use, like acme~9")),
    responses((status = 200, description = "The charge, or the record that it was discarded", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn decide_late(
    State(app): State<App>,
    access: Access,
    Path((id, kept)): Path<(String, String)>,
    headers: HeaderMap,
    Body(ask): Body<wire::LateRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let reference: Reference = kept.parse().map_err(|e: wire::ReferenceError| {
        Failure::new(StatusCode::NOT_FOUND, "not_in_quarantine", e.to_string())
    })?;
    let key = idempotency(&headers, None, Some(kept), &(&reference, &ask))?;
    change(&app.run(access.actor(), &account, &key, &ask.command(&account, &reference)?).await?)
}
