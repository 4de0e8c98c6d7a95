//! Incidents: one act for all accounts that match.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller};
use crate::problem::Failure;

/// Give all accounts that match a grant, a reset or a higher limit: first as a dry run, then for real
#[utoipa::path(post, path = "/v1/incidents", tag = "ledger", request_body = wire::IncidentRequest,
    responses((status = 200, description = "The accounts that got it, or would", body = wire::IncidentAnswer),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "It took too long: send it again to go on", body = wire::Problem)))]
pub(super) async fn run(
    State(app): State<App>,
    Caller(access): Caller,
    Body(ask): Body<wire::IncidentRequest>,
) -> Result<Json<wire::IncidentAnswer>, Failure> {
    Ok(Json(app.api.incident(&access, ask).await?))
}
