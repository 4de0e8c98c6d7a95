//! Windows whose limit grows with use: a period, and the use of the periods before it.
//!
//! W7 the limit is a figure of recorded use alone: the greatest use of the last [`PERIODS`] periods, and so much more
//! (`a_client_grows_by_so_much_a_day`, `idle_days_are_forgiven_for_a_week`).
//! Units: the window's own.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{Instant, Span};

/// How many periods before the present one count.
pub(crate) const PERIODS: usize = 7;

/// The use of a period and of those before it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Growth {
    /// From.
    #[n(0)]
    pub start: Instant,
    /// To before.
    #[n(1)]
    pub end: Instant,
    /// Periods that begin before this do not count in it.
    #[n(2)]
    pub since: Instant,
    /// How much.
    #[n(3)]
    pub used: i64,
    /// The periods with use before it, earliest first: from, to before, how much.
    #[n(4)]
    past: Vec<(Instant, Instant, i64)>,
}

impl Growth {
    /// A first period, with this much used.
    pub(super) fn first((start, end, since): (Instant, Instant, Instant), used: i64) -> Self {
        Self { start, end, since, used, past: Vec::new() }
    }

    /// Counts in the period with these bounds. One that began before the present one counts there.
    pub(super) fn take(mut self, (start, end, since): (Instant, Instant, Instant), cost: i64) -> Self {
        if start > self.start {
            if self.used > 0 {
                self.past.push((self.start, self.end, self.used));
            }
            (self.start, self.end, self.since, self.used) = (start, end, since, 0);
            self.past.retain(|(from, ..)| *from >= since);
        }
        self.used = self.used.saturating_add(cost);
        self
    }

    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64) {
        let past = self.past.iter_mut().map(|(start, end, used)| (*start, *end, used));
        let mut all = past.chain([(self.start, self.end, &mut self.used)]);
        if let Some((.., used)) = all.find(|(start, end, _)| *start <= counted_at && counted_at < *end) {
            *used = used.saturating_add(delta).max(0);
        }
    }

    /// The use of the period that begins at an instant.
    pub(super) fn used_from(&self, start: Instant, now: Instant) -> i64 {
        if start <= self.start && !self.is_over(now) { self.used } else { 0 }
    }

    /// The greatest use of a period that begins in `[from, to)`.
    pub(crate) fn greatest(&self, from: Instant, to: Instant) -> i64 {
        let all = self.past.iter().copied().chain([(self.start, self.end, self.used)]);
        all.filter(|(start, ..)| from <= *start && *start < to).map(|(.., used)| used).max().unwrap_or(0)
    }

    /// Whether no period from now on counts any of it. So many periods differ by less than a quarter, so this is late rather than
    /// early.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let length = self.end.since(self.since).micros();
        self.end.after(Span::from_micros(length.saturating_add(length / 4))) <= now
    }
}
