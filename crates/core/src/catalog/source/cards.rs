//! Rate cards and prices as an operator writes them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, vec};

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::graduated::GraduatedSource;
use super::several::OneOrSeveral;
use crate::record::{Instant, Name};

/// One version of a rate card.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RateCardSource {
    /// Applies to requests decided from this instant on. The first version may leave it out, and has always applied.
    pub(crate) effective_from: Option<Instant>,
    /// The prices.
    pub(crate) prices: Vec<PriceSource>,
}

impl RateCardSource {
    /// When it begins to apply.
    pub(crate) fn begins(&self) -> Instant {
        self.effective_from.unwrap_or_default()
    }
}

/// Prices of features, for the requests whose dimensions match.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceSource {
    /// The feature, or several. Default: all that use the card; a price that names its feature is more specific than one that does not.
    pub(crate) feature: Option<OneOrSeveral<Name>>,
    /// Dimensions that must all match, such as `{ model = "large" }` or `{ model = ["large", "small"] }`, any of these; at most 16. For
    /// each meter the matching entry that names most dimensions wins. The prices of a feature name at most 32 different sets of them.
    #[serde(default)]
    pub(crate) when: BTreeMap<Name, OneOrSeveral<String>>,
    /// The prices are for this many units. Default 1.
    pub(crate) per: Option<u64>,
    /// Credits by meter, at most 32, `"0"` for free ones. A meter that is not here has the price of the less specific entry that
    /// matches. `requests` are free without one; for other meters there must be one, unless this entry is but the default of another.
    #[serde(default)]
    pub(crate) credits: BTreeMap<Name, Decimal>,
    /// By meter of `credits`: billed in multiples of so many units, each begun one whole. Default 1.
    #[serde(default)]
    pub(crate) step: BTreeMap<Name, u32>,
    /// By meter of `credits`: any use is billed at least so many units.
    #[serde(default)]
    pub(crate) minimum: BTreeMap<Name, u32>,
    /// By meter of `credits`: other prices for later units of a period.
    #[serde(default)]
    pub(crate) graduated: BTreeMap<Name, GraduatedSource>,
    /// The `when` of another price of the feature, whose meters cost the same here, times `factor`; those in `credits` cost what is
    /// written. A list must be that of `when`, and is taken item by item.
    pub(crate) like: Option<BTreeMap<Name, OneOrSeveral<String>>>,
    /// What the prices of `like` are multiplied by, exactly. Default 1.
    pub(crate) factor: Option<Decimal>,
}
