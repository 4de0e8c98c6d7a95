//! The use of a window of any kind. The state belongs to the account; its meaning is in the terms.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::arithmetic::{add, signed};
use super::growth::Growth;
use super::habit::Habit;
use super::period::Period;
use super::rate::Rate;
use super::trail::{Cells, Log};
use crate::record::{Instant, Terms, VOLATILE_MAX};

/// The use of one window.
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
    /// The habit of this account or key.
    #[n(5)]
    Habit(#[n(0)] Box<Habit>),
    /// Use of a period and of those before it.
    #[n(6)]
    Growth(#[n(0)] Growth),
}

impl Used {
    /// Whether the state has no effect any more at `now`, so that it can be dropped.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        match self {
            Self::Rate(rate) => rate.is_over(now),
            Self::Log(log) => log.is_over(now),
            Self::Cells(cells) => cells.is_over(now),
            Self::Period(period) => period.is_over(now),
            Self::Slots(n) => *n == 0,
            Self::Habit(habit) => habit.is_over(now),
            Self::Growth(growth) => growth.is_over(now),
        }
    }

    /// Whether it still counts at `now`. A period that has ended does not, although it may be kept.
    #[must_use]
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        if let Self::Period(period) = self { period.is_open(now) } else { !self.is_over(now) }
    }

    /// Whether the state may be lost at a restart.
    #[must_use]
    pub(crate) fn is_volatile(&self) -> bool {
        match self {
            Self::Rate(rate) => rate.is_volatile,
            Self::Log(Log { length, .. }) | Self::Cells(Cells { length, .. }) => *length <= VOLATILE_MAX,
            Self::Period(_) | Self::Slots(_) | Self::Habit(_) | Self::Growth(_) => false,
        }
    }

    /// The use at `now` of a window with these terms, which may not be those it was counted under.
    pub(super) fn amount(&self, terms: &Terms, now: Instant) -> i64 {
        match (self, terms) {
            (Self::Slots(n), Terms::Slots { .. }) => signed(*n),
            (Self::Habit(habit), Terms::Habit { .. }) => habit.used(now),
            (Self::Growth(growth), Terms::Growth { start, .. }) => growth.used_from(*start, now),
            (Self::Slots(_) | Self::Habit(_), _) | (_, Terms::Slots { .. } | Terms::Habit { .. }) => 0,
            (Self::Period(period), Terms::Period { start, end, .. }) => {
                super::period::used(Some(period), (*start, *end), now)
            }
            (Self::Period(period), _) if period.is_open(now) => period.used,
            (Self::Growth(growth), _) if now < growth.end => growth.used,
            (Self::Period(_) | Self::Growth(_), _) => 0,
            (Self::Rate(rate), _) => rate.used(now),
            (Self::Log(log), Terms::Sliding { length, .. }) => signed(log.used(*length, now)),
            (Self::Log(log), _) => signed(log.used(log.length, now)),
            (Self::Cells(cells), _) => signed(cells.used(now)),
        }
    }

    /// When no more than `target` of it counts for these terms; `None` when that depends on holds ending.
    pub(super) fn falls_to(&self, terms: &Terms, target: i64, now: Instant) -> Option<Instant> {
        Some(match (self, terms) {
            (Self::Slots(_), _) | (_, Terms::Slots { .. }) => return None,
            (Self::Habit(habit), _) => habit.kind.start(now).after(habit.kind.cell()),
            (Self::Period(_), Terms::Period { end, .. }) => *end,
            (Self::Period(period), _) => period.end,
            (Self::Growth(growth), _) => growth.end,
            (Self::Rate(rate), _) => rate.falls_to(target, now),
            (Self::Log(log), Terms::Sliding { length, .. }) => log.falls_to(*length, target, now),
            (Self::Log(log), _) => log.falls_to(log.length, target, now),
            (Self::Cells(cells), _) => cells.falls_to(target, now),
        })
    }

    /// A rate drains at another limit from now on.
    pub(crate) fn drain_at(&mut self, limit: u64, now: Instant) {
        if let Self::Rate(rate) = self {
            rate.drain_at(limit, now);
        }
    }

    /// Keeps the memory of earlier levels small; `counted` has the instants of use that can still be given back.
    pub(crate) fn thin(&mut self, counted: impl FnOnce() -> Vec<Instant>) {
        if let Self::Rate(rate) = self
            && rate.is_full()
        {
            rate.thin(counted());
        }
    }

    /// Adds `delta` to use that was counted at `counted_at`; nothing happens when that use has left the window.
    pub fn correct(&mut self, counted_at: Instant, delta: i64, now: Instant) {
        match self {
            Self::Rate(rate) => rate.correct(counted_at, delta, now),
            Self::Log(log) => log.correct(counted_at, delta),
            Self::Cells(cells) => cells.correct(counted_at, delta),
            Self::Period(period) => period.correct(counted_at, delta),
            Self::Slots(n) => *n = add(*n, delta),
            Self::Habit(habit) => habit.correct(counted_at, delta),
            Self::Growth(growth) => growth.correct(counted_at, delta),
        }
    }

    /// The use between two instants, if it is that.
    #[must_use]
    pub(crate) fn period(&self) -> Option<&Period> {
        if let Self::Period(period) = self { Some(period) } else { None }
    }

    /// The use of a period and of those before it, if it is that.
    #[must_use]
    pub(crate) fn growth(&self) -> Option<&Growth> {
        if let Self::Growth(growth) = self { Some(growth) } else { None }
    }

    pub(super) fn slots(&self) -> u64 {
        if let Self::Slots(n) = self { *n } else { 0 }
    }

    /// The memory, if it is a habit.
    #[must_use]
    pub fn habit(&self) -> Option<&Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }

    pub(crate) fn habit_mut(&mut self) -> Option<&mut Habit> {
        if let Self::Habit(habit) = self { Some(habit) } else { None }
    }
}
