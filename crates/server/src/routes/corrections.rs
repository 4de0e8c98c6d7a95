//! Correcting charges, singly or for a whole period; late use.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Correct a charge: its quantities, its prices, or that it happened at all
#[utoipa::path(post, path = "/v1/accounts/{id}/corrections", tag = "credits", request_body = wire::CorrectRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The charge that takes its place", body = wire::Charge),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn correct(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::CorrectRequest>,
) -> Result<Json<wire::Charge>, Failure> {
    Ok(Json(app.api.correct(&access, &id, key, ask).await?))
}

/// Reprice every charge of a period: first as a dry run, then for real
#[utoipa::path(post, path = "/v1/catalog/corrections", tag = "ledger", request_body = wire::RepriceRequest,
    responses((status = 200, description = "What changes, by account", body = wire::Repriced),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "It took too long: send it again to go on", body = wire::Problem)))]
pub(super) async fn reprice(
    State(app): State<App>,
    Caller(access): Caller,
    Body(ask): Body<wire::RepriceRequest>,
) -> Result<Json<wire::Repriced>, Failure> {
    Ok(Json(app.api.reprice(&access, ask).await?))
}

/// Show the use that waits in an account's quarantine
#[utoipa::path(get, path = "/v1/accounts/{id}/quarantine", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Use that was reported later than the catalog's horizon allows", body = wire::Quarantine),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn quarantine(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Quarantine>, Failure> {
    Ok(Json(app.api.quarantine(&access, &id).await?))
}

/// Charge use in quarantine after all, or discard it
#[utoipa::path(post, path = "/v1/accounts/{id}/quarantine/{use}", tag = "credits", request_body = wire::LateRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("use" = wire::Reference, Path, description = "The use, like acme~9")),
    responses((status = 200, description = "The charge, or the record that it was discarded", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn decide_late(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, kept)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::LateRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.decide_late(&access, &id, &kept, key, ask).await?))
}
