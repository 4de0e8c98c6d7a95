//! The ledger: reconciliation, statements, signed checkpoints, what-if.

use std::sync::Arc;

use headworks_audit::reconcile::Progress;
use headworks_core::audit::statement::{Ask, By, Page, Place};
use headworks_core::record::{Days, Instant, Name, TimeError};
use headworks_wire as wire;
use wire::Scope;

use crate::access::{Access, Act};
use crate::api::Api;
use crate::lane::Stop;
use crate::problem::Problem;
use crate::render;
use crate::render::statement_text;

/// Most entries of one page of a statement.
const ENTRIES_MAX: usize = 10_000;

/// The place that `next` of a page names: `microseconds.number`.
fn place(text: &str) -> Result<Place, Problem> {
    let parts = text
        .split_once('.')
        .and_then(|(micros, seq)| Some((Instant::from_micros(micros.parse().ok()?), seq.parse().ok()?)));
    parts.ok_or_else(|| Problem::invalid("`after` is the `next` of an earlier page"))
}

/// The period that a request asks for.
fn asked(period: &wire::StatementPeriod, now: Instant, unit: Option<Name>) -> Result<Ask, Problem> {
    let invalid = |name: &str, e: TimeError| Problem::invalid(format!("`{name}`: {e}"));
    let days = Days::of(zone(period)).map_err(|e| invalid("zone", e))?;
    let instant = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| days.instant(text)).transpose().map_err(|e| invalid(name, e))
    };
    let from = instant("from", &period.from)?.unwrap_or_default();
    let to = instant("to", &period.to)?.unwrap_or(now);
    if to < from {
        return Err(Problem::invalid("`to` must not be before `from`"));
    }
    Ok(Ask {
        from,
        to,
        by: match period.by.unwrap_or_default() {
            wire::StatementBy::Recorded => By::Recorded,
            wire::StatementBy::Effective => By::Effective,
        },
        recorded_at: instant("recorded_at", &period.recorded_at)?.unwrap_or(Instant::NEVER),
        unit,
        has_lines: period.entries.unwrap_or(true),
        page: Page {
            after: period.after.as_deref().map(place).transpose()?,
            lines_max: period.max.map_or(ENTRIES_MAX, |max| usize::from(max).clamp(1, ENTRIES_MAX)),
        },
        days,
    })
}

fn zone(period: &wire::StatementPeriod) -> &str {
    period.zone.as_deref().unwrap_or("UTC")
}

/// Ends a computation when nobody waits for it any more.
struct StopOnDrop(Arc<Progress>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A page of a statement in the form that was asked for.
#[derive(Clone, Debug)]
pub struct ShownStatement {
    /// The page.
    pub body: StatementBody,
    /// The `after` of the next page.
    pub next: Option<String>,
}

/// The content of a page of a statement.
#[derive(Clone, Debug)]
pub enum StatementBody {
    /// Its parts.
    Json(Box<wire::Statement>),
    /// A table.
    Csv(String),
    /// A page.
    Html(String),
    /// Plain text.
    Text(String),
}

impl Api {
    /// Show whether the ledger reconciles.
    ///
    /// # Errors
    /// With a problem.
    pub fn reconciliation(&self, access: &Access) -> Result<wire::Reconciliation, Problem> {
        access.everywhere(Scope::Read)?;
        Ok(self.last_pass())
    }

    /// Reconcile every account again, starting now.
    ///
    /// # Errors
    /// With a problem.
    pub fn reconcile(&self, access: &Access) -> Result<wire::Reconciliation, Problem> {
        access.everywhere(Scope::Admin)?;
        self.engine.reconcile();
        Ok(self.last_pass())
    }

    /// Show what moved an account's balance in a period, signed.
    ///
    /// # Errors
    /// With a problem.
    pub async fn statement(
        &self,
        access: &Access,
        id: &str,
        period: &wire::StatementPeriod,
    ) -> Result<ShownStatement, Problem> {
        let account = access.account(Scope::Read, id)?;
        let (now, unit) = self.after_all(&account, period.unit.clone()).await?;
        let (ask, zone) = (asked(period, now, unit)?, zone(period).to_owned());
        let (engine, signer) = (Arc::clone(&self.engine), Arc::clone(&self.signer));
        let format = period.format.unwrap_or_default();
        let read = move |stop: &Stop| {
            let made = stop.run(engine.statement(&account, ask))?;
            let mut statement = render::statement(&account, &zone, &made);
            let digest = render::statement_digest(&statement);
            statement.checkpoint = Some(signer.sign(&account, made.seq, &made.hash, &digest));
            let next = statement.next.clone();
            let body = match format {
                wire::Format::Json => StatementBody::Json(Box::new(statement)),
                wire::Format::Csv => StatementBody::Csv(statement_text::csv(&statement)),
                wire::Format::Html => StatementBody::Html(statement_text::html(&statement)),
                wire::Format::Text => StatementBody::Text(statement_text::text(&statement)),
            };
            Ok(ShownStatement { body, next })
        };
        self.lanes.reads.run(access, read).await
    }

    /// Try a catalog on every recorded request, without putting it in force.
    ///
    /// # Errors
    /// With a problem.
    pub async fn what_if(&self, access: &Access, text: String) -> Result<wire::WhatIf, Problem> {
        access.may(Act::WhatIf)?;
        let catalog = self.compiled(access, text).await?;
        let progress = Arc::new(Progress::default());
        let _stops = StopOnDrop(Arc::clone(&progress));
        let engine = Arc::clone(&self.engine);
        let survey =
            move |_: &Stop| Ok(render::what_if(&catalog.version, &engine.what_if(&catalog, &progress)?));
        self.lanes.surveys.run(access, survey).await
    }

    /// Show the key that checkpoints are signed with.
    ///
    /// # Errors
    /// With a problem.
    pub fn signing_key(&self, access: &Access) -> Result<wire::SigningKey, Problem> {
        access.scope(Scope::Read)?;
        Ok(wire::SigningKey { public: self.signer.public() })
    }

    fn last_pass(&self) -> wire::Reconciliation {
        let (last, passes) = self.engine.reconciled();
        let status = match &last {
            None => "pending",
            Some(pass) if pass.is_clean() => "ok",
            Some(_) => "failed",
        };
        wire::Reconciliation {
            status: status.into(),
            passes,
            running_records: self.engine.reconciling(),
            last: last.map(|pass| wire::Pass {
                started_at: Some(pass.started_at),
                finished_at: Some(pass.finished_at),
                damage: pass.damage.iter().map(|(place, what)| format!("{place}: {what}")).collect(),
                ..render::pass(&pass.report)
            }),
        }
    }
}
