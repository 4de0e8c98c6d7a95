//! Replay: the command behind a record, run again.
//!
//! On the state before the record and the catalog in force then, the same command gives the same record: the explanation is
//! what really happened. Never changes anything. V1 a log replays to the same bytes (`a_log_replays_to_the_same_bytes`).
//! Two things are not in a log and are taken from the record: the counts of volatile windows (they may be lost at a
//! restart), and the requested amount if less was granted.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::account::Account;
use crate::catalog::Catalog;
use crate::command::{Command, Draft, History, Log, Step, circumstances, run_with};
use crate::life;
use crate::record::{Decision, Event, Outcome, Path, Record, Verdict, Visit, VisitKind};
use crate::waterfall::{Context, Live};
use crate::window::Used;

/// Runs the cause of a record again, on the state before it; `None` if the log does not show its cause.
fn again<L: Log<Error: ToString>>(
    ctx: Context<'_>,
    record: &Record,
    log: &L,
) -> Option<Result<Draft, String>> {
    let Some(command) = Command::of(record) else {
        return life::wrote(&record.event).then(|| life::next(ctx).ok_or("nothing is due".to_string()));
    };
    let step = run_with(ctx, &command, &mut History::new(), log);
    let step = step.map_err(|e| e.to_string()).and_then(|step| step.map_err(|refusal| refusal.to_string()));
    Some(step.and_then(|step| match step {
        Step::Append(draft) => Ok(*draft),
        Step::Count(..) => Err("the feature is not recorded any more".to_string()),
        Step::Deny(_, decision) => Err(alloc::format!("it would be denied: {}", decision.reason.as_str())),
        Step::Needs(_) => Err("it needs something that no record says".to_string()),
    }))
}

/// How a record differs from the one that the same command gives now; `None` if it does not.
#[must_use]
pub fn differs<L: Log<Error: ToString>>(
    before: &Account,
    record: &Record,
    catalog: &Catalog,
    log: &L,
) -> Option<String> {
    // The request is no longer known.
    if record.erased.is_some() {
        return None;
    }
    // Only the record has the counts of volatile windows.
    let mut state = before.clone();
    state.windows.retain(|w| !w.used.is_volatile());
    let (offers, penalty) = circumstances(record);
    let live = Some(Live { offers: &offers, penalty });
    let ctx = Context { live, ..Context::new(&state, catalog, record.recorded_at) };
    let mut draft = match again(ctx, record, log)? {
        Ok(draft) => draft,
        Err(why) => return Some(why),
    };
    let path = path_of(record).cloned().unwrap_or_default();
    // A window that is over proves nothing: use that is in no record may have taken its place.
    let is_over = |used: &Used| used.is_over(record.recorded_at);
    let lost = |v: &Visit| state.window(&v.name, v.level, &path).is_none_or(is_over);
    if let (Some(recorded), Some(replayed)) = (record.event.decision(), draft.event.decision_mut()) {
        take_from_record(&lost, recorded, replayed);
    }
    if let (Some(recorded), Some(replayed)) = (record.charge(), draft.event.charge_mut())
        && let (Some(recorded), Some(replayed)) = (&recorded.excess, &mut replayed.excess)
    {
        take_volatile(&lost, &recorded.visits, &mut replayed.visits);
    }
    let mut again = draft.into_record(before, record.recorded_at, record.key.clone(), record.actor.clone());
    again.under = record.under;
    (again.to_bytes() != record.to_bytes()).then(|| {
        let differing = [
            ("event", again.event != record.event),
            ("movements", again.movements != record.movements),
            ("corrections", again.corrections != record.corrections),
            ("opened grant", again.opens != record.opens),
        ];
        let names = differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
        let names: Vec<&str> = names.collect();
        alloc::format!("the same command gives another record ({})", names.join(", "))
    })
}

fn path_of(record: &Record) -> Option<&Path> {
    if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &record.event {
        return Some(&usage.path);
    }
    record.charge().map(|charge| &charge.usage.path)
}

fn take_from_record(lost: &impl Fn(&Visit) -> bool, recorded: &Decision, replayed: &mut Decision) {
    if recorded.outcome == Outcome::Partial && replayed.outcome == Outcome::Allow {
        (replayed.outcome, replayed.reason) = (recorded.outcome, recorded.reason);
        replayed.wall = recorded.wall;
    }
    take_volatile(lost, &recorded.visits, &mut replayed.visits);
}

/// The counts of volatile windows, even if their terms have become durable since.
fn take_volatile(lost: &impl Fn(&Visit) -> bool, recorded: &[Visit], replayed: &mut [Visit]) {
    for (from, to) in recorded.iter().zip(replayed) {
        let is_lost = to.terms.is_some_and(|t| t.is_volatile()) || to.before == 0 && lost(to);
        // A plan that is tried may have looked at such a count as well.
        if (from.kind, &from.name) == (to.kind, &to.name) && to.kind == VisitKind::Plan {
            (to.before, to.verdict) = (from.before, from.verdict);
        }
        if from.name == to.name && from.terms == to.terms && is_lost {
            (to.before, to.mark) = (from.before, from.mark);
            // Whether an observed guard would have refused follows from its count.
            if (from.verdict, to.verdict) == (Verdict::Observed, Verdict::Passed) {
                to.verdict = from.verdict;
            }
        }
    }
}
