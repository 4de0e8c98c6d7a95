//! Off the request path, at every tick: shares, the cost that may start, and the learned limits of the upstream.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::allocator::Capacity;
use headworks_core::capacity::controller::{Feedback, Usage};
use headworks_core::record::{Instant, Span, scaled};

use super::Supply;
use super::cost::{MICRO, MILLI, NO_LIMIT, micro_of, milli, over, part_of_second, signed};
use super::leaf::Leaf;
use super::shares::Inner;

/// Service is averaged over this many ticks with waiters: requests are long
/// compared with a tick, and may end together.
const DRAIN_TICKS: u64 = 256;

/// The largest request fades by this part in each tick.
const LARGEST_TICKS: u64 = 256;

/// How many of the largest requests can be saved up for.
const FEW: i64 = 8;

/// A learned rate saves up this part of a second.
const LEARNED_BURST: u64 = 20;

/// Debt of the supply as a whole is made up for in this part of a second.
const MAKES_UP: u64 = 4;

impl<W> Supply<W> {
    /// Notes an answer of the upstream.
    pub fn feedback(&self, feedback: Feedback, now: Instant) {
        let now = self.own_time(now);
        let mut inner = self.lock();
        if let Some(controller) = &mut inner.controller {
            controller.note(feedback, now);
        }
    }

    /// Computes and publishes all shares, and refills the cost that may start. Due every [`TICK`].
    pub fn tick(&self, now: Instant) {
        let now = self.own_time(now);
        let mut inner = self.lock();
        let span = inner.last_tick.map_or(TICK, |last| now.since(last));
        if span == Span::ZERO {
            return;
        }
        inner.last_tick = Some(now);
        self.ticks.fetch_add(1, Relaxed);
        let admitted = micro_of(self.admitted.swap(0, Relaxed));
        let served = scaled(admitted, 1_000_000, span.micros());
        self.served.store(served, Relaxed);
        if self.is_blocked() {
            inner.busy_ticks = (inner.busy_ticks + 1).min(DRAIN_TICKS);
            let before = self.drain.load(Relaxed);
            self.drain.store(before - before / inner.busy_ticks + served / inner.busy_ticks, Relaxed);
        }
        self.learn(&mut inner, now);
        let rate = self.rate.load(Relaxed);
        let in_flight = self.in_flight_max.load(Relaxed);
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        // If only cost in flight is limited, the cost served while requests wait is the rate to share.
        let served = Some(self.drain.load(Relaxed)).filter(|drain| *drain > 0 && self.is_blocked());
        let capacity = Capacity { rate: limit(self.shared(rate)).or(served), in_flight: limit(in_flight) };
        let terms = self.terms.load();
        let allotted = inner.allot(&terms, capacity, span, &self.table);
        self.is_contended.store(allotted.is_contended, Relaxed);
        self.owed.store(allotted.owed, Relaxed);
        if rate != NO_LIMIT {
            let largest = self.largest.load(Relaxed);
            self.largest.store(largest - largest / LARGEST_TICKS, Relaxed);
            let yields = inner.level_rest.saturating_add(over(rate, span));
            inner.level_rest = yields % (MICRO / MILLI);
            let (more, most) = (signed(yields / (MICRO / MILLI)), self.burst(rate));
            let refill = |level: i64| Some(level.saturating_add(more).min(most));
            let _ = self.level.fetch_update(Relaxed, Relaxed, refill);
        }
        let mut queue = self.queue();
        queue.fair.unpark();
        let first =
            |leaf: &Arc<Leaf>| queue.fair.first_of(&terms, leaf.seat).map(|(id, head)| (head.deadline, id));
        let mut owed: Vec<_> = allotted.waiting.into_iter().filter(|leaf| self.comes_first(leaf)).collect();
        owed.sort_by_cached_key(first);
        queue.owed = owed.into();
    }

    /// The rate that is shared out: what was started beyond it, and nobody owes by itself, is made up for by all.
    fn shared(&self, rate: u64) -> u64 {
        if rate == NO_LIMIT {
            return rate;
        }
        let debt = micro_of(self.debt().unsigned_abs());
        rate.saturating_sub(debt.saturating_mul(MAKES_UP)).max(rate / 2)
    }

    /// Thousandths of cost that may be saved up for requests that come together. An upstream whose rate is learned refuses
    /// what comes in a crowd; one whose rate is known bears a few of the largest requests.
    pub(super) fn burst(&self, rate: u64) -> i64 {
        if self.terms.load().learn.is_some() {
            return part_of_second(rate, LEARNED_BURST).max(1);
        }
        let few = signed(self.largest.load(Relaxed))
            .saturating_mul(FEW)
            .min(part_of_second(rate, 1).saturating_mul(2));
        part_of_second(rate, 4).max(few).max(milli(1))
    }

    fn learn(&self, inner: &mut Inner, now: Instant) {
        let served = self.served.load(Relaxed) / MICRO;
        let Some(controller) = &mut inner.controller else { return };
        let (in_flight, max) = (self.in_flight.load(Relaxed), self.in_flight_max.load(Relaxed));
        let is_busy = max == NO_LIMIT || u128::from(in_flight) * 5 > u128::from(max) * 4;
        controller.advance(now, Usage { rate: served, is_busy });
        self.rate.store(controller.rate(now).saturating_mul(MICRO), Relaxed);
    }
}
