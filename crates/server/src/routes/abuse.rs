//! Abuse rules: an account's standing, lifting an effect, reports from the operator's own systems.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Parameters, Path};
use crate::problem::Failure;

/// Show an account's standing under the abuse rules
#[utoipa::path(get, path = "/v1/accounts/{id}/abuse", tag = "abuse",
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Its tier, effects in force, penalties", body = wire::AbuseState),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::AbuseState>, Failure> {
    Ok(Json(app.api.abuse(&access, &id).await?))
}

/// List the accounts that abuse rules hold back now
#[utoipa::path(get, path = "/v1/abuse", tag = "abuse", params(wire::HeldBackQuery),
    responses((status = 200, description = "Accounts in memory with an effect in force or a key in the penalty box", body = wire::HeldBack),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
    Parameters(query): Parameters<wire::HeldBackQuery>,
) -> Result<Json<wire::HeldBack>, Failure> {
    Ok(Json(app.api.held_back(&access, query)?))
}

/// End an effect of an abuse rule early
#[utoipa::path(post, path = "/v1/accounts/{id}/abuse/lift", tag = "abuse", request_body = wire::LiftRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "Its record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn lift(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::LiftRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.lift(&access, &id, key, ask).await?))
}

/// Report an observation about an account from the operator's own systems
#[utoipa::path(post, path = "/v1/accounts/{id}/signals", tag = "abuse", request_body = wire::SignalRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn report(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::SignalRequest>,
) -> Result<StatusCode, Failure> {
    app.api.report(&access, &id, key, ask).await?;
    Ok(StatusCode::NO_CONTENT)
}
