//! Features as an operator writes them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, vec};
use core::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::cards::PriceSource;
use crate::record::{Credits, Label, Name, Overshoot, Span};

/// Something that accounts use and that is decided about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FeatureSource {
    /// The meters that a request may name. `requests` counts 1 when it is not given. Default: those that its prices name.
    #[cfg_attr(feature = "schema", schema(max_items = 32))]
    #[serde(default)]
    pub(crate) meters: Vec<Name>,
    /// The rate card that prices them. Without one and without `prices` the feature is free and is paid by allowances in `requests` or
    /// a meter.
    pub(crate) rate_card: Option<Name>,
    /// Prices of this feature alone, instead of a rate card. Records name them like a card with the feature's name that has always
    /// applied; prices that change at an instant need a card with versions.
    pub(crate) prices: Option<Vec<PriceSource>>,
    /// Whether `prices` were written here and are now a card of the feature's name.
    #[serde(skip)]
    pub(crate) has_own_card: bool,
    /// Whether `meters` are those that prices name.
    #[serde(skip)]
    pub(crate) has_meters_of_prices: bool,
    /// The unit of credits that its prices are in. Default `credits`. Grants pay only in their own unit; nothing is converted.
    pub(crate) credit_unit: Option<Name>,
    /// The unit that allowances count: `credits` (default), `requests`, or the one priced meter.
    pub(crate) allowance_unit: Option<Name>,
    /// The rule for use beyond the hold that finds no source. Default `refund`.
    #[serde(default)]
    pub(crate) overshoot: OvershootSource,
    /// How long a hold lives.
    #[serde(default)]
    pub(crate) hold: HoldSource,
    /// The supply that its requests need room in.
    pub(crate) supply: Option<Name>,
    /// The quantity that a hold sets aside for a meter that the request leaves out, cut to the smallest guard and allowance
    /// that count it. At most 32.
    #[serde(default)]
    pub(crate) estimate: BTreeMap<Name, u64>,
    /// Dimensions of events besides those that prices depend on. A value that is neither a meter nor listed here must be text in
    /// an event: a number under an unknown name is taken for a misspelled meter.
    #[serde(default)]
    pub(crate) dimensions: Vec<Name>,
    /// Dimensions that follow from the size of a request, such as `context = "long"` beyond 200,000 tokens. A request that names the
    /// dimension itself keeps its value; a settlement goes by the actual use.
    #[serde(default)]
    pub(crate) sizes: BTreeMap<Name, SizeSource>,
    /// Dimensions that follow from the time of a request, such as `rate = "peak"` on weekdays. A request that names the dimension
    /// itself keeps its value; a hold keeps the value of the instant it was asked for.
    #[serde(default)]
    pub(crate) times: BTreeMap<Name, TimesSource>,
    /// `false`: requests are limited but not recorded; only guards of at most 60 seconds apply and nothing pays.
    pub(crate) ledger: Option<bool>,
}

/// A dimension that follows from the size of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SizeSource {
    /// The meters that are added up.
    pub(crate) count: Vec<Name>,
    /// Values by size, the smallest first: the last one whose bound is exceeded counts. At most 32.
    pub(crate) steps: Vec<StepSource>,
    /// The value below the first bound. Default: none.
    pub(crate) otherwise: Option<Label>,
}

/// A value from a size on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct StepSource {
    /// For more than this.
    pub(crate) above: u64,
    /// The value.
    pub(crate) value: Label,
}

/// A dimension that follows from the time of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TimesSource {
    /// IANA zone. Default `UTC`.
    pub(crate) zone: Option<String>,
    /// Values by local time; the first one that applies counts. At most 32.
    pub(crate) hours: Vec<HoursSource>,
    /// The value at all other times. Default: none.
    pub(crate) otherwise: Option<Label>,
}

/// A value at some hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct HoursSource {
    /// The days on which these hours begin. Default: all.
    pub(crate) days: Option<Vec<DaySource>>,
    /// They begin at this local time. Default `00:00`.
    #[cfg_attr(feature = "schema", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(crate) from: Option<String>,
    /// They end before this local time, on the next day if it is not later than `from`. Default `24:00`.
    #[cfg_attr(feature = "schema", schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub(crate) to: Option<String>,
    /// The value.
    pub(crate) value: Label,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum DaySource {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// The life of holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldSource {
    /// Life when the request names none. Default `60s`.
    pub(crate) life: Option<Span>,
    /// Longest life a request may ask for. Default `24h`, limit `72h`.
    pub(crate) life_max: Option<Span>,
    /// Meters charged at their estimate when a hold expires; other meters at the last reported progress.
    /// Without it an expired hold is released whole.
    #[cfg_attr(feature = "schema", schema(max_items = 32))]
    pub(crate) expiry_charges: Option<Vec<Name>>,
}

/// The rule for settled use that no source pays: `refund`, `goodwill`, `debt`, `reject`, or `{ debt = "50" }`.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub(crate) enum OvershootSource {
    /// A rule.
    Rule(OvershootRule),
    /// Owed up to a limit of its own.
    Owed(OwedSource),
}

/// A rule for settled use that no source pays.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum OvershootRule {
    /// Charged and refunded from the operator's goodwill.
    Refund,
    /// As `refund`, but use beyond a hold asks no source at all: the account pays what was held, at most.
    Goodwill,
    /// Owed, up to the rest of the plan's overdraft.
    Debt,
    /// Refused: the caller must extend the hold first.
    Reject,
}

/// How much may be owed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OwedSource {
    /// The most debt that an account may have through this feature, in credits.
    pub(crate) debt: Credits,
}

impl<'de> Deserialize<'de> for OvershootSource {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct RuleOrOwed;
        impl<'de> Visitor<'de> for RuleOrOwed {
            type Value = OvershootSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("refund, goodwill, debt, reject or { debt = \"50\" }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OvershootSource, E> {
                OvershootRule::deserialize(text.into_deserializer()).map(OvershootSource::Rule)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<OvershootSource, A::Error> {
                OwedSource::deserialize(MapAccessDeserializer::new(entries)).map(OvershootSource::Owed)
            }
        }
        d.deserialize_any(RuleOrOwed)
    }
}

impl Default for OvershootSource {
    fn default() -> Self {
        Self::Rule(OvershootRule::Refund)
    }
}

impl OvershootSource {
    pub(crate) fn rule(self) -> Overshoot {
        match self {
            Self::Rule(OvershootRule::Refund) => Overshoot::Refund,
            Self::Rule(OvershootRule::Goodwill) => Overshoot::Goodwill,
            Self::Rule(OvershootRule::Debt) => Overshoot::Debt,
            Self::Rule(OvershootRule::Reject) => Overshoot::Reject,
            Self::Owed(OwedSource { debt }) => Overshoot::DebtUpTo(debt),
        }
    }
}
