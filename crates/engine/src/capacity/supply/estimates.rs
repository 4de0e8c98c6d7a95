//! The cost of a request while only an estimate is known, and its correction.
//!
//! Who waits is ordered by service that is counted as requests begin. A correction is counted only if the estimate was: while
//! nobody waits, nothing is (`only_what_was_counted_is_corrected`).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::record::Instant;

use super::Supply;
use super::cost::{Cost, milli, signed};
use super::leaf::Leaf;
use super::lengths::Kind;

impl<W> Supply<W> {
    /// The cost of estimated quantities of a feature: what they come to if they are as far off as its account's were so far,
    /// or all accounts' while it is new.
    #[must_use]
    pub fn expected<'a>(
        &self,
        leaf: &Leaf,
        feature: &str,
        quantities: impl Iterator<Item = (&'a str, u64)> + Clone,
    ) -> u64 {
        let expected = |(meter, estimate): (&'a str, u64)| {
            let kind = Kind::new(feature, meter);
            let known = leaf.lengths.expected(kind, estimate).or_else(|| self.all.expected(kind, estimate));
            (meter, known.unwrap_or(estimate))
        };
        self.terms.load().rate.formula.cost(quantities.map(expected))
    }

    /// A quantity that was estimated at so much has come to `actual`.
    pub fn came_to(&self, leaf: &Leaf, kind: Kind, estimate: u64, actual: u64) {
        leaf.lengths.learn(kind, estimate, actual);
        self.all.learn(kind, estimate, actual);
    }

    /// More is known about a request that has just been admitted than when it began to wait.
    pub fn reprice(&self, leaf: &Leaf, cost: &mut Cost, rate: u64) {
        self.correct(leaf, cost.rate, rate, Instant::NEVER);
        cost.rate = rate;
    }

    /// A request has ended: its place is free, and its estimate is corrected to its actual cost. `None`: it used
    /// nothing, but the upstream was asked. If its estimate were returned, a
    /// refusing upstream would be asked again at once. `begun`: when it was admitted.
    pub fn end(&self, leaf: &Arc<Leaf>, estimate: Cost, actual: Option<u64>, begun: Instant) {
        let less = |n: u64| Some(n.saturating_sub(estimate.in_flight));
        // Both closures always return a value.
        let _ = leaf.in_flight.fetch_update(Relaxed, Relaxed, less);
        let _ = self.in_flight.fetch_update(Relaxed, Relaxed, less);
        if let Some(actual) = actual {
            self.correct(leaf, estimate.rate, actual, begun);
        }
        if leaf.waiting.load(Relaxed) > 0 && self.comes_first(leaf) {
            self.queue().owed.push_back(Arc::clone(leaf));
        }
    }

    /// A request of one cost turns out to be of another.
    fn correct(&self, leaf: &Leaf, from: u64, to: u64, begun: Instant) {
        self.spend(leaf, milli(to) - milli(from));
        if begun.micros() > self.waited_since.load(Relaxed) {
            self.tell_queue(leaf, signed(to) - signed(from));
        }
    }
}
