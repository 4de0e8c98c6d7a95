//! Corrections of charges, repricing of a period, and late use.

use std::collections::BTreeMap;

use headworks_core::record::{Id, Instant, Label, Name, PARTS_MAX, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::few::{Few, some_dimensions};
use crate::quantities::Quantities;
use crate::reference::Reference;
use crate::requests::PartRequest;
use crate::shapes::Dimensions;

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
    /// All dimensions of the use, if they were wrong. They are priced by the version of the rate card that the charge was.
    #[serde(default, deserialize_with = "some_dimensions", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Dimensions>)]
    pub dimensions: Option<BTreeMap<Name, Label>>,
    /// Instead of `dimensions` and `quantities`: all parts of the use as they should have been. What one leaves out is that of the
    /// same part of the charge; parts of the charge beyond these are taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PartRequest>>, min_items = 1, max_items = 16)]
    pub parts: Option<Few<PartRequest, PARTS_MAX>>,
    /// Use the prices that the catalog in force has for the instant of the use.
    #[serde(default)]
    pub reprice: bool,
    /// The use did not happen: everything is given back.
    #[serde(default)]
    pub delete: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Reprice every charge of a period with the catalog in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepriceRequest {
    /// Use from this instant on.
    pub from: Instant,
    /// Use before this instant.
    pub to: Instant,
    /// The features. Default: all.
    #[serde(default)]
    pub features: Vec<Name>,
    /// The accounts. Default: all.
    #[serde(default)]
    pub accounts: Vec<Id>,
    /// Apply the changes that a dry run showed. If a run is cut off, send it again: it goes on where it stopped.
    #[serde(default)]
    pub apply: bool,
    /// Go on after this record: `next` of the answer before. One call goes through about 100,000 records; a dry run finishes the account
    /// that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reference>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// The result of repricing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Repriced {
    /// Whether it was applied.
    pub applied: bool,
    /// Charges examined.
    pub charges: u64,
    /// Charges whose price changes.
    pub changed: u64,
    /// Their cost, by unit of credits.
    pub by_unit: BTreeMap<String, RepricedSum>,
    /// Charges left alone because they were refunded.
    pub refunded: u64,
    /// By account and unit, the largest difference first; at most 1,000.
    pub accounts: Vec<RepricedAccount>,
    /// Charges that stay as they are: they have no price in the catalog in force, or nobody pays it. At most 1,000.
    pub refused: Vec<RepriceRefused>,
    /// There are more records: repeat the request with `after` set to this. The sums are those of this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Reference>,
}

/// The result of repricing for one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepricedAccount {
    /// The account.
    pub account: Id,
    /// Charges whose price changes.
    pub changed: u64,
    /// The unit of credits.
    pub unit: String,
    /// Their cost before.
    pub was: String,
    /// Their cost now.
    pub is: String,
}

/// The cost of charges, before and now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepricedSum {
    /// Before.
    pub was: String,
    /// Now.
    pub is: String,
}

/// A charge that cannot be repriced.
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

/// Use that was reported later than the catalog's horizon allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedUse {
    /// Its name.
    pub id: Reference,
    /// When it was reported.
    pub recorded_at: Instant,
    /// When it happened.
    pub effective_at: Instant,
    /// The feature.
    pub feature: Name,
    /// The path within the account.
    pub path: Path,
    /// Dimensions that prices depend on.
    pub dimensions: BTreeMap<Name, Label>,
    /// Units of each meter.
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// All its parts, if there are several; `dimensions` and `quantities` are then those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartRequest>,
}

/// Decide about use in quarantine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateRequest {
    /// The decision.
    pub action: LateAction,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// A decision about use in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateAction {
    /// It is charged, at the prices of its own time.
    Accept,
    /// It is not charged; its record stays.
    Discard,
}
