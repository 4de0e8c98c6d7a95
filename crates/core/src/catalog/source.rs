//! The catalog as an operator writes it, in TOML or JSON. Shapes only: meaning is checked in `compile`.
//!
//! Never accepts an unknown field. Amounts are decimal strings or whole numbers; floats are refused because they round.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::catalog::Mode;
use crate::record::{
    Category, ClassFigures, Consent, Every, Instant, Level, Name, Overshoot, Rule, Span, Tier,
};

#[cfg(feature = "schema")]
use alloc::{format, vec};

type Map<T> = BTreeMap<Name, T>;

/// A decimal written as `"1.25"` or as a whole number: `25`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Decimal(pub String);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal in quotes such as \"1.25\", or a whole number")
            }
            fn visit_str<E>(self, text: &str) -> Result<Decimal, E> {
                Ok(Decimal(text.into()))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Decimal, E> {
                Ok(Decimal(alloc::format!("{n}")))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Decimal, E> {
                Ok(Decimal(alloc::format!("{n}")))
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// The whole catalog.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CatalogSource {
    /// The operator's own label for this version, for example a date. Shown in every decision.
    pub version: Name,
    /// The plan of accounts that name none.
    pub default_plan: Option<Name>,
    /// How late use may be recorded before it waits for a decision in quarantine. Default `30d`.
    pub late_horizon: Option<Span>,
    /// What can be counted.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, MeterSource>))]
    pub meters: Map<MeterSource>,
    /// What can be used.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, FeatureSource>))]
    pub features: Map<FeatureSource>,
    /// What it costs: for each card its versions.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, Vec<RateCardSource>>))]
    pub rate_cards: Map<Vec<RateCardSource>>,
    /// Shared supply behind features, such as a model in a region.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, PoolSource>))]
    pub pools: Map<PoolSource>,
    /// Rules against abuse. Without it there are none.
    pub abuse: Option<AbuseSource>,
    /// Who may use how much, paid by what.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, PlanSource>))]
    pub plans: Map<PlanSource>,
}

/// A counted quantity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MeterSource {
    /// What one unit is called: `token`, `second`, `request`.
    pub unit: String,
    /// For people.
    pub description: Option<String>,
}

/// Rules against abuse.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AbuseSource {
    /// Each rule: `off`, `observe` or `enforce`. Default `off`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Rule, Mode>))]
    pub rules: BTreeMap<Rule, Mode>,
    /// What a request costs: a factor for each meter. Default: input tokens and twice output tokens where there are such
    /// meters, else requests.
    #[cfg_attr(feature = "schema", schema(value_type = Option<BTreeMap<Name, u32>>))]
    pub cost: Option<Map<u32>>,
    /// The tier of accounts that nothing is known of. Default `anonymous`.
    #[serde(default)]
    pub default_tier: Tier,
    /// Free credits that may be granted in a day of UTC, over all accounts; the rule `identity` holds it.
    pub trial_budget: Option<Decimal>,
    /// What each tier may do; what it leaves out is usual.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Tier, TierSource>))]
    pub tiers: BTreeMap<Tier, TierSource>,
}

/// What a tier may do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TierSource {
    /// Most open holds.
    pub holds: Option<u64>,
    /// The part of the balance that open holds may set aside, in percent; the first hold always may.
    pub held_percent: Option<u8>,
    /// Cost in ten seconds that is never too fast.
    pub velocity_floor: Option<u64>,
    /// Cost in ten seconds that is never passed. Default: none.
    pub velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that is never too steep.
    pub ramp_floor: Option<u64>,
    /// Members of one level with counters of their own; the others share one.
    pub sub_keys: Option<u32>,
    /// Networks that one key may be used from in an hour.
    pub networks: Option<u64>,
    /// Open holds of a key that is used from more.
    pub shared_holds: Option<u64>,
    /// Credits that one key may always spend in an hour.
    pub key_spend_floor: Option<Decimal>,
}

/// Something that is used and decided about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FeatureSource {
    /// The meters that a request may name. `requests` counts 1 when it is not given.
    pub meters: Vec<Name>,
    /// The rate card that prices them. Without one the feature is free and is paid by allowances in `requests` or a meter.
    pub rate_card: Option<Name>,
    /// The unit of credits that its prices are in. Default `credits`. Grants pay in their own unit alone; nothing is converted.
    pub credit_unit: Option<Name>,
    /// What allowances count: `credits` (default), `requests`, or the one priced meter.
    pub allowance_unit: Option<Name>,
    /// What happens to use beyond the hold that finds no source. Default `refund`.
    #[serde(default)]
    pub overshoot: Overshoot,
    /// How long a hold lives.
    #[serde(default)]
    pub hold: HoldSource,
    /// The capacity pool that its requests need room in.
    pub pool: Option<Name>,
    /// What a hold sets aside of a meter that the request leaves out, cut to the smallest guard and allowance that count it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, u64>))]
    pub estimate: Map<u64>,
    /// `false`: requests are limited but not recorded; only guards of at most 60 seconds apply and nothing pays.
    pub ledger: Option<bool>,
}

/// The life of holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldSource {
    /// Life when the request names none. Default `60s`.
    pub life: Option<Span>,
    /// Longest life a request may ask for. Default and limit `24h`.
    pub life_max: Option<Span>,
    /// Meters charged at their estimate when a hold expires; other meters at the last reported progress.
    /// Without it an expired hold is released whole.
    pub expiry_charges: Option<Vec<Name>>,
}

/// A capacity pool: shared supply, known, learned, or both. A request needs room in both dimensions that are set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PoolSource {
    /// Cost a second. With `learn` the first guess.
    pub rate: Option<u64>,
    /// Cost in flight: held and not yet ended.
    pub in_flight: Option<u64>,
    /// What a request costs: a factor for each meter. Default: `input_tokens` 1 and `output_tokens` 2, where the catalog has
    /// them, otherwise `requests` 1.
    #[cfg_attr(feature = "schema", schema(value_type = Option<BTreeMap<Name, u32>>))]
    pub cost: Option<Map<u32>>,
    /// What a request costs in flight. Default: as `cost`. `{ requests = 1 }` counts slots.
    #[cfg_attr(feature = "schema", schema(value_type = Option<BTreeMap<Name, u32>>))]
    pub in_flight_cost: Option<Map<u32>>,
    /// Learn the rate from what the supply answers (`POST /v1/pools/{name}/feedback`).
    pub learn: Option<LearnSource>,
    /// Pools that take a request for which this one has no room, in order.
    #[serde(default)]
    pub fallback: Vec<Name>,
    /// Fairness points: identities that leave guaranteed share to others come first when they borrow later. At most this many
    /// seconds of their guaranteed share. Default: no points.
    pub points_seconds_max: Option<u32>,
    /// Most cost that may wait. Default: what the pool serves in 60 seconds.
    pub waiting_max: Option<u64>,
    /// Most cost of one account that may wait. Default: what the pool serves in 10 seconds.
    pub waiting_max_per_account: Option<u64>,
    /// Who is served before whom. Default: one class, `default`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, ClassFigures>))]
    pub classes: Map<ClassFigures>,
}

/// Bounds of a learned rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LearnSource {
    /// Never below, in cost a second.
    pub floor: u64,
    /// Never above, in cost a second.
    pub ceiling: u64,
}

/// One version of a rate card.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RateCardSource {
    /// Applies to requests decided from this instant on.
    pub effective_from: Instant,
    /// The prices.
    pub prices: Vec<PriceSource>,
}

/// The prices of one feature, for the requests whose dimensions match.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceSource {
    /// The feature.
    pub feature: Name,
    /// Dimensions that must all match, such as `{ model = "large" }`. The entry with most of them wins.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, String>))]
    pub when: Map<String>,
    /// The prices are for this many units. Default 1.
    pub per: Option<u64>,
    /// Credits by meter; every meter of the feature but `requests` must be there, `"0"` for free ones.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<Name, Decimal>))]
    pub credits: Map<Decimal>,
}

/// A plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanSource {
    /// The features the plan gives access to.
    pub features: Vec<Name>,
    /// Whether paid sources may be drawn without asking. Default `allow`.
    #[serde(default)]
    pub consent: Consent,
    /// The class of its requests in capacity pools. Default `default`.
    pub class: Option<Name>,
    /// What one request may cost at most, in the cost of `abuse`; the rule `cost_maximum` holds it.
    pub cost_max: Option<u64>,
    /// What becomes of a draw given back to a grant that has expired meanwhile. Default `breakage`.
    #[serde(default)]
    pub expired_draws: ExpiredDraws,
    /// Conditions that must all hold.
    #[serde(default)]
    pub guards: Vec<GuardSource>,
    /// What pays, in this order.
    #[serde(default)]
    pub waterfall: Vec<LayerSource>,
}

/// What becomes of a draw given back to a grant that has expired meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExpiredDraws {
    /// It is lost to the account and booked as breakage.
    #[default]
    Breakage,
    /// It becomes a promotional grant of 30 days, paid by the operator's goodwill.
    Goodwill,
}

/// A condition over one level of the path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GuardSource {
    /// Unique in the plan. Use counted under a name survives catalog and plan changes that keep the name.
    pub name: Name,
    /// The features it counts. Default: all of the plan.
    pub features: Option<Vec<Name>>,
    /// The level it counts at. Default `account`. Requests whose path leaves the level out share one counter.
    pub per: Option<Level>,
    /// `requests` (default), a meter, or several meters added up. Not for `concurrency` and `spend_cap`.
    pub count: Option<CountSource>,
    /// The window.
    pub window: WindowSource,
}

/// What a guard counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum CountSource {
    /// One meter, or `requests`.
    One(Name),
    /// Several meters added up.
    Several(Vec<Name>),
}

/// A window. Limits are whole numbers, or credits (`"2.5"`) where credits are counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowSource {
    /// Token bucket (GCRA): `limit` per `period`, in bursts of at most `burst` (default `limit`).
    Rate {
        /// How many per period.
        limit: u64,
        /// The period.
        period: Span,
        /// How many at once.
        burst: Option<u64>,
    },
    /// At most `limit` in any trailing `length`.
    Sliding {
        /// How many.
        limit: u64,
        /// How far back.
        length: Span,
    },
    /// Aligned to the calendar, or to the account's billing anchor.
    Fixed {
        /// How much.
        limit: Decimal,
        /// The calendar unit.
        every: Every,
        /// IANA zone. Default `UTC`.
        zone: Option<String>,
        /// `billing`: count periods from the account's billing anchor.
        anchor: Option<Anchor>,
    },
    /// Opens at the first allowed use after the last one closed.
    FirstUse {
        /// How much.
        limit: Decimal,
        /// How long it stays open.
        length: Span,
    },
    /// Open holds at once.
    Concurrency {
        /// How many.
        limit: u64,
    },
    /// Credits drawn from grants, pool and overdraft in a calendar window, whatever the balance.
    SpendCap {
        /// The unit of credits that it counts. Default `credits`.
        unit: Option<Name>,
        /// How many credits.
        limit: Decimal,
        /// The calendar unit.
        every: Every,
        /// IANA zone. Default `UTC`.
        zone: Option<String>,
        /// `billing`: count periods from the account's billing anchor.
        anchor: Option<Anchor>,
    },
}

/// What fixed windows are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The calendar's own beginnings (default).
    Calendar,
    /// The account's billing anchor.
    Billing,
}

/// A source of the waterfall.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSource {
    /// Use included in the plan.
    Allowance {
        /// Unique in the plan.
        name: Name,
        /// The features it pays for. Default: all of the plan.
        features: Option<Vec<Name>>,
        /// The level it belongs to. Default `account`.
        per: Option<Level>,
        /// The windows that must all have room; `fixed` or `first_use`.
        windows: Vec<AllowanceWindowSource>,
    },
    /// Grants of the account, in burn order.
    Grants {
        /// Unique in the plan.
        name: Name,
        /// Which categories. Default: all.
        categories: Option<Vec<Category>>,
    },
    /// The account's shared credits, each member up to a cap.
    Pool {
        /// Unique in the plan.
        name: Name,
        /// Which categories make up the pool. Default: `purchased` and `contract`.
        categories: Option<Vec<Category>>,
        /// The level whose members are capped. Default `user`. Requests without it cannot draw on the pool.
        member: Option<Level>,
        /// The unit of credits in it. Default `credits`.
        unit: Option<Name>,
        /// The cap of members that have none of their own and none from their team. Without it: uncapped.
        cap: Option<PoolCapSource>,
    },
    /// Credit below zero.
    Overdraft {
        /// Unique in the plan.
        name: Name,
        /// The unit of credits that are lent. Default `credits`.
        unit: Option<Name>,
        /// How far below zero.
        limit: Decimal,
    },
}

/// One window of an allowance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllowanceWindowSource {
    /// Unique in the allowance; use is counted under `allowance.window`.
    pub name: Name,
    /// `fixed` or `first_use`.
    pub window: WindowSource,
}

/// The cap of a pool's members.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PoolCapSource {
    /// Credits a member may draw in one window when neither the member nor the team has a cap of its own.
    pub default: Option<Decimal>,
    /// The calendar unit of the window.
    pub every: Every,
    /// IANA zone. Default `UTC`.
    pub zone: Option<String>,
    /// `billing`: count periods from the account's billing anchor.
    pub anchor: Option<Anchor>,
}
