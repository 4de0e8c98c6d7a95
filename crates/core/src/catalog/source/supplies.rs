//! Supplies as an operator writes them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, string::String, vec};

use serde::{Deserialize, Serialize};

use crate::record::{ClassFigures, Level, Name, Span};

/// A supply: shared capacity, known, learned, or both. A request needs room in both dimensions that are set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SupplySource {
    /// Cost per second, or in the period that `rate_per` names. With `learn`, the first guess.
    pub(crate) rate: Option<u64>,
    /// The period of `rate`, of the bounds of `learn`, and of the floors and maxima that accounts have in this supply.
    #[serde(default)]
    pub(crate) rate_per: RatePer,
    /// Cost in flight: held and not yet ended.
    pub(crate) in_flight: Option<u64>,
    /// The cost of a request: a factor for each meter, at most 32. Default: `input_tokens` 1 and `output_tokens` 2 if the catalog has
    /// them, otherwise `requests` 1.
    pub(crate) cost: Option<BTreeMap<Name, u32>>,
    /// The cost of a request in flight. Default: as `cost`. `{ requests = 1 }` counts slots.
    pub(crate) in_flight_cost: Option<BTreeMap<Name, u32>>,
    /// Learn the rate from the upstream's answers (`POST /v1/supplies/{name}/feedback`).
    pub(crate) learn: Option<LearnSource>,
    /// The level of the path whose members take turns inside an account: with `session`, the calls of one task go on together, and
    /// a short task does not wait for a long one. Default `key`.
    pub(crate) share_by: Option<Level>,
    /// Supplies that take a request for which this one has no room, in order. At most 16.
    #[cfg_attr(feature = "schema", schema(max_items = 16))]
    #[serde(default)]
    pub(crate) fallback: Vec<Name>,
    /// Fairness points: identities that were served less for their weight come first in what nobody is guaranteed. Nobody is
    /// ahead or behind by more than this many seconds of its fair share. Default: no points.
    pub(crate) points_seconds_max: Option<u32>,
    /// The most cost that may wait. Default: any, of at most 65,536 requests.
    pub(crate) waiting_max: Option<u64>,
    /// The most cost of one account that may wait. Default: any, of at most 4,096 requests.
    pub(crate) waiting_max_per_account: Option<u64>,
    /// The classes of requests, in order of service. Default: one class, `default`. At most 64.
    #[serde(default)]
    pub(crate) classes: BTreeMap<Name, ClassFigures>,
}

/// The period that a supply's rate is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RatePer {
    /// A second.
    #[default]
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl RatePer {
    pub(crate) fn span(self) -> Span {
        Span::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        })
    }
}

/// Bounds of a learned rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct LearnSource {
    /// Never below, in cost in the rate's period.
    pub(crate) floor: u64,
    /// Never above, in cost in the rate's period.
    pub(crate) ceiling: u64,
}
