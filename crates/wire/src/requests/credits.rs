//! Requests that add credits, take them back and refund a charge.

use headworks_core::record::{Category, Credits, Id, Instant, Label, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::recurrence::Recurrence;
use crate::reference::Reference;
use crate::shapes::{PositiveCredits, SomeCredits};

/// Add credits.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// How many credits.
    #[schema(value_type = PositiveCredits)]
    pub amount: Credits,
    /// Their kind.
    pub category: Category,
    /// Lower numbers are drawn first.
    #[serde(default)]
    #[schema(maximum = 65535)]
    pub priority: u16,
    /// Usable from. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Instant>,
    /// Usable before. Default: they never expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// The features they pay for. Default: all.
    #[serde(default)]
    pub features: Vec<Name>,
    /// Your reference, for example an invoice number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// The unit of credits. Default `credits`. It pays only for features that are priced in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Name>,
    /// How the grant recurs. `expires_at` is then the end of the recurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Take back the remainder of a grant. A recurring grant ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Correct a grant by hand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustRequest {
    /// The grant.
    pub grant: Reference,
    /// Credits to add, or with a minus sign to take.
    #[schema(value_type = SomeCredits)]
    pub amount: Credits,
    /// Turn the part that the grant no longer has into debt: it blocks new requests, and the next grant repays it. For example
    /// after a chargeback. Default: such a request is refused.
    #[serde(default)]
    pub as_debt: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Give back a charge, or parts of it until nothing is left.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// The charge: the reference that settle, record or authorize with `settle: now` returned.
    pub charge: Reference,
    /// How many credits, those that an allowance of credits paid among them. Default: everything not yet given back, other allowances
    /// included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PositiveCredits>)]
    pub amount: Option<Credits>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}
