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
