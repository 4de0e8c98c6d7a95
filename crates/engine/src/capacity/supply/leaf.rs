//! One seat of a supply: counters that the request path changes and the allocator reads.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use headworks_core::capacity::Seat;
use headworks_core::capacity::allocator::Load;
use headworks_core::record::AccountTerms;

use super::cost::{NO_INDEX, NO_LIMIT};

/// One seat at run time: only counters. Those that the request path changes and those that the allocator writes are
/// apart, so a tick over many seats needs no locked instruction and its cache misses overlap.
#[derive(Debug)]
pub struct Leaf {
    /// Its position in the tree.
    pub seat: Seat,
    /// Its index in the table.
    pub(super) index: AtomicU32,
    pub(super) active: AtomicBool,
    /// Admitted cost, corrected when it ends.
    pub(super) spent: AtomicI64,
    /// Cost credited by its share; written by the allocator.
    pub(super) credit: AtomicI64,
    pub(super) in_flight: AtomicU64,
    /// All cost ever asked for.
    pub(super) offered: AtomicU64,
    /// The part of it that the allocator has seen; written by the allocator.
    pub(super) seen: AtomicU64,
    /// The most cost in flight wanted at once since the last tick.
    pub(super) wanted: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) waiting_in_flight: AtomicU64,
    pub(super) weight: AtomicU32,
    pub(super) floor: AtomicU64,
    pub(super) max: AtomicU64,
    pub(super) idle: AtomicU32,
}

impl Leaf {
    /// A seat of an account with these terms of the operator.
    #[must_use]
    pub fn new(seat: Seat, terms: AccountTerms) -> Self {
        let leaf = Self {
            seat,
            index: AtomicU32::new(NO_INDEX),
            active: AtomicBool::new(false),
            spent: AtomicI64::new(0),
            credit: AtomicI64::new(0),
            in_flight: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_in_flight: AtomicU64::new(0),
            weight: AtomicU32::new(1),
            floor: AtomicU64::new(0),
            max: AtomicU64::new(NO_LIMIT),
            idle: AtomicU32::new(0),
        };
        leaf.set_terms(terms);
        leaf
    }

    /// Applies new terms of the operator, in force from the next tick on.
    pub fn set_terms(&self, terms: AccountTerms) {
        self.weight.store(terms.weight.max(1), Relaxed);
        self.floor.store(terms.floor, Relaxed);
        self.max.store(terms.max.unwrap_or(NO_LIMIT), Relaxed);
    }

    /// The operator's terms for its account.
    #[must_use]
    pub fn terms(&self) -> AccountTerms {
        let max = Some(self.max.load(Relaxed)).filter(|max| *max != NO_LIMIT);
        AccountTerms { weight: self.weight.load(Relaxed), floor: self.floor.load(Relaxed), max }
    }

    /// Cost that it may start inside its share; a negative value is debt.
    pub(super) fn level(&self) -> i64 {
        self.credit.load(Relaxed).saturating_sub(self.spent.load(Relaxed))
    }

    /// The allocator adds `more` to the level, up to `most`; returns the new level.
    pub(super) fn refill(&self, more: i64, most: i64) -> i64 {
        let spent = self.spent.load(Relaxed);
        let level = self.credit.load(Relaxed).saturating_sub(spent).saturating_add(more).min(most);
        self.credit.store(spent.saturating_add(level), Relaxed);
        level
    }

    /// Counts one more tick without work; returns whether there have been more than `ticks`.
    pub(super) fn has_rested(&self, ticks: u32) -> bool {
        let idle = self.idle.load(Relaxed).saturating_add(1);
        self.idle.store(idle, Relaxed);
        idle > ticks
    }

    /// Cost in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Waiting cost.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// Whether it had work recently.
    #[must_use]
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// Its load since the last tick.
    pub(super) fn take_load(&self) -> Load {
        let in_flight = self.in_flight() + self.waiting_in_flight.load(Relaxed);
        let (offered, wanted) = (self.offered.load(Relaxed), self.wanted.load(Relaxed));
        let since = offered.wrapping_sub(self.seen.load(Relaxed));
        self.seen.store(offered, Relaxed);
        // A want that arrives in between is lost; its cost is in the next tick's offer.
        self.wanted.store(0, Relaxed);
        Load {
            offered: since,
            waiting: self.waiting.load(Relaxed),
            owed: self.level().min(0).unsigned_abs(),
            in_flight: wanted.max(in_flight),
        }
    }
}
