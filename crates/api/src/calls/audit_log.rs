//! The audit log, read from its end.

use std::sync::Arc;

use headworks_core::record::{AuditEntry, Event, Id, Instant, Record, Seq, Server};
use headworks_engine::Engine;
use headworks_store::Stored;
use headworks_wire as wire;
use wire::Scope;

use super::page_size;
use crate::access::Access;
use crate::api::Api;
use crate::lane::Stop;
use crate::problem::Problem;

/// The most records that one page goes through.
const RECORDS_MAX: usize = 2_000;
/// The most entries that one page goes through, about.
const ENTRIES_MAX: usize = 50_000;
/// Records read at once.
const AT_ONCE: u64 = 32;

impl Api {
    /// Show the audit log, newest first.
    ///
    /// # Errors
    /// With a problem.
    pub async fn audit_log(
        &self,
        access: &Access,
        query: wire::AuditQuery,
    ) -> Result<wire::AuditLog, Problem> {
        access.everywhere(Scope::Admin)?;
        let engine = Arc::clone(&self.engine);
        let read = move |stop: &Stop| stop.run(page(&engine, &query));
        self.lanes.reads.run(access, read).await
    }

    /// Writes what the audit log does not have yet.
    ///
    /// # Errors
    /// With a problem; nothing is lost by it.
    pub async fn write_audit_log(&self) -> Result<(), Problem> {
        Ok(self.audit_log.write().await?)
    }
}

async fn page(engine: &Engine, query: &wire::AuditQuery) -> Result<wire::AuditLog, Problem> {
    let max = page_size(query.max);
    let mut last = engine.audit_log_end().await?;
    if let Some(before) = query.before {
        last = last.min(before.saturating_sub(1));
    }
    if let Some(to) = query.to {
        last = last_before(engine, last, to).await?;
    }
    let from = query.from.unwrap_or_default();
    let (mut entries, mut records, mut looked_at) = (Vec::new(), 0, 0);
    while last > 0 && entries.len() < max && records < RECORDS_MAX && looked_at < ENTRIES_MAX {
        let first = last.saturating_sub(AT_ONCE - 1).max(1);
        let stored = engine.audit_log(first, usize::try_from(last - first + 1).unwrap_or(1)).await?;
        if stored.is_empty() {
            return Err(Problem::internal());
        }
        for stored in stored.iter().rev() {
            let record = record_of(stored)?;
            if record.recorded_at < from {
                return Ok(wire::AuditLog { entries, next: None });
            }
            let noted = noted(&record);
            records += 1;
            looked_at += noted.len();
            let matching = noted.iter().rev().filter(|entry| matches(query, entry));
            entries.extend(matching.map(|entry| shown(entry, &record)));
            last = record.seq - 1;
            if entries.len() >= max {
                break;
            }
        }
    }
    Ok(wire::AuditLog { entries, next: Some(last + 1).filter(|_| last > 0) })
}

/// The last record up to `last` that was written before an instant; 0 if there is none.
async fn last_before(engine: &Engine, last: Seq, instant: Instant) -> Result<Seq, Problem> {
    let (mut before, mut after) = (0, last + 1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let stored = engine.audit_log(middle, 1).await?;
        let is_before = match stored.first() {
            Some(stored) => record_of(stored)?.recorded_at < instant,
            None => false,
        };
        if is_before { before = middle } else { after = middle }
    }
    Ok(before)
}

fn record_of(stored: &Stored) -> Result<Record, Problem> {
    Record::from_bytes(&stored.bytes).map_err(Problem::failed)
}

fn noted(record: &Record) -> &[AuditEntry] {
    if let Event::Server(server) = &record.event
        && let Server::CallsNoted(entries) = &**server
    {
        return entries;
    }
    &[]
}

fn matches(query: &wire::AuditQuery, entry: &AuditEntry) -> bool {
    query.kind.is_none_or(|kind| kind == entry.kind)
        && query.key.as_ref().is_none_or(|key| Some(key) == entry.key.as_ref())
        && query.account.as_ref().is_none_or(|account| Some(&account.0) == entry.account.as_ref())
}

fn shown(entry: &AuditEntry, record: &Record) -> wire::AuditEntry {
    wire::AuditEntry {
        kind: entry.kind,
        outcome: entry.outcome,
        key: entry.key.clone(),
        network: entry.network.clone(),
        call: entry.call.clone(),
        account: entry.account.as_ref().map(Id::from),
        incident: entry.incident.as_ref().map(|of| of.id.clone()),
        cause: entry.incident.as_ref().map(|of| of.cause.clone()),
        count: entry.count,
        first_at: entry.first_at,
        last_at: entry.last_at,
        record: record.seq,
        recorded_at: record.recorded_at,
    }
}
