//! Counters of what the engine did, read by the server's metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use headworks_core::decision::Outcome;
use headworks_core::reason::Reason;

/// Live counters.
#[derive(Debug, Default)]
pub struct Stats {
    reasons: [AtomicU64; Reason::ALL.len()],
    outcomes: [AtomicU64; Outcome::ALL.len()],
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
    /// Charges that no source paid in full: what was refunded or is owed.
    pub overshoots: AtomicU64,
    /// The largest of them, in nano-credits: by how much holds were too small at worst.
    pub overshoot_max: AtomicU64,
    /// Commits that lost to another writer and were decided again.
    pub conflicts: AtomicU64,
}

/// Counters at one moment.
#[derive(Clone, Debug)]
pub struct StatsSnapshot {
    /// Decisions by reason, in the order of [`Reason::ALL`].
    pub reasons: Vec<(Reason, u64)>,
    /// Decisions by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
}

impl Stats {
    pub(crate) fn decided(&self, outcome: Outcome, reason: Reason) {
        let count = |all: &[AtomicU64], at: Option<usize>| {
            if let Some(counter) = at.and_then(|i| all.get(i)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        };
        count(&self.reasons, Reason::ALL.iter().position(|r| *r == reason));
        count(&self.outcomes, Outcome::ALL.iter().position(|o| *o == outcome));
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
        }
    }
}
