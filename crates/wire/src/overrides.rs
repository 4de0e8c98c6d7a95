//! Overrides of limits.

use headworks_core::record::{Id, Instant, Label, Name, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

/// Give one limit another figure. Use that is counted stays counted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// The limit: a guard, an allowance's window as `allowance.window`, a pool, a postpaid layer, an overdraft or `price_factor` of the account's plan.
    pub limit: Name,
    /// The place that it is for, such as `user:alice` or `team:research/user:alice`, with everything below it. Default: the account.
    #[serde(default)]
    pub path: Path,
    /// The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit.
    pub value: OverrideValue,
    /// It ends at this instant. Default: when it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// A figure: a number, text, or `"none"` for no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "write a whole number, a decimal in quotes such as \"12.5\", or \"none\"")]
pub enum OverrideValue {
    /// Whole units.
    Number(u64),
    /// The same as text, a decimal amount of credits, or `none`.
    Text(Label),
}

/// Remove an override.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveOverrideRequest {
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// The overrides of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overrides {
    /// Those in force, by limit and path. Of those that apply to a request that of the longest path wins, then the newest.
    pub overrides: Vec<Override>,
}

/// An override in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// Its name.
    pub id: Reference,
    /// The limit.
    pub limit: Name,
    /// The place that it is for; the empty path is the account.
    pub path: Path,
    /// The figure as it was given, or `none`, even if the account has another plan now.
    pub value: String,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// The request for a higher limit that it approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approves: Option<Reference>,
    /// The API key that set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Name>,
}
