//! Off the request path, at every tick: shares, the cost that may start, and the learned limits of the upstream.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::allocator::Capacity;
use headworks_core::capacity::controller::{Feedback, Usage};
use headworks_core::record::{Instant, Span, scaled};

use super::Supply;
use super::cost::{NO_LIMIT, over, signed};
use super::leaf::Leaf;
use super::shares::Inner;

/// Service is averaged over this many ticks with waiters: requests are long
/// compared with a tick, and may end together.
const DRAIN_TICKS: u64 = 256;

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
        // If only cost in flight is limited, the cost served while requests wait is the rate to share.
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
