//! The cost of a request to a supply, the room it finds, and the yield of a rate over a span.
//!
//! Units: cost; a rate is cost per second.

use headworks_core::capacity::TICK;
use headworks_core::record::{Span, scaled};

/// The band when nobody waits.
pub(super) const NO_BAND: u8 = u8::MAX;
/// A rate, or cost in flight, without a limit.
pub(super) const NO_LIMIT: u64 = u64::MAX;
/// The index of a seat without an index.
pub(super) const NO_INDEX: u32 = u32::MAX;

/// The cost of a request in the two dimensions of a supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// In the unit of the rate.
    pub rate: u64,
    /// In flight, until it ends.
    pub in_flight: u64,
}

/// The kind of room that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Inside the account's share.
    Share,
    /// Room that others leave.
    Borrowed,
}

/// The time until there may be room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// From now.
    pub after: Span,
}

pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The yield of a rate over a span.
pub(super) fn over(rate: u64, span: Span) -> i64 {
    signed(scaled(rate, span.micros(), 1_000_000))
}

/// The time that a rate takes for a cost, in whole ticks and at least one.
pub(super) fn takes(cost: i64, rate: u64) -> Span {
    let micros = u128::from(cost.max(0).unsigned_abs()) * 1_000_000 / u128::from(rate.max(1));
    let ticks = micros.div_ceil(u128::from(TICK.micros())).max(1);
    Span::from_micros(u64::try_from(ticks * u128::from(TICK.micros())).unwrap_or(u64::MAX))
}
