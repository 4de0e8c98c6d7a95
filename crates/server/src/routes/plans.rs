//! Changes of plan.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Change the plan, and with it recurring grants
#[utoipa::path(post, path = "/v1/accounts/{id}/plan", tag = "accounts", request_body = wire::ChangePlanRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The gains and losses of current periods", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change_plan(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ChangePlanRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.change_plan(&access, &id, key, ask).await?))
}

/// Withdraw the change of plan that is planned
#[utoipa::path(post, path = "/v1/accounts/{id}/plan/withdraw", tag = "accounts", request_body = wire::StopRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn withdraw(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::StopRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.withdraw_plan_change(&access, &id, key, ask).await?))
}

/// Let a recurring grant keep its period and not renew
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/stop", tag = "credits", request_body = wire::StopRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("grant" = wire::Reference, Path, description = "The grant, like acme~3"),
        ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn stop_renewal(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, grant)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::StopRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.stop_renewal(&access, &id, &grant, key, ask).await?))
}
