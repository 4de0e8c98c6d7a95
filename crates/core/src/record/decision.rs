//! The decision: the answer, its payers, and everything that was checked on the way.
//!
//! Never refers to the catalog: names and values are those of the moment, so a decision explains itself years later.
//! Units: visits of grants and overdraft in nano-credits, of windows in the window's unit.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use crate::record::codec::list;
use crate::record::{
    Book, Category, Credits, GrantId, Instant, Name, Reason, Unblock, Unit, Verdict, Visit, VisitKind, Wall,
};

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    /// Everything requested.
    #[n(0)]
    Allow,
    /// Less than requested, at least the minimum.
    #[n(1)]
    Partial,
    /// A paid source would pay; nothing happened.
    #[n(2)]
    NeedsConsent,
    /// Nothing happened.
    #[n(3)]
    Deny,
    /// Everything passes, but there is no capacity now; nothing happened.
    #[n(4)]
    Wait,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Partial, Self::NeedsConsent, Self::Deny, Self::Wait];

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Partial => "partial",
            Self::NeedsConsent => "needs_consent",
            Self::Deny => "deny",
            Self::Wait => "wait",
        }
    }

    /// Whether the request may go ahead.
    #[must_use]
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Allow | Self::Partial)
    }
}

/// The sources that pay, in order.
pub type Draws = SmallVec<[Draw; 1]>;

/// A decision with its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Decision {
    /// The answer.
    #[n(0)]
    pub outcome: Outcome,
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// Whose wall it was, for anything but `allow`.
    #[n(2)]
    pub wall: Option<Wall>,
    /// The cost of the granted use at the pinned price, over all sources.
    #[n(3)]
    pub price: Credits,
    /// The part of it that paid sources pay or would pay.
    #[n(4)]
    pub paid_price: Credits,
    /// The sources that pay, in order.
    #[cbor(n(5), with = "list")]
    pub draws: Draws,
    /// Every guard and source that was checked, in order.
    #[n(6)]
    pub visits: Vec<Visit>,
    /// The ways to unblock it.
    #[n(7)]
    pub unblock: Option<Unblock>,
}

impl Decision {
    /// The guard or source that refused: the one with the reason, or else the last that was asked to pay; of the windows of an
    /// allowance the one with the least room.
    #[must_use]
    pub fn refused_by(&self) -> Option<&Name> {
        if self.outcome.is_granted() {
            return None;
        }
        let named = self.visits.iter().find(|v| v.verdict == Verdict::Refused(self.reason));
        let sources = || {
            self.visits.iter().rev().find(|v| {
                matches!(
                    v.kind,
                    VisitKind::Grant(_)
                        | VisitKind::Overdraft
                        | VisitKind::Postpaid
                        | VisitKind::Allowance
                        | VisitKind::MemberCap
                )
            })
        };
        let of_sources = self.reason >= Reason::ConsentNever;
        let blamed = named.or_else(|| sources().filter(|_| of_sources))?;
        let is_beside = |v: &&Visit| {
            v.kind == VisitKind::Allowance && (&v.basis, v.level) == (&blamed.basis, blamed.level)
        };
        let room = |v: &&Visit| v.terms.map_or(0, |terms| terms.capacity().saturating_sub(v.before));
        let beside = self.visits.iter().filter(|_| blamed.kind == VisitKind::Allowance).filter(is_beside);
        Some(&beside.min_by_key(room).unwrap_or(blamed).name)
    }

    /// Everything is allowed, and nothing is drawn for it yet.
    pub(crate) fn allowed() -> Self {
        Self {
            outcome: Outcome::Allow,
            reason: Reason::Allowed,
            wall: None,
            price: Credits::ZERO,
            paid_price: Credits::ZERO,
            draws: Draws::new(),
            visits: Vec::new(),
            unblock: None,
        }
    }
}

/// The origin of credits or included use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// An allowance.
    #[n(0)]
    Allowance,
    /// A grant.
    #[n(1)]
    Grant(#[n(0)] GrantId, #[n(1)] Category),
    /// The overdraft.
    #[n(2)]
    Overdraft,
    /// Owed after an overshoot.
    #[n(3)]
    Debt,
    /// Covered by the operator after an overshoot.
    #[n(4)]
    Goodwill,
    /// Postpaid, in the period that began at this instant.
    #[n(5)]
    Postpaid(#[n(0)] Instant),
}

impl Source {
    /// Whether drawing it needs consent if consent is asked.
    #[must_use]
    pub fn is_paid(self) -> bool {
        match self {
            Self::Grant(_, category) => category.is_paid(),
            Self::Overdraft | Self::Postpaid(_) => true,
            Self::Allowance | Self::Debt | Self::Goodwill => false,
        }
    }

    /// Whether caps count its payments: debt and goodwill were not anybody's to spend.
    pub(crate) fn is_capped(self) -> bool {
        match self {
            Self::Grant(..) | Self::Overdraft | Self::Postpaid(_) => true,
            Self::Allowance | Self::Debt | Self::Goodwill => false,
        }
    }

    /// The book that its credits stand in; an allowance has none.
    pub(crate) fn book(self) -> Option<Book> {
        match self {
            Self::Allowance => None,
            Self::Grant(id, _) => Some(Book::Grant(id)),
            Self::Overdraft => Some(Book::Overdraft),
            Self::Debt => Some(Book::Debt),
            Self::Goodwill => Some(Book::Goodwill),
            Self::Postpaid(_) => Some(Book::Postpaid),
        }
    }
}

/// The part that one source pays.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Draw {
    /// The source.
    #[n(0)]
    pub source: Source,
    /// The layer of the waterfall it was reached through.
    #[n(1)]
    pub layer: Name,
    /// Nano-credits, or for an allowance the unit of the feature's allowances. Zero if a request that an allowance pays
    /// already costs more.
    #[n(2)]
    pub amount: i64,
    /// Its part of the price, in nano-credits.
    #[n(3)]
    pub worth: i64,
}

impl Draw {
    /// The credits drawn: zero for an allowance.
    #[must_use]
    pub fn credits(&self) -> Credits {
        match self.source {
            Source::Allowance => Credits::ZERO,
            Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_) => {
                Credits::from_nano(self.amount)
            }
        }
    }

    /// The nano-credits that can come back in parts: all credits, and what an allowance of credits paid. Other allowances count
    /// something else, which comes back whole.
    pub(crate) fn divisible(&self, unit: &Unit) -> i64 {
        match (self.source, unit) {
            (Source::Allowance, Unit::Requests | Unit::Meter(_)) => 0,
            (Source::Allowance, Unit::Credits)
            | (
                Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
                _,
            ) => self.amount,
        }
    }

    /// Whether both come from one source, through one layer.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.source == other.source && self.layer == other.layer
    }
}
