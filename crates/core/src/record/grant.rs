//! Grants: blocks of credits, and how they recur.
//!
//! Never looks at a clock: boundaries follow from the terms and the instant that a record states.
//! Q1 the amount carried is `min(max, max(min, fraction of the remainder))` (`rollover_vectors`).
//! Q2 the parts of a period add up to the whole exactly (`proration_is_exact`).
//! Units: nano-credits; fractions in billionths.

use alloc::boxed::Box;

#[cfg(feature = "schema")]
use alloc::{string::String, vec, vec::Vec};

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::amount::Credits;
use super::calendar::{Calendar, Every};
use super::codec::list;
use super::name::{Label, Name};
use super::time::{Instant, Span};

/// Kinds of credits, in burn order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Category {
    /// Given to everyone.
    #[n(0)]
    Free,
    /// Given for a reason.
    #[n(1)]
    Promotional,
    /// Bought.
    #[n(2)]
    Purchased,
    /// Agreed in a contract.
    #[n(3)]
    Contract,
}

impl Category {
    /// All categories, in burn order.
    pub const ALL: [Self; 4] = [Self::Free, Self::Promotional, Self::Purchased, Self::Contract];

    /// Whether drawing it needs consent if consent is asked.
    #[must_use]
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Purchased | Self::Contract)
    }

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Promotional => "promotional",
            Self::Purchased => "purchased",
            Self::Contract => "contract",
        }
    }
}

/// The terms of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GrantTerms {
    /// The amount.
    #[n(0)]
    pub amount: Credits,
    /// Its kind.
    #[n(1)]
    pub category: Category,
    /// Lower numbers are drawn first.
    #[n(2)]
    pub priority: u16,
    /// Usable from.
    #[n(3)]
    pub effective_from: Instant,
    /// Usable before; [`Instant::NEVER`] when it never expires.
    #[n(4)]
    pub expires_at: Instant,
    /// The features it pays for; empty: all.
    #[cbor(n(5), with = "list")]
    pub features: SmallVec<[Name; 1]>,
    /// The operator's reference, for example an invoice number.
    #[n(6)]
    pub reference: Option<Label>,
    /// How it recurs.
    #[n(7)]
    pub recurrence: Option<Box<Recurrence>>,
    /// The unit of its credits; `None`: `credits`.
    #[n(8)]
    pub unit: Option<Name>,
    /// Drawn as if it expired here: carried credits are drawn before later ones, even if they live longer.
    #[n(9)]
    pub burns_at: Option<Instant>,
}

impl GrantTerms {
    /// Credits that pay for every feature between two instants, once.
    pub(crate) fn plain(
        amount: Credits,
        category: Category,
        (from, until): (Instant, Instant),
        unit: Option<&Name>,
    ) -> Self {
        Self {
            amount,
            category,
            priority: 0,
            effective_from: from,
            expires_at: until,
            features: SmallVec::new(),
            reference: None,
            recurrence: None,
            unit: unit.cloned(),
            burns_at: None,
        }
    }
}

/// How a grant recurs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recurrence {
    /// The calendar unit.
    #[n(0)]
    pub every: Every,
    /// The IANA zone that boundaries are counted in.
    #[n(1)]
    pub zone: Label,
    /// The instant that boundaries are counted from; `None`: the account's billing anchor.
    #[n(2)]
    pub anchor: Option<Instant>,
    /// No period begins at or after this instant.
    #[n(3)]
    pub until: Instant,
    /// The amount carried over a boundary; `None`: nothing.
    #[n(4)]
    pub rollover: Option<Rollover>,
    /// The rule for debt at a boundary.
    #[n(5)]
    pub overage: Overage,
    /// The first period brought its part of a whole one.
    #[n(6)]
    pub prorated: Option<Prorated>,
}

/// A first period that is a part of a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Prorated {
    /// The amount of a whole period.
    #[n(0)]
    pub whole: Credits,
    /// How the part is measured.
    #[n(1)]
    pub by: Proration,
}

/// How a part of a period is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Proration {
    /// To the microsecond.
    #[n(0)]
    Instant,
    /// In whole days, counted from the beginning of the period; the day that has begun still counts.
    #[n(1)]
    Days,
}

/// The rule for debt when a recurring grant opens again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Overage {
    /// The new grant repays it.
    #[default]
    #[n(0)]
    Keep,
    /// The operator's goodwill pays it; the new grant opens whole.
    #[n(1)]
    Forgive,
}

/// The amount carried over a boundary, as a grant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rollover {
    /// At least this much, topped up by the operator.
    #[n(0)]
    pub min: Credits,
    /// At most this much.
    #[n(1)]
    pub max: Credits,
    /// This part of the remainder, in billionths, rounded down to a nano-credit.
    #[n(2)]
    pub fraction: u32,
    /// How long it lives; `None`: one period.
    #[n(3)]
    pub life: Option<Span>,
}

/// One whole, in billionths.
pub const WHOLE: u32 = 1_000_000_000;

impl Rollover {
    /// The carried part of a remainder.
    #[must_use]
    pub(crate) fn carried(&self, remaining: Credits) -> Credits {
        let part = i128::from(remaining.nano().max(0)) * i128::from(self.fraction) / i128::from(WHOLE);
        let part = Credits::from_nano(i64::try_from(part).unwrap_or(i64::MAX));
        part.max(self.min).min(self.max)
    }
}

impl Recurrence {
    /// The period that contains `at`. `None` for a zone that this release does not know.
    #[must_use]
    pub(crate) fn period(&self, at: Instant, billing_anchor: Instant) -> Option<(Instant, Instant)> {
        let calendar = Calendar::new(self.every, self.zone.as_str(), true).ok()?;
        Some(calendar.period(at, self.anchor.unwrap_or(billing_anchor)))
    }

    /// The share of an amount for the rest of a period: the whole less the share of the time that has passed, so that both
    /// add up exactly.
    #[must_use]
    pub(crate) fn rest_of(
        &self,
        amount: Credits,
        period: (Instant, Instant),
        now: Instant,
        by: Proration,
    ) -> Credits {
        let (start, end) = period;
        let by_instant = (end.since(start).micros(), now.since(start).micros());
        let (length, passed) = match by {
            Proration::Instant => by_instant,
            Proration::Days => self.days(period, now).unwrap_or(by_instant),
        };
        let length = i128::from(length.max(1));
        let used = i128::from(amount.nano()) * i128::from(passed).min(length) / length;
        Credits::from_nano(i64::try_from(i128::from(amount.nano()) - used).unwrap_or(i64::MAX))
    }

    /// The days of a period, and those that have passed; `None` for a period shorter than a day.
    fn days(&self, (start, end): (Instant, Instant), now: Instant) -> Option<(u64, u64)> {
        const DAY: u64 = 86_400_000_000;
        let days = Calendar::new(Every::Day, self.zone.as_str(), true).ok()?;
        // A day of 23 or 25 hours is a day.
        let between = |from: Instant, to: Instant| (to.since(from).micros() + DAY / 2) / DAY;
        let (today, _) = days.period(now, start);
        Some((between(start, end), between(start, today))).filter(|(length, _)| *length > 0)
    }
}
