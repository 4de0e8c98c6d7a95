//! Changes of plan, with what they do to recurring grants.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::grant::{GrantTerms, Proration};
use super::ids::{GrantId, Seq};
use super::name::{Label, Name};
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
    /// The record that had planned it, if one had.
    #[n(6)]
    pub planned_by: Option<Seq>,
}

/// A change of plan at an instant to come. It is named by its record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PlanToCome {
    /// When.
    #[n(0)]
    pub at: Instant,
    /// The plan.
    #[n(1)]
    pub plan: Name,
    /// Begins a new billing period then.
    #[n(2)]
    pub move_anchor: bool,
    /// New amounts of recurring grants.
    #[n(3)]
    pub amounts: Vec<(GrantId, Credits)>,
    /// How the current period gains or loses its share then; `None`: it does not.
    #[n(4)]
    pub prorate: Option<Proration>,
    /// Why.
    #[n(5)]
    pub reason: Option<Label>,
}
