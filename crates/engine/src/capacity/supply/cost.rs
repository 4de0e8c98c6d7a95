//! The cost of a request to a supply, the room it finds, and the yield of a rate over a span.
//!
//! Units: a cost is whole; levels and debts are in thousandths of it, rates in millionths a second. So a tick of one unit a
//! minute is not lost, and a million requests of the largest cost do not overflow a level.

use headworks_core::capacity::TICK;
use headworks_core::record::{Span, scaled};

/// The band when nobody waits.
pub(super) const NO_BAND: u8 = u8::MAX;
/// A rate, or cost in flight, without a limit.
pub(super) const NO_LIMIT: u64 = u64::MAX;
/// The index of a sharer without an index.
pub(super) const NO_INDEX: u32 = u32::MAX;

/// Thousandths in a unit of cost.
pub(super) const MILLI: u64 = 1_000;
/// Millionths in a unit of cost.
pub(super) const MICRO: u64 = 1_000_000;
/// The most that one request takes from a level, in thousandths.
const CHARGE_MAX: i64 = i64::MAX >> 20;

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

/// A cost in thousandths.
pub(super) fn milli(cost: u64) -> i64 {
    signed(cost.saturating_mul(MILLI)).min(CHARGE_MAX)
}

/// Millionths as whole thousandths.
pub(super) fn milli_of(micro: u64) -> i64 {
    signed(micro / (MICRO / MILLI))
}

/// Millionths and what an earlier yield left over, as whole thousandths and what is left over now.
pub(super) fn carried(micro: u64, rest: u64) -> (i64, u64) {
    let micro = micro.saturating_add(rest);
    (milli_of(micro), micro % (MICRO / MILLI))
}

/// Thousandths as millionths.
pub(super) fn micro_of(milli: u64) -> u64 {
    milli.saturating_mul(MICRO / MILLI)
}

/// The yield of a rate over a span, in millionths.
pub(super) fn over(rate: u64, span: Span) -> u64 {
    scaled(rate, span.micros(), 1_000_000)
}

/// Thousandths that a rate yields in a part of a second.
pub(super) fn part_of_second(rate: u64, part: u64) -> i64 {
    milli_of(rate / part)
}

/// The time that a rate takes for thousandths of cost, in whole ticks and at least one.
pub(super) fn takes(milli: i64, rate: u64) -> Span {
    let micros = u128::from(milli.max(0).unsigned_abs()) * u128::from(MICRO / MILLI) * 1_000_000;
    let ticks = (micros / u128::from(rate.max(1))).div_ceil(u128::from(TICK.micros())).max(1);
    Span::from_micros(u64::try_from(ticks * u128::from(TICK.micros())).unwrap_or(u64::MAX))
}

/// A rate for so long a time, in millionths a second.
pub(super) fn micro_rate(rate: u64, per: Span) -> u64 {
    scaled(rate, MICRO * 1_000_000, per.micros().max(1))
}

/// A rate in millionths a second, for so long a time, to the nearest whole cost.
pub(super) fn rate_in(micro: u64, per: Span) -> u64 {
    let whole = u128::from(micro) * u128::from(per.micros());
    let unit = u128::from(MICRO) * 1_000_000;
    u64::try_from((whole + unit / 2) / unit).unwrap_or(u64::MAX)
}
