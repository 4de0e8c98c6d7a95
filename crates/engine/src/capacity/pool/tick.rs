//! Off the path, every tick: everybody's share, what may start, and what is learned of the supply.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use headworks_core::capacity::TICK;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::capacity::controller::{Controller, Feedback, Usage};
use headworks_core::catalog::PoolTerms;
use headworks_core::record::{AccountTerms, Instant, Span, scaled};

use super::leaf::Leaf;
use super::{NO_LIMIT, NO_PLACE, Pool, over, signed};

/// Ticks without work after which a seat leaves the allocator.
const IDLE_TICKS: u32 = 100;
/// Service is averaged over so many ticks in which somebody waits: requests are long against a tick, and may end together.
const DRAIN_TICKS: u64 = 256;

pub(super) struct Inner {
    pub(super) allocator: Allocator,
    /// By place.
    pub(super) leaves: Vec<Option<Arc<Leaf>>>,
    pub(super) free: Vec<u32>,
    pub(super) fresh: Vec<Arc<Leaf>>,
    pub(super) controller: Option<Controller>,
    pub(super) last_tick: Option<Instant>,
    pub(super) busy_ticks: u64,
    pub(super) loads: Vec<Option<(Load, AccountTerms)>>,
    pub(super) spare: Table,
}

/// A pool's own time: it follows the clock ahead, and stands still when the clock is set back, so that nobody waits for
/// hours that come twice.
#[derive(Default)]
pub(super) struct Time {
    pub(super) clock: Option<Instant>,
    pub(super) own: Instant,
}

impl Time {
    pub(super) fn at(&mut self, clock: Instant) -> Instant {
        let passed = self.clock.map_or(Span::ZERO, |last| clock.since(last));
        self.clock = Some(clock);
        self.own = self.own.after(passed);
        self.own
    }
}

impl<W> Pool<W> {
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
            self.allocator.add(leaf.seat, place, leaf.terms());
            if let Some(slot) = usize::try_from(place).ok().and_then(|at| self.leaves.get_mut(at)) {
                // What was saved up does not outlive a time without work; what is owed does.
                leaf.refill(0, 0);
                placed.push((Arc::clone(&leaf), place));
                *slot = Some(leaf);
            }
        }
        let Self { allocator, leaves, free, loads, spare, .. } = self;
        // Gathered in the order of memory; the allocator looks them up in the order of its tree.
        loads.clear();
        for (place, slot) in (0_u32..).zip(leaves.iter_mut()) {
            let load = slot.as_ref().map(|leaf| (leaf.take_load(), leaf.terms()));
            let rests = |l: &Load| l.offered == 0 && l.waiting == 0 && l.in_flight == 0;
            let gone =
                slot.take_if(|leaf| load.is_some_and(|(l, _)| rests(&l)) && leaf.has_rested(IDLE_TICKS));
            if let Some(leaf) = &gone {
                leaf.place.store(NO_PLACE, Relaxed);
                leaf.active.store(false, Relaxed);
                free.push(place);
            }
            loads.push(load.filter(|_| gone.is_none()));
        }
        let table = allocator.tick(terms, capacity, span, std::mem::take(spare), |place| {
            usize::try_from(place).ok().and_then(|at| loads.get(at).copied().flatten())
        });
        let mut owed = Vec::new();
        for (share, leaf) in table.shares.iter().zip(&*leaves) {
            let Some(leaf) = leaf else { continue };
            if leaf.refill(over(share.rate, span), signed(share.burst)) > 0 && leaf.waiting.load(Relaxed) > 0
            {
                owed.push(Arc::clone(leaf));
            }
        }
        // The last table's memory is used again, unless somebody still reads it.
        *spare = Arc::into_inner(published.swap(Arc::new(table))).unwrap_or_default();
        for (leaf, place) in placed {
            leaf.place.store(place, Relaxed);
        }
        owed
    }
}
