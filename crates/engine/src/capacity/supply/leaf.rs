//! One seat of a supply: counters that the path of a request changes and the allocator reads.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use headworks_core::capacity::Seat;
use headworks_core::capacity::allocator::Load;
use headworks_core::record::AccountTerms;

use super::cost::{NO_INDEX, NO_LIMIT};

/// One seat at run time. Counters alone. Those that the path of a request changes and those that the allocator writes are
/// apart, so that a tick over many seats needs no locked instruction and its cache misses overlap.
#[derive(Debug)]
pub struct Leaf {
    /// Where in the tree.
    pub seat: Seat,
    /// Its index in the table.
    pub(super) index: AtomicU32,
    pub(super) active: AtomicBool,
    /// Cost that has been let in, corrected when it ends.
    pub(super) spent: AtomicI64,
    /// Cost that its share has brought; the allocator's.
    pub(super) credit: AtomicI64,
    pub(super) in_flight: AtomicU64,
    /// Asked for, ever.
    pub(super) offered: AtomicU64,
    /// How much of it the allocator has seen; the allocator's.
    pub(super) seen: AtomicU64,
    /// Most in flight that was wanted at once since the last tick.
    pub(super) wanted: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) waiting_in_flight: AtomicU64,
    pub(super) weight: AtomicU32,
    pub(super) floor: AtomicU64,
    pub(super) max: AtomicU64,
    pub(super) idle: AtomicU32,
}

impl Leaf {
    /// A seat of an account that the operator says this of.
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

    /// Takes over what the operator says now; in force from the next tick on.
    pub fn set_terms(&self, terms: AccountTerms) {
        self.weight.store(terms.weight.max(1), Relaxed);
        self.floor.store(terms.floor, Relaxed);
        self.max.store(terms.max.unwrap_or(NO_LIMIT), Relaxed);
    }

    /// What the operator says of its account.
    #[must_use]
    pub fn terms(&self) -> AccountTerms {
        let max = Some(self.max.load(Relaxed)).filter(|max| *max != NO_LIMIT);
        AccountTerms { weight: self.weight.load(Relaxed), floor: self.floor.load(Relaxed), max }
    }

    /// Cost it may start inside its share; below zero it owes.
    pub(super) fn level(&self) -> i64 {
        self.credit.load(Relaxed).saturating_sub(self.spent.load(Relaxed))
    }

    /// The allocator brings `more`, up to `most` saved up; what is left then.
    pub(super) fn refill(&self, more: i64, most: i64) -> i64 {
        let spent = self.spent.load(Relaxed);
        let level = self.credit.load(Relaxed).saturating_sub(spent).saturating_add(more).min(most);
        self.credit.store(spent.saturating_add(level), Relaxed);
        level
    }

    /// Counts one more tick without work; whether there have been so many.
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

    /// Cost that waits for room.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// Whether it had work of late.
    #[must_use]
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// What it did since the last tick.
    pub(super) fn take_load(&self) -> Load {
        let in_flight = self.in_flight() + self.waiting_in_flight.load(Relaxed);
        let (offered, wanted) = (self.offered.load(Relaxed), self.wanted.load(Relaxed));
        let since = offered.wrapping_sub(self.seen.load(Relaxed));
        self.seen.store(offered, Relaxed);
        // A want that comes in between is lost; its cost is in the next tick's offer.
        self.wanted.store(0, Relaxed);
        Load {
            offered: since,
            waiting: self.waiting.load(Relaxed),
            owed: self.level().min(0).unsigned_abs(),
            in_flight: wanted.max(in_flight),
        }
    }
}
