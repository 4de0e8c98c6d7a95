//! Banked resets, recurring grants, and changes of plan with their effects on recurring grants.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::grant::{GrantTerms, Proration};
use super::ids::{GrantId, Seq};
use super::name::{Label, Level, Name, Path};
use super::settings::Settings;
use super::time::Instant;

/// A banked reset: a token that clears windows when it is redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResetTerms {
    /// The windows it clears, as guards or `allowance.window`.
    #[n(0)]
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant.
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
    /// The use until then.
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

/// An event of recurring grants, resets or plans.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Periodic {
    /// The remainder of a recurring grant was carried into a grant of its own, which the record opens.
    #[n(0)]
    RolledOver(#[n(0)] GrantId),
    /// A recurring grant opened again, with the next boundary.
    #[n(1)]
    Renewed {
        /// The recurring grant.
        #[n(0)]
        schedule: GrantId,
        /// The next boundary.
        #[n(1)]
        next_at: Instant,
    },
    /// A recurring grant has ended.
    #[n(2)]
    Ended(#[n(0)] GrantId),
    /// A reset was banked; it is named by the record.
    #[n(3)]
    Banked(#[n(0)] ResetTerms),
    /// A banked reset was redeemed by this path, and cleared these windows.
    #[n(4)]
    Redeemed {
        /// The reset.
        #[n(0)]
        token: Seq,
        /// The path that redeemed it.
        #[n(1)]
        path: Path,
        /// The windows that it cleared.
        #[n(2)]
        cleared: Vec<Cleared>,
    },
    /// The plan changed, with effects on recurring grants.
    #[n(5)]
    PlanChanged(#[n(0)] PlanChange),
}
