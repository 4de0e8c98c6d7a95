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
    /// How periods under way gained or lost their part at once; `None`: they did not.
    #[n(4)]
    pub prorated: Option<Proration>,
    /// Why.
    #[n(5)]
    pub reason: Option<Label>,
}
