//! Adding, taking back, correcting and refunding credits.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Add credits
#[utoipa::path(post, path = "/v1/accounts/{id}/grants", tag = "credits", request_body = wire::GrantRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The grant's record; its id names the grant", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn grant(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::GrantRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.grant(&access, &id, key, ask).await?))
}

/// Take back the remainder of a grant
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/void", tag = "credits", request_body = wire::VoidRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("grant" = wire::Reference, Path, description = "The grant, like acme~3"),
        ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The credits that were taken back", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn void(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, grant)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::VoidRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.void_grant(&access, &id, &grant, key, ask).await?))
}

/// Correct a grant by hand
#[utoipa::path(post, path = "/v1/accounts/{id}/adjustments", tag = "credits", request_body = wire::AdjustRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The correction", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn adjust(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::AdjustRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.adjust(&access, &id, key, ask).await?))
}

/// Give back a charge, once, wholly or in part
#[utoipa::path(post, path = "/v1/accounts/{id}/refunds", tag = "credits", request_body = wire::RefundRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The credits given back, from the last source to the first", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn refund(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RefundRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.refund(&access, &id, key, ask).await?))
}
