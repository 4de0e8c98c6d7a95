//! The ledger as a whole: reconciliation.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headworks_wire as wire;
use wire::Scope;

use super::App;
use crate::auth::Access;
use crate::problem::Failure;
use crate::render;

/// Show whether the ledger reconciles
#[utoipa::path(get, path = "/v1/reconcile", tag = "ledger",
    responses((status = 200, description = "The last pass over every account", body = wire::Reconciliation),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    access: Access,
) -> Result<Json<wire::Reconciliation>, Failure> {
    access.everywhere(Scope::Read)?;
    Ok(Json(reconciliation(&app)))
}

/// Reconcile every account again, starting now
#[utoipa::path(post, path = "/v1/reconcile", tag = "ledger",
    responses((status = 202, description = "It has begun; ask for its state", body = wire::Reconciliation),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn start(
    State(app): State<App>,
    access: Access,
) -> Result<(StatusCode, Json<wire::Reconciliation>), Failure> {
    access.everywhere(Scope::Admin)?;
    app.engine.reconcile();
    Ok((StatusCode::ACCEPTED, Json(reconciliation(&app))))
}

fn reconciliation(app: &App) -> wire::Reconciliation {
    let (last, passes) = app.engine.reconciled();
    let status = match &last {
        None => "pending",
        Some(pass) if pass.report.found == 0 && pass.report.totals.difference() == 0 => "ok",
        Some(_) => "failed",
    };
    wire::Reconciliation {
        status: status.into(),
        passes,
        running_records: app.engine.reconciling(),
        last: last.map(|pass| wire::Pass {
            started_at: Some(pass.started_at),
            finished_at: Some(pass.finished_at),
            ..render::pass(&pass.report)
        }),
    }
}
