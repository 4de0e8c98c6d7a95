//! Plans as an operator writes them: guards, windows and sources.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, vec};

use serde::{Deserialize, Serialize};

use super::decimal::{Decimal, FactorSource};
use super::entry::Entry;
use super::several::OneOrSeveral;
use crate::catalog::abuse::Mode;
use crate::record::{Category, Consent, Every, Levels, Name, Periods, Span};

/// A plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanSource {
    /// The plan whose parts this one takes over: everything that is not written here. A guard or layer written here replaces one of the
    /// same name in its place, others follow; an allowance keeps what it does not write, and its windows are replaced by name. At most 8
    /// plans in a row.
    pub(crate) extends: Option<Name>,
    /// Guards, layers and windows (`allowance.window`) that are not taken over from the plan it extends or from named lists.
    #[serde(default)]
    pub(crate) without: Vec<Name>,
    /// Other figures for what is taken over, by guard, `allowance.window`, pool, postpaid layer or overdraft: `{ rpm = 600, "included.week" = "500" }`.
    /// A pool's is the cap of each member.
    #[serde(default)]
    pub(crate) limits: BTreeMap<Name, Decimal>,
    /// The features the plan gives access to. Default: those of the plan it extends; the only plan of a catalog has all.
    pub(crate) features: Option<Vec<Name>>,
    /// Whether paid sources may be drawn without asking. Default `allow`.
    pub(crate) consent: Option<Consent>,
    /// The class of its requests in supplies. Default `default`.
    pub(crate) class: Option<Name>,
    /// A factor on the whole price of each use, such as `"0.9"`, from 0 to 1000; or one for each tier, 1 for those left out. Default 1.
    pub(crate) price_factor: Option<FactorSource>,
    /// The most that one request may cost, in the cost of `abuse`; the rule `cost_maximum` enforces it.
    pub(crate) cost_max: Option<u64>,
    /// The rule for draws given back to a grant that has expired in the meantime. Default `breakage`.
    pub(crate) expired_draws: Option<ExpiredDraws>,
    /// What an account in debt may still do. Default `deny`.
    pub(crate) in_debt: Option<InDebt>,
    /// Percentages, rising, such as `[50, 80, 100]`: a use that reaches one of any counted limit says so, in its answer and by the event
    /// `limit.warning`. At most 8.
    #[cfg_attr(feature = "schema", schema(max_items = 8))]
    pub(crate) warn_at: Option<Vec<u8>>,
    /// The seats that members hold.
    pub(crate) seats: Option<SeatsSource>,
    /// Another plan that is tried on accounts of this one. Plans that extend this one do not take it over.
    pub(crate) rollout: Option<RolloutSource>,
    /// Conditions that must all hold, and names of lists of them. At most 256.
    #[cfg_attr(feature = "schema", schema(max_items = 256))]
    #[serde(default)]
    pub(crate) guards: Vec<Entry<GuardSource>>,
    /// The sources that pay, in this order, and names of lists of them. At most 64.
    #[cfg_attr(feature = "schema", schema(max_items = 64))]
    #[serde(default)]
    pub(crate) waterfall: Vec<Entry<LayerSource>>,
}

/// The seats of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SeatsSource {
    /// Whether requests of members without a seat are denied. Default `false`.
    #[serde(default)]
    pub(crate) required: bool,
    /// The types of seats, at most 64, each with other figures for limits that count per user, seat, key or session:
    /// `{ premium = { "included.week" = "160", rpm = 120 } }`.
    #[serde(default)]
    pub(crate) types: BTreeMap<Name, BTreeMap<Name, Decimal>>,
}

/// The rule for draws given back to a grant that has expired in the meantime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExpiredDraws {
    /// It is lost to the account and booked as breakage.
    #[default]
    Breakage,
    /// It becomes a promotional grant of 30 days, paid by the operator's goodwill.
    Goodwill,
}

/// What an account in debt may still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum InDebt {
    /// Nothing, until the debt is repaid.
    #[default]
    Deny,
    /// Use that allowances pay in full.
    Allowances,
}

/// What unpaid invoices do to the limit of a postpaid layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unpaid {
    /// They count against it until they are marked paid.
    #[default]
    Counts,
    /// Nothing.
    Ignored,
}

/// A condition over one level of the path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardSource {
    /// Unique in the plan. Use counted under a name survives catalog and plan changes that keep the name.
    pub(crate) name: Name,
    /// The features it counts. Default: all of the plan.
    pub(crate) features: Option<Vec<Name>>,
    /// The level it counts at, or a list of levels with one counter for each of their combinations. Default `account`. Requests whose
    /// path leaves a level out share one counter there.
    pub(crate) per: Option<Levels>,
    /// `requests` (default), a meter, or several meters added up, at most 32. Not for `concurrency` and `spend_cap`.
    pub(crate) count: Option<OneOrSeveral<Name>>,
    /// Dimensions that must all match, such as `{ model = "large" }`; any of several values as a list of at most 1,000. Others pass it
    /// uncounted.
    #[serde(default)]
    pub(crate) when: BTreeMap<Name, OneOrSeveral<String>>,
    /// `observe`: it counts, and decisions say what it would have refused, but it refuses nothing. Default `enforce`.
    pub(crate) mode: Option<Mode>,
    /// The share of accounts, chosen by a hash, that it is enforced for; for the others it is observed. 0 to 100, default 100.
    #[cfg_attr(feature = "schema", schema(maximum = 100))]
    pub(crate) accounts_percent: Option<u8>,
    /// The window.
    pub(crate) window: WindowSource,
}

/// A window. Limits are whole numbers, or credits (`"2.5"`) where credits are counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum WindowSource {
    /// Token bucket (GCRA): `limit` per `period`, in bursts of at most `burst` (default `limit`).
    Rate {
        /// Units per period.
        limit: u64,
        /// The period.
        period: Span,
        /// Units at once.
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
        /// The period.
        every: Periods,
        /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
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
    /// Grows with use: in each period at most the greatest use of a period among the last seven and `percent` % of it more. For
    /// guards.
    Growth {
        /// It is never below this.
        start: Decimal,
        /// By how much more, in percent: 1 to 1,000.
        percent: u32,
        /// It is never above this. Default: no maximum.
        max: Option<Decimal>,
        /// The period.
        every: Every,
        /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
        zone: Option<String>,
    },
    /// Open holds at once.
    Concurrency {
        /// How many.
        limit: u64,
    },
    /// How large one request may be, in `count`. An extension adds to its hold.
    Size {
        /// How much.
        limit: u64,
    },
    /// Credits drawn from grants, pool, postpaid layers and overdraft in a calendar window, however high the balance.
    SpendCap {
        /// `credits` (default), or `price`: the whole price, what allowances pay included.
        #[serde(default)]
        counts: CapCounts,
        /// The unit of credits that it counts. Default `credits`.
        unit: Option<Name>,
        /// How many credits.
        limit: Decimal,
        /// The period.
        every: Periods,
        /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
        zone: Option<String>,
        /// `billing`: count periods from the account's billing anchor.
        anchor: Option<Anchor>,
    },
}

/// What a spend cap counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum CapCounts {
    /// Credits drawn.
    #[default]
    Credits,
    /// The whole price.
    Price,
}

/// The instant that fixed windows are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Anchor {
    /// The calendar's own beginnings (default).
    Calendar,
    /// The account's billing anchor.
    Billing,
}

/// A source of the waterfall.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LayerSource {
    /// Use included in the plan.
    Allowance {
        /// Unique in the plan.
        name: Name,
        /// The features it pays for. Default: all of the plan.
        features: Option<Vec<Name>>,
        /// The level it belongs to, or a list of levels together. Default `account`.
        per: Option<Levels>,
        /// The windows that must all have room; `fixed` or `first_use`. At least one, at most 16.
        #[cfg_attr(feature = "schema", schema(max_items = 16))]
        #[serde(default)]
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
        /// The level whose members are capped, or a list of levels together. Default `user`. Requests without one of them cannot draw on
        /// the pool.
        member: Option<Levels>,
        /// The unit of credits in it. Default `credits`.
        unit: Option<Name>,
        /// The cap of members that have none of their own and none from the levels above them. Without it: uncapped.
        cap: Option<PoolCapSource>,
    },
    /// Credits lent after use and paid by invoice: up to a limit in each period. No grant repays them.
    Postpaid {
        /// Unique in the plan.
        name: Name,
        /// The unit of credits that are lent. Default `credits`.
        unit: Option<Name>,
        /// How many credits in one period.
        limit: Decimal,
        /// The period. An invoice closes each one that has anything in it.
        every: Periods,
        /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
        zone: Option<String>,
        /// `billing`: count periods from the account's billing anchor.
        anchor: Option<Anchor>,
        /// What unpaid invoices in the unit do to the limit. Default `counts`.
        #[serde(default)]
        unpaid: Unpaid,
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

impl LayerSource {
    /// Its name.
    pub(crate) fn name(&self) -> &Name {
        match self {
            Self::Allowance { name, .. }
            | Self::Grants { name, .. }
            | Self::Pool { name, .. }
            | Self::Postpaid { name, .. }
            | Self::Overdraft { name, .. } => name,
        }
    }
}

/// One window of an allowance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowanceWindowSource {
    /// Unique in the allowance; use is counted under `allowance.window`.
    pub(crate) name: Name,
    /// `fixed` or `first_use`.
    pub(crate) window: WindowSource,
}

/// The cap of a pool's members.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolCapSource {
    /// Credits a member may draw in one window when neither the member nor a level above it has a cap of its own.
    pub(crate) default: Option<Decimal>,
    /// The period of the window.
    pub(crate) every: Periods,
    /// IANA zone, or `account`: that of each account's settings. Default `UTC`.
    pub(crate) zone: Option<String>,
    /// `billing`: count periods from the account's billing anchor.
    pub(crate) anchor: Option<Anchor>,
    /// `observe`: draws are counted, and a decision says where it would have stopped them. Default `enforce`.
    pub(crate) mode: Option<Mode>,
    /// The share of accounts, chosen by a hash, that it is enforced for; for the others it is observed. 0 to 100, default 100.
    pub(crate) accounts_percent: Option<u8>,
}

/// A plan that is tried on the accounts of another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloutSource {
    /// The plan.
    pub(crate) plan: Name,
    /// The share of accounts, chosen by a hash, that are treated as on that plan. For the others each decision says what it would have
    /// been there. 0 to 100, default 0.
    #[cfg_attr(feature = "schema", schema(maximum = 100))]
    pub(crate) accounts_percent: Option<u8>,
}
