//! Visits: the guards and sources that a decision looked at, with what they found.
//!
//! Units: nano-credits; counts in the unit of the visit.

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::codec::list;
use super::{GrantId, Levels, Name, Parts, Reason, Rule, Seq, Terms};

/// The kind of a guard or source that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum VisitKind {
    /// A guard.
    #[n(0)]
    Guard,
    /// One window of an allowance.
    #[n(1)]
    Allowance,
    /// A grant.
    #[n(2)]
    Grant(#[n(0)] GrantId),
    /// A member's cap on the pool.
    #[n(3)]
    MemberCap,
    /// The overdraft.
    #[n(4)]
    Overdraft,
    /// Suspension, entitlement, bounds and debt of the account.
    #[n(5)]
    Account,
    /// A supply.
    #[n(6)]
    Supply,
    /// An abuse rule.
    #[n(7)]
    Abuse,
    /// Postpaid credits; the limit in its terms is what unpaid invoices leave of it.
    #[n(8)]
    Postpaid,
    /// A plan that is tried; `before` is what the use would cost there.
    #[n(9)]
    Plan,
}

/// The result of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Verdict {
    /// The guard has room and counted the cost.
    #[n(0)]
    Passed,
    /// The source paid `cost`.
    #[n(1)]
    Paid,
    /// The source had nothing for this request.
    #[n(2)]
    Empty,
    /// It refused, or was passed over, for this reason.
    #[n(3)]
    Refused(#[n(0)] Reason),
    /// It would have refused or demoted, but is only observed.
    #[n(4)]
    Observed,
    /// The request is served one class lower.
    #[n(5)]
    Demoted,
}

/// How the cost of a counted visit is recomputed when a hold is settled.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Basis {
    /// Not counted.
    #[n(0)]
    None,
    /// A slot, given back when the hold ends.
    #[n(1)]
    Slot,
    /// Requests.
    #[n(2)]
    Requests,
    /// The sum of these meters in these parts of the use.
    #[n(3)]
    Meters(#[cbor(n(0), with = "list")] SmallVec<[Name; 1]>, #[n(1)] Parts),
    /// The draws of the layer with this name.
    #[n(4)]
    Layer(#[n(0)] Name),
    /// All credits drawn.
    #[n(5)]
    Spend,
    /// Capacity: this much cost in flight until the hold ends.
    #[n(6)]
    InFlight(#[n(0)] u64),
    /// The price of these parts of the use, allowances included.
    #[n(7)]
    Price(#[n(0)] Parts),
}

/// The unit of the figures of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure<'a> {
    /// Open holds.
    Holds,
    /// Requests.
    Requests,
    /// Units of these meters together.
    Meters(&'a [Name]),
    /// The unit of the feature's allowances.
    Allowance,
    /// The cost that a supply or an abuse rule computes.
    Cost,
    /// Levels of the penalty box.
    Level,
    /// Nano-credits, in the unit of credits of the use.
    Credits,
}

/// One guard or source that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Visit {
    /// Its kind.
    #[n(0)]
    pub kind: VisitKind,
    /// Its name in the catalog.
    #[n(1)]
    pub name: Name,
    /// The level of the path it belongs to, or several together.
    #[n(2)]
    pub level: Levels,
    /// The result.
    #[n(3)]
    pub verdict: Verdict,
    /// The window it counts in, with bounds resolved.
    #[n(4)]
    pub terms: Option<Terms>,
    /// In the unit of [`Self::measures`]. Windows: used before. Grants and overdraft: free before. Supplies: the
    /// account's cost in flight before. Abuse rules without a window: the measured value.
    #[n(5)]
    pub before: i64,
    /// The amount that this request took; zero unless the verdict is `Passed` or `Paid`.
    #[n(6)]
    pub cost: i64,
    /// How the cost is recomputed at settle.
    #[n(7)]
    pub basis: Basis,
    /// The override that its limit comes from.
    #[n(8)]
    pub overridden_by: Option<Seq>,
    /// The highest mark of the plan's warnings that this use has reached, in percent of the limit.
    #[n(9)]
    pub mark: Option<u8>,
}

impl VisitKind {
    /// Whether it pays credits, or bounds sources that do.
    pub(crate) fn is_credits(self) -> bool {
        matches!(self, Self::Grant(_) | Self::MemberCap | Self::Overdraft | Self::Postpaid)
    }
}

impl Visit {
    /// Whether its count is corrected when a hold ends. The pace of requests is not corrected.
    #[must_use]
    pub(crate) fn is_given_back(&self) -> bool {
        self.terms.is_some() && self.basis != Basis::None
    }

    /// The unit of `before` and `cost`.
    #[must_use]
    pub fn measures(&self) -> Measure<'_> {
        match (self.kind, &self.basis) {
            (VisitKind::Guard | VisitKind::Abuse, Basis::Slot) => Measure::Holds,
            (VisitKind::Guard, Basis::Requests | Basis::None) => Measure::Requests,
            (VisitKind::Guard, Basis::Meters(meters, _)) => Measure::Meters(meters),
            (VisitKind::Allowance, _) => Measure::Allowance,
            (VisitKind::Supply, _) => Measure::Cost,
            (VisitKind::Abuse, Basis::None) if self.name == Rule::Penalty.name() => Measure::Level,
            // Besides its slot, the rule on holds checks the credits they set aside.
            (VisitKind::Abuse, Basis::None) if self.name != Rule::Holds.name() => Measure::Cost,
            (VisitKind::Guard | VisitKind::Abuse, _)
            | (
                VisitKind::Grant(_)
                | VisitKind::MemberCap
                | VisitKind::Overdraft
                | VisitKind::Postpaid
                | VisitKind::Plan
                | VisitKind::Account,
                _,
            ) => Measure::Credits,
        }
    }

    /// The value after the decision.
    #[must_use]
    pub fn after(&self) -> i64 {
        match self.kind {
            VisitKind::Grant(_) | VisitKind::Overdraft => self.before.saturating_sub(self.cost),
            VisitKind::Guard
            | VisitKind::Allowance
            | VisitKind::MemberCap
            | VisitKind::Postpaid
            | VisitKind::Account
            | VisitKind::Supply
            | VisitKind::Plan
            | VisitKind::Abuse => self.before.saturating_add(self.cost),
        }
    }
}
