//! Pauses of accounts.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Pause an account: nothing of it is used, renews or expires
#[utoipa::path(post, path = "/v1/accounts/{id}/pause", tag = "accounts", request_body = wire::PauseAccountRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn pause(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::PauseAccountRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.pause(&access, &id, key, ask).await?))
}

/// End the pause of an account
#[utoipa::path(post, path = "/v1/accounts/{id}/resume", tag = "accounts", request_body = wire::ResumeAccountRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn resume(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ResumeAccountRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.resume(&access, &id, key, ask).await?))
}
