//! The ledger: reconciliation, statements, signed checkpoints, what-if.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use headworks_core::catalog::{Catalog, Format as CatalogFormat};
use headworks_core::record::{CREDITS, Instant, Name, Span};
use headworks_store::reconcile::Progress;
use headworks_wire as wire;
use serde::Deserialize;
use wire::Scope;

use super::accounts::account_name;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Parameters, Path, Text};
use crate::problem::Failure;
use crate::{render, statement_text};

/// Most entries of one statement.
const ENTRIES_MAX: usize = 100_000;

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

/// A period, and how to show it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Period {
    /// From this instant on. Default: the account's first record.
    from: Option<Instant>,
    /// To before this instant. Default: now.
    to: Option<Instant>,
    /// The unit of credits. Default `credits`.
    unit: Option<Name>,
    /// `json` (default), `csv`, `html` or `text`.
    format: Option<Format>,
}

/// A form of a statement.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    #[default]
    Json,
    Csv,
    Html,
    Text,
}

/// Show what moved an account's balance in a period, signed
#[utoipa::path(get, path = "/v1/accounts/{id}/statement", tag = "ledger",
    params(("id" = String, Path, description = "The account"), Period),
    responses((status = 200, description = "The statement", content(
            (wire::Statement = "application/json"), (String = "text/csv"), (String = "text/html"), (String = "text/plain"))),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn statement(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    Parameters(period): Parameters<Period>,
) -> Result<Response, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let to = period.to.unwrap_or_else(|| app.engine.clock().now().after(Span::from_micros(1)));
    let from = period.from.unwrap_or_default();
    if to < from {
        return Err(Failure::invalid("`to` must not be before `from`"));
    }
    let unit = period.unit.filter(|u| u.as_str() != CREDITS);
    let made = app.engine.statement(&account, from, to, unit.as_ref(), ENTRIES_MAX).await?;
    let made = made.ok_or_else(|| {
        Failure::invalid(format!("the period has more than {ENTRIES_MAX} entries; ask for a shorter one"))
    })?;
    let mut statement = render::statement(&account, &made);
    let digest = render::statement_digest(&statement);
    statement.checkpoint = Some(app.signer.sign(&account, made.seq, &made.hash, &digest));
    let text = |kind, body: String| ([(header::CONTENT_TYPE, kind)], body).into_response();
    Ok(match period.format.unwrap_or_default() {
        Format::Json => Json(statement).into_response(),
        Format::Csv => text("text/csv; charset=utf-8", statement_text::csv(&statement)),
        Format::Html => text("text/html; charset=utf-8", statement_text::html(&statement)),
        Format::Text => text("text/plain; charset=utf-8", statement_text::text(&statement)),
    })
}

/// Ends a computation when nobody waits for it any more.
struct StopOnDrop(Arc<Progress>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Try a catalog on every recorded request, without putting it in force
#[utoipa::path(post, path = "/v1/catalog/what-if", tag = "ledger",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    responses((status = 200, description = "Decisions, denials and revenue that change; over long logs use `headworks replay`", body = wire::WhatIf),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem), (status = 503, description = "It took too long, or retry", body = wire::Problem)))]
pub(super) async fn what_if(
    State(app): State<App>,
    access: Access,
    Text(text): Text,
) -> Result<Json<wire::WhatIf>, Failure> {
    access.everywhere(Scope::Admin)?;
    let catalog = Catalog::parse(&text, CatalogFormat::of(&text))?;
    let progress = Arc::new(Progress::default());
    let _stops = StopOnDrop(Arc::clone(&progress));
    let (engine, version) = (Arc::clone(&app.engine), catalog.version.clone());
    let made = tokio::task::spawn_blocking(move || engine.what_if(&catalog, &progress)).await;
    let report =
        made.map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))??;
    Ok(Json(render::what_if(&version, &report)))
}

/// Show the key that checkpoints are signed with
#[utoipa::path(get, path = "/v1/signing-key", tag = "ledger",
    responses((status = 200, description = "The public key", body = wire::SigningKey),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn signing_key(
    State(app): State<App>,
    access: Access,
) -> Result<Json<wire::SigningKey>, Failure> {
    access.scope(Scope::Read)?;
    Ok(Json(wire::SigningKey { public: app.signer.public() }))
}

fn reconciliation(app: &App) -> wire::Reconciliation {
    let (last, passes) = app.engine.reconciled();
    let status = match &last {
        None => "pending",
        Some(pass) if pass.is_clean() => "ok",
        Some(_) => "failed",
    };
    wire::Reconciliation {
        status: status.into(),
        passes,
        running_records: app.engine.reconciling(),
        last: last.map(|pass| wire::Pass {
            started_at: Some(pass.started_at),
            finished_at: Some(pass.finished_at),
            damage: pass.damage.iter().map(|(place, what)| format!("{place}: {what}")).collect(),
            ..render::pass(&pass.report)
        }),
    }
}
