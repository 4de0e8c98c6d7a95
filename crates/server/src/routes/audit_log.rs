//! The audit log.

use axum::extract::State;
use axum::response::Response;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Caller, Parameters};
use crate::json::json;
use crate::problem::Failure;

/// Show failed authentication, administrative calls and reads of other people's data
#[utoipa::path(get, path = "/v1/audit", tag = "administration", params(wire::AuditQuery),
    responses((status = 200, description = "Entries of the audit log, newest first", body = wire::AuditLog),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Parameters(query): Parameters<wire::AuditQuery>,
) -> Result<Response, Failure> {
    let entries = app.api.audit_log(&access, query).await?;
    Ok(json(app.api.written(&access, entries).await?))
}
