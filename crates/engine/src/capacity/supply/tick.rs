//! Off the request path, at every tick: shares, the cost that may start, and the learned limits of the upstream.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::allocator::Capacity;
use headworks_core::capacity::controller::{Answered, Feedback, saved_up};
use headworks_core::record::{Instant, Span, scaled};

use super::Supply;
use super::cost::{MILLI, NO_LIMIT, carried, micro_of, milli, milli_of, over, part_of_second, signed};
use super::leaf::Leaf;
use super::shares::Inner;

/// Service is averaged over this many ticks with waiters: requests are long
/// compared with a tick, and may end together.
const DRAIN_TICKS: u64 = 256;

/// The largest request fades by this part in each tick.
const LARGEST_TICKS: u64 = 256;

/// How many of the largest requests can be saved up for.
const FEW: i64 = 16;

/// Of what a learned rate may save up, a refusal leaves at most this part as debt: with large requests more is lost by waiting
/// than by a second refusal.
const OWED: i64 = 4;

/// Debt of the supply as a whole is made up for in this part of a second.
const MAKES_UP: u64 = 4;

impl<W> Supply<W> {
    /// Notes an answer of the upstream. What it states is in force at once.
    pub fn feedback(&self, feedback: Feedback, now: Instant) {
        let now = self.own_time(now);
        let mut inner = self.lock();
        let Some(controller) = &mut inner.controller else { return };
        controller.note(feedback, now);
        self.rate.store(controller.rate(now), Relaxed);
        if feedback.answered == Answered::Congested || feedback.retry_after.is_some() {
            // The upstream has nothing saved up and may owe up to a request, so the same holds here: otherwise the next
            // request is refused too, and two refusals look like a lower rate.
            let owed = milli(feedback.cost).min(self.burst(self.rate.load(Relaxed)) / OWED);
            let empty = |level: i64| Some(level.min(-owed));
            let _ = self.level.fetch_update(Relaxed, Relaxed, empty);
        }
    }

    /// Between two ticks: refills what may start of a learned rate. `false`: no rate is learned.
    pub fn drip(&self, now: Instant) -> bool {
        let now = self.own_time(now);
        let mut inner = self.lock();
        if inner.controller.is_none() {
            return false;
        }
        self.learn(&mut inner, now);
        self.refill(&mut inner, now);
        true
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
        self.learn(&mut inner, now);
        let admitted = micro_of(std::mem::take(&mut inner.admitted));
        let served = scaled(admitted, 1_000_000, span.micros());
        self.served.store(served, Relaxed);
        if self.is_blocked() {
            inner.busy_ticks = (inner.busy_ticks + 1).min(DRAIN_TICKS);
            let before = self.drain.load(Relaxed);
            self.drain.store(before - before / inner.busy_ticks + served / inner.busy_ticks, Relaxed);
        }
        let rate = self.rate.load(Relaxed);
        let in_flight = self.in_flight_max.load(Relaxed);
        let limit = |n: u64| Some(n).filter(|n| *n != NO_LIMIT);
        // If only cost in flight is limited, the cost served while requests wait is the rate to share.
        let served = Some(self.drain.load(Relaxed)).filter(|drain| *drain > 0 && self.is_blocked());
        let capacity = Capacity { rate: limit(self.shared(rate)).or(served), in_flight: limit(in_flight) };
        let terms = self.terms.load();
        let allotted = inner.allot(&terms, capacity, span, self.level.load(Relaxed), &self.table);
        self.is_contended.store(allotted.is_contended, Relaxed);
        self.owed.store(allotted.owed, Relaxed);
        let largest = self.largest.load(Relaxed);
        self.largest.store(largest - largest / LARGEST_TICKS, Relaxed);
        self.refill(&mut inner, now);
        inner.unclaimed = self.level.load(Relaxed).saturating_sub(allotted.levels);
        let mut queue = self.queue();
        queue.fair.unpark();
        let first =
            |leaf: &Arc<Leaf>| queue.fair.first_of(&terms, leaf.sharer).map(|(id, head)| (head.deadline, id));
        let mut owed: Vec<_> = allotted.waiting.into_iter().filter(|leaf| self.comes_first(leaf)).collect();
        owed.sort_by_cached_key(first);
        queue.owed = owed.into();
    }

    /// Refills the cost that may start.
    fn refill(&self, inner: &mut Inner, now: Instant) {
        let is_learned = inner.controller.is_some();
        // What a learned rate has saved up at the start is all that its upstream may have.
        let first = if is_learned { Span::ZERO } else { TICK };
        let span = inner.refilled.replace(now).map_or(first, |last| now.since(last));
        let rate = self.rate.load(Relaxed);
        if rate == NO_LIMIT {
            return;
        }
        let (more, rest) = carried(over(rate, span), inner.level_rest);
        inner.level_rest = rest;
        // Without drips a refill is larger than what a learned rate may save up.
        let at_once = if is_learned { milli_of(over(rate, span.min(TICK))) } else { 0 };
        let most = self.burst(rate).max(at_once);
        let refill = |level: i64| Some(level.saturating_add(more).min(most));
        let _ = self.level.fetch_update(Relaxed, Relaxed, refill);
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
            return milli_of(saved_up(rate)).max(1);
        }
        let few = signed(self.largest.load(Relaxed))
            .saturating_mul(FEW)
            .min(part_of_second(rate, 1).saturating_mul(2));
        part_of_second(rate, 4).max(few).max(milli(1))
    }

    fn learn(&self, inner: &mut Inner, now: Instant) {
        let admitted = self.admitted.swap(0, Relaxed);
        inner.admitted = inner.admitted.saturating_add(admitted);
        let Some(controller) = &mut inner.controller else { return };
        controller.advance(now, admitted / MILLI);
        self.rate.store(controller.rate(now), Relaxed);
    }
}
