//! Reports about the ledger, as the API shows them.

use std::collections::BTreeMap;

use headworks_audit::reconcile::{Report, Totals};
use headworks_audit::replay::{Replayed, WhatIf};
use headworks_core::audit::statement::{By, Entry, Paid, Payer, Statement, Sum, Sums};
use headworks_core::audit::what_if::{Row, Tally};
use headworks_core::record::{CREDITS, Instant, Label, Name, Seq};
use headworks_engine::EngineError;
use headworks_wire as wire;

use super::hex::hex;
use super::{reference, usage};
use crate::problem::Problem;

/// The prefix of the keys of events.
pub(crate) const EVENT: &str = "event ";

/// A reconciliation's report.
#[must_use]
pub fn pass(report: &Report) -> wire::Pass {
    wire::Pass {
        started_at: None,
        finished_at: None,
        accounts: report.accounts,
        internal_logs: report.internal_logs,
        records: report.records,
        found: report.found,
        findings: report
            .findings
            .iter()
            .map(|(account, finding)| wire::Finding {
                account: account.into(),
                record: finding.seq,
                dataset: finding.dataset.as_str().into(),
                what: finding.what.clone(),
            })
            .collect(),
        damage: Vec::new(),
        books: books(&report.totals),
        other_units: report.other_units.iter().map(|(unit, t)| (unit.clone(), books(t))).collect(),
    }
}

fn books(t: &Totals) -> wire::OperatorBooks {
    let credits = Totals::text;
    wire::OperatorBooks {
        issued: credits(t.issued),
        spent: credits(t.spent),
        breakage: credits(t.breakage),
        goodwill: credits(t.goodwill),
        debt: credits(t.debt),
        overdraft: credits(t.overdraft),
        postpaid: credits(t.postpaid),
        free: credits(t.free),
        held: credits(t.held),
        difference: credits(t.difference()),
    }
}

fn unit(unit: Option<&Name>) -> String {
    unit.map_or_else(|| CREDITS.to_owned(), Name::to_string)
}

/// The caller's own name for a use: a key, or `source` and `id` of the event that reported it.
#[must_use]
pub fn event_id(key: &Label) -> String {
    key.as_str().strip_prefix(EVENT).unwrap_or(key.as_str()).to_owned()
}

/// A statement, without its checkpoint.
pub(crate) fn statement(account: &Name, zone: &str, s: &Statement) -> wire::Statement {
    let entry = |e: &Entry| wire::StatementEntry {
        record: reference(account, e.seq),
        at: e.at,
        effective_at: e.effective_at,
        cause: e.cause.as_str().into(),
        amount: e.amount,
        balance: e.balance,
        feature: e.feature.clone(),
        usage: e.usage.as_ref().map(usage),
        reason: e.reason.clone(),
        idempotency_key: e.key.as_ref().map(ToString::to_string),
        event_id: e.event.as_ref().map(event_id),
    };
    wire::Statement {
        account: account.into(),
        from: s.ask.from,
        to: s.ask.to,
        by: match s.ask.by {
            By::Recorded => wire::StatementBy::Recorded,
            By::Effective => wire::StatementBy::Effective,
        },
        recorded_at: Some(s.ask.recorded_at).filter(|at| *at < Instant::NEVER),
        zone: zone.to_owned(),
        unit: unit(s.ask.unit.as_ref()),
        opening: s.opening,
        carried: s.ask.page.after.map(|_| s.carried),
        entries: s.entries.iter().map(entry).collect(),
        next: s.next.map(|(at, seq)| format!("{}.{seq}", at.micros())),
        closing: s.closing,
        sums: sums(&s.sums),
        seq: s.seq,
        checkpoint: None,
    }
}

fn sums(sums: &Sums) -> wire::StatementSums {
    let sum = |s: &Sum| wire::StatementSum { entries: s.entries, amount: s.amount };
    let source = |(payer, paid): (&Payer, &Paid)| wire::StatementSource {
        source: payer.source.into(),
        layer: payer.layer.clone(),
        category: payer.category,
        amount: super::amount(paid.amount, (&payer.unit, payer.is_credits)),
        unit: payer.unit.clone(),
        worth: paid.worth,
    };
    wire::StatementSums {
        by_cause: sums.by_cause.iter().map(|(cause, s)| (cause.as_str().to_owned(), sum(s))).collect(),
        by_feature: sums.by_feature.iter().map(|(feature, s)| (feature.clone(), sum(s))).collect(),
        by_day: sums.by_day.iter().map(|(day, s)| (day.clone(), sum(s))).collect(),
        by_source: sums.by_source.iter().map(source).collect(),
    }
}

/// The digest of a statement that its checkpoint signs: BLAKE3 of its JSON in the API's order, without the checkpoint.
#[must_use]
pub fn statement_digest(statement: &wire::Statement) -> String {
    let bare = wire::Statement { checkpoint: None, ..statement.clone() };
    // Shapes of the API always have a JSON form.
    let json = serde_json::to_vec(&bare).unwrap_or_default();
    hex(blake3::hash(&json).as_bytes())
}

/// Records that a report names, each with its finding.
fn named(records: &[(Name, Seq, String)], dataset: &str) -> Vec<wire::Finding> {
    let finding = |(account, seq, what): &(Name, Seq, String)| wire::Finding {
        account: account.into(),
        record: *seq,
        dataset: dataset.into(),
        what: what.clone(),
    };
    records.iter().map(finding).collect()
}

/// A replay's report.
#[must_use]
pub fn replayed(report: &Replayed) -> wire::Replayed {
    wire::Replayed {
        accounts: report.accounts,
        records: report.records,
        found: report.found,
        findings: named(&report.differing, "monetization"),
    }
}

/// Accounts that a what-if names.
const ACCOUNTS_NAMED: usize = 20;

/// A what-if's report.
#[must_use]
pub fn what_if(catalog: &Name, report: &WhatIf) -> wire::WhatIf {
    let tally = |t: &Tally| wire::WhatIfTally {
        granted: t.granted,
        denied: t.denied,
        unit: unit(t.unit.as_ref()),
        charged: Totals::text(t.charged),
        revenue: Totals::text(t.paid),
    };
    let row = |r: &Row| wire::WhatIfRow {
        was: tally(&r.was),
        would_be: tally(&r.would_be),
        changed: r.changed,
        ..wire::WhatIfRow::default()
    };
    // In credits, or, if nothing is in credits, in the first unit.
    let in_credits = |r: &&Row| r.would_be.unit.is_none() && r.was.unit.is_none();
    let of = report.rows.values().find(in_credits).or_else(|| report.rows.values().next());
    let mut total = of.map_or_else(Row::default, Row::in_unit);
    report.rows.values().for_each(|r| total.add(r));
    // Their requests are not known, so they are denied again.
    total.was.denied += report.unexplained;
    total.would_be.denied += report.unexplained;
    wire::WhatIf {
        catalog: catalog.clone(),
        accounts: report.accounts,
        records: report.records,
        total: row(&total),
        by_feature: report
            .rows
            .iter()
            .map(|((plan, feature), r)| wire::WhatIfRow {
                plan: Some(plan.clone()),
                feature: Some(feature.clone()),
                ..row(r)
            })
            .collect(),
        by_account: report
            .changed
            .iter()
            .take(ACCOUNTS_NAMED)
            .map(|(name, r)| wire::WhatIfRow { account: Some(name.into()), ..row(r) })
            .collect(),
        accounts_changed: report.changed.count(),
        refused: report.refused,
        refusals: named(&report.refusals, "usage"),
        unexplained_denials: report.unexplained,
    }
}

/// What an incident did, or would do.
pub(crate) fn incident(
    (id, digest): (Name, String),
    applied: bool,
    done: headworks_engine::IncidentDone,
) -> wire::IncidentAnswer {
    let skipped = |(account, why): (Name, EngineError)| {
        let problem = Problem::from(why);
        let word = problem.kind.word().to_owned();
        wire::IncidentSkipped { account: (&account).into(), problem: word, why: problem.detail }
    };
    wire::IncidentAnswer {
        id,
        digest,
        applied,
        accounts: done.done.iter().map(Into::into).collect(),
        before: done.before,
        granted: done.granted.iter().map(|(of, sum)| (unit(of.as_ref()), Totals::text(*sum))).collect(),
        skipped: done.skipped.into_iter().map(skipped).collect(),
        next: done.next.map(|(account, seq)| reference(&account, seq)),
    }
}

/// The result of repricing.
pub(crate) fn repriced(done: &headworks_engine::Repriced, applied: bool) -> wire::Repriced {
    let mut sums: BTreeMap<String, (i128, i128)> = BTreeMap::new();
    for ((_, of), d) in &done.accounts {
        let (was, is) = sums.entry(unit(of.as_ref())).or_default();
        (*was, *is) = (*was + d.was, *is + d.is);
    }
    let sum = |(was, is): (i128, i128)| wire::RepricedSum { was: Totals::text(was), is: Totals::text(is) };
    let mut accounts: Vec<_> = done.accounts.iter().collect();
    accounts.sort_by_key(|(_, d)| std::cmp::Reverse((d.is - d.was).abs()));
    accounts.truncate(1_000);
    wire::Repriced {
        applied,
        charges: done.charges,
        changed: done.accounts.values().map(|d| d.changed).sum(),
        by_unit: sums.into_iter().map(|(unit, of)| (unit, sum(of))).collect(),
        refunded: done.refunded,
        accounts: accounts
            .into_iter()
            .map(|((account, of), d)| wire::RepricedAccount {
                account: account.into(),
                changed: d.changed,
                unit: unit(of.as_ref()),
                was: Totals::text(d.was),
                is: Totals::text(d.is),
            })
            .collect(),
        refused: done
            .refused
            .iter()
            .map(|(account, seq, why)| wire::RepriceRefused {
                charge: super::reference(account, *seq),
                why: why.to_string(),
            })
            .collect(),
        next: done.next.as_ref().map(|(account, seq)| super::reference(account, *seq)),
    }
}
