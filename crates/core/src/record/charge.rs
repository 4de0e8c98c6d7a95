//! Charges: what use cost, who paid, and what it counted in windows. What later records give back refers to them.
//!
//! Units: nano-credits; windows count in their own unit.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::codec::list;
use super::{Basis, Credits, Draws, GrantId, GrantTerms, Instant, Label, Level, Name, Seq, Use, Visit};

/// The charged use of a hold or of a direct charge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Charge {
    /// The usage event.
    #[n(0)]
    pub usage: Use,
    /// The monetization event: what it costs.
    #[n(1)]
    pub price: Credits,
    /// The monetization event: who paid.
    #[cbor(n(2), with = "list")]
    pub draws: Draws,
    /// What the hold did not cover.
    #[n(3)]
    pub excess: Option<Excess>,
    /// What stays counted in allowances, member caps and spend caps; a refund gives it back.
    #[n(4)]
    pub counted: Vec<Counted>,
}

/// Which charge is corrected, and why.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correcting {
    /// The record of the charge.
    #[n(0)]
    pub charge: Seq,
    /// Grants that had left the state and are open again.
    #[n(1)]
    pub reopened: Vec<(GrantId, GrantTerms)>,
    /// Why.
    #[n(2)]
    pub reason: Option<Label>,
}

/// Use that a hold counted in a window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Counted {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// How much.
    #[n(3)]
    pub cost: i64,
    /// How it is recomputed.
    #[n(4)]
    pub basis: Basis,
}

impl Counted {
    /// What a visit counted at an instant.
    pub(crate) fn of(visit: &Visit, at: Instant) -> Self {
        let (name, basis) = (visit.name.clone(), visit.basis.clone());
        Self { name, level: visit.level, at, cost: visit.cost, basis }
    }
}

/// A correction of use that a window counted earlier. It has no effect when that window has closed since.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correction {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// When the use was counted.
    #[n(2)]
    pub counted_at: Instant,
    /// What to add; negative gives back.
    #[n(3)]
    pub delta: i64,
}

/// How the use beyond a hold was paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Excess {
    /// What the waterfall drew for it.
    #[n(0)]
    pub visits: Vec<Visit>,
    /// Refunded from the operator's goodwill.
    #[n(1)]
    pub refunded: Credits,
    /// Owed by the account.
    #[n(2)]
    pub owed: Credits,
}
