//! Room for one request: whether there is some, taking it, giving it back.
//!
//! On the path of requests: reads the published table and changes a few integers.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::allocator::{self, BURST_S};
use headworks_core::record::{Instant, Span, scaled};

use super::Supply;
use super::cost::{Busy, Cost, NO_BAND, NO_LIMIT, Room, micro_rate, milli, signed, takes};
use super::leaf::Leaf;

impl<W> Supply<W> {
    /// Marks a sharer as having work; the allocator sees it at the next tick.
    pub(super) fn activate(&self, leaf: &Arc<Leaf>) {
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

    pub(super) fn fits_share(&self, leaf: &Leaf, cost: Cost) -> bool {
        let share = self.share(leaf);
        let is_free = self.rate.load(Relaxed) == NO_LIMIT && share.is_some() && !self.is_blocked();
        let wanted = leaf.in_flight().saturating_add(cost.in_flight).saturating_mul(allocator::MILLI);
        (is_free || leaf.level() > 0 || leaf.is_due(self.ticks.load(Relaxed)))
            && !leaf.is_at_maximum()
            && (!self.limits_in_flight()
                || cost.in_flight == 0
                || share.is_some_and(|share| wanted <= share.in_flight_milli))
    }

    pub(super) fn limits_in_flight(&self) -> bool {
        self.in_flight_max.load(Relaxed) != NO_LIMIT
    }

    pub(super) fn fits_supply(&self) -> bool {
        self.rate.load(Relaxed) == NO_LIMIT || self.level.load(Relaxed) > 0
    }

    /// Whether there is room for a sharer without a share left. While some get less than they ask for, what is left is theirs by
    /// weight, not that of who asks most often: who owes more than a request borrows only if for its weight there is more left
    /// for each of the others, or if it would soon be lost.
    fn lends(&self, leaf: &Leaf) -> bool {
        let rate = self.rate.load(Relaxed);
        if rate == NO_LIMIT {
            return true;
        }
        let owes = -leaf.level().min(0) - signed(self.largest.load(Relaxed));
        // Of a learned rate a tenth of a second is left at most, which is lost at once.
        let is_lost = self.terms.load().learn.is_some();
        let kept = if owes <= 0 || is_lost || !self.is_contended.load(Relaxed) {
            0
        } else {
            let fair = self.share(leaf).map_or(0, |share| share.burst / BURST_S);
            signed(scaled(owes.unsigned_abs(), rate, fair.max(1))).min(self.burst(rate) / 2)
        };
        self.level.load(Relaxed) > kept
    }

    /// Whether requests wait that only the supply holds back.
    pub(super) fn is_blocked(&self) -> bool {
        self.waiting_band.load(Relaxed) != NO_BAND
    }

    /// Thousandths started beyond the rate that no sharer owes by itself: savings that were spent together. Zero or below.
    pub(super) fn debt(&self) -> i64 {
        self.level.load(Relaxed).saturating_add(self.owed.load(Relaxed)).min(0)
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
    pub(super) fn room(&self, leaf: &Leaf, cost: Cost) -> Option<Room> {
        let room = if self.fits_share(leaf, cost) {
            Room::Share
        } else if self.borrows(leaf) && self.lends(leaf) && self.band(leaf) < self.waiting_band.load(Relaxed)
        {
            Room::Borrowed
        } else {
            return None;
        };
        self.bears().then_some(room)
    }

    /// Service also counts for waiters, while there are any.
    pub(super) fn tell_queue(&self, leaf: &Leaf, cost: i64) {
        if cost != 0 && self.is_waited_for() {
            let weight = leaf.weight.load(Relaxed);
            self.queue().fair.charge(&self.terms.load(), leaf.sharer, weight, cost);
        }
    }

    /// Undoes the room of a request that came to nothing, as if it had never been taken.
    pub fn undo(&self, leaf: &Arc<Leaf>, cost: Cost) {
        self.end(leaf, cost, Some(0), Instant::NEVER);
        let less = |n: u64| Some(n.saturating_sub(milli(cost.rate).unsigned_abs()));
        // The closure always returns a value.
        let _ = self.admitted.fetch_update(Relaxed, Relaxed, less);
    }

    /// Counts more cost of work admitted inside its share, without asking.
    pub(crate) fn grow(&self, leaf: &Leaf, cost: Cost) {
        self.in_flight.fetch_add(cost.in_flight, Relaxed);
        self.charge(leaf, cost);
        self.tell_queue(leaf, signed(cost.rate));
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

    /// Whether the upstream can take more now: savings that are spent together pass the rate by no more than could be saved
    /// up in all, and never a learned rate, whose upstream would refuse.
    pub(super) fn bears(&self) -> bool {
        if self.terms.load().learn.is_some() {
            return self.fits_supply();
        }
        let rate = self.rate.load(Relaxed);
        rate == NO_LIMIT || self.debt() > -self.burst(rate)
    }

    /// Adds to the cost in flight, never past the limit.
    pub(super) fn admit(&self, in_flight: u64) -> bool {
        let max = self.in_flight_max.load(Relaxed);
        let add = |now: u64| now.checked_add(in_flight).filter(|after| *after <= max || in_flight == 0);
        self.in_flight.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    pub(super) fn charge(&self, leaf: &Leaf, cost: Cost) {
        if leaf.promised.load(Relaxed) != 0 {
            leaf.promised.store(0, Relaxed);
        }
        leaf.in_flight.fetch_add(cost.in_flight, Relaxed);
        let rate = milli(cost.rate);
        self.spend(leaf, rate);
        let rate = rate.unsigned_abs();
        self.admitted.fetch_add(rate, Relaxed);
        if rate > self.largest.load(Relaxed) {
            self.largest.fetch_max(rate, Relaxed);
        }
    }

    /// Takes thousandths of cost from the levels; negative, it gives them back.
    pub(super) fn spend(&self, leaf: &Leaf, cost: i64) {
        let owes = leaf.charge(cost);
        self.level.fetch_sub(cost, Relaxed);
        if owes != 0 {
            self.owed.fetch_add(owes, Relaxed);
        }
    }

    /// Cost in flight from before this process: counted whether it fits or not.
    pub fn restore(&self, leaf: &Arc<Leaf>, in_flight: u64) {
        self.activate(leaf);
        leaf.in_flight.fetch_add(in_flight, Relaxed);
        self.in_flight.fetch_add(in_flight, Relaxed);
    }

    /// The time until an account may start something under its maximum, after so much more; `None`: now.
    pub(super) fn until_maximum(&self, leaf: &Leaf, before: u64) -> Option<Span> {
        let max = leaf.terms().max?;
        let owes = milli(before).saturating_sub(leaf.maximum.level());
        (owes >= 0).then(|| takes(owes.saturating_add(1), micro_rate(max, self.terms.load().per)))
    }

    pub(super) fn busy(&self, leaf: &Leaf, cost: Cost) -> Busy {
        let rate = self.rate.load(Relaxed);
        let own = self.share(leaf).map_or(0, |s| s.rate);
        let by_share = (own > 0).then(|| takes(1 - leaf.level(), own));
        // What others leave is gone at once where all ask for more than there is.
        let is_left = self.borrows(leaf) && !self.is_contended.load(Relaxed) && !self.is_blocked();
        let by_supply = is_left.then(|| takes(1 - self.level.load(Relaxed), rate));
        let by_rate = if rate == NO_LIMIT { None } else { by_share.into_iter().chain(by_supply).min() };
        let left = self.in_flight_max.load(Relaxed).saturating_sub(self.in_flight.load(Relaxed));
        let waits = cost.in_flight > left || (rate == NO_LIMIT && self.is_blocked());
        let by_queue = waits.then(|| self.predict(leaf, cost, Instant::NEVER)).flatten();
        let by_maximum = self.until_maximum(leaf, 0);
        let after = by_rate.into_iter().chain(by_queue).chain(by_maximum).max().unwrap_or(TICK).max(TICK);
        if by_queue.is_none() && !leaf.is_due(u64::MAX) {
            // Its share may become smaller by then; its debt is not forgotten, so the next wait is longer.
            let ticks = self.ticks.load(Relaxed) + after.micros() / TICK.micros();
            leaf.promised.store(ticks.max(1), Relaxed);
        }
        Busy { after }
    }
}
