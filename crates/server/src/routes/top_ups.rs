//! Automatic top-ups.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Show the state of an account's alerts and automatic top-ups
#[utoipa::path(get, path = "/v1/accounts/{id}/top-ups", tag = "credits", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "The top-ups in flight, and whether they are still needed", body = wire::TopUps),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn top_ups(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::TopUps>, Failure> {
    Ok(Json(app.api.top_ups(&access, &id).await?))
}

/// Report the outcome of a top-up's payment
#[utoipa::path(post, path = "/v1/accounts/{id}/top-ups/{number}", tag = "credits", request_body = wire::ConfirmTopUpRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("number" = u64, Path, description = "The number the top-up was asked for under")),
    responses((status = 200, description = "The credits that it brought, or the record of its failure", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn confirm_top_up(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, number)): Path<(String, u64)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ConfirmTopUpRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.confirm_top_up(&access, &id, number, key, ask).await?))
}
