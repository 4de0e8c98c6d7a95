//! One supply at run time: its present users, its waiting requests, and its learned limits.
//!
//! The request path reads the published table and changes a few integers: no lock, no allocation, no clock. A lock is
//! taken only while a request waits. Never decides about money.
//! R1 a request inside its share never competes with borrowed room, however large that was: who borrowed owes it, and waits
//! (`in_share_work_is_never_refused`, `large_requests_owe_what_they_took`).
//! R2 cost in flight never passes the capacity (`cost_in_flight_never_passes_the_limit`). R3 room is returned exactly
//! once, even if callers go away (`a_caller_that_leaves_gives_its_place_back`).
//! Units: cost; levels and debts in thousandths, rates in millionths a second (`cost.rs`); cost in flight in thousandths where a
//! share says so.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::capacity::Offer;
use headworks_core::capacity::allocator::{Allocator, Share, Table};
use headworks_core::capacity::controller::Controller;
use headworks_core::catalog::{Learn, SupplyTerms};
use headworks_core::record::{Instant, Name, Span};

mod cost;
mod estimates;
mod leaf;
mod lengths;
mod level;
mod maximum;
mod queue;
mod shares;
mod taking;
mod tick;
mod time;
mod waiting;

pub use cost::{Busy, Cost, Room};
use cost::{MICRO, NO_BAND, NO_LIMIT, micro_rate, part_of_second, rate_in};
pub use leaf::Leaf;
pub use lengths::{Kind, Lengths};
pub use maximum::Maximum;
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
    /// Cost that may start in total, in thousandths; refilled at each tick, and a negative value is debt.
    level: AtomicI64,
    /// The part of the debt that sharers owe each by itself: they make up for it, not the others.
    owed: AtomicI64,
    /// The largest request lately, in thousandths.
    largest: AtomicU64,
    /// Some sharer has less than it asks for because others ask for as much.
    is_contended: AtomicBool,
    /// Ticks so far.
    ticks: AtomicU64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    /// The rate in force in millionths a second, [`NO_LIMIT`] without one.
    rate: AtomicU64,
    /// Thousandths of cost admitted that no tick has seen.
    admitted: AtomicU64,
    /// Millionths a second admitted while requests waited: the speed at which the supply serves.
    drain: AtomicU64,
    /// Millionths a second admitted during the last tick.
    served: AtomicU64,
    waiting: AtomicU64,
    /// The highest band with a waiting request that only the supply holds back.
    waiting_band: AtomicU8,
    /// Micros of the instant since which somebody has always waited; before anybody did, later than all.
    waited_since: AtomicI64,
    /// What requests of all accounts come to.
    all: Lengths,
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
    /// The rate in force, as cost in the period of its terms; `None`: no limit.
    pub rate: Option<u64>,
    /// The most cost in flight; `None`: no limit.
    pub in_flight_max: Option<u64>,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost in that period, at the speed of the last tick.
    pub served: u64,
    /// The number of waiting requests.
    pub waiting: u64,
    /// Waiting cost.
    pub waiting_cost: u64,
    /// The number of sharers with recent work.
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
            admitted: 0,
            refilled: None,
            level_rest: 0,
            busy_ticks: 0,
            loads: Vec::new(),
            spare: Table::default(),
            saved: 0,
            unclaimed: 0,
        };
        let supply = Self {
            name,
            terms: ArcSwap::new(Arc::clone(&terms)),
            table: ArcSwap::default(),
            level: AtomicI64::new(0),
            owed: AtomicI64::new(0),
            largest: AtomicU64::new(0),
            is_contended: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            in_flight_max: AtomicU64::new(NO_LIMIT),
            rate: AtomicU64::new(NO_LIMIT),
            admitted: AtomicU64::new(0),
            drain: AtomicU64::new(0),
            served: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_band: AtomicU8::new(NO_BAND),
            waited_since: AtomicI64::new(i64::MAX),
            all: Lengths::of_all(),
            queue: Mutex::default(),
            inner: Mutex::new(inner),
            time: Mutex::default(),
        };
        supply.set_terms(terms);
        let rate = supply.rate.load(Relaxed);
        supply.level.store(if rate == NO_LIMIT { 0 } else { supply.burst(rate) }, Relaxed);
        supply
    }

    /// Puts new terms in force at once; shares follow at the next tick.
    pub fn set_terms(&self, terms: Arc<SupplyTerms>) {
        let mut inner = self.lock();
        self.in_flight_max.store(terms.in_flight.limit.unwrap_or(NO_LIMIT), Relaxed);
        let before = self.terms.load();
        let micro = |rate| micro_rate(rate, terms.per);
        let learn = terms.learn.map(|l| Learn { floor: micro(l.floor), ceiling: micro(l.ceiling) });
        let guess = terms.rate.limit.map(micro);
        // What was learned stays, unless the operator says something else.
        let is_same =
            (before.learn, before.rate.limit, before.per) == (terms.learn, terms.rate.limit, terms.per);
        let new = learn.zip(guess).map(|(bounds, guess)| Controller::new(bounds, guess));
        inner.controller = new.map(|new| inner.controller.take().filter(|_| is_same).unwrap_or(new));
        let now = inner.refilled.unwrap_or_default();
        let rate = inner.controller.as_ref().map(|c| c.rate(now)).or(guess);
        self.rate.store(rate.unwrap_or(NO_LIMIT), Relaxed);
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

    /// Whether a sharer may use room that others leave: not if its class has its own upper bound, or its account is at its
    /// maximum.
    fn borrows(&self, leaf: &Leaf) -> bool {
        let class = self.terms.load().class_at(leaf.sharer.class).copied().unwrap_or_default();
        class.borrow_percent == 100 && !leaf.is_at_maximum()
    }

    /// Whether a sharer's waiters may pass the queue's order while they are inside its share: it is guaranteed a part, has an upper
    /// bound, or has saved up some of its share. Among those who ask for more, the queue's order is exact.
    fn comes_first(&self, leaf: &Leaf) -> bool {
        let class = self.terms.load().class_at(leaf.sharer.class).copied().unwrap_or_default();
        // Two seconds of what its weight would bring it: who always asks for more never has that.
        let is_calm = || self.share(leaf).is_some_and(|share| leaf.level() > part_of_second(share.burst, 5));
        let is_bounded = class.borrow_percent < 100 || leaf.max.load(Relaxed) != NO_LIMIT;
        class.floor_percent > 0 || leaf.floor.load(Relaxed) > 0 || is_bounded || is_calm()
    }

    fn band(&self, leaf: &Leaf) -> u8 {
        self.terms.load().class_at(leaf.sharer.class).map_or(0, |c| c.priority)
    }

    /// How long the class of a sharer lets a request wait if the request does not say.
    #[must_use]
    pub fn wait_max(&self, leaf: &Leaf) -> Span {
        self.terms.load().class_at(leaf.sharer.class).map_or(Span::ZERO, |c| c.wait_max)
    }

    /// The name of the class that a sharer counts in.
    #[must_use]
    pub fn class_of(&self, leaf: &Leaf) -> Name {
        let terms = self.terms.load();
        let named = terms.classes.get(usize::from(leaf.sharer.class)).map(|(name, _)| name.clone());
        named.unwrap_or_else(|| self.name.clone())
    }

    /// The core's view of a request that asked for room; `used` is its sharer's earlier cost in flight.
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

    /// Cost in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// The operator's view.
    #[must_use]
    pub fn view(&self) -> SupplyView {
        let (terms, table) = (self.terms.load(), self.table.load());
        let shown = |micro: u64| rate_in(micro, terms.per);
        let shares = |i: usize| table.classes.get(i).copied().unwrap_or_default();
        let classes = terms.classes.iter().enumerate().map(|(i, (name, _))| {
            let (rate, in_flight) = shares(i);
            (name.clone(), shown(rate), in_flight)
        });
        let waiting_cost = self.queue().fair.cost();
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        SupplyView {
            rate: limit(self.rate.load(Relaxed)).map(shown),
            in_flight_max: limit(self.in_flight_max.load(Relaxed)),
            in_flight: self.in_flight.load(Relaxed),
            served: shown(self.served.load(Relaxed)),
            waiting: self.waiting.load(Relaxed),
            waiting_cost,
            active: self.lock().allocator.len(),
            classes: classes.collect(),
        }
    }

    /// The share in force of a sharer, its rate as cost in the period of the supply's terms.
    #[must_use]
    pub fn share_of(&self, leaf: &Leaf) -> Share {
        let share = self.share(leaf).unwrap_or_default();
        let per = self.terms.load().per;
        Share { rate: rate_in(share.rate, per), burst: share.burst / MICRO, ..share }
    }
}
