//! Rules against abuse as an operator writes them.

use alloc::collections::BTreeMap;
#[cfg(feature = "schema")]
use alloc::{format, string::String, vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::decimal::ByUnitSource;
use crate::catalog::abuse::Mode;
use crate::record::{Name, Rule, Tier};

/// Rules against abuse.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AbuseSource {
    /// Each rule: `off`, `observe` or `enforce`. Default `off`.
    #[serde(default)]
    pub(crate) rules: BTreeMap<Rule, Mode>,
    /// The cost of a request: a factor for each meter. Default: input tokens and twice output tokens if there are such
    /// meters, else requests.
    pub(crate) cost: Option<BTreeMap<Name, u32>>,
    /// The tier of accounts about which nothing is known. Default `anonymous`.
    #[serde(default)]
    pub(crate) default_tier: Tier,
    /// Free credits that may be granted in a day of UTC, over all accounts, by unit; the rule `identity` enforces it.
    pub(crate) trial_budget: Option<ByUnitSource>,
    /// The limits of each tier; figures that are left out have their defaults.
    #[serde(default)]
    pub(crate) tiers: BTreeMap<Tier, TierSource>,
}

/// The limits of a tier.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TierSource {
    /// Most open holds.
    pub(crate) holds: Option<u64>,
    /// The part of the balance that open holds may set aside, in percent; the first hold always may.
    pub(crate) held_percent: Option<u8>,
    /// Cost in ten seconds that never counts as too fast.
    pub(crate) velocity_floor: Option<u64>,
    /// Cost in ten seconds that is never exceeded. Default: none.
    pub(crate) velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that never counts as too steep.
    pub(crate) ramp_floor: Option<u64>,
    /// Members of one level with counters of their own; the others share one.
    pub(crate) sub_keys: Option<u32>,
    /// Networks that one key may be used from in an hour.
    pub(crate) networks: Option<u64>,
    /// Open holds of a key that is used from more networks than that.
    pub(crate) shared_holds: Option<u64>,
    /// Credits that one key may always spend in an hour, by unit. Units that are left out are not limited.
    pub(crate) key_spend_floor: Option<ByUnitSource>,
}
