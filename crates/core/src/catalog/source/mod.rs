//! The catalog as an operator writes it, in TOML or JSON. Shapes only: their meaning is checked elsewhere.
//!
//! Never accepts an unknown field. Amounts are decimal strings or whole numbers; floats are refused because they round.
//! C3 an unknown field is refused with its line (`problems_name_line_and_fix`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, vec};

use serde::{Deserialize, Serialize};

use crate::record::{Name, Span};

mod abuse;
mod cards;
mod decimal;
mod entry;
mod features;
mod filled;
mod graduated;
mod plans;
mod several;
mod supplies;

pub(crate) use abuse::{AbuseSource, TierSource};
pub(crate) use cards::{PriceSource, RateCardSource};
pub(crate) use decimal::{ByUnitSource, Decimal, FactorSource};
pub(crate) use entry::Entry;
pub(crate) use features::{DaySource, FeatureSource, HoursSource, SizeSource, TimesSource};
pub(crate) use filled::{LEFT_OUT_MAX, METERS_MAX};
pub(crate) use graduated::{GraduatedSource, PriceStepSource};
pub(crate) use plans::{
    AllowanceWindowSource, Anchor, CapCounts, ExpiredDraws, GuardSource, InDebt, LayerSource, PlanSource,
    PoolCapSource, RolloutSource, SeatsSource, Unpaid, WindowSource,
};
pub(crate) use several::OneOrSeveral;
pub(crate) use supplies::{LearnSource, SupplySource};

/// The whole catalog.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CatalogSource {
    /// The operator's own label for this version, for example a date. Shown in every decision.
    pub(crate) version: Name,
    /// The plan of accounts that name none. Default: the only plan there is; with several, none.
    pub(crate) default_plan: Option<Name>,
    /// How late use may be recorded before it waits for a decision in quarantine. Default `30d`.
    pub(crate) late_horizon: Option<Span>,
    /// How far ahead of the server's clock the reported time of use may be; such use counts as now. Default `5m`.
    pub(crate) ahead_max: Option<Span>,
    /// The meters that can be counted. Default: those that features name.
    #[serde(default)]
    pub(crate) meters: BTreeMap<Name, MeterSource>,
    /// The features that can be used.
    pub(crate) features: BTreeMap<Name, FeatureSource>,
    /// The prices: for each card its versions.
    #[serde(default)]
    pub(crate) rate_cards: BTreeMap<Name, Vec<RateCardSource>>,
    /// Supplies: the shared capacity behind features, such as a model in a region.
    #[serde(default)]
    pub(crate) supplies: BTreeMap<Name, SupplySource>,
    /// Rules against abuse. Without it there are none.
    pub(crate) abuse: Option<AbuseSource>,
    /// Lists of guards that plans refer to by name.
    #[serde(default)]
    pub(crate) guards: BTreeMap<Name, Vec<GuardSource>>,
    /// Lists of sources that plans refer to by name.
    #[serde(default)]
    pub(crate) waterfalls: BTreeMap<Name, Vec<LayerSource>>,
    /// The plans: who may use how much, and which sources pay.
    pub(crate) plans: BTreeMap<Name, PlanSource>,
    /// How many meters features have left to prices.
    #[serde(skip)]
    pub(crate) left_out: usize,
}

/// A counted quantity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct MeterSource {
    /// The name of one unit: `token`, `second`, `request`.
    pub(crate) unit: String,
    /// A note for people.
    pub(crate) description: Option<String>,
}

impl MeterSource {
    /// One that only a feature names.
    pub(crate) fn named(name: &Name) -> Self {
        Self { unit: name.as_str().into(), description: None }
    }
}
