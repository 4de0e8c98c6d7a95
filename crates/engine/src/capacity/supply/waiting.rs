//! Waiting for room: the waiters, their order, and the predicted wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::queue::{FairQueue, Waiter, WaiterId};
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{Instant, Span};

use super::Supply;
use super::cost::{Cost, NO_BAND, milli, signed, takes};
use super::leaf::Leaf;
use super::queue::{NoWait, Pumped, Queue, stopped_waiting};

impl<W> Supply<W> {
    /// The wait of one more request that gives up at `deadline`, predicted from what is served before it in the queue's order,
    /// the speed at which the supply serves, and its account's maximum.
    pub(super) fn predict(&self, leaf: &Leaf, cost: Cost, deadline: Instant) -> Option<Span> {
        let by_maximum = leaf.terms().max.and_then(|_| {
            let before = self.queue().fair.before(&self.terms.load(), leaf.sharer, deadline);
            self.until_maximum(leaf, before)
        });
        self.predict_queue(leaf, cost, deadline).into_iter().chain(by_maximum).max()
    }

    fn predict_queue(&self, leaf: &Leaf, cost: Cost, deadline: Instant) -> Option<Span> {
        let rate = self.rate.load(Relaxed);
        let is_rate = !self.limits_in_flight();
        let served = if is_rate { rate } else { self.drain.load(Relaxed).min(rate) };
        if served == 0 {
            return None;
        }
        let weight = leaf.weight.load(Relaxed);
        let ahead = self.queue().fair.ahead(&self.terms.load(), leaf.sharer, weight, deadline);
        // A rate serves once its level is above zero; of those in flight, one must end first.
        let owed = if is_rate { 1 - self.level.load(Relaxed).min(0) } else { milli(cost.rate / 2) };
        Some(takes(milli(ahead).saturating_add(owed), served))
    }

    /// How long one more request would wait that gives up after `most`; `None` while the speed of the supply is not known.
    #[must_use]
    pub fn predicted(&self, leaf: &Leaf, cost: Cost, now: Instant, most: Span) -> Option<Span> {
        self.predict(leaf, cost, self.own_time(now).after(most))
    }

    /// Waits for room, for at most `most`.
    ///
    /// # Errors
    /// When it would wait longer, or too much waits already.
    pub fn wait(
        &self,
        leaf: &Arc<Leaf>,
        cost: Cost,
        now: Instant,
        most: Span,
        who: W,
    ) -> Result<WaiterId, (NoWait, W)> {
        let deadline = self.own_time(now).after(most);
        let predicted = self.predict(leaf, cost, deadline).unwrap_or(Span::ZERO);
        // The speed at which slots become free is an average: it is not taken at its word.
        let sure = if self.limits_in_flight() { predicted.micros() / 4 * 3 } else { predicted.micros() };
        if sure > most.micros() {
            return Err((NoWait::TooLong(predicted), who));
        }
        let waiter = Waiter {
            sharer: leaf.sharer,
            cost: cost.rate,
            in_flight: cost.in_flight,
            deadline,
            who: (Arc::clone(leaf), who),
        };
        let mut queue = self.queue();
        let terms = self.terms.load();
        if queue.fair.is_empty() {
            self.waited_since.store(now.micros(), Relaxed);
        }
        match queue.fair.push(&terms, leaf.weight.load(Relaxed), waiter) {
            Ok(id) => {
                leaf.waiting.fetch_add(cost.rate, Relaxed);
                leaf.waiting_in_flight.fetch_add(cost.in_flight, Relaxed);
                if self.comes_first(leaf) && self.fits_share(leaf, cost) {
                    queue.owed.push_back(Arc::clone(leaf));
                } else if !self.borrows(leaf) {
                    queue.fair.park(id);
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

    /// Removes a waiter that goes away.
    pub fn leave(&self, id: WaiterId) -> Option<W> {
        let mut queue = self.queue();
        let waiter = queue.fair.take(id)?;
        self.publish_waiting(&queue);
        drop(queue);
        Some(stopped_waiting(waiter))
    }

    /// Admits the next waiters while there is room.
    pub fn pump(&self, now: Instant) -> Pumped<W> {
        let mut pumped = Pumped { admitted: Vec::new(), late: Vec::new() };
        if !self.is_waited_for() {
            return pumped;
        }
        let now = self.own_time(now);
        let terms = self.terms.load();
        let mut queue = self.queue();
        pumped.late.extend(queue.fair.take_late(now).into_iter().map(stopped_waiting));
        let Queue { fair, owed } = &mut *queue;
        while let Some((id, leaf, cost, in_share)) = self.next(&terms, fair, owed) {
            if self.never_fits(cost) {
                // The limit was lowered below its cost while it waited.
                pumped.late.extend(fair.take(id).map(stopped_waiting));
                continue;
            }
            if !in_share && !self.borrows(&leaf) {
                // Held back by its own bound: it does not delay the others.
                fair.park(id);
                continue;
            }
            let fits = if in_share { self.bears() } else { self.fits_supply() };
            if !fits || !self.admit(cost.in_flight) {
                break;
            }
            self.charge(&leaf, cost);
            if let Some(waiter) = fair.take(id) {
                fair.charge(&terms, leaf.sharer, leaf.weight.load(Relaxed), signed(cost.rate));
                pumped.admitted.push((leaf, cost, stopped_waiting(waiter)));
            }
        }
        self.publish_waiting(&queue);
        pumped
    }

    /// The next to admit: first sharers that wait inside a share of their own, then the one served least.
    fn next(
        &self,
        terms: &SupplyTerms,
        fair: &FairQueue<(Arc<Leaf>, W)>,
        owed: &mut VecDeque<Arc<Leaf>>,
    ) -> Option<(WaiterId, Arc<Leaf>, Cost, bool)> {
        let of = |head: &Waiter<(Arc<Leaf>, W)>| Cost { rate: head.cost, in_flight: head.in_flight };
        while let Some(leaf) = owed.front() {
            let first = fair.first_of(terms, leaf.sharer).filter(|(_, head)| self.fits_share(leaf, of(head)));
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

    /// Whether any request waits.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}
