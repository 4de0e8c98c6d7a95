//! Seats of an account.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Add a seat, or change its type or member
#[utoipa::path(post, path = "/v1/accounts/{id}/seats", tag = "accounts", request_body = wire::SeatRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::SeatRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.set_seat(&access, &id, key, ask).await?))
}

/// Show an account's seats
#[utoipa::path(get, path = "/v1/accounts/{id}/seats", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "The seats, and how many there are of each type", body = wire::Seats),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn seats(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Seats>, Failure> {
    Ok(Json(app.api.seats(&access, &id).await?))
}

/// Give a seat to a member, or release it
#[utoipa::path(post, path = "/v1/accounts/{id}/seats/{seat}/assign", tag = "accounts", request_body = wire::AssignSeatRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("seat" = headworks_core::record::Name, Path, description = "The seat"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn assign(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, seat)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::AssignSeatRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.assign_seat(&access, &id, &seat, key, ask).await?))
}

/// Remove a seat
#[utoipa::path(post, path = "/v1/accounts/{id}/seats/{seat}/remove", tag = "accounts", request_body = wire::RemoveSeatRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("seat" = headworks_core::record::Name, Path, description = "The seat"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, seat)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RemoveSeatRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.remove_seat(&access, &id, &seat, key, ask).await?))
}
