//! Supplies: showing them, changing them live, and reporting their upstream's answers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Parameters, Path};
use crate::problem::Failure;

/// List the supplies and how they are used
#[utoipa::path(get, path = "/v1/supplies", tag = "capacity",
    responses((status = 200, description = "The supplies", body = wire::Supplies),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Supplies>, Failure> {
    Ok(Json(app.api.supplies(&access)?))
}

/// Show a supply and how it is used
#[utoipa::path(get, path = "/v1/supplies/{name}", tag = "capacity",
    params(("name" = headworks_core::record::Name, Path, description = "Its name in the catalog")),
    responses((status = 200, description = "The supply", body = wire::Supply),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
) -> Result<Json<wire::Supply>, Failure> {
    Ok(Json(app.api.supply(&access, &name)?))
}

/// Show who uses a supply now
#[utoipa::path(get, path = "/v1/supplies/{name}/sharers", tag = "capacity",
    params(("name" = headworks_core::record::Name, Path, description = "Its name in the catalog"), wire::SharersQuery),
    responses((status = 200, description = "The sharers with work in the last ten seconds", body = wire::SupplySharers),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn sharers(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    Parameters(query): Parameters<wire::SharersQuery>,
) -> Result<Json<wire::SupplySharers>, Failure> {
    Ok(Json(app.api.sharers(&access, &name, query)?))
}

/// Change a supply without a new catalog; in force within 100 ms
#[utoipa::path(put, path = "/v1/supplies/{name}", tag = "capacity", request_body = wire::SupplyChange,
    params(("name" = headworks_core::record::Name, Path, description = "Its name in the catalog"), ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The supply", body = wire::Supply),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::SupplyChange>,
) -> Result<Json<wire::Supply>, Failure> {
    Ok(Json(app.api.change_supply(&access, &name, key, ask).await?))
}

/// Report an answer of the upstream to a supply
#[utoipa::path(post, path = "/v1/supplies/{name}/feedback", tag = "capacity", request_body = wire::SupplyFeedback,
    params(("name" = headworks_core::record::Name, Path, description = "Its name in the catalog")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn feedback(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    Body(ask): Body<wire::SupplyFeedback>,
) -> Result<StatusCode, Failure> {
    app.api.supply_feedback(&access, &name, ask)?;
    Ok(StatusCode::NO_CONTENT)
}
