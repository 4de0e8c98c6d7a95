//! Windows between two instants: periods of a calendar, and those that open at the first use.

use minicbor::{Decode, Encode};

use crate::record::Instant;

/// Use between two instants.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Period {
    /// From.
    #[n(0)]
    pub start: Instant,
    /// To before.
    #[n(1)]
    pub end: Instant,
    /// How much.
    #[n(2)]
    pub used: i64,
}

impl Period {
    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64) {
        if self.start <= counted_at && counted_at < self.end {
            self.used = self.used.saturating_add(delta).max(0);
        }
    }
}

/// What is used of the period that begins at `start`.
pub(super) fn used(period: Option<&Period>, start: Instant) -> i64 {
    period.filter(|p| p.start == start).map_or(0, |p| p.used)
}
