//! Banked resets, and periods that are closed by hand.

use headworks_core::record::{Id, Instant, Label, Levels, Name, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

/// Bank a reset.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankResetRequest {
    /// The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    #[schema(min_items = 1)]
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant. Default: for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Your reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Redeem a banked reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemResetRequest {
    /// The reset. Default: of those that would clear something, the first to expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// The member whose windows to clear, if they count below the account.
    #[serde(default)]
    pub path: Path,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Close the periods of windows that end when they are closed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosePeriodsRequest {
    /// The windows: guards, allowances as `allowance.window`, and pools, each with `every = "manual"`.
    #[schema(min_items = 1)]
    pub windows: Vec<Name>,
    /// The member whose periods to close, if they count below the account: a path of requests that they count.
    #[serde(default)]
    pub path: Path,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// The outcome of redeeming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedeemOutcome {
    /// The windows are cleared and the reset is used up.
    ResetDone,
    /// Its windows are unused; it stays banked.
    NothingToReset,
    /// There is none that can be redeemed.
    NoneLeft,
    /// It was redeemed before.
    AlreadyRedeemed,
}

/// The answer to redeeming a reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Redeemed {
    /// The outcome.
    pub outcome: RedeemOutcome,
    /// The record, if something was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Reference>,
    /// The reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// The windows that were cleared.
    pub cleared: Vec<ClearedWindow>,
    /// Whether this repeats the first answer.
    pub replayed: bool,
}

/// A window that was cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClearedWindow {
    /// Its name.
    pub name: Name,
    /// The level it counts at.
    pub level: Levels,
}

/// The banked resets of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resets {
    /// Those that can be redeemed, the first to expire first.
    pub resets: Vec<BankedReset>,
}

/// A banked reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BankedReset {
    /// Its name.
    pub id: Reference,
    /// The windows it clears.
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant.
    pub expires_at: Instant,
    /// The operator's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
}
