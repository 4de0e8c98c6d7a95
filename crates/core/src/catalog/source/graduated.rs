//! Graduated prices as an operator writes them.

use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, vec};

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::plans::Anchor;
use crate::record::{Name, Periods};

/// Other prices for the later units of a period: each unit has the price of its position.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct GraduatedSource {
    /// What counts the units of an account in a period. Prices of several meters and features may share one. Default: the names of
    /// feature and meter, as in `chat.output`.
    pub(crate) volume: Option<Name>,
    /// Its periods: a calendar unit, several of one, or `life`.
    pub(crate) every: Periods,
    /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
    pub(crate) zone: Option<String>,
    /// `billing`: count periods from the account's billing anchor.
    pub(crate) anchor: Option<Anchor>,
    /// The prices after that of `credits`, by rising position. At most 32.
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 32))]
    pub(crate) steps: Vec<PriceStepSource>,
}

/// A price from a position on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceStepSource {
    /// For the units above so many of the period.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub(crate) above: u64,
    /// Credits for as many units as `per` says.
    pub(crate) credits: Decimal,
}
