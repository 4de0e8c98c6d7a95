//! Batches, catalogs, keys, problems.

use headworks_core::record::{CatalogChanges, CatalogHash, Id, Instant, KeyGateway, KeyLimits, Label, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, Charge, Decision};
use crate::requests::Scope;

/// The answers to a batch, item by item.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchAnswer {
    /// In the order of the request.
    pub items: Vec<BatchItemAnswer>,
}

/// The answer to one item of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchItemAnswer {
    /// To an `authorize`.
    Decision(Box<Decision>),
    /// To a `settle` or `record`.
    Charge(Box<Charge>),
    /// To a `record` that waits in quarantine.
    Quarantined(Box<Change>),
    /// The item was refused.
    Problem(Problem),
}

/// A catalog that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogAccepted {
    /// The label that decisions use for it: the operator's, or `label@hash` if another catalog has used that label.
    pub version: Name,
    /// The catalog's identity: BLAKE3 of its text.
    #[schema(value_type = String)]
    pub hash: CatalogHash,
    /// Warnings; the catalog is accepted all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The plans it defines.
    pub plans: Vec<Name>,
    /// The features it defines.
    pub features: Vec<Name>,
}

/// Every time a catalog was put in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Catalogs {
    /// Newest first: the first one is in force.
    pub catalogs: Vec<PastCatalog>,
}

/// A catalog that was put in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastCatalog {
    /// The catalog's identity: BLAKE3 of its text.
    #[schema(value_type = String)]
    pub hash: CatalogHash,
    /// The label that decisions use for it.
    pub version: Name,
    /// When it came into force.
    pub at: Instant,
    /// Who put it there: an API key, or `_catalog_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Name>,
    /// Whether it is in force now.
    pub in_force: bool,
    /// Its changes to the catalog before it.
    pub changes: CatalogChanges,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its public part.
    pub id: Name,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// Accounts it reaches; empty: all.
    pub accounts: Vec<Id>,
    /// When it stops working; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Label>,
    /// How much it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimits>,
    /// What it is used for through the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<KeyGateway>,
    /// The minute of its last use. After a crash it may be up to a day older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Instant>,
    /// Whether it stops working within 14 days.
    pub expires_soon: bool,
    /// Until when the secret before the newest works too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Instant>,
}

/// An API key that was made, or got a new secret; the only time that secret is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyCreated {
    /// The key.
    pub key: Key,
    /// The secret, to be sent as `Authorization: Bearer …`. Absent from the answer to a repetition: only its hash is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether the request was a repetition.
    pub replayed: bool,
    /// What to do if the secret was lost with the first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The API keys in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// By name.
    pub keys: Vec<Key>,
}

/// An error as defined by RFC 9457.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:headworks:problem:` and a stable word.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short title for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, where, and what to do.
    pub detail: String,
    /// Problems of a catalog, line by line; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<CatalogProblem>,
    /// How many problems the catalog has, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problems_count: Option<usize>,
}

/// One problem of a catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogProblem {
    /// Line in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Where in the catalog.
    pub at: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}
