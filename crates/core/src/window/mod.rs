//! Windows: how much of a limit is used, when room returns, and what counting or giving back does.
//!
//! A file for each kind. Never looks at a calendar or a clock: bounds are resolved by the caller and pinned in [`Terms`].
//! W3 the instant told is the first at which the cost fits (`room_returns_exactly_when_told`).
//! W4 giving back never frees more than was counted, and nothing in a window that has closed.
//! W5 what may be lost at a restart never reaches a window that may not (`lost_use_is_not_carried_over`).
//! Units: the window's own (requests, meter units, nano-credits).

use alloc::boxed::Box;

use crate::record::{Instant, Terms};

mod arithmetic;
mod habit;
mod period;
mod rate;
mod sliding;
mod trail;
mod used;

use arithmetic::{positive, signed};
pub use habit::Habit;
pub(crate) use habit::halved;
pub use period::Period;
pub use rate::Rate;
pub use trail::{Cells, Log};
pub use used::Used;

/// What a window says about a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Used before.
    pub used: i64,
    /// What fits now; never negative.
    pub free: i64,
    /// The most that could ever fit.
    pub capacity: i64,
}

impl Terms {
    /// Whether earlier use counts. Changed terms do not make use durable that a restart may have lost.
    fn carries(&self, earlier: &Used) -> bool {
        self.is_volatile() || !earlier.is_volatile()
    }

    /// What is used and free at `now`.
    #[must_use]
    pub fn room(&self, used: Option<&Used>, now: Instant) -> Room {
        let used = used.filter(|earlier| self.carries(earlier));
        let capacity = self.capacity();
        let left = |used: i64| Room { used, free: capacity.saturating_sub(used).max(0), capacity };
        match *self {
            Self::Rate { limit, period, burst } => {
                let (used, free) = rate::room(used.and_then(Used::rate), limit, period, burst, now);
                Room { used, free, capacity }
            }
            Self::Sliding { limit, length } => left(signed(sliding::used(used, limit, length, now))),
            Self::Period { start, .. } => left(period::used(used.and_then(Used::period), start)),
            Self::Slots { .. } => left(signed(used.map_or(0, Used::slots))),
            Self::Habit { .. } => left(used.and_then(Used::habit).map_or(0, |habit| habit.used(now))),
        }
    }

    /// The first instant at which `cost` fits if nothing else is counted; `None` when it never will, or when that
    /// depends on holds ending. `cost` must not fit now.
    #[must_use]
    pub(crate) fn fits_at(&self, used: Option<&Used>, cost: i64, now: Instant) -> Option<Instant> {
        if cost > self.capacity() {
            return None;
        }
        let used = used.filter(|earlier| self.carries(earlier));
        let cost = positive(cost);
        match *self {
            Self::Rate { limit, period, burst } => {
                Some(rate::fits_at(used.and_then(Used::rate), limit, period, burst, cost, now))
            }
            Self::Sliding { limit, length } => sliding::fits_at(used, limit, length, cost, now),
            Self::Period { end, .. } => Some(end),
            Self::Slots { .. } => None,
            Self::Habit { kind, .. } => Some(kind.start(now).after(kind.cell())),
        }
    }

    /// What is used after counting `cost` at `now`.
    #[must_use]
    pub fn take(&self, used: Option<Used>, cost: i64, now: Instant) -> Used {
        let used = used.filter(|earlier| self.carries(earlier));
        let units = positive(cost);
        match *self {
            Self::Rate { limit, period, .. } => {
                let before = used.as_ref().and_then(Used::rate);
                Used::Rate(rate::take(before, limit, period, self.is_volatile(), units, now))
            }
            Self::Sliding { limit, length } => sliding::take(used, limit, length, units, now),
            Self::Period { start, end, .. } => {
                let before = period::used(used.as_ref().and_then(Used::period), start);
                Used::Period(Period { start, end, used: before.saturating_add(cost) })
            }
            Self::Slots { .. } => Used::Slots(used.as_ref().map_or(0, Used::slots).saturating_add(units)),
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
}

#[cfg(test)]
mod tests;
