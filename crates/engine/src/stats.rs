//! Counters of the engine's work, read by the server's metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use headworks_core::record::{Decision, Name, Outcome, Reason, Rule, Verdict, VisitKind};

/// Most observed guards that are counted by name.
const GUARDS_MAX: usize = 1_000;

/// Live counters.
#[derive(Debug, Default)]
pub struct Stats {
    reasons: [AtomicU64; Reason::ALL.len()],
    outcomes: [AtomicU64; Outcome::ALL.len()],
    effects: [AtomicU64; Rule::ALL.len()],
    observed: [AtomicU64; Rule::ALL.len()],
    observed_guards: Mutex<BTreeMap<Name, u64>>,
    /// Records made durable.
    pub records: AtomicU64,
    /// Group commits.
    pub commits: AtomicU64,
    /// Bytes of records made durable.
    pub bytes: AtomicU64,
    /// Microseconds spent in appends.
    pub append_micros: AtomicU64,
    /// Answers repeated for a key.
    pub replays: AtomicU64,
    /// Requests refused because too much was waiting.
    pub overloads: AtomicU64,
    /// Charges that no source paid in full; the rest was refunded or is owed.
    pub overshoots: AtomicU64,
    /// The largest overshoot, in nano-credits: the most by which a hold was too small.
    pub overshoot_max: AtomicU64,
    /// Commits that lost to another writer and were decided again.
    pub conflicts: AtomicU64,
    /// Further attempts at appends whose outcome was in doubt.
    pub doubts: AtomicU64,
}

/// Counters at one moment.
#[derive(Clone, Debug)]
pub struct StatsSnapshot {
    /// Decisions by reason, in the order of [`Reason::ALL`].
    pub reasons: Vec<(Reason, u64)>,
    /// Decisions by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Effects of abuse rules that began.
    pub effects: Vec<(Rule, u64)>,
    /// Requests that an abuse rule would have denied, or served one class lower, if enforced.
    pub observed: Vec<(Rule, u64)>,
    /// Requests that a guard would have refused, if enforced, by the guard's name.
    pub observed_guards: BTreeMap<Name, u64>,
}

fn count(all: &[AtomicU64], at: Option<usize>) {
    if let Some(counter) = at.and_then(|i| all.get(i)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Stats {
    pub(crate) fn decided(&self, outcome: Outcome, reason: Reason) {
        count(&self.reasons, Reason::ALL.iter().position(|r| *r == reason));
        count(&self.outcomes, Outcome::ALL.iter().position(|o| *o == outcome));
    }

    pub(crate) fn effect(&self, rule: Rule) {
        count(&self.effects, Rule::ALL.iter().position(|r| *r == rule));
    }

    pub(crate) fn observed(&self, rule: Rule) {
        count(&self.observed, Rule::ALL.iter().position(|r| *r == rule));
    }

    /// Counts the effects that rules only observed in a decision.
    pub(crate) fn observe(&self, decision: &Decision) {
        for visit in decision.visits.iter().filter(|v| v.verdict == Verdict::Observed) {
            if matches!(visit.kind, VisitKind::Guard | VisitKind::MemberCap | VisitKind::Plan) {
                self.observed_guard(&visit.name);
            } else {
                let rules = Rule::ALL.iter().filter(|rule| rule.name() == visit.name);
                rules.for_each(|rule| self.observed(*rule));
            }
        }
    }

    /// Counts a request that an observed guard, cap or plan would have refused.
    fn observed_guard(&self, name: &Name) {
        let mut guards = self.observed_guards.lock().unwrap_or_else(PoisonError::into_inner);
        if guards.len() < GUARDS_MAX || guards.contains_key(name) {
            *guards.entry(name.clone()).or_default() += 1;
        }
    }

    pub(crate) fn overshot(&self, nano: i64) {
        self.overshoots.fetch_add(1, Ordering::Relaxed);
        self.overshoot_max.fetch_max(u64::try_from(nano).unwrap_or(0), Ordering::Relaxed);
    }

    /// The decisions so far.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed);
        StatsSnapshot {
            reasons: Reason::ALL.into_iter().zip(self.reasons.iter().map(load)).collect(),
            outcomes: Outcome::ALL.into_iter().zip(self.outcomes.iter().map(load)).collect(),
            effects: Rule::ALL.into_iter().zip(self.effects.iter().map(load)).collect(),
            observed: Rule::ALL.into_iter().zip(self.observed.iter().map(load)).collect(),
            observed_guards: self.observed_guards.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
