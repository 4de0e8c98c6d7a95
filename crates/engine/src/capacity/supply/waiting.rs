//! Waiting for room: the waiters, their order, and the predicted wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::TICK;
use headworks_core::capacity::queue::{FairQueue, Waiter, WaiterId};
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{Instant, Span};

use super::Supply;
use super::cost::{Cost, NO_BAND, NO_LIMIT, signed, takes};
use super::leaf::Leaf;
use super::queue::{NoWait, Pumped, Queue, stopped_waiting};

/// The most waiters passed over at once because of their own bounds.
const ASIDE_MAX: usize = 256;

impl<W> Supply<W> {
    /// The wait of one more request, predicted from the cost that waits before it
    /// and the speed at which the supply serves.
    pub(super) fn predict(&self, leaf: &Leaf, cost: Cost) -> Option<Span> {
        let rate = self.rate.load(Relaxed);
        let is_rate = self.in_flight_max.load(Relaxed) == NO_LIMIT;
        let served = if is_rate { rate } else { self.drain.load(Relaxed).min(rate) };
        if served == 0 {
            return None;
        }
        // The request being served must end first: half the cost of a request, on average.
        let own = takes(signed(cost.rate / 2), served);
        let ahead = self.queue().fair.predict(&self.terms.load(), leaf.seat, cost.rate, served)?;
        Some(Span::from_micros(own.micros().saturating_add(ahead.micros())))
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
        let mut aside = Vec::new();
        while let Some((id, leaf, cost, in_share)) = self.next(&terms, fair, owed) {
            if self.never_fits(cost) {
                // The limit was lowered below its cost while it waited.
                pumped.late.extend(fair.take(id).map(stopped_waiting));
                continue;
            }
            if !in_share && !self.borrows(&leaf) && aside.len() < ASIDE_MAX {
                // Held back by its own bound: it does not delay the others.
                aside.extend(fair.take(id).map(|waiter| (id, waiter)));
                continue;
            }
            let fits = if in_share { self.bears() } else { self.borrows(&leaf) && self.fits_supply() };
            if !fits || !self.admit(cost.in_flight) {
                break;
            }
            self.charge(&leaf, cost);
            if let Some(waiter) = fair.take(id) {
                fair.charge(&terms, leaf.seat, leaf.weight.load(Relaxed), signed(cost.rate));
                pumped.admitted.push((leaf, cost, stopped_waiting(waiter)));
            }
        }
        for (id, waiter) in aside {
            let weight = waiter.who.0.weight.load(Relaxed);
            fair.put_back(&terms, weight, id, waiter);
        }
        self.publish_waiting(&queue);
        pumped
    }

    /// The next to admit: first seats that wait inside their share, then the one served least.
    fn next(
        &self,
        terms: &SupplyTerms,
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

    /// Whether any request waits.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}
