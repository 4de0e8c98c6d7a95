//! The ledger: reconciliation, statements, signed checkpoints, what-if.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use headworks_core::audit::statement::{Ask, By};
use headworks_core::catalog::{Catalog, Format as CatalogFormat};
use headworks_core::record::{Days, Instant, Name, TimeError};
use headworks_store::reconcile::Progress;
use headworks_wire as wire;
use serde::Deserialize;
use wire::Scope;

use super::accounts::{account_name, after_all};
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
    /// From this instant on, or from the beginning of a day like `2026-10-01`. Default: the account's first record.
    from: Option<String>,
    /// To before this instant, or before the beginning of a day. Default: now.
    to: Option<String>,
    /// What counts for the period: `recorded` (default), when a record was written, or `effective`, when it counts.
    by: Option<wire::StatementBy>,
    /// As it was known at this instant, or at the beginning of a day. Default: now.
    recorded_at: Option<String>,
    /// The IANA zone of days. Default `UTC`.
    zone: Option<String>,
    /// The unit of credits. Default: the first that the account has, `credits` before others.
    unit: Option<Name>,
    /// Whether to list each entry, or the sums alone. Default `true`.
    entries: Option<bool>,
    /// `json` (default), `csv`, `html` or `text`.
    format: Option<Format>,
}

impl Period {
    fn ask(&self, now: Instant, unit: Option<Name>) -> Result<Ask, Failure> {
        let invalid = |name: &str, e: TimeError| Failure::invalid(format!("`{name}`: {e}"));
        let days = Days::of(self.zone()).map_err(|e| invalid("zone", e))?;
        let instant = |name: &str, text: &Option<String>| {
            text.as_deref().map(|text| days.instant(text)).transpose().map_err(|e| invalid(name, e))
        };
        let from = instant("from", &self.from)?.unwrap_or_default();
        let to = instant("to", &self.to)?.unwrap_or(now);
        if to < from {
            return Err(Failure::invalid("`to` must not be before `from`"));
        }
        Ok(Ask {
            from,
            to,
            by: match self.by.unwrap_or_default() {
                wire::StatementBy::Recorded => By::Recorded,
                wire::StatementBy::Effective => By::Effective,
            },
            recorded_at: instant("recorded_at", &self.recorded_at)?.unwrap_or(Instant::NEVER),
            unit,
            has_lines: self.entries.unwrap_or(true),
            days,
        })
    }

    fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }
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
    let (now, unit) = after_all(&app, &account, period.unit.clone()).await?;
    let ask = period.ask(now, unit)?;
    let made = app.engine.statement(&account, ask, ENTRIES_MAX).await?;
    let made = made.ok_or_else(|| {
        Failure::invalid(format!(
            "the period has more than {ENTRIES_MAX} entries; ask for a shorter one, or for the sums alone with `entries=false`"
        ))
    })?;
    let mut statement = render::statement(&account, period.zone(), &made);
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
