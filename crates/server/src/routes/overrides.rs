//! Overrides of limits.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Override a limit of an account or a segment
#[utoipa::path(post, path = "/v1/accounts/{id}/overrides", tag = "accounts", request_body = wire::OverrideRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record; its id names the override", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::OverrideRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.set_override(&access, &id, key, ask).await?))
}

/// Show an account's overrides
#[utoipa::path(get, path = "/v1/accounts/{id}/overrides", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Those in force", body = wire::Overrides),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn overrides(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Overrides>, Failure> {
    Ok(Json(app.api.overrides(&access, &id).await?))
}

/// Remove an override
#[utoipa::path(post, path = "/v1/accounts/{id}/overrides/{override}/remove", tag = "accounts", request_body = wire::RemoveOverrideRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("override" = wire::Reference, Path, description = "The override, like acme~9")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, of)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RemoveOverrideRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.remove_override(&access, &id, &of, key, ask).await?))
}
