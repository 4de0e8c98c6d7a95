//! One sharer of a supply: counters that the request path changes and the allocator reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use headworks_core::capacity::allocator::Load;
use headworks_core::capacity::{Sharer, TICK};
use headworks_core::record::AccountTerms;

use super::cost::{MICRO, NO_INDEX, NO_LIMIT, micro_of, milli};
use super::lengths::Lengths;
use super::level::Level;
use super::maximum::Maximum;

/// One sharer at run time: only counters. Those that the request path changes and those that the allocator writes are
/// apart, so a tick over many sharers needs no locked instruction and its cache misses overlap.
#[derive(Debug)]
pub struct Leaf {
    /// Its position in the tree.
    pub sharer: Sharer,
    /// What the account's requests come to.
    pub lengths: Arc<Lengths>,
    /// What its account has left of its maximum here.
    pub maximum: Arc<Maximum>,
    /// What it may start inside its share: credited by its share; spent as requests begin, corrected as they end.
    level: Level,
    pub(super) in_flight: AtomicU64,
    pub(super) max: AtomicU64,
    /// The tick at which a refused caller was asked to come back, zero without one: one who does is let in.
    pub(super) promised: AtomicU64,
    pub(super) waiting: AtomicU64,
    /// Its index in the table.
    pub(super) index: AtomicU32,
    pub(super) weight: AtomicU32,
    /// All cost ever asked for; it wraps.
    pub(super) offered: AtomicU64,
    /// The part of it that the allocator has seen; written by the allocator.
    pub(super) seen: AtomicU64,
    /// The most cost in flight wanted at once since the last tick.
    pub(super) wanted: AtomicU64,
    pub(super) waiting_in_flight: AtomicU64,
    pub(super) floor: AtomicU64,
    pub(super) idle: AtomicU32,
    pub(super) active: AtomicBool,
}

impl Leaf {
    /// A sharer of an account with these terms of the operator.
    #[must_use]
    pub fn new(sharer: Sharer, terms: AccountTerms) -> Self {
        Self::knowing(sharer, terms, Arc::default(), Arc::default())
    }

    /// A sharer of an account of which something is known: what its requests come to, and what is left of its maximum here.
    #[must_use]
    pub fn knowing(
        sharer: Sharer,
        terms: AccountTerms,
        lengths: Arc<Lengths>,
        maximum: Arc<Maximum>,
    ) -> Self {
        let leaf = Self {
            sharer,
            index: AtomicU32::new(NO_INDEX),
            active: AtomicBool::new(false),
            level: Level::default(),
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
            promised: AtomicU64::new(0),
            lengths,
            maximum,
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

    /// Thousandths of cost that it may start inside its share; a negative value is debt.
    pub(super) fn level(&self) -> i64 {
        self.level.now()
    }

    /// Whether its account has reached its maximum.
    pub(super) fn is_at_maximum(&self) -> bool {
        self.max.load(Relaxed) != NO_LIMIT && self.maximum.level() <= 0
    }

    /// Whether one of its callers was asked to come back by this tick.
    pub(super) fn is_due(&self, tick: u64) -> bool {
        (1..=tick).contains(&self.promised.load(Relaxed))
    }

    /// Counts cost, in thousandths, against its level; returns by how much its debt grows.
    pub(super) fn charge(&self, cost: i64) -> i64 {
        if self.max.load(Relaxed) != NO_LIMIT {
            self.maximum.charge(cost);
        }
        self.level.charge(cost)
    }

    /// The allocator adds millionths to the level, up to a number of thousandths; returns the new level.
    pub(super) fn refill(&self, micro: u64, most: i64) -> i64 {
        self.level.refill(micro, most)
    }

    /// It has no place in the allocator any more: of its savings, one request is left.
    pub(super) fn rest_at(&self, most: i64) {
        self.refill(0, most);
        self.index.store(NO_INDEX, Relaxed);
        self.active.store(false, Relaxed);
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

    /// Its load since the last tick, in millionths of cost. A debt is to be made up for within a tick.
    pub(super) fn take_load(&self) -> Load {
        let in_flight = self.in_flight() + self.waiting_in_flight.load(Relaxed);
        let (offered, wanted) = (self.offered.load(Relaxed), self.wanted.load(Relaxed));
        let since = offered.wrapping_sub(self.seen.load(Relaxed));
        self.seen.store(offered, Relaxed);
        // A want that arrives in between is lost; its cost is in the next tick's offer.
        self.wanted.store(0, Relaxed);
        let ticks = 1_000_000 / TICK.micros();
        Load {
            offered: since.saturating_mul(MICRO),
            waiting: micro_of(milli(self.waiting.load(Relaxed)).unsigned_abs()),
            owed: micro_of(self.level().min(0).unsigned_abs()).saturating_mul(ticks),
            in_flight: wanted.max(in_flight),
        }
    }
}
