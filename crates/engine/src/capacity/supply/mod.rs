//! One supply at run time: its present users, its waiting requests, and its learned limits.
//!
//! The request path reads the published table and changes a few integers: no lock, no allocation, no clock. A lock is
//! taken only while a request waits. Never decides about money.
//! R1 a request inside its share never competes with borrowed room (`in_share_work_is_never_refused`).
//! R2 cost in flight never passes the capacity (`cost_in_flight_never_passes_the_limit`). R3 room is returned exactly
//! once, even if callers go away (`a_caller_that_leaves_gives_its_place_back`).
//! Units: cost; cost in flight in thousandths where a share says so.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::capacity::allocator::{Allocator, MILLI, Share, Table};
use headworks_core::capacity::controller::Controller;
use headworks_core::capacity::{Offer, TICK};
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{Instant, Name, Span};

mod cost;
mod leaf;
mod queue;
mod shares;
mod tick;
mod time;
mod waiting;

pub use cost::{Busy, Cost, Room};
use cost::{NO_BAND, NO_LIMIT, signed, takes};
pub use leaf::Leaf;
use queue::Queue;
pub use queue::{NoWait, Pumped};
use shares::Inner;
use time::Time;

/// A supply.
pub struct Supply<W> {
    /// Its name.
    pub name: Name,
    terms: ArcSwap<SupplyTerms>,
    table: ArcSwap<Table>,
    /// Cost that may start in total; refilled at each tick, and a negative value is debt.
    level: AtomicI64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    /// The rate in force, [`NO_LIMIT`] without one.
    rate: AtomicU64,
    /// Cost admitted since the last tick.
    admitted: AtomicU64,
    /// Cost per second admitted while requests waited: the speed at which the supply serves.
    drain: AtomicU64,
    /// Cost per second admitted during the last tick.
    served: AtomicU64,
    waiting: AtomicU64,
    /// The highest band with a waiting request.
    waiting_band: AtomicU8,
    queue: Mutex<Queue<W>>,
    inner: Mutex<Inner>,
    time: Mutex<Time>,
}

impl<W> std::fmt::Debug for Supply<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A supply as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplyView {
    /// The rate in force; `None`: no limit.
    pub rate: Option<u64>,
    /// The most cost in flight; `None`: no limit.
    pub in_flight_max: Option<u64>,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost per second admitted during the last tick.
    pub served: u64,
    /// The number of waiting requests.
    pub waiting: u64,
    /// Waiting cost.
    pub waiting_cost: u64,
    /// The number of seats with recent work.
    pub active: usize,
    /// By class: the share of its accounts in the rate, and in cost in flight, in thousandths.
    pub classes: Vec<(Name, u64, u64)>,
}

impl<W> Supply<W> {
    /// A supply without load.
    #[must_use]
    pub fn new(name: Name, terms: Arc<SupplyTerms>) -> Self {
        let inner = Inner {
            allocator: Allocator::default(),
            leaves: Vec::new(),
            free: Vec::new(),
            fresh: Vec::new(),
            controller: None,
            last_tick: None,
            busy_ticks: 0,
            loads: Vec::new(),
            spare: Table::default(),
        };
        let supply = Self {
            name,
            terms: ArcSwap::new(Arc::clone(&terms)),
            table: ArcSwap::default(),
            level: AtomicI64::new(0),
            in_flight: AtomicU64::new(0),
            in_flight_max: AtomicU64::new(NO_LIMIT),
            rate: AtomicU64::new(NO_LIMIT),
            admitted: AtomicU64::new(0),
            drain: AtomicU64::new(0),
            served: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_band: AtomicU8::new(NO_BAND),
            queue: Mutex::default(),
            inner: Mutex::new(inner),
            time: Mutex::default(),
        };
        supply.set_terms(terms);
        let rate = supply.rate.load(Relaxed);
        supply.level.store(if rate == NO_LIMIT { 0 } else { signed(rate / 4) }, Relaxed);
        supply
    }

    /// Puts new terms in force at once; shares follow at the next tick.
    pub fn set_terms(&self, terms: Arc<SupplyTerms>) {
        let mut inner = self.lock();
        self.in_flight_max.store(terms.in_flight.limit.unwrap_or(NO_LIMIT), Relaxed);
        let guess = terms.rate.limit;
        inner.controller = match (terms.learn, guess) {
            (Some(bounds), Some(guess)) if self.terms.load().learn == Some(bounds) => {
                inner.controller.take().or_else(|| Some(Controller::new(bounds, guess)))
            }
            (Some(bounds), Some(guess)) => Some(Controller::new(bounds, guess)),
            _ => None,
        };
        if inner.controller.is_none() {
            self.rate.store(guess.unwrap_or(NO_LIMIT), Relaxed);
        }
        self.terms.store(terms);
    }

    /// The terms in force.
    #[must_use]
    pub fn terms(&self) -> Arc<SupplyTerms> {
        self.terms.load_full()
    }

    fn own_time(&self, clock: Instant) -> Instant {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).at(clock)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<W>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self, leaf: &Leaf) -> Option<Share> {
        let index = usize::try_from(leaf.index.load(Relaxed)).ok()?;
        self.table.load().shares.get(index).copied()
    }

    /// Whether a seat may use room that others leave: not if its class or account has its own upper bound.
    fn borrows(&self, leaf: &Leaf) -> bool {
        let class = self.terms.load().class_at(leaf.seat.class).copied().unwrap_or_default();
        class.borrow_percent == 100 && leaf.max.load(Relaxed) == NO_LIMIT
    }

    fn band(&self, leaf: &Leaf) -> u8 {
        self.terms.load().class_at(leaf.seat.class).map_or(0, |c| c.priority)
    }

    /// Marks a seat as having work; the allocator sees it at the next tick.
    fn activate(&self, leaf: &Arc<Leaf>) {
        leaf.idle.store(0, Relaxed);
        if !leaf.active.load(Relaxed) && !leaf.active.swap(true, Relaxed) {
            self.lock().fresh.push(Arc::clone(leaf));
        }
    }

    /// Counts requested cost, whether there is room or not: shares follow demand.
    pub fn note(&self, leaf: &Arc<Leaf>, cost: Cost) {
        self.activate(leaf);
        leaf.offered.fetch_add(cost.rate, Relaxed);
        let wanted = leaf.in_flight() + leaf.waiting_in_flight.load(Relaxed) + cost.in_flight;
        leaf.wanted.fetch_max(wanted, Relaxed);
    }

    fn fits_share(&self, leaf: &Leaf, cost: Cost) -> bool {
        let Some(share) = self.share(leaf) else { return false };
        let is_free = self.rate.load(Relaxed) == NO_LIMIT && !self.is_waited_for();
        let rate = is_free || leaf.level() > 0;
        let wanted = leaf.in_flight().saturating_add(cost.in_flight).saturating_mul(MILLI);
        rate && (self.in_flight_max.load(Relaxed) == NO_LIMIT
            || cost.in_flight == 0
            || wanted <= share.in_flight_milli)
    }

    fn fits_supply(&self) -> bool {
        self.rate.load(Relaxed) == NO_LIMIT || self.level.load(Relaxed) > 0
    }

    /// Takes room if there is some. Waiters in the same band or above come
    /// first, except before work inside its share.
    ///
    /// # Errors
    /// When there is no room now.
    pub fn take(&self, leaf: &Arc<Leaf>, cost: Cost) -> Result<Room, Busy> {
        let room = self.room(leaf, cost).filter(|_| self.admit(cost.in_flight));
        let room = room.ok_or_else(|| self.busy(leaf, cost))?;
        self.charge(leaf, cost);
        self.tell_queue(leaf, signed(cost.rate));
        Ok(room)
    }

    /// The kind of room that would admit a request, apart from the supply's total cost in flight.
    fn room(&self, leaf: &Leaf, cost: Cost) -> Option<Room> {
        let room = if self.fits_share(leaf, cost) {
            Room::Share
        } else if self.borrows(leaf)
            && self.fits_supply()
            && self.band(leaf) < self.waiting_band.load(Relaxed)
        {
            Room::Borrowed
        } else {
            return None;
        };
        self.bears().then_some(room)
    }

    /// Service also counts for waiters, while there are any.
    fn tell_queue(&self, leaf: &Leaf, cost: i64) {
        if cost != 0 && self.is_waited_for() {
            let weight = leaf.weight.load(Relaxed);
            self.queue().fair.charge(&self.terms.load(), leaf.seat, weight, cost);
        }
    }

    /// Undoes the room of a request that came to nothing, as if it had never been taken.
    pub fn undo(&self, leaf: &Leaf, cost: Cost) {
        self.end(leaf, cost, Some(0));
        let less = |n: u64| Some(n.saturating_sub(cost.rate));
        // The closure always returns a value.
        let _ = self.admitted.fetch_update(Relaxed, Relaxed, less);
    }

    /// Counts more cost of work admitted inside its share, without asking.
    pub(crate) fn grow(&self, leaf: &Leaf, cost: Cost) {
        self.in_flight.fetch_add(cost.in_flight, Relaxed);
        self.charge(leaf, cost);
    }

    /// Whether there is room, without taking it.
    ///
    /// # Errors
    /// When there is none now.
    pub(crate) fn look(&self, leaf: &Arc<Leaf>, cost: Cost) -> Result<Room, Busy> {
        let left = self.in_flight_max.load(Relaxed).saturating_sub(self.in_flight.load(Relaxed));
        let room = self.room(leaf, cost).filter(|_| cost.in_flight <= left);
        room.ok_or_else(|| self.busy(leaf, cost))
    }

    /// Whether a request is larger than the whole capacity.
    #[must_use]
    pub(crate) fn never_fits(&self, cost: Cost) -> bool {
        cost.in_flight > self.in_flight_max.load(Relaxed)
    }

    /// Whether the upstream can take more now: saved shares that come together exceed
    /// the rate by a quarter of a second's worth.
    fn bears(&self) -> bool {
        let rate = self.rate.load(Relaxed);
        rate == NO_LIMIT || self.level.load(Relaxed) > -signed(rate / 4)
    }

    /// How long the class of a seat lets a request wait if the request does not say.
    #[must_use]
    pub fn wait_max(&self, leaf: &Leaf) -> Span {
        self.terms.load().class_at(leaf.seat.class).map_or(Span::ZERO, |c| c.wait_max)
    }

    /// The name of the class that a seat counts in.
    #[must_use]
    pub fn class_of(&self, leaf: &Leaf) -> Name {
        let terms = self.terms.load();
        let named = terms.classes.get(usize::from(leaf.seat.class)).map(|(name, _)| name.clone());
        named.unwrap_or_else(|| self.name.clone())
    }

    /// The core's view of a request that asked for room; `used` is its seat's earlier cost in flight.
    #[must_use]
    pub fn offer(&self, class: Name, cost: Cost, used: u64, room: Result<Room, Busy>, now: Instant) -> Offer {
        Offer {
            supply: self.name.clone(),
            class,
            fits: room.is_ok(),
            used,
            cost: cost.rate,
            in_flight: cost.in_flight,
            revocable: room == Ok(Room::Borrowed),
            too_large: self.never_fits(cost),
            at: room.err().map(|busy| now.after(busy.after)),
        }
    }

    /// Adds to the cost in flight, never past the limit.
    fn admit(&self, in_flight: u64) -> bool {
        let max = self.in_flight_max.load(Relaxed);
        let add = |now: u64| now.checked_add(in_flight).filter(|after| *after <= max || in_flight == 0);
        self.in_flight.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    fn charge(&self, leaf: &Leaf, cost: Cost) {
        leaf.in_flight.fetch_add(cost.in_flight, Relaxed);
        leaf.spent.fetch_add(signed(cost.rate), Relaxed);
        self.level.fetch_sub(signed(cost.rate), Relaxed);
        self.admitted.fetch_add(cost.rate, Relaxed);
    }

    /// Cost in flight from before this process: counted whether it fits or not.
    pub fn restore(&self, leaf: &Arc<Leaf>, in_flight: u64) {
        self.activate(leaf);
        leaf.in_flight.fetch_add(in_flight, Relaxed);
        self.in_flight.fetch_add(in_flight, Relaxed);
    }

    /// A request has ended: its place is free, and its estimate is corrected to its actual cost. `None`: it used
    /// nothing, but the upstream was asked. If its estimate were returned, a
    /// refusing upstream would be asked again at once.
    pub fn end(&self, leaf: &Leaf, estimate: Cost, actual: Option<u64>) {
        let less = |n: u64| Some(n.saturating_sub(estimate.in_flight));
        // Both closures always return a value.
        let _ = leaf.in_flight.fetch_update(Relaxed, Relaxed, less);
        let _ = self.in_flight.fetch_update(Relaxed, Relaxed, less);
        let correction = actual.map_or(0, |actual| signed(actual) - signed(estimate.rate));
        leaf.spent.fetch_add(correction, Relaxed);
        self.level.fetch_sub(correction, Relaxed);
        self.tell_queue(leaf, correction);
    }

    fn busy(&self, leaf: &Leaf, cost: Cost) -> Busy {
        let rate = self.rate.load(Relaxed);
        let own = self.share(leaf).map_or(0, |s| s.rate);
        let by_share = (own > 0).then(|| takes(1 - leaf.level(), own));
        let by_supply = self.borrows(leaf).then(|| takes(1 - self.level.load(Relaxed), rate));
        let by_rate = if rate == NO_LIMIT { None } else { by_share.into_iter().chain(by_supply).min() };
        let left = self.in_flight_max.load(Relaxed).saturating_sub(self.in_flight.load(Relaxed));
        let is_full = cost.in_flight > left || self.is_waited_for();
        let by_queue = is_full.then(|| self.predict(leaf, cost)).flatten();
        let after = by_rate.into_iter().chain(by_queue).max().unwrap_or(TICK);
        Busy { after: after.max(TICK) }
    }

    /// Cost in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// The operator's view.
    #[must_use]
    pub fn view(&self) -> SupplyView {
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        let (terms, table) = (self.terms.load(), self.table.load());
        let shares = |i: usize| table.classes.get(i).copied().unwrap_or_default();
        let classes = terms.classes.iter().enumerate().map(|(i, (name, _))| {
            let (rate, in_flight) = shares(i);
            (name.clone(), rate, in_flight)
        });
        let waiting_cost = self.queue().fair.cost();
        SupplyView {
            rate: limit(self.rate.load(Relaxed)),
            in_flight_max: limit(self.in_flight_max.load(Relaxed)),
            in_flight: self.in_flight.load(Relaxed),
            served: self.served.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            waiting_cost,
            active: self.lock().allocator.len(),
            classes: classes.collect(),
        }
    }

    /// The share in force of a seat.
    #[must_use]
    pub fn share_of(&self, leaf: &Leaf) -> Share {
        self.share(leaf).unwrap_or_default()
    }
}
