//! One pool at run time: who has what of it now, who waits for it, and what has been learned of it.
//!
//! The path of a request reads the published table and changes a few integers: no lock, no allocation, no clock. A lock is
//! taken only while somebody waits. Never decides about money.
//! R1 a request inside its share never competes with borrowed room (`in_share_work_is_never_refused`).
//! R2 cost in flight never passes the capacity (`cost_in_flight_never_passes_the_limit`). R3 what was taken is given back
//! once, whoever goes away (`a_caller_that_leaves_gives_its_place_back`).
//! Units: cost; cost in flight in thousandths where a share says so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, MILLI, Share, Table};
use headworks_core::capacity::controller::{Controller, Feedback, Usage};
use headworks_core::capacity::queue::{FairQueue, NoPlace, Waiter, WaiterId};
use headworks_core::capacity::{PoolTerms, Seat, Standing, TICK, scaled};
use headworks_core::name::Name;
use headworks_core::time::{Instant, Span};

/// Ticks without work after which a seat leaves the allocator.
const IDLE_TICKS: u32 = 100;
/// Service is averaged over so many ticks in which somebody waits: requests are long against a tick, and may end together.
const DRAIN_TICKS: u64 = 256;
const NO_BAND: u8 = u8::MAX;
const NO_LIMIT: u64 = u64::MAX;
const NO_PLACE: u32 = u32::MAX;

/// One seat at run time. Counters alone: the allocator reads them once a tick.
#[derive(Debug)]
pub struct Leaf {
    /// Where in the tree.
    pub seat: Seat,
    /// Its place in the table.
    place: AtomicU32,
    active: AtomicBool,
    /// Cost it may start inside its share; below zero it owes.
    level: AtomicI64,
    in_flight: AtomicU64,
    /// Asked for since the last tick.
    offered: AtomicU64,
    /// Most in flight that was wanted at once since the last tick.
    wanted: AtomicU64,
    waiting: AtomicU64,
    waiting_in_flight: AtomicU64,
    weight: AtomicU32,
    floor: AtomicU64,
    max: AtomicU64,
    idle: AtomicU32,
}

impl Leaf {
    /// A seat of an account that the operator says this of.
    #[must_use]
    pub fn new(seat: Seat, standing: Standing) -> Self {
        let leaf = Self {
            seat,
            place: AtomicU32::new(NO_PLACE),
            active: AtomicBool::new(false),
            level: AtomicI64::new(0),
            in_flight: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_in_flight: AtomicU64::new(0),
            weight: AtomicU32::new(1),
            floor: AtomicU64::new(0),
            max: AtomicU64::new(NO_LIMIT),
            idle: AtomicU32::new(0),
        };
        leaf.set_standing(standing);
        leaf
    }

    /// Takes over what the operator says now; in force from the next tick on.
    pub fn set_standing(&self, standing: Standing) {
        self.weight.store(standing.weight.max(1), Relaxed);
        self.floor.store(standing.floor, Relaxed);
        self.max.store(standing.max.unwrap_or(NO_LIMIT), Relaxed);
    }

    fn standing(&self) -> Standing {
        let max = Some(self.max.load(Relaxed)).filter(|max| *max != NO_LIMIT);
        Standing { weight: self.weight.load(Relaxed), floor: self.floor.load(Relaxed), max }
    }

    /// Cost in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Whether it had work of late.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// What it did since the last tick.
    fn take_load(&self) -> Load {
        let in_flight = self.in_flight() + self.waiting_in_flight.load(Relaxed);
        Load {
            offered: self.offered.swap(0, Relaxed),
            waiting: self.waiting.load(Relaxed),
            owed: self.level.load(Relaxed).min(0).unsigned_abs(),
            in_flight: self.wanted.swap(0, Relaxed).max(in_flight),
        }
    }
}

/// What a request costs in the two dimensions of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// In the unit of the rate.
    pub rate: u64,
    /// In flight, until it ends.
    pub in_flight: u64,
}

/// Room that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Inside the account's share.
    Share,
    /// What others leave.
    Borrowed,
}

/// How long until there may be room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// From now.
    pub after: Span,
}

/// Why a request does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWait {
    /// It would wait this long, which is past its deadline.
    TooLong(Span),
    /// Too much waits already.
    Full(NoPlace, Span),
}

/// Who has been let in, and whose deadline has passed.
#[derive(Debug)]
pub struct Pumped<W> {
    /// Let in, with what was taken for them.
    pub admitted: Vec<(Arc<Leaf>, Cost, W)>,
    /// Gave up.
    pub late: Vec<W>,
}

struct Inner {
    allocator: Allocator,
    /// By place.
    leaves: Vec<Option<Arc<Leaf>>>,
    free: Vec<u32>,
    fresh: Vec<Arc<Leaf>>,
    controller: Option<Controller>,
    last_tick: Option<Instant>,
    busy_ticks: u64,
}

/// Who waits.
struct Queue<W> {
    fair: FairQueue<(Arc<Leaf>, W)>,
    /// Those inside their share come first, in the order of the allocator.
    owed: VecDeque<Arc<Leaf>>,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { fair: FairQueue::default(), owed: VecDeque::new() }
    }
}

/// A pool.
pub struct Pool<W> {
    /// Its name.
    pub name: Name,
    terms: ArcSwap<PoolTerms>,
    table: ArcSwap<Table>,
    /// Cost that may start in all; refilled at each tick, below zero it owes.
    level: AtomicI64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    /// The rate in force, [`NO_LIMIT`] without one.
    rate: AtomicU64,
    /// Let in since the last tick.
    admitted: AtomicU64,
    /// Cost a second that was let in while somebody waited: how fast the pool serves.
    drain: AtomicU64,
    /// Cost a second that was let in during the last tick.
    served: AtomicU64,
    waiting: AtomicU64,
    /// The highest band that somebody waits in.
    waiting_band: AtomicU8,
    queue: Mutex<Queue<W>>,
    inner: Mutex<Inner>,
    time: Mutex<Time>,
}

/// A pool's own time: it follows the clock ahead, and stands still when the clock is set back, so that nobody waits for
/// hours that come twice.
#[derive(Default)]
struct Time {
    clock: Option<Instant>,
    own: Instant,
}

impl Time {
    fn at(&mut self, clock: Instant) -> Instant {
        let passed = self.clock.map_or(Span::ZERO, |last| clock.since(last));
        self.clock = Some(clock);
        self.own = self.own.after(passed);
        self.own
    }
}

impl<W> std::fmt::Debug for Pool<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a pool looks like to an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// The rate in force; `None`: no limit.
    pub rate: Option<u64>,
    /// Most cost in flight; `None`: no limit.
    pub in_flight_max: Option<u64>,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost a second that was let in during the last tick.
    pub served: u64,
    /// How many wait.
    pub waiting: u64,
    /// Cost that waits.
    pub waiting_cost: u64,
    /// Seats with work of late.
    pub active: usize,
    /// By class: what its accounts may use of the rate, and of cost in flight in thousandths.
    pub classes: Vec<(Name, u64, u64)>,
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What a rate brings in a span.
fn over(rate: u64, span: Span) -> i64 {
    signed(scaled(rate, span.micros(), 1_000_000))
}

/// How long a rate takes for a cost, in whole ticks and at least one.
fn takes(cost: i64, rate: u64) -> Span {
    let micros = u128::from(cost.max(0).unsigned_abs()) * 1_000_000 / u128::from(rate.max(1));
    let ticks = micros.div_ceil(u128::from(TICK.micros())).max(1);
    Span::from_micros(u64::try_from(ticks * u128::from(TICK.micros())).unwrap_or(u64::MAX))
}

impl<W> Pool<W> {
    /// A pool at rest.
    #[must_use]
    pub fn new(name: Name, terms: Arc<PoolTerms>) -> Self {
        let inner = Inner {
            allocator: Allocator::default(),
            leaves: Vec::new(),
            free: Vec::new(),
            fresh: Vec::new(),
            controller: None,
            last_tick: None,
            busy_ticks: 0,
        };
        let pool = Self {
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
        pool.set_terms(terms);
        let rate = pool.rate.load(Relaxed);
        pool.level.store(if rate == NO_LIMIT { 0 } else { signed(rate / 4) }, Relaxed);
        pool
    }

    /// Other terms, in force at once; shares follow at the next tick.
    pub fn set_terms(&self, terms: Arc<PoolTerms>) {
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
    pub fn terms(&self) -> Arc<PoolTerms> {
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
        let place = usize::try_from(leaf.place.load(Relaxed)).ok()?;
        self.table.load().shares.get(place).copied()
    }

    /// Whether a seat may use what others leave: not when its class or account has an upper bound of its own.
    fn borrows(&self, leaf: &Leaf) -> bool {
        let class = self.terms.load().class_at(leaf.seat.class).copied().unwrap_or_default();
        class.borrow_percent == 100 && leaf.max.load(Relaxed) == NO_LIMIT
    }

    fn band(&self, leaf: &Leaf) -> u8 {
        self.terms.load().class_at(leaf.seat.class).map_or(0, |c| c.priority)
    }

    /// A seat has work: the allocator hears of it at the next tick.
    fn activate(&self, leaf: &Arc<Leaf>) {
        leaf.idle.store(0, Relaxed);
        if !leaf.active.load(Relaxed) && !leaf.active.swap(true, Relaxed) {
            self.lock().fresh.push(Arc::clone(leaf));
        }
    }

    /// Counts what is asked for, whether there is room or not: demand is what shares follow.
    pub fn note(&self, leaf: &Arc<Leaf>, cost: Cost) {
        self.activate(leaf);
        leaf.offered.fetch_add(cost.rate, Relaxed);
        let wanted = leaf.in_flight() + leaf.waiting_in_flight.load(Relaxed) + cost.in_flight;
        leaf.wanted.fetch_max(wanted, Relaxed);
    }

    fn fits_share(&self, leaf: &Leaf, cost: Cost) -> bool {
        let Some(share) = self.share(leaf) else { return false };
        let is_free = self.rate.load(Relaxed) == NO_LIMIT && !self.is_waited_for();
        let rate = is_free || leaf.level.load(Relaxed) > 0;
        let wanted = leaf.in_flight().saturating_add(cost.in_flight).saturating_mul(MILLI);
        rate && (self.in_flight_max.load(Relaxed) == NO_LIMIT
            || cost.in_flight == 0
            || wanted <= share.in_flight_milli)
    }

    fn fits_pool(&self) -> bool {
        self.rate.load(Relaxed) == NO_LIMIT || self.level.load(Relaxed) > 0
    }

    /// Takes room when there is some. Whoever waits in the same band or above comes first, but for work inside its share.
    ///
    /// # Errors
    /// When there is no room now.
    pub fn take(&self, leaf: &Arc<Leaf>, cost: Cost) -> Result<Room, Busy> {
        let room = if self.fits_share(leaf, cost) {
            Room::Share
        } else if self.borrows(leaf) && self.fits_pool() && self.band(leaf) < self.waiting_band.load(Relaxed)
        {
            Room::Borrowed
        } else {
            return Err(self.busy(leaf, cost));
        };
        if !self.bears() || !self.reserve(cost.in_flight) {
            return Err(self.busy(leaf, cost));
        }
        self.charge(leaf, cost);
        if self.waiting.load(Relaxed) > 0 {
            let weight = leaf.weight.load(Relaxed);
            self.queue().fair.charge(&self.terms.load(), leaf.seat, weight, signed(cost.rate));
        }
        Ok(room)
    }

    /// What was taken for a request that came to nothing, as if it had never been.
    pub fn undo(&self, leaf: &Leaf, cost: Cost) {
        self.end(leaf, cost, Some(0));
        let less = |n: u64| Some(n.saturating_sub(cost.rate));
        // The closure always gives a value.
        let _ = self.admitted.fetch_update(Relaxed, Relaxed, less);
    }

    /// More for work that was let in inside its share: counted, not asked.
    pub fn grow(&self, leaf: &Leaf, cost: Cost) {
        self.in_flight.fetch_add(cost.in_flight, Relaxed);
        self.charge(leaf, cost);
    }

    /// Whether there is room, without taking it.
    ///
    /// # Errors
    /// When there is none now.
    pub fn look(&self, leaf: &Arc<Leaf>, cost: Cost) -> Result<Room, Busy> {
        let left = self.in_flight_max.load(Relaxed).saturating_sub(self.in_flight.load(Relaxed));
        if cost.in_flight > left {
            return Err(self.busy(leaf, cost));
        }
        if self.fits_share(leaf, cost) {
            return Ok(Room::Share);
        }
        let borrowed =
            self.borrows(leaf) && self.fits_pool() && self.band(leaf) < self.waiting_band.load(Relaxed);
        if borrowed { Ok(Room::Borrowed) } else { Err(self.busy(leaf, cost)) }
    }

    /// Whether the supply bears more now: saved-up shares that come together pass the rate by a quarter of a second of it.
    fn bears(&self) -> bool {
        let rate = self.rate.load(Relaxed);
        rate == NO_LIMIT || self.level.load(Relaxed) > -signed(rate / 4)
    }

    /// Adds to what is in flight, never past the limit.
    fn reserve(&self, in_flight: u64) -> bool {
        let max = self.in_flight_max.load(Relaxed);
        let add = |now: u64| now.checked_add(in_flight).filter(|after| *after <= max || in_flight == 0);
        self.in_flight.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    fn charge(&self, leaf: &Leaf, cost: Cost) {
        leaf.in_flight.fetch_add(cost.in_flight, Relaxed);
        leaf.level.fetch_sub(signed(cost.rate), Relaxed);
        self.level.fetch_sub(signed(cost.rate), Relaxed);
        self.admitted.fetch_add(cost.rate, Relaxed);
    }

    /// Cost in flight that was there before this process: counted whether it fits or not.
    pub fn restore(&self, leaf: &Arc<Leaf>, in_flight: u64) {
        self.activate(leaf);
        leaf.in_flight.fetch_add(in_flight, Relaxed);
        self.in_flight.fetch_add(in_flight, Relaxed);
    }

    /// A request has ended: its place is free, and its estimate is corrected to what it came to. `None`: it used nothing, but
    /// the supply was asked; were its estimate given back, a supply that refuses would be asked again at once.
    pub fn end(&self, leaf: &Leaf, estimate: Cost, actual: Option<u64>) {
        let less = |n: u64| Some(n.saturating_sub(estimate.in_flight));
        // Both closures always give a value.
        let _ = leaf.in_flight.fetch_update(Relaxed, Relaxed, less);
        let _ = self.in_flight.fetch_update(Relaxed, Relaxed, less);
        let correction = actual.map_or(0, |actual| signed(actual) - signed(estimate.rate));
        leaf.level.fetch_sub(correction, Relaxed);
        self.level.fetch_sub(correction, Relaxed);
        if correction != 0 && self.waiting.load(Relaxed) > 0 {
            let weight = leaf.weight.load(Relaxed);
            self.queue().fair.charge(&self.terms.load(), leaf.seat, weight, correction);
        }
    }

    fn busy(&self, leaf: &Leaf, cost: Cost) -> Busy {
        let rate = self.rate.load(Relaxed);
        let own = self.share(leaf).map_or(0, |s| s.rate);
        let by_share = (own > 0).then(|| takes(1 - leaf.level.load(Relaxed), own));
        let by_pool = self.borrows(leaf).then(|| takes(1 - self.level.load(Relaxed), rate));
        let by_rate = if rate == NO_LIMIT { None } else { by_share.into_iter().chain(by_pool).min() };
        let left = self.in_flight_max.load(Relaxed).saturating_sub(self.in_flight.load(Relaxed));
        let is_full = cost.in_flight > left || self.waiting.load(Relaxed) > 0;
        let by_queue = is_full.then(|| self.predict(leaf, cost)).flatten();
        let after = by_rate.into_iter().chain(by_queue).max().unwrap_or(TICK);
        Busy { after: after.max(TICK) }
    }

    /// How long one more request would wait, from what waits before it and how fast the pool serves.
    fn predict(&self, leaf: &Leaf, cost: Cost) -> Option<Span> {
        let rate = self.rate.load(Relaxed);
        let is_rate = self.in_flight_max.load(Relaxed) == NO_LIMIT;
        let served = if is_rate { rate } else { self.drain.load(Relaxed).min(rate) };
        if served == 0 {
            return None;
        }
        // The one being served next has to end first: half of what a request costs, on average.
        let own = takes(signed(cost.rate / 2), served);
        let ahead = self.queue().fair.predict(&self.terms.load(), leaf.seat, cost.rate, served)?;
        Some(Span::from_micros(own.micros().saturating_add(ahead.micros())))
    }

    /// Waits for room, at most so long.
    ///
    /// # Errors
    /// When it would wait longer than that, or too much waits already.
    pub fn wait(
        &self,
        leaf: &Arc<Leaf>,
        cost: Cost,
        now: Instant,
        most: Span,
        who: W,
    ) -> Result<WaiterId, (NoWait, W)> {
        let predicted = self.predict(leaf, cost).unwrap_or(Span::ZERO);
        if predicted > most {
            return Err((NoWait::TooLong(predicted), who));
        }
        let deadline = self.own_time(now).after(most);
        let waiter = Waiter {
            seat: leaf.seat,
            cost: cost.rate,
            in_flight: cost.in_flight,
            deadline,
            who: (Arc::clone(leaf), who),
        };
        let mut queue = self.queue();
        let terms = self.terms.load();
        match queue.fair.push(&terms, leaf.weight.load(Relaxed), waiter) {
            Ok(id) => {
                leaf.waiting.fetch_add(cost.rate, Relaxed);
                leaf.waiting_in_flight.fetch_add(cost.in_flight, Relaxed);
                if self.fits_share(leaf, cost) {
                    queue.owed.push_back(Arc::clone(leaf));
                }
                self.publish_waiting(&queue);
                Ok(id)
            }
            Err((why, waiter)) => Err((NoWait::Full(why, predicted.max(TICK)), waiter.who.1)),
        }
    }

    fn publish_waiting(&self, queue: &Queue<W>) {
        self.waiting.store(u64::try_from(queue.fair.len()).unwrap_or(u64::MAX), Relaxed);
        let band = queue.fair.head(&self.terms.load()).map_or(NO_BAND, |(_, head)| self.band(&head.who.0));
        self.waiting_band.store(band, Relaxed);
    }

    /// One that waited goes away.
    pub fn leave(&self, id: WaiterId) -> Option<W> {
        let mut queue = self.queue();
        let waiter = queue.fair.take(id)?;
        self.publish_waiting(&queue);
        drop(queue);
        Some(stopped_waiting(waiter))
    }

    /// Lets in who is next for as long as there is room.
    pub fn pump(&self, now: Instant) -> Pumped<W> {
        let mut pumped = Pumped { admitted: Vec::new(), late: Vec::new() };
        if self.waiting.load(Relaxed) == 0 {
            return pumped;
        }
        let now = self.own_time(now);
        let terms = self.terms.load();
        let mut queue = self.queue();
        pumped.late.extend(queue.fair.take_late(now).into_iter().map(stopped_waiting));
        let Queue { fair, owed } = &mut *queue;
        let mut aside = Vec::new();
        while let Some((id, leaf, cost, in_share)) = self.next(&terms, fair, owed) {
            if !in_share && !self.borrows(&leaf) {
                // Held back by a bound of its own: it does not hold up the others.
                aside.extend(fair.take(id));
                continue;
            }
            if !(in_share && self.bears() || self.fits_pool()) || !self.reserve(cost.in_flight) {
                break;
            }
            self.charge(&leaf, cost);
            if let Some(waiter) = fair.take(id) {
                fair.charge(&terms, leaf.seat, leaf.weight.load(Relaxed), signed(cost.rate));
                pumped.admitted.push((leaf, cost, stopped_waiting(waiter)));
            }
        }
        for waiter in aside {
            let weight = waiter.who.0.weight.load(Relaxed);
            if let Err((_, waiter)) = fair.push(&terms, weight, waiter) {
                pumped.late.push(stopped_waiting(waiter));
            }
        }
        self.publish_waiting(&queue);
        pumped
    }

    /// Who is let in next: those that wait inside their share, then whoever has been served least.
    fn next(
        &self,
        terms: &PoolTerms,
        fair: &FairQueue<(Arc<Leaf>, W)>,
        owed: &mut VecDeque<Arc<Leaf>>,
    ) -> Option<(WaiterId, Arc<Leaf>, Cost, bool)> {
        let of = |head: &Waiter<(Arc<Leaf>, W)>| Cost { rate: head.cost, in_flight: head.in_flight };
        while let Some(leaf) = owed.front() {
            let first = fair.first_of(terms, leaf.seat).filter(|(_, head)| self.fits_share(leaf, of(head)));
            if let Some((id, head)) = first {
                return Some((id, Arc::clone(&head.who.0), of(head), true));
            }
            owed.pop_front();
        }
        let (id, head) = fair.head(terms)?;
        let leaf = Arc::clone(&head.who.0);
        let in_share = self.fits_share(&leaf, of(head));
        Some((id, leaf, of(head), in_share))
    }

    /// Takes note of what the supply answered.
    pub fn feedback(&self, feedback: Feedback, now: Instant) {
        let now = self.own_time(now);
        let mut inner = self.lock();
        if let Some(controller) = &mut inner.controller {
            controller.note(feedback, now);
        }
    }

    /// Computes and publishes everybody's share, and refills what may start. Due every [`TICK`].
    pub fn tick(&self, now: Instant) {
        let now = self.own_time(now);
        let mut inner = self.lock();
        let span = inner.last_tick.map_or(TICK, |last| now.since(last));
        if span == Span::ZERO {
            return;
        }
        inner.last_tick = Some(now);
        let admitted = self.admitted.swap(0, Relaxed);
        let served = scaled(admitted, 1_000_000, span.micros());
        self.served.store(served, Relaxed);
        if self.is_waited_for() {
            inner.busy_ticks = (inner.busy_ticks + 1).min(DRAIN_TICKS);
            let before = self.drain.load(Relaxed);
            self.drain.store(before - before / inner.busy_ticks + served / inner.busy_ticks, Relaxed);
        }
        self.learn(&mut inner, now);
        let rate = self.rate.load(Relaxed);
        let in_flight = self.in_flight_max.load(Relaxed);
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        // Where only cost in flight is limited, what the pool serves while somebody waits is the rate there is to share.
        let served = Some(self.drain.load(Relaxed)).filter(|drain| *drain > 0 && self.is_waited_for());
        let capacity = Capacity { rate: limit(rate).or(served), in_flight: limit(in_flight) };
        let terms = self.terms.load();
        let owed = inner.allot(&terms, capacity, span, &self.table);
        let mut queue = self.queue();
        let first =
            |leaf: &Arc<Leaf>| queue.fair.first_of(&terms, leaf.seat).map(|(id, head)| (head.deadline, id));
        let mut owed: Vec<_> = owed.into_iter().map(|leaf| (first(&leaf), leaf)).collect();
        owed.sort_by_key(|(first, _)| *first);
        queue.owed = owed.into_iter().map(|(_, leaf)| leaf).collect();
        drop(queue);
        if rate != NO_LIMIT {
            let burst = signed(rate / 4).max(1);
            let refill = |level: i64| Some(level.saturating_add(over(rate, span)).min(burst));
            let _ = self.level.fetch_update(Relaxed, Relaxed, refill);
        }
    }

    fn learn(&self, inner: &mut Inner, now: Instant) {
        let served = self.served.load(Relaxed);
        let Some(controller) = &mut inner.controller else { return };
        let (in_flight, max) = (self.in_flight.load(Relaxed), self.in_flight_max.load(Relaxed));
        let is_busy = max == NO_LIMIT || u128::from(in_flight) * 5 > u128::from(max) * 4;
        controller.advance(now, Usage { rate: served, is_busy });
        self.rate.store(controller.rate(now), Relaxed);
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }

    /// What an operator sees.
    #[must_use]
    pub fn view(&self) -> PoolView {
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        let (terms, table) = (self.terms.load(), self.table.load());
        let shares = |i: usize| table.classes.get(i).copied().unwrap_or_default();
        let classes = terms.classes.iter().enumerate().map(|(i, (name, _))| {
            let (rate, in_flight) = shares(i);
            (name.clone(), rate, in_flight)
        });
        let waiting_cost = self.queue().fair.cost();
        PoolView {
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

fn stopped_waiting<W>(waiter: Waiter<(Arc<Leaf>, W)>) -> W {
    let (leaf, who) = waiter.who;
    leaf.waiting.fetch_sub(waiter.cost, Relaxed);
    leaf.waiting_in_flight.fetch_sub(waiter.in_flight, Relaxed);
    who
}

impl Inner {
    /// Publishes new shares and refills what may start; gives those that wait inside their share.
    fn allot(
        &mut self,
        terms: &PoolTerms,
        capacity: Capacity,
        span: Span,
        published: &ArcSwap<Table>,
    ) -> Vec<Arc<Leaf>> {
        let mut placed = Vec::new();
        for leaf in std::mem::take(&mut self.fresh) {
            let place = self.free.pop().unwrap_or_else(|| {
                self.leaves.push(None);
                u32::try_from(self.leaves.len() - 1).unwrap_or(NO_PLACE)
            });
            self.allocator.add(leaf.seat, place, leaf.standing());
            if let Some(slot) = usize::try_from(place).ok().and_then(|at| self.leaves.get_mut(at)) {
                // Whatever the place's last owner had, this one begins with nothing.
                leaf.level.store(leaf.level.load(Relaxed).min(0), Relaxed);
                placed.push((Arc::clone(&leaf), place));
                *slot = Some(leaf);
            }
        }
        let Self { allocator, leaves, free, .. } = self;
        let table = allocator.tick(terms, capacity, span, |place| {
            let slot = usize::try_from(place).ok().and_then(|at| leaves.get_mut(at))?;
            let leaf = slot.as_ref()?;
            let load = leaf.take_load();
            let rests = load.offered == 0 && load.waiting == 0 && load.in_flight == 0;
            if rests && leaf.idle.fetch_add(1, Relaxed) >= IDLE_TICKS {
                leaf.place.store(NO_PLACE, Relaxed);
                leaf.active.store(false, Relaxed);
                *slot = None;
                free.push(place);
                return None;
            }
            Some((load, leaf.standing()))
        });
        let mut owed = Vec::new();
        for (share, leaf) in table.shares.iter().zip(&*leaves) {
            let Some(leaf) = leaf else { continue };
            let level = leaf.level.load(Relaxed);
            let refilled = level.saturating_add(over(share.rate, span)).min(signed(share.burst));
            let more = refilled.saturating_sub(level);
            if leaf.level.fetch_add(more, Relaxed) + more > 0 && leaf.waiting.load(Relaxed) > 0 {
                owed.push(Arc::clone(leaf));
            }
        }
        published.store(Arc::new(table));
        for (leaf, place) in placed {
            leaf.place.store(place, Relaxed);
        }
        owed
    }
}
