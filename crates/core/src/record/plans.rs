//! Changes of plan, with what they do to recurring grants.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::grant::{GrantTerms, Proration};
use super::ids::GrantId;
use super::name::Label;
use super::settings::Settings;
use super::time::Instant;

/// A new amount for a recurring grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NewAmount {
    /// The recurring grant, by the record that opened it first.
    #[n(0)]
    pub schedule: GrantId,
    /// Its amount from the next boundary on.
    #[n(1)]
    pub amount: Credits,
    /// The gain of the current period, or its loss with a minus sign.
    #[n(2)]
    pub part: Credits,
}

/// A change of plan with its effects on recurring grants.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PlanChange {
    /// The settings from now on.
    #[n(0)]
    pub settings: Settings,
    /// The billing anchor before, if it moved: grants that recur with it begin a new period at once.
    #[n(1)]
    pub moved_from: Option<Instant>,
    /// New amounts.
    #[n(2)]
    pub amounts: Vec<NewAmount>,
    /// Grants that had left the state and are open again.
    #[n(3)]
    pub reopened: Vec<(GrantId, GrantTerms)>,
    /// How current periods gained or lost their share at once; `None`: they did not.
    #[n(4)]
    pub prorated: Option<Proration>,
    /// Why.
    #[n(5)]
    pub reason: Option<Label>,
}
