//! Windows: how much of a limit is used, when room returns, and the effects of counting and giving back.
//!
//! A file for each kind. Never looks at a calendar or a clock: bounds are resolved by the caller and pinned in [`Terms`].
//! W3 the reported instant is the first at which the cost fits (`room_returns_exactly_when_told`).
//! W4 giving back never frees more than was counted, and nothing in a window that has closed.
//! W5 changed terms keep the use (`changed_terms_keep_what_is_used`). A count under the old terms is read as they
//!    counted it until the next use is counted, which converts it.
//! Units: the window's own (requests, meter units, nano-credits).

use alloc::boxed::Box;

use crate::record::{Instant, Span, Terms};

mod arithmetic;
mod growth;
mod habit;
mod period;
mod rate;
mod sliding;
mod trail;
mod used;

use arithmetic::positive;
pub use growth::Growth;
pub(crate) use growth::PERIODS;
pub(crate) use habit::halved;
pub use habit::{Beat, Habit};
pub use period::Period;
pub use rate::Rate;
pub use trail::{Cells, Log};
pub use used::Used;

/// A window's answer about a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Used before.
    pub used: i64,
    /// The amount that fits now; never negative.
    pub free: i64,
    /// The most that could ever fit.
    pub capacity: i64,
}

/// Use to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The amount.
    pub cost: i64,
    /// When it happened; late use counts at the time it happened.
    pub at: Instant,
    /// The window's use at the decision. It stands in for use that a restart may have lost.
    pub before: i64,
    /// An allowance: its ended periods are kept for late use.
    pub keeps: bool,
}

impl Count {
    /// This much, now, in a window that had this much before.
    #[must_use]
    pub fn now(cost: i64, at: Instant, before: i64) -> Self {
        Self { cost, at, before, keeps: false }
    }
}

impl Terms {
    /// The used and free amounts at `now`.
    #[must_use]
    pub fn room(&self, used: Option<&Used>, now: Instant) -> Room {
        let used = used.map_or(0, |used| used.amount(self, now));
        let capacity = self.capacity();
        Room { used, free: capacity.saturating_sub(used).max(0), capacity }
    }

    /// The first instant at which `cost` fits if nothing else is counted; `None` when it never will, or when that
    /// depends on holds ending. `cost` must not fit now.
    #[must_use]
    pub fn fits_at(&self, used: Option<&Used>, cost: i64, now: Instant) -> Option<Instant> {
        // Idle periods let it grow no more, so the next one allows the most.
        if let Self::Growth { end, next, .. } = *self {
            return (cost <= next).then_some(end);
        }
        let target = self.capacity().checked_sub(cost).filter(|target| *target >= 0)?;
        match used {
            Some(used) => used.falls_to(self, target, now),
            None => Some(now),
        }
    }

    /// Whether use that happened at `at` counts at `now` in a window that guards: those that have ended do not matter any
    /// more, and rates and sliding windows look back only so far.
    #[must_use]
    pub(crate) fn reaches(&self, at: Instant, now: Instant) -> bool {
        match *self {
            Self::Rate { .. } => now.since(at) < self.refill(),
            Self::Sliding { length, .. } => now.since(at) < length,
            Self::Period { end, .. } | Self::Growth { end, .. } => now < end,
            Self::Slots { .. } => true,
            Self::Habit { kind, .. } => kind.start(now) <= at,
        }
    }

    /// The use after a count at `now`.
    #[must_use]
    pub fn take(&self, used: Option<Used>, count: Count, now: Instant) -> Used {
        let Count { cost, at, before, keeps } = count;
        let units = positive(cost);
        // A state that a restart may have lost does not become durable: the use that the record states does.
        let used = used.filter(|earlier| self.is_volatile() || !earlier.is_volatile());
        match *self {
            Self::Rate { limit, period, .. } => {
                let earlier = if let Some(Used::Rate(rate)) = used { Some(rate) } else { None };
                let level = earlier.as_ref().map_or_else(
                    || positive(before).saturating_mul(period.micros()),
                    |rate| rate.level_under(limit, period, now),
                );
                let level = (level, units.saturating_mul(period.micros()));
                Used::Rate(Rate::take(earlier, (limit, period, self.is_volatile()), level, now))
            }
            Self::Sliding { limit, length } => {
                sliding::take(used, (limit, length), units, (at, now), positive(before))
            }
            Self::Period { start, end, .. } => match used {
                Some(Used::Period(period)) => {
                    Used::Period(Period::take(Some(&period), (start, end), cost, (keeps, now)))
                }
                Some(_) | None => {
                    let cost = before.saturating_add(cost);
                    Used::Period(Period::take(None, (start, end), cost, (keeps, now)))
                }
            },
            Self::Slots { .. } => Used::Slots(used.as_ref().map_or(0, Used::slots).saturating_add(units)),
            Self::Growth { start, end, since, .. } => Used::Growth(match used {
                Some(Used::Growth(growth)) if !growth.is_over(now) => growth.take((start, end, since), cost),
                Some(_) | None => Growth::first((start, end, since), before.saturating_add(cost)),
            }),
            Self::Habit { kind, limit, reference } => {
                let mut habit = match used {
                    Some(Used::Habit(habit)) if habit.kind == kind && !habit.is_over(now) => habit,
                    Some(_) | None => Box::new(Habit::new(kind, now)),
                };
                habit.count(cost, reference, limit, now);
                Used::Habit(habit)
            }
        }
    }

    /// How long it takes until a full rate window is empty.
    fn refill(&self) -> Span {
        match *self {
            Self::Rate { limit, period, burst } => {
                let fill = u128::from(burst) * u128::from(period.micros());
                Span::from_micros(arithmetic::saturate(fill.div_ceil(u128::from(limit.max(1)))))
            }
            Self::Sliding { .. }
            | Self::Period { .. }
            | Self::Slots { .. }
            | Self::Habit { .. }
            | Self::Growth { .. } => Span::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
