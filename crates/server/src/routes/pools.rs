//! Capacity pools: showing them, changing them live, and reporting their supply's answers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Parameters, Path};
use crate::problem::Failure;

/// List the capacity pools and how they are used
#[utoipa::path(get, path = "/v1/pools", tag = "capacity",
    responses((status = 200, description = "The pools", body = wire::Pools),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Pools>, Failure> {
    Ok(Json(app.api.pools(&access)?))
}

/// Show a capacity pool and how it is used
#[utoipa::path(get, path = "/v1/pools/{name}", tag = "capacity",
    params(("name" = String, Path, description = "Its name in the catalog")),
    responses((status = 200, description = "The pool", body = wire::Pool),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
) -> Result<Json<wire::Pool>, Failure> {
    Ok(Json(app.api.pool(&access, &name)?))
}

/// Show who uses a capacity pool now
#[utoipa::path(get, path = "/v1/pools/{name}/seats", tag = "capacity",
    params(("name" = String, Path, description = "Its name in the catalog"), wire::SeatsQuery),
    responses((status = 200, description = "The seats with work in the last ten seconds", body = wire::PoolSeats),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn seats(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    Parameters(query): Parameters<wire::SeatsQuery>,
) -> Result<Json<wire::PoolSeats>, Failure> {
    Ok(Json(app.api.seats(&access, &name, query)?))
}

/// Change a capacity pool without a new catalog; in force within 100 ms
#[utoipa::path(put, path = "/v1/pools/{name}", tag = "capacity", request_body = wire::PoolChange,
    params(("name" = String, Path, description = "Its name in the catalog"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The pool", body = wire::Pool),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::PoolChange>,
) -> Result<Json<wire::Pool>, Failure> {
    Ok(Json(app.api.change_pool(&access, &name, key, ask).await?))
}

/// Report an answer of the supply to a capacity pool
#[utoipa::path(post, path = "/v1/pools/{name}/feedback", tag = "capacity", request_body = wire::PoolFeedback,
    params(("name" = String, Path, description = "Its name in the catalog")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn feedback(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    Body(ask): Body<wire::PoolFeedback>,
) -> Result<StatusCode, Failure> {
    app.api.pool_feedback(&access, &name, ask)?;
    Ok(StatusCode::NO_CONTENT)
}
