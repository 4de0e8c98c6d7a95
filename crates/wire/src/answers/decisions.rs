//! Decisions, charges, and changes of credits.

use std::collections::BTreeMap;

use headworks_core::record::{Category, Credits, Id, Instant, Label, Levels, Name, Path, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::unblock::Unblock;
use crate::quantities::Quantities;
use crate::reference::Reference;

/// A decision with its explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Its name, for `explain`. Empty for `check` and for features that are not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<Reference>,
    /// The account.
    pub account: Id,
    /// When it was decided.
    pub at: Instant,
    /// `allow`, `partial`, `needs_consent`, `deny`, or `wait`: everything passes, but there is no capacity now.
    pub outcome: String,
    /// Why: one of the documented reasons.
    pub reason: String,
    /// Whether waiting alone can change the answer.
    pub transient: bool,
    /// The hold, when one was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldOpened>,
    /// The charge, if it was charged at once: the reference for refunds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Reference>,
    /// The use that the decision is about.
    pub usage: Usage,
    /// Its cost at the pinned price, over all sources.
    pub price: Credits,
    /// The part that paid sources pay, or would pay with consent.
    pub paid_price: Credits,
    /// The sources that pay, in order.
    pub draws: Vec<Draw>,
    /// Every guard and source that was checked, in order.
    pub visits: Vec<Visit>,
    /// The marks of the plan's warnings (`warn_at`) that this use has reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<LimitWarning>,
    /// Whose wall it was: a level of the path, `plan`, `operator`, `capacity` or `abuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall: Option<String>,
    /// The guard or source that refused; the account, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub refused_by: Option<Name>,
    /// The ways to unblock it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unblock: Option<Unblock>,
    /// Whether this repeats the first answer.
    #[serde(default)]
    pub replayed: bool,
    /// `false` if there were too many denials to keep every explanation: it then has no `decision_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

/// A hold that was opened or grown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldOpened {
    /// Its name.
    pub id: Reference,
    /// When it expires.
    pub expires_at: Instant,
    /// The room it takes in a supply until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<HeldCapacity>,
}

/// Room in a supply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldCapacity {
    /// The supply: the feature's own, or one that stands in for it.
    pub supply: Name,
    /// The class it was admitted under.
    pub class: Name,
    /// Its estimated cost.
    pub cost: u64,
    /// Its cost in flight.
    pub in_flight: u64,
    /// It was admitted beyond the account's share: `extend` is refused while others want the room.
    pub revocable: bool,
}

/// Use, as charged or as requested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The feature.
    pub feature: Name,
    /// The path within the account.
    pub path: Path,
    /// Dimensions.
    pub dimensions: BTreeMap<Name, Label>,
    /// Quantities with their prices.
    pub lines: Vec<Line>,
    /// The unit that allowances count: a unit of credits, `requests` or a meter.
    pub unit: String,
    /// The unit of credits that the prices are in.
    pub credit_unit: String,
    /// The rate card, and when the version used came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RateCard>,
    /// The catalog version.
    pub catalog: Name,
    /// Nothing has a price for the use as it turned out: its prices are those of its hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    /// The factor on the sum of the lines: the price is rounded once to a nano-credit, up for a hold and half to even for a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_factor: Option<Credits>,
    /// Its parts, if there are several; `dimensions`, `rate_card` and `unpriced` are then those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<UsagePart>,
}

/// A part of a use, such as what one of several models did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsagePart {
    /// Dimensions.
    pub dimensions: BTreeMap<Name, Label>,
    /// The rate card, and when the version used came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RateCard>,
    /// Nothing has a price for the part as it turned out: its prices are those of its hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
}

/// A quantity of one meter at its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The meter.
    pub meter: Name,
    /// The part that it belongs to, counted from 1, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u8>,
    /// How many units.
    pub quantity: u64,
    /// The units billed for them, where the price has a step or a minimum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<u64>,
    /// Credits for one unit; of a graduated price, for the first units of a period.
    pub unit_price: Credits,
    /// The price of the units billed.
    pub amount: Credits,
    /// Where the units stand in their period, if the price is graduated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graduated: Option<Graduated>,
}

/// Where the units of a line stand in the period of a volume, and what they cost there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Graduated {
    /// The volume.
    pub volume: Name,
    /// The beginning of the period.
    pub from: Instant,
    /// Its end.
    pub until: Instant,
    /// The units of the period before this line.
    pub position: u64,
    /// A hold may stand anywhere up to this position, and costs what it costs at the dearest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_max: Option<u64>,
    /// The prices above the first.
    pub steps: Vec<PriceStep>,
    /// The line closes the period: what its price comes to beyond what was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Credits>,
}

/// The price of a unit from a position on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceStep {
    /// For units above so many.
    pub above: u64,
    /// Credits for one unit.
    pub unit_price: Credits,
}

/// A version of a rate card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RateCard {
    /// The card.
    pub name: Name,
    /// When the version came into force.
    pub effective_from: Instant,
}

/// The part that one source pays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Draw {
    /// `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`.
    pub source: String,
    /// The layer of the waterfall.
    pub layer: Name,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Reference>,
    /// The grant's category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// How much.
    pub amount: String,
    /// The unit of the amount: a unit of credits, `requests` or a meter.
    pub unit: String,
    /// Its part of the price, in credits: the worths of all draws add up to the price.
    pub worth: Credits,
}

/// One guard or source that was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Visit {
    /// `account`, `guard`, `allowance`, `grant`, `member_cap`, `overdraft`, `postpaid`, `supply`, `abuse` or `plan` (one that is tried: `before` is what the use would cost there).
    pub kind: String,
    /// Its name in the catalog; of an account its id.
    #[schema(value_type = Id)]
    pub name: Name,
    /// The level of the path, or several together.
    pub level: Levels,
    /// `passed`, `paid`, `would_pay` (a source, had the request been granted), `empty`, `refused`, `observed` or `demoted`.
    pub verdict: String,
    /// Why it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Reference>,
    /// Windows: used before. Grants and overdraft: free before. Supplies: cost in flight before.
    pub before: String,
    /// The amount that the request takes, or would have taken.
    pub cost: String,
    /// The value after it.
    pub after: String,
    /// The limit of a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The unit of the values.
    pub unit: String,
    /// When a fixed or first-use window closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Instant>,
    /// The terms of a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateLimit>,
    /// The override that the limit comes from; otherwise it is the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<Reference>,
}

/// A mark of a limit that a use has reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LimitWarning {
    /// The limit.
    pub limit: Name,
    /// The level of the path that it counts for, or several together.
    pub level: Levels,
    /// The member that it counts for: the part of the path at its levels; none: the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Path>,
    /// The highest mark reached, in percent of the limit.
    #[schema(minimum = 1, maximum = 100)]
    pub percent: u8,
    /// How much is used now.
    pub used: String,
    /// Of how much.
    pub of: String,
    /// The unit of both.
    pub unit: String,
    /// When the window closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Instant>,
}

/// A sustained rate and a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RateLimit {
    /// Units per period.
    pub limit: u64,
    /// The period.
    pub period: Span,
    /// Units at once.
    pub burst: u64,
    /// The latest instant at which it is full again, if nothing is requested until then.
    pub full_at: Instant,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Charge {
    /// Its reference, for refunds.
    pub charge: Reference,
    /// The hold it settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Reference>,
    /// When.
    pub at: Instant,
    /// The reported instant, if it is ahead of the server's clock: the use then counts as of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Instant>,
    /// The use.
    pub usage: Usage,
    /// Its cost.
    pub price: Credits,
    /// The sources that paid, in order.
    pub draws: Vec<Draw>,
    /// Credits of the hold that were returned.
    pub returned: Credits,
    /// Credits beyond the hold that the operator covered.
    pub refunded: Credits,
    /// Credits beyond the hold that the account owes.
    pub owed: Credits,
    /// The marks of the plan's warnings (`warn_at`) that this use has reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<LimitWarning>,
    /// Whether the hold had expired.
    pub late: bool,
    /// Whether this repeats the first answer.
    #[serde(default)]
    pub replayed: bool,
}

/// A movement of credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// Where it came from: `operator`, `grant:17`, `hold:18`, `spent`, `breakage`, `goodwill`, `debt`, `overdraft`, `postpaid`.
    pub from: String,
    /// Where it went.
    pub to: String,
    /// How much.
    pub amount: Credits,
    /// The unit of credits.
    pub unit: String,
}

/// A change of an account or its credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its record.
    pub id: Reference,
    /// When.
    pub at: Instant,
    /// The kind of event.
    pub kind: String,
    /// The movements of credits.
    pub movements: Vec<Movement>,
    /// Whether this repeats the first answer.
    #[serde(default)]
    pub replayed: bool,
}

/// Quantities as granted, by meter, all parts added up.
#[must_use]
pub fn quantities(usage: &Usage) -> Quantities {
    let mut all = Quantities::new();
    for line in &usage.lines {
        let sum = all.entry(line.meter.clone()).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    all
}
