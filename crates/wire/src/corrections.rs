//! Corrections of charges, pricing a period again, and use that came late.

use std::collections::BTreeMap;

use headworks_core::record::{Instant, Label, Name, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::quantities::Quantities;
use crate::reference::Reference;

/// Correct a charge. The correction takes its place and can be corrected again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectRequest {
    /// The charge.
    pub charge: Reference,
    /// Quantities that were wrong; the other meters stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Take the prices that the catalog in force has for the instant of the use.
    #[serde(default)]
    pub reprice: bool,
    /// The use did not happen: everything goes back.
    #[serde(default)]
    pub delete: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Price every charge of a period again, on the catalog in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepriceRequest {
    /// Use from this instant on.
    pub from: Instant,
    /// To before this instant.
    pub to: Instant,
    /// The features. Default: all.
    #[serde(default)]
    pub features: Vec<Name>,
    /// The accounts. Default: all.
    #[serde(default)]
    pub accounts: Vec<Name>,
    /// Apply what a run without it has shown. A run that was cut off goes on where it stopped when it is sent again.
    #[serde(default)]
    pub apply: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// What pricing again comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Repriced {
    /// Whether it was applied.
    pub applied: bool,
    /// Charges that were looked at.
    pub charges: u64,
    /// Charges whose price changes.
    pub changed: u64,
    /// What they cost, by unit of credits.
    pub by_unit: BTreeMap<String, RepricedSum>,
    /// Charges that were left alone because they were refunded.
    pub refunded: u64,
    /// By account and unit, the largest difference first; at most 1,000.
    pub accounts: Vec<RepricedAccount>,
    /// Charges that have no price in the catalog in force; at most 1,000. Nothing was changed about them.
    pub refused: Vec<RepriceRefused>,
}

/// What pricing again comes to for one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepricedAccount {
    /// The account.
    pub account: Name,
    /// Charges whose price changes.
    pub changed: u64,
    /// The unit of credits.
    pub unit: String,
    /// What they cost before.
    pub was: String,
    /// What they cost now.
    pub is: String,
}

/// What charges cost before and now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepricedSum {
    /// Before.
    pub was: String,
    /// Now.
    pub is: String,
}

/// A charge that cannot be priced again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepriceRefused {
    /// The charge.
    pub charge: Reference,
    /// Why.
    pub why: String,
}

/// The use that waits in an account's quarantine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// Oldest record first.
    pub uses: Vec<QuarantinedUse>,
}

/// Use that came later than the catalog's horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedUse {
    /// Its name.
    pub id: Reference,
    /// When it came.
    pub recorded_at: Instant,
    /// When it happened.
    pub effective_at: Instant,
    /// The feature.
    pub feature: Name,
    /// Where in the account.
    pub path: Path,
    /// Dimensions that prices depend on.
    pub dimensions: BTreeMap<Name, Label>,
    /// Units of each meter.
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
}

/// Decide about use in quarantine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateRequest {
    /// What is to become of it.
    pub action: LateAction,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// What is to become of use in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateAction {
    /// It is charged, at the prices of its own time.
    Accept,
    /// It is not charged; its record stays.
    Discard,
}
