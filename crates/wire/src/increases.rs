//! Requests for higher limits.

use headworks_core::record::{Instant, Label, Name, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::overrides::OverrideValue;
use crate::reference::Reference;

/// Approve a request for a higher limit: it becomes an override.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveIncreaseRequest {
    /// The figure. Default: as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<OverrideValue>,
    /// The override ends at this instant. Default: as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// Deny a request for a higher limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyIncreaseRequest {
    /// Why, for the ledger and the caller that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// The requests for higher limits of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Increases {
    /// Those that wait, and the latest 100 that were answered, oldest first.
    pub increases: Vec<Increase>,
}

/// A request for a higher limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Increase {
    /// Its name.
    pub id: Reference,
    /// The limit.
    pub limit: Name,
    /// The place that it is for; the empty path is the account.
    pub path: Path,
    /// The figure that was asked for, or `none`.
    pub value: String,
    /// When it is to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Why it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// When it was asked for.
    pub asked_at: Instant,
    /// The API key that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Name>,
    /// Whether it has been answered.
    pub status: IncreaseStatus,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<IncreaseAnswer>,
}

/// The standing of a request for a higher limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncreaseStatus {
    /// It waits for an answer.
    Pending,
    /// It was approved.
    Approved,
    /// It was denied.
    Denied,
}

/// The answer to a request for a higher limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncreaseAnswer {
    /// The record; of an approval, the override.
    pub record: Reference,
    /// When.
    pub at: Instant,
    /// The API key that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Name>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}
