//! What comes again with the calendar: grants that recur, banked resets, changes of plan.
//!
//! Never looks at a clock: boundaries follow from the terms and the instant that a record states.
//! Q1 what is carried is `min(max, max(min, fraction of the remainder))` (`rollover_vectors`).
//! Q2 the parts of a period add up to the whole exactly (`proration_is_exact`).
//! Units: nano-credits; fractions in billionths.

use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::{string::String, vec};

use minicbor::{Decode, Encode};

use super::{GrantId, GrantTerms, Seq};
use crate::account::Settings;
use crate::amount::Credits;
use crate::name::{Label, Level, Name, Path};
use crate::time::{Calendar, Every, Instant, Span};

/// How a grant comes again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recurrence {
    /// The calendar unit.
    #[n(0)]
    pub every: Every,
    /// The IANA zone that boundaries are counted in.
    #[n(1)]
    pub zone: Label,
    /// What boundaries are counted from; `None`: the account's billing anchor.
    #[n(2)]
    pub anchor: Option<Instant>,
    /// No period begins at or after this instant.
    #[n(3)]
    pub until: Instant,
    /// What is carried over a boundary; `None`: nothing.
    #[n(4)]
    pub rollover: Option<Rollover>,
    /// What becomes of what is owed at a boundary.
    #[n(5)]
    pub overage: Overage,
}

/// What becomes of what is owed when a recurring grant opens anew.
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

/// What is carried over a boundary, as a grant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rollover {
    /// At least this much, topped up by the operator.
    #[n(0)]
    pub min: Credits,
    /// At most this much.
    #[n(1)]
    pub max: Credits,
    /// This part of the remainder, in billionths; what it cuts off below a nano-credit is not carried.
    #[n(2)]
    pub fraction: u32,
    /// How long it lives; `None`: one period.
    #[n(3)]
    pub life: Option<Span>,
}

/// One whole, in billionths.
pub const WHOLE: u32 = 1_000_000_000;

impl Rollover {
    /// What is carried of a remainder.
    #[must_use]
    pub fn carried(&self, remaining: Credits) -> Credits {
        let part = i128::from(remaining.nano().max(0)) * i128::from(self.fraction) / i128::from(WHOLE);
        let part = Credits::from_nano(i64::try_from(part).unwrap_or(i64::MAX));
        part.max(self.min).min(self.max)
    }
}

impl Recurrence {
    /// The period that contains `at`. `None` for a zone that this release does not know.
    #[must_use]
    pub fn period(&self, at: Instant, billing_anchor: Instant) -> Option<(Instant, Instant)> {
        let calendar = Calendar::new(self.every, self.zone.as_str(), true).ok()?;
        Some(calendar.period(at, self.anchor.unwrap_or(billing_anchor)))
    }
}

/// What is left of an amount for the rest of a period: the whole less what belongs to the time that has passed, so that
/// both add up exactly.
#[must_use]
pub fn rest_of(amount: Credits, period: (Instant, Instant), now: Instant) -> Credits {
    let length = i128::from(period.1.since(period.0).micros().max(1));
    let passed = i128::from(now.since(period.0).micros()).min(length);
    let used = i128::from(amount.nano()) * passed / length;
    Credits::from_nano(i64::try_from(i128::from(amount.nano()) - used).unwrap_or(i64::MAX))
}

/// A banked reset: a token that clears windows when it is redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResetTerms {
    /// The windows it clears, as guards or `allowance.window`.
    #[n(0)]
    pub windows: Vec<Name>,
    /// Can be redeemed before.
    #[n(1)]
    pub expires_at: Instant,
    /// The operator's reference.
    #[n(2)]
    pub reference: Option<Label>,
}

/// A window that a reset cleared.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cleared {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// What had been used.
    #[n(2)]
    pub used: i64,
    /// Whether it closes, to open again at the next use; a calendar window stays open until its end.
    #[n(3)]
    pub closes: bool,
}

/// A new amount for a recurring grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NewAmount {
    /// The recurring grant, by the record that opened it first.
    #[n(0)]
    pub schedule: GrantId,
    /// What it comes to from the next boundary on.
    #[n(1)]
    pub amount: Credits,
    /// What the period under way gains, or with a minus sign loses.
    #[n(2)]
    pub part: Credits,
}

/// A change of plan with what it does to recurring grants.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PlanChange {
    /// The settings from now on.
    #[n(0)]
    pub settings: Settings,
    /// The billing anchor before, where it moved: grants that recur with it begin a new period at once.
    #[n(1)]
    pub moved_from: Option<Instant>,
    /// New amounts.
    #[n(2)]
    pub amounts: Vec<NewAmount>,
    /// Grants that had left the state and are open again.
    #[n(3)]
    pub reopened: Vec<(GrantId, GrantTerms)>,
    /// Whether periods under way gained or lost their part at once.
    #[n(4)]
    pub prorated: bool,
    /// Why.
    #[n(5)]
    pub reason: Option<Label>,
}

/// What comes again with the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Periodic {
    /// What was left of a recurring grant was carried into a grant of its own, which the record opens.
    #[n(0)]
    RolledOver(#[n(0)] GrantId),
    /// A recurring grant opened anew, with the next boundary.
    #[n(1)]
    Renewed(#[n(0)] GrantId, #[n(1)] Instant),
    /// A recurring grant comes no more.
    #[n(2)]
    Ended(#[n(0)] GrantId),
    /// A reset was banked; it is named by the record.
    #[n(3)]
    Banked(#[n(0)] ResetTerms),
    /// A banked reset was redeemed by this path, and cleared these windows.
    #[n(4)]
    Redeemed(#[n(0)] Seq, #[n(1)] Path, #[n(2)] Vec<Cleared>),
    /// The plan changed, with what that does to recurring grants.
    #[n(5)]
    PlanChanged(#[n(0)] PlanChange),
}
