//! Supplies: their state, their users, and reports from their upstream.

use std::collections::BTreeMap;

use headworks_core::record::{ClassFigures, Id, Label, Name, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::quantities::Quantities;

/// The current state of a supply. Rates are cost per second; the supply's `cost` in the catalog says what a request costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Supply {
    /// Its name.
    pub name: Name,
    /// The rate in force, learned or known. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// Most cost in flight. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u64>,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost per second admitted during the last 100 ms.
    pub served: u64,
    /// Requests that wait for room.
    pub waiting: u64,
    /// Their cost.
    pub waiting_cost: u64,
    /// Keys of accounts with work in the last ten seconds.
    pub active: u64,
    /// Its classes.
    pub classes: BTreeMap<Name, SupplyClass>,
    /// The live change that overrides the catalog, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<SupplyChange>,
}

/// The current state of a class of a supply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SupplyClass {
    /// Its terms in force.
    pub terms: ClassFigures,
    /// The part of the rate that its accounts together may use now.
    pub rate_share: u64,
    /// Cost that they may have in flight, in thousandths of a unit of cost.
    pub in_flight_share_milli: u64,
}

/// The supplies in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Supplies {
    /// By name.
    pub supplies: Vec<Supply>,
}

/// The current users of a supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupplySharers {
    /// Sorted by cost in flight and waiting, highest first.
    pub sharers: Vec<SupplySharer>,
}

/// One key of an account in a supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupplySharer {
    /// The account.
    pub account: Id,
    /// Its key. Absent: requests without one, and keys past the first 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// The class that applies.
    pub class: Name,
    /// The identity that it shares a weight with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    /// The account's weight among the accounts of its class.
    pub weight: u32,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost that waits for room.
    pub waiting: u64,
    /// Cost per second that it may use now.
    pub rate_share: u64,
    /// Cost that it may have in flight now, in thousandths.
    pub in_flight_share_milli: u64,
    /// The bound of its share.
    pub bounded_by: BoundedBy,
}

/// The bound of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundedBy {
    /// Its own demand: it gets everything it asks for.
    Demand,
    /// The demand of others.
    FairShare,
    /// The maximum that is set for the account.
    AccountMax,
}

impl BoundedBy {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::FairShare => "fair_share",
            Self::AccountMax => "account_max",
        }
    }
}

/// A change of a supply without a new catalog. It replaces an earlier change as a whole: an empty one goes back to the
/// catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplyChange {
    /// Cost per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// Most cost in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u64>,
    /// By class: the figures that change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<Name, ClassFigures>)]
    pub classes: BTreeMap<Name, ClassFigures>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// The answer of a supply's upstream to one request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplyFeedback {
    /// Its HTTP status. 429, 503 and 529 are congestion; other errors say nothing about capacity.
    #[schema(minimum = 100, maximum = 599)]
    pub status: u16,
    /// The units of each meter that it served, or was asked for if it refused; their cost follows from them.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Until its first output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_output: Option<Span>,
    /// The length of its input, such as its tokens: first outputs are compared with those of inputs of like length.
    /// Default: its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// The limit it states in its headers, in cost per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Its `Retry-After`: nothing is admitted before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
}

/// The place of an account in supplies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountCapacity {
    /// Its class. Default: the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Name>,
    /// The identity behind it, such as a fingerprint of its card: accounts that share one share its weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    /// Its weight among the accounts of its class, at least 1.
    #[serde(default = "one")]
    #[schema(minimum = 1)]
    pub weight: u32,
    /// The rate it is guaranteed in each supply when it asks for it, in cost per second.
    #[serde(default)]
    pub floor: u64,
    /// The most it may use of each supply, in cost per second. Default: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

fn one() -> u32 {
    1
}
