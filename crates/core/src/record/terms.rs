//! The terms of a window: its limit and bounds at the moment of a decision, pinned in the record.
//!
//! Never looks at a calendar or a clock: bounds are resolved before.
//! Units: the window's own (requests, meter units, nano-credits).

use minicbor::{Decode, Encode};

use super::time::{Instant, Span};

/// Windows that empty by themselves within this time are lost at a restart.
pub(crate) const VOLATILE_MAX: Span = Span::from_secs(60);

/// A window's limit and bounds at the moment of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Terms {
    /// This many per period, in bursts.
    #[n(0)]
    Rate {
        /// Units per period.
        #[n(0)]
        limit: u64,
        /// The period.
        #[n(1)]
        period: Span,
        /// Units at once.
        #[n(2)]
        burst: u64,
    },
    /// This many in any trailing length.
    #[n(1)]
    Sliding {
        /// How many.
        #[n(0)]
        limit: u64,
        /// How far back.
        #[n(1)]
        length: Span,
    },
    /// This much between two instants.
    #[n(2)]
    Period {
        /// How much.
        #[n(0)]
        limit: i64,
        /// From.
        #[n(1)]
        start: Instant,
        /// To before.
        #[n(2)]
        end: Instant,
    },
    /// This many at once.
    #[n(3)]
    Slots {
        /// How many.
        #[n(0)]
        limit: u64,
    },
    /// This much in the current cell, compared with the usual use.
    #[n(4)]
    Habit {
        /// The kind of memory.
        #[n(0)]
        kind: HabitKind,
        /// How much.
        #[n(1)]
        limit: i64,
        /// The value it is compared with.
        #[n(2)]
        reference: i64,
    },
    /// This much between two instants, which follows from the use of the periods before.
    #[n(5)]
    Growth {
        /// How much.
        #[n(0)]
        limit: i64,
        /// From.
        #[n(1)]
        start: Instant,
        /// To before.
        #[n(2)]
        end: Instant,
        /// Periods that begin before this do not count.
        #[n(3)]
        since: Instant,
        /// How much in the next period, if no more is used in this one.
        #[n(4)]
        next: i64,
    },
}

impl Terms {
    /// Whether it counts exactly: a rate's limit × period is in range.
    #[must_use]
    pub(crate) fn is_exact(&self) -> bool {
        let Self::Rate { limit, period, burst } = *self else { return true };
        burst.max(limit).checked_mul(period.micros()).is_some_and(|full| full <= u64::MAX / 4)
    }

    /// Whether its use may be lost at a restart: it would be free again within [`VOLATILE_MAX`].
    #[must_use]
    pub(crate) fn is_volatile(&self) -> bool {
        match *self {
            Self::Rate { limit, period, burst } => {
                let fill = u128::from(burst) * u128::from(period.micros()) / u128::from(limit.max(1));
                fill <= u128::from(VOLATILE_MAX.micros())
            }
            Self::Sliding { length, .. } => length <= VOLATILE_MAX,
            Self::Period { .. } | Self::Slots { .. } | Self::Habit { .. } | Self::Growth { .. } => false,
        }
    }

    /// The limit, as a figure of a plan or an override: of a rate, the units per period.
    #[must_use]
    pub(crate) fn figure(&self) -> i64 {
        match *self {
            Self::Rate { limit, burst, .. } if burst < i64::MAX.unsigned_abs() => {
                i64::try_from(limit).unwrap_or(i64::MAX)
            }
            Self::Rate { .. }
            | Self::Sliding { .. }
            | Self::Slots { .. }
            | Self::Period { .. }
            | Self::Growth { .. }
            | Self::Habit { .. } => self.capacity(),
        }
    }

    /// The limit, for people: the amount that fits when nothing is used.
    #[must_use]
    pub fn capacity(&self) -> i64 {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match *self {
            Self::Rate { burst, .. } => signed(burst),
            Self::Sliding { limit, .. } | Self::Slots { limit } => signed(limit),
            Self::Period { limit, .. } | Self::Habit { limit, .. } | Self::Growth { limit, .. } => limit,
        }
    }
}

/// The kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum HabitKind {
    /// Cells of ten seconds; a peak with a half-life of seven days.
    #[n(0)]
    Velocity,
    /// Cells of a quarter of an hour; the peak of each of the last 24 hours.
    #[n(1)]
    Ramp,
    /// Cells of an hour; the totals of the last 168.
    #[n(2)]
    Spend,
}

impl HabitKind {
    /// The length of its cells.
    #[must_use]
    pub(crate) fn cell(self) -> Span {
        match self {
            Self::Velocity => Span::from_secs(10),
            Self::Ramp => Span::from_secs(900),
            Self::Spend => Span::from_secs(3_600),
        }
    }

    /// The beginning of the cell that an instant is in.
    #[must_use]
    pub fn start(self, now: Instant) -> Instant {
        let step = i64::try_from(self.cell().micros()).unwrap_or(i64::MAX);
        Instant::from_micros(now.micros().div_euclid(step) * step)
    }

    /// How many hours are remembered one by one.
    pub(crate) fn hours(self) -> i64 {
        match self {
            Self::Velocity => 0,
            Self::Ramp => 24,
            Self::Spend => 168,
        }
    }
}
