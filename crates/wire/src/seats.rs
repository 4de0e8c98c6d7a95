//! Seats of an account.

use std::collections::BTreeMap;

use headworks_core::record::{Id, Instant, Label, Name, Segment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Add a seat, or change its type or member. What is left out stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatRequest {
    /// Its name in the account.
    pub seat: Name,
    /// Its type, one of the plan's.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name>,
    /// The member that holds it, such as `user:alice`. A new seat is free without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Segment>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Give a seat to a member, or release it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignSeatRequest {
    /// The member, such as `user:alice`. Default: nobody, the seat is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Segment>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Remove a seat.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveSeatRequest {
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// The seats of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Seats {
    /// How many there are of each type; those without one under the empty text.
    pub counts: BTreeMap<String, SeatCount>,
    /// By name.
    pub seats: Vec<Seat>,
}

/// How many seats there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatCount {
    /// All of them.
    pub all: u64,
    /// Those that a member holds.
    pub held: u64,
}

/// A seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Seat {
    /// Its name.
    pub seat: Name,
    /// Its type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name>,
    /// The member that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Segment>,
    /// Since when that member holds it, or nobody does.
    pub since: Instant,
    /// Why it was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// The API key that last set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Name>,
}
