//! Windows: how much of a limit is used, when room returns, and what counting or giving back does.
//!
//! A file for each kind. Never looks at a calendar or a clock: bounds are resolved by the caller and pinned in [`Terms`].
//! W3 the instant told is the first at which the cost fits (`room_returns_exactly_when_told`).
//! W4 giving back never frees more than was counted, and nothing in a window that has closed.
//! W5 what may be lost at a restart never reaches a window that may not (`lost_use_is_not_carried_over`).
//! Units: the window's own (requests, meter units, nano-credits).

use alloc::boxed::Box;

use minicbor::{Decode, Encode};

use crate::record::{Instant, Terms, VOLATILE_MAX};

mod habit;
mod period;
mod rate;
mod sliding;

pub use habit::{Habit, halved};
pub use period::Period;
pub use rate::Rate;
pub use sliding::{Cells, Log, SLIDING_LOG_MAX};

/// What is used of one window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Used {
    /// A leaky meter.
    #[n(0)]
    Rate(#[n(0)] Rate),
    /// Every use still inside the trailing length.
    #[n(1)]
    Log(#[n(0)] Log),
    /// Two cells of one length.
    #[n(2)]
    Cells(#[n(0)] Cells),
    /// Use between two instants.
    #[n(3)]
    Period(#[n(0)] Period),
    /// Slots taken.
    #[n(4)]
    Slots(#[n(0)] u64),
    /// What is usual for this account or key.
    #[n(5)]
    Habit(#[n(0)] Box<Habit>),
}

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

fn saturate(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn positive(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Adds to a count, or takes off; never below zero.
fn add(n: u64, delta: i64) -> u64 {
    if delta < 0 { n.saturating_sub(delta.unsigned_abs()) } else { n.saturating_add(delta.unsigned_abs()) }
}

impl Terms {
    /// The earlier use that counts. Changed terms do not make use durable that a restart may have lost.
    fn carried<'a>(&self, used: Option<&'a Used>) -> Option<&'a Used> {
        used.filter(|earlier| self.is_volatile() || !earlier.is_volatile())
    }

    /// What is used and free at `now`.
    #[must_use]
    pub fn room(&self, used: Option<&Used>, now: Instant) -> Room {
        let used = self.carried(used);
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
    pub fn fits_at(&self, used: Option<&Used>, cost: i64, now: Instant) -> Option<Instant> {
        if cost > self.capacity() {
            return None;
        }
        let used = self.carried(used);
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
        let used = used.filter(|earlier| self.is_volatile() || !earlier.is_volatile());
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

impl Used {
    /// Whether the state says nothing any more at `now`, so that it can be dropped.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        match self {
            Self::Rate(rate) => rate.is_over(now),
            Self::Log(log) => log.is_over(now),
            Self::Cells(cells) => cells.is_over(now),
            Self::Period(period) => period.end <= now,
            Self::Slots(n) => *n == 0,
            Self::Habit(habit) => habit.is_over(now),
        }
    }

    /// Whether the state may be lost at a restart.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        match self {
            Self::Rate(rate) => rate.is_volatile,
            Self::Log(Log { length, .. }) | Self::Cells(Cells { length, .. }) => *length <= VOLATILE_MAX,
            Self::Period(_) | Self::Slots(_) | Self::Habit(_) => false,
        }
    }

    /// Adds `delta` to use that was counted at `counted_at`; nothing happens when that use has left the window.
    pub fn correct(&mut self, counted_at: Instant, delta: i64, now: Instant) {
        match self {
            Self::Rate(rate) => rate.correct(delta, now),
            Self::Log(log) => log.correct(counted_at, delta),
            Self::Cells(cells) => cells.correct(counted_at, delta),
            Self::Period(period) => period.correct(counted_at, delta),
            Self::Slots(n) => *n = add(*n, delta),
            Self::Habit(habit) => habit.correct(counted_at, delta),
        }
    }

    fn rate(&self) -> Option<&Rate> {
        if let Self::Rate(rate) = self { Some(rate) } else { None }
    }

    /// What is used between two instants, where it is that.
    #[must_use]
    pub fn period(&self) -> Option<&Period> {
        if let Self::Period(period) = self { Some(period) } else { None }
    }

    fn slots(&self) -> u64 {
        if let Self::Slots(n) = self { *n } else { 0 }
    }

    /// What is remembered, where it is a habit.
    #[must_use]
    pub fn habit(&self) -> Option<&Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }

    pub(crate) fn habit_mut(&mut self) -> Option<&mut Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }
}

#[cfg(test)]
mod tests;
