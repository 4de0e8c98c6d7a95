//! Inbound callers: services that report to the server with a signature instead of an API key.

use headworks_core::record::{Id, Name, Purpose};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ConfirmTopUpRequest;
use crate::abuse::SignalRequest;
use crate::few::some;

/// Make or replace an inbound caller.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InboundRequest {
    /// The reports that it may make: at least one.
    #[schema(min_items = 1)]
    pub purposes: Vec<Purpose>,
    /// Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    #[schema(min_items = 1, max_items = 1000)]
    pub accounts: Vec<Id>,
    /// Replace its secret. The previous one stays valid until the next replacement, or until it is ended.
    #[serde(default)]
    pub rotate_secret: bool,
    /// End the previous secret at once.
    #[serde(default)]
    pub end_previous_secret: bool,
}

/// An inbound caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inbound {
    /// Its name.
    pub name: Name,
    /// The reports that it may make.
    pub purposes: Vec<Purpose>,
    /// Accounts it reaches; empty: all.
    pub accounts: Vec<Id>,
    /// The secret that it signs with, in the form of Standard Webhooks. Absent if it was stored under another signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether the secret before this one is still valid.
    pub has_previous_secret: bool,
}

/// An inbound caller that was made or replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedInbound {
    /// The inbound caller as it is now.
    #[serde(flatten)]
    pub inbound: Inbound,
    /// Whether the request was a repetition.
    pub replayed: bool,
}

/// The inbound callers in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inbounds {
    /// By name.
    pub inbound: Vec<Inbound>,
}

/// A report about an account, signed by an inbound caller.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedSignal {
    /// The account.
    pub account: Id,
    /// The report.
    pub report: SignalRequest,
}

/// The payment of a top-up, signed by an inbound caller.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedTopUp {
    /// The account.
    pub account: Id,
    /// The number of the top-up.
    pub number: u64,
    /// The outcome.
    pub payment: ConfirmTopUpRequest,
}
