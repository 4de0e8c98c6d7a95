//! Usage as CloudEvents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answers::Problem;

/// Use as a CloudEvent 1.0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageEvent {
    /// `1.0`.
    #[schema(example = "1.0")]
    pub specversion: String,
    /// Unique in its source; both together are the idempotency key.
    pub id: String,
    /// Its origin.
    pub source: String,
    /// The feature.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account.
    pub subject: String,
    /// When it happened. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub time: Option<String>,
    /// Quantities by meter, `path`, and dimensions by name.
    #[schema(value_type = Object)]
    pub data: BTreeMap<String, serde_json::Value>,
}

/// The outcome of a batch of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ingested {
    /// Charged now.
    pub accepted: u64,
    /// Already recorded.
    pub duplicates: u64,
    /// Too late for the catalog's horizon: they wait for a decision.
    pub quarantined: u64,
    /// Not recorded, and why.
    pub refused: Vec<RefusedEvent>,
}

/// An event that was not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RefusedEvent {
    /// Its place in the batch, from 0.
    pub n: usize,
    /// Its id.
    pub id: String,
    /// What is wrong.
    pub problem: Problem,
}
