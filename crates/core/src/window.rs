//! Windows: how much of a limit is used, when room returns, and what counting or giving back does.
//!
//! Never looks at a calendar or a clock: bounds are resolved by the caller and pinned in [`Terms`].
//! W1 no schedule gets more than `burst + rate × length` out of a rate window (`rate_bounds_every_interval`).
//! W2 a sliding log admits at most its limit in every trailing window (`sliding_log_is_exact`).
//! W3 the instant told is the first at which the cost fits (`room_returns_exactly_when_told`).
//! W4 giving back never frees more than was counted, and nothing in a window that has closed.
//! W5 what may be lost at a restart never reaches a window that may not (`lost_use_is_not_carried_over`).
//! Units: the window's own (requests, meter units, nano-credits). Sources: GCRA as in ITU-T I.371, kept as a leaky
//! meter in units of 1/limit so that no division rounds; the two-cell sliding counter of Cloudflare (2017).

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::abuse::habit::{Habit, HabitKind};
use crate::time::{Instant, Span};

/// Sliding windows up to this limit are exact logs; larger ones are two cells, weighted.
pub const SLIDING_LOG_MAX: u64 = 1_024;

/// Windows that empty by themselves within this time are lost at a restart.
pub const VOLATILE_MAX: Span = Span::from_secs(60);

/// A window's limit and bounds at the moment of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Terms {
    /// `limit` per `period`, at most `burst` at once.
    #[n(0)]
    Rate(#[n(0)] u64, #[n(1)] Span, #[n(2)] u64),
    /// At most `limit` in any trailing `length`.
    #[n(1)]
    Sliding(#[n(0)] u64, #[n(1)] Span),
    /// At most `limit` from `start` to before `end`.
    #[n(2)]
    Span(#[n(0)] i64, #[n(1)] Instant, #[n(2)] Instant),
    /// At most `limit` at once.
    #[n(3)]
    Slots(#[n(0)] u64),
    /// At most `limit` in the cell under way, which is compared with a reference.
    #[n(4)]
    Habit(#[n(0)] HabitKind, #[n(1)] i64, #[n(2)] i64),
}

/// What is used of one window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Used {
    /// A leaky meter: `level` micro-units of `period / limit` at the instant, the terms it was counted under, and whether
    /// it may be lost at a restart.
    #[n(0)]
    Rate(#[n(0)] u64, #[n(1)] Instant, #[n(2)] u64, #[n(3)] Span, #[n(4)] bool),
    /// Every use still inside the trailing length: (when, how much).
    #[n(1)]
    Log(#[n(0)] Span, #[n(1)] Vec<(Instant, u64)>),
    /// Two cells of one length: start of the current one, use of the previous and of the current.
    #[n(2)]
    Cells(#[n(0)] Span, #[n(1)] Instant, #[n(2)] u64, #[n(3)] u64),
    /// Use between two instants.
    #[n(3)]
    Span(#[n(0)] Instant, #[n(1)] Instant, #[n(2)] i64),
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

impl Terms {
    /// Whether what is used may be lost at a restart: it would be free again within [`VOLATILE_MAX`].
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        match *self {
            Self::Rate(limit, period, burst) => {
                let fill = u128::from(burst) * u128::from(period.micros()) / u128::from(limit.max(1));
                fill <= u128::from(VOLATILE_MAX.micros())
            }
            Self::Sliding(_, length) => length <= VOLATILE_MAX,
            Self::Span(..) | Self::Slots(_) | Self::Habit(..) => false,
        }
    }

    /// The limit, for people: how much fits when nothing is used.
    #[must_use]
    pub fn capacity(&self) -> i64 {
        match *self {
            Self::Rate(_, _, burst) => signed(burst),
            Self::Sliding(limit, _) | Self::Slots(limit) => signed(limit),
            Self::Span(limit, ..) | Self::Habit(_, limit, _) => limit,
        }
    }

    /// The earlier use that counts. Changed terms do not make use durable that a restart may have lost.
    fn carried<'a>(&self, used: Option<&'a Used>) -> Option<&'a Used> {
        used.filter(|earlier| self.is_volatile() || !earlier.is_volatile())
    }

    /// What is used and free at `now`.
    #[must_use]
    pub fn room(&self, used: Option<&Used>, now: Instant) -> Room {
        let used = self.carried(used);
        let taken = match *self {
            Self::Rate(limit, period, _) => {
                signed(level_at(used, limit, period, now).div_ceil(period.micros().max(1)))
            }
            Self::Sliding(limit, length) => signed(sliding_used(used, limit, length, now)),
            Self::Span(_, start, _) => match used {
                Some(Used::Span(from, _, n)) if *from == start => *n,
                _ => 0,
            },
            Self::Slots(_) => match used {
                Some(Used::Slots(n)) => signed(*n),
                _ => 0,
            },
            Self::Habit(..) => match used {
                Some(Used::Habit(habit)) => habit.used(now),
                _ => 0,
            },
        };
        let capacity = self.capacity();
        let free = match *self {
            Self::Rate(limit, period, burst) => {
                let full = burst.saturating_mul(period.micros());
                signed(full.saturating_sub(level_at(used, limit, period, now)) / period.micros().max(1))
            }
            Self::Sliding(..) | Self::Span(..) | Self::Slots(_) | Self::Habit(..) => {
                capacity.saturating_sub(taken).max(0)
            }
        };
        Room { used: taken, free, capacity }
    }

    /// The first instant at which `cost` fits if nothing else is counted; `None` when it never will, or when that
    /// depends on holds ending. `cost` must not fit now.
    #[must_use]
    pub fn fits_at(&self, used: Option<&Used>, cost: i64, now: Instant) -> Option<Instant> {
        if cost > self.capacity() {
            return None;
        }
        let used = self.carried(used);
        match *self {
            Self::Rate(limit, period, burst) => {
                let level = u128::from(level_at(used, limit, period, now));
                let wanted = level + u128::from(positive(cost)) * u128::from(period.micros());
                let over = wanted.saturating_sub(u128::from(burst) * u128::from(period.micros()));
                Some(now.after(Span::from_micros(saturate(over.div_ceil(u128::from(limit.max(1)))))))
            }
            Self::Sliding(limit, length) => sliding_fits_at(used, limit, length, positive(cost), now),
            Self::Span(_, _, end) => Some(end),
            Self::Slots(_) => None,
            Self::Habit(kind, ..) => Some(kind.start(now).after(kind.cell())),
        }
    }

    /// The state after counting `cost` at `now`.
    pub fn take(&self, used: &mut Option<Used>, cost: i64, now: Instant) {
        let cost_units = positive(cost);
        if self.carried(used.as_ref()).is_none() {
            *used = None;
        }
        let next = match *self {
            Self::Rate(limit, period, _) => {
                let level = level_at(used.as_ref(), limit, period, now);
                Used::Rate(
                    level.saturating_add(cost_units.saturating_mul(period.micros())),
                    now,
                    limit,
                    period,
                    self.is_volatile(),
                )
            }
            Self::Sliding(limit, length) if limit <= SLIDING_LOG_MAX => {
                let mut log = match used.take() {
                    Some(Used::Log(_, log)) => log,
                    _ => Vec::new(),
                };
                log.retain(|&(at, _)| at.after(length) > now);
                log.push((now, cost_units));
                Used::Log(length, log)
            }
            Self::Sliding(_, length) => {
                let (start, previous, current) = cells_at(used.as_ref(), length, now);
                Used::Cells(length, start, previous, current.saturating_add(cost_units))
            }
            Self::Span(_, start, end) => {
                let before = match used {
                    Some(Used::Span(from, _, n)) if *from == start => *n,
                    _ => 0,
                };
                Used::Span(start, end, before.saturating_add(cost))
            }
            Self::Slots(_) => match used {
                Some(Used::Slots(n)) => Used::Slots(n.saturating_add(cost_units)),
                _ => Used::Slots(cost_units),
            },
            Self::Habit(kind, limit, reference) => {
                let mut habit = match used.take() {
                    Some(Used::Habit(habit)) if habit.kind == kind && !habit.is_over(now) => habit,
                    _ => Box::new(Habit::new(kind, now)),
                };
                habit.count(cost, reference, limit, now);
                Used::Habit(habit)
            }
        };
        *used = Some(next);
    }
}

/// The level of a rate window at `now`, converted when the terms have changed since: the debt in cost units is kept.
fn level_at(used: Option<&Used>, limit: u64, period: Span, now: Instant) -> u64 {
    let Some(&Used::Rate(level, at, old_limit, old_period, _)) = used else {
        return 0;
    };
    let drained = u128::from(now.since(at).micros()) * u128::from(old_limit);
    let left = u128::from(level).saturating_sub(drained);
    if (old_limit, old_period) == (limit, period) {
        return saturate(left);
    }
    saturate((left * u128::from(period.micros())).div_ceil(u128::from(old_period.micros().max(1))))
}

fn sliding_used(used: Option<&Used>, limit: u64, length: Span, now: Instant) -> u64 {
    if limit <= SLIDING_LOG_MAX {
        let Some(Used::Log(_, log)) = used else {
            return 0;
        };
        return log.iter().filter(|(at, _)| at.after(length) > now).map(|&(_, n)| n).sum();
    }
    let (start, previous, current) = cells_at(used, length, now);
    let left = length.micros() - now.since(start).micros().min(length.micros());
    let weighted = (u128::from(previous) * u128::from(left)).div_ceil(u128::from(length.micros().max(1)));
    current.saturating_add(saturate(weighted))
}

/// The cells as of `now`: start of the current cell, use of the previous and of the current.
fn cells_at(used: Option<&Used>, length: Span, now: Instant) -> (Instant, u64, u64) {
    let step = signed(length.micros().max(1));
    let start = Instant::from_micros(now.micros().div_euclid(step) * step);
    match used {
        Some(&Used::Cells(old, at, previous, current)) if old == length => {
            if at == start {
                (start, previous, current)
            } else if at.after(length) == start {
                (start, current, 0)
            } else {
                (start, 0, 0)
            }
        }
        _ => (start, 0, 0),
    }
}

fn sliding_fits_at(
    used: Option<&Used>,
    limit: u64,
    length: Span,
    cost: u64,
    now: Instant,
) -> Option<Instant> {
    if limit <= SLIDING_LOG_MAX {
        let Some(Used::Log(_, log)) = used else {
            return Some(now);
        };
        let mut left = sliding_used(used, limit, length, now);
        for &(at, n) in log.iter().filter(|(at, _)| at.after(length) > now) {
            left -= n;
            if left + cost <= limit {
                return Some(at.after(length));
            }
        }
        return Some(now);
    }
    let (start, previous, current) = cells_at(used, length, now);
    let within = |start: Instant, previous: u64, current: u64| {
        let room = limit.checked_sub(current.checked_add(cost)?)?;
        if room >= previous {
            return Some(start);
        }
        let shrunk = u128::from(room) * u128::from(length.micros()) / u128::from(previous);
        Some(start.after(Span::from_micros(length.micros() - saturate(shrunk))))
    };
    within(start, previous, current).or_else(|| within(start.after(length), current, 0)).map(|at| at.max(now))
}

impl Used {
    /// Whether the state says nothing any more at `now`, so that it can be dropped.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        match self {
            Self::Rate(level, at, limit, ..) => {
                u128::from(now.since(*at).micros()) * u128::from(*limit) >= u128::from(*level)
            }
            Self::Log(length, log) => log.iter().all(|(at, _)| at.after(*length) <= now),
            Self::Cells(length, start, ..) => start.after(*length).after(*length) <= now,
            Self::Span(_, end, _) => *end <= now,
            Self::Slots(n) => *n == 0,
            Self::Habit(habit) => habit.is_over(now),
        }
    }

    /// What is remembered, where it is a habit.
    #[must_use]
    pub fn habit(&self) -> Option<&Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }

    pub(crate) fn habit_mut(&mut self) -> Option<&mut Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }

    /// Whether the state may be lost at a restart.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        match self {
            Self::Rate(.., volatile) => *volatile,
            Self::Log(length, _) | Self::Cells(length, ..) => *length <= VOLATILE_MAX,
            Self::Span(..) | Self::Slots(_) | Self::Habit(_) => false,
        }
    }

    /// Adds `delta` to use that was counted at `counted_at`; nothing happens when that use has left the window.
    pub fn correct(&mut self, counted_at: Instant, delta: i64, now: Instant) {
        let amount = delta.unsigned_abs();
        let apply = |n: &mut u64| {
            *n = if delta < 0 { n.saturating_sub(amount) } else { n.saturating_add(amount) };
        };
        match self {
            Self::Rate(level, at, limit, period, _) => {
                let drained = u128::from(now.since(*at).micros()) * u128::from(*limit);
                let mut current = saturate(u128::from(*level).saturating_sub(drained));
                let micro = amount.saturating_mul(period.micros());
                current =
                    if delta < 0 { current.saturating_sub(micro) } else { current.saturating_add(micro) };
                (*level, *at) = (current, now);
            }
            Self::Log(_, log) => {
                if let Some((_, n)) = log.iter_mut().find(|(at, _)| *at == counted_at) {
                    apply(n);
                }
            }
            Self::Cells(length, start, previous, current) => {
                if counted_at >= *start {
                    apply(current);
                } else if counted_at.after(*length) >= *start {
                    apply(previous);
                }
            }
            Self::Span(start, end, n) => {
                if *start <= counted_at && counted_at < *end {
                    *n = n.saturating_add(delta).max(0);
                }
            }
            Self::Slots(n) => apply(n),
            Self::Habit(habit) => habit.correct(counted_at, delta),
        }
    }
}

#[cfg(test)]
mod tests;
