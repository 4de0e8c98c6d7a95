//! A level: what may start, as the difference of what was credited and what was spent.
//!
//! Requests spend and the tick credits, each in a counter of its own, so that a tick over many levels needs no locked
//! instruction. Units: thousandths of cost.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

use super::cost::carried;

/// A level; a negative value is debt.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// It wraps, as credit does: only their difference counts.
    spent: AtomicI64,
    /// Written by the tick.
    credit: AtomicI64,
    /// Millionths that are not yet a thousandth; written by the tick.
    rest: AtomicU32,
}

impl Level {
    /// A level that lets one request start.
    pub(super) fn of_one() -> Self {
        Self { credit: AtomicI64::new(1), ..Self::default() }
    }

    /// The level now.
    pub(super) fn now(&self) -> i64 {
        self.credit.load(Relaxed).wrapping_sub(self.spent.load(Relaxed))
    }

    /// Spends; returns by how much the debt grows.
    pub(super) fn charge(&self, cost: i64) -> i64 {
        let spent = self.spent.fetch_add(cost, Relaxed);
        let before = self.credit.load(Relaxed).wrapping_sub(spent);
        before.min(0) - before.saturating_sub(cost).min(0)
    }

    /// The tick adds millionths, up to a number of thousandths; returns the new level.
    pub(super) fn refill(&self, micro: u64, most: i64) -> i64 {
        let (more, rest) = carried(micro, self.rest.load(Relaxed).into());
        self.rest.store(u32::try_from(rest).unwrap_or(0), Relaxed);
        let spent = self.spent.load(Relaxed);
        let level = self.credit.load(Relaxed).wrapping_sub(spent);
        let level = level.saturating_add(more).min(most);
        self.credit.store(spent.wrapping_add(level), Relaxed);
        level
    }
}
