//! Banked resets, and periods that are closed by hand.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Bank a reset
#[utoipa::path(post, path = "/v1/accounts/{id}/resets", tag = "accounts", request_body = wire::BankResetRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record; its id names the reset", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn bank(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::BankResetRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.bank_reset(&access, &id, key, ask).await?))
}

/// Close periods that end when they are closed
#[utoipa::path(post, path = "/v1/accounts/{id}/windows/close", tag = "accounts", request_body = wire::ClosePeriodsRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record; the next periods have begun", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn close_periods(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ClosePeriodsRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.close_periods(&access, &id, key, ask).await?))
}

/// Show an account's banked resets
#[utoipa::path(get, path = "/v1/accounts/{id}/resets", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Those that can be redeemed", body = wire::Resets),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn resets(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Resets>, Failure> {
    Ok(Json(app.api.resets(&access, &id).await?))
}

/// Redeem a banked reset
#[utoipa::path(post, path = "/v1/accounts/{id}/resets/redeem", tag = "decisions", request_body = wire::RedeemResetRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The outcome; a reset that clears nothing stays banked", body = wire::Redeemed),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn redeem(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RedeemResetRequest>,
) -> Result<Json<wire::Redeemed>, Failure> {
    Ok(Json(app.api.redeem_reset(&access, &id, key, ask).await?))
}
