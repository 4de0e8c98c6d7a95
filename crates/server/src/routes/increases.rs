//! Requests for higher limits.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Ask for a higher limit
#[utoipa::path(post, path = "/v1/accounts/{id}/increases", tag = "accounts", request_body = wire::OverrideRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record; its id names the request", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn ask(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::OverrideRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.ask_increase(&access, &id, key, ask).await?))
}

/// Show an account's requests for higher limits
#[utoipa::path(get, path = "/v1/accounts/{id}/increases", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Those that wait, and the latest that were answered", body = wire::Increases),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn increases(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Increases>, Failure> {
    Ok(Json(app.api.increases(&access, &id).await?))
}

/// Approve a request for a higher limit
#[utoipa::path(post, path = "/v1/accounts/{id}/increases/{increase}/approve", tag = "accounts", request_body = wire::ApproveIncreaseRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("increase" = wire::Reference, Path, description = "The request, like acme~9")),
    responses((status = 200, description = "The record, which is the override", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn approve(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, of)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ApproveIncreaseRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.approve_increase(&access, &id, &of, key, ask).await?))
}

/// Deny a request for a higher limit
#[utoipa::path(post, path = "/v1/accounts/{id}/increases/{increase}/deny", tag = "accounts", request_body = wire::DenyIncreaseRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("increase" = wire::Reference, Path, description = "The request, like acme~9")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn deny(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, of)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::DenyIncreaseRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.deny_increase(&access, &id, &of, key, ask).await?))
}
