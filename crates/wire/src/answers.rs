//! What the server answers.

use std::collections::BTreeMap;

use headworks_core::account::Consent;
use headworks_core::amount::Credits;
use headworks_core::ledger::Category;
use headworks_core::name::{Label, Level, Name, Path, Segment};
use headworks_core::time::Instant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;
use crate::requests::{Quantities, Scope, SegmentSettings};

/// A decision with its explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Its name, for `explain`. Empty for `check` and for features that are not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub decision_id: Option<Reference>,
    /// The account.
    #[schema(value_type = String)]
    pub account: Name,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// `allow`, `partial`, `needs_consent` or `deny`.
    pub outcome: String,
    /// Why: one of the documented reasons.
    pub reason: String,
    /// Whether waiting alone can change the answer.
    pub transient: bool,
    /// The hold, when one was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldOpened>,
    /// The charge, when it was charged at once; the name to refund it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub charge: Option<Reference>,
    /// What was decided about.
    pub usage: Usage,
    /// What it costs at the pinned price, whoever pays.
    #[schema(value_type = String)]
    pub price: Credits,
    /// The part that paid sources pay, or would pay with consent.
    #[schema(value_type = String)]
    pub paid_price: Credits,
    /// Who pays, in order.
    pub draws: Vec<Draw>,
    /// Every guard and source that was looked at, in order.
    pub visits: Vec<Visit>,
    /// Whose wall it was: a level of the path, `plan` or `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall: Option<String>,
    /// What would unblock it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unblock: Option<Unblock>,
    /// Whether this is the first answer again.
    #[serde(default)]
    pub replayed: bool,
}

/// A hold that was opened or grown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldOpened {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Reference,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

/// What was used or asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The feature.
    #[schema(value_type = String)]
    pub feature: Name,
    /// Where in the account.
    #[schema(value_type = String)]
    pub path: Path,
    /// Dimensions.
    #[schema(value_type = BTreeMap<String, String>)]
    pub dimensions: BTreeMap<Name, Label>,
    /// Quantities with their prices.
    pub lines: Vec<Line>,
    /// What allowances count: `credits`, `requests` or a meter.
    pub unit: String,
    /// The rate card and since when the version used is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RateCard>,
    /// The catalog version.
    #[schema(value_type = String)]
    pub catalog: Name,
}

/// A quantity of one meter at its price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The meter.
    #[schema(value_type = String)]
    pub meter: Name,
    /// How many units.
    pub quantity: u64,
    /// Credits for one unit.
    #[schema(value_type = String)]
    pub unit_price: Credits,
    /// Their product.
    #[schema(value_type = String)]
    pub amount: Credits,
}

/// A version of a rate card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RateCard {
    /// The card.
    #[schema(value_type = String)]
    pub name: Name,
    /// Since when the version is in force.
    #[schema(value_type = String, format = DateTime)]
    pub effective_from: Instant,
}

/// What one source pays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Draw {
    /// `allowance`, `grant`, `overdraft`, `debt` or `goodwill`.
    pub source: String,
    /// The layer of the waterfall.
    #[schema(value_type = String)]
    pub layer: Name,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub grant: Option<Reference>,
    /// The grant's category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// How much.
    pub amount: String,
    /// Of what: `credits`, `requests` or a meter.
    pub unit: String,
}

/// One guard or source that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Visit {
    /// `account`, `guard`, `allowance`, `grant`, `member_cap` or `overdraft`.
    pub place: String,
    /// Its name in the catalog.
    #[schema(value_type = String)]
    pub name: Name,
    /// The level of the path.
    pub level: Level,
    /// `passed`, `paid`, `empty` or `refused`.
    pub verdict: String,
    /// Why it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub grant: Option<Reference>,
    /// Windows: used before. Grants and overdraft: free before.
    pub before: String,
    /// What the request takes, or would have taken.
    pub cost: String,
    /// The value after it.
    pub after: String,
    /// The limit of a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What the values count.
    pub unit: String,
    /// When a fixed or first-use window closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Instant>,
}

/// What would unblock a denial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unblock {
    /// The earliest instant, if nobody uses anything meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
    /// The smallest purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purchase: Option<Credits>,
    /// Who can lift it: `caller`, `account_admin` or `operator`.
    pub by: String,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Charge {
    /// Its name, to refund it by.
    #[schema(value_type = String)]
    pub charge: Reference,
    /// The hold it settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hold: Option<Reference>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// What was used.
    pub usage: Usage,
    /// What it costs.
    #[schema(value_type = String)]
    pub price: Credits,
    /// Who paid, in order.
    pub draws: Vec<Draw>,
    /// Credits of the hold that went back.
    #[schema(value_type = String)]
    pub returned: Credits,
    /// Credits beyond the hold that the operator made good.
    #[schema(value_type = String)]
    pub refunded: Credits,
    /// Credits beyond the hold that the account owes.
    #[schema(value_type = String)]
    pub owed: Credits,
    /// Whether the hold had expired.
    pub late: bool,
    /// Whether this is the first answer again.
    #[serde(default)]
    pub replayed: bool,
}

/// A movement of credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// Where it came from: `operator`, `grant:17`, `hold:18`, `spent`, `breakage`, `goodwill`, `debt`, `overdraft`.
    pub from: String,
    /// Where it went.
    pub to: String,
    /// How much.
    #[schema(value_type = String)]
    pub amount: Credits,
}

/// A change of an account or its credits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The record of it.
    #[schema(value_type = String)]
    pub id: Reference,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// What happened.
    pub kind: String,
    /// The movements of credits.
    pub movements: Vec<Movement>,
    /// Whether this is the first answer again.
    #[serde(default)]
    pub replayed: bool,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Name,
    /// Its plan.
    #[schema(value_type = String)]
    pub plan: Name,
    /// Whether every request is denied.
    pub suspended: bool,
    /// Its consent; absent: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// What billing windows are counted from.
    #[schema(value_type = String, format = DateTime)]
    pub billing_anchor: Instant,
    /// Settings of segments.
    #[schema(value_type = BTreeMap<String, SegmentSettings>)]
    pub segments: BTreeMap<Segment, SegmentSettings>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Instant,
    /// Number of its last record.
    pub seq: u64,
    /// Chain hash after it, in hexadecimal.
    pub hash: String,
}

/// A list of accounts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// Names, in order.
    #[schema(value_type = Vec<String>)]
    pub accounts: Vec<Name>,
    /// Pass as `after` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<Name>,
}

/// The credits of an account: `available = granted − spent − held − debt`, in effect now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Balances {
    /// As of.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// What can be drawn now, less what is owed.
    #[schema(value_type = String)]
    pub available: Credits,
    /// Set aside by open holds.
    #[schema(value_type = String)]
    pub held: Credits,
    /// Charged since the account was opened, less refunds.
    #[schema(value_type = String)]
    pub spent: Credits,
    /// Issued by the operator, less what was taken back.
    #[schema(value_type = String)]
    pub issued: Credits,
    /// Expired unused.
    #[schema(value_type = String)]
    pub breakage: Credits,
    /// Made good by the operator.
    #[schema(value_type = String)]
    pub goodwill: Credits,
    /// Owed after overshoots.
    #[schema(value_type = String)]
    pub debt: Credits,
    /// Drawn below zero by agreement.
    #[schema(value_type = String)]
    pub overdraft: Credits,
    /// Open grants, in burn order.
    pub grants: Vec<Grant>,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Reference,
    /// Its kind.
    pub category: Category,
    /// Small is drawn first.
    pub priority: u16,
    /// What it was opened with, corrections included.
    #[schema(value_type = String)]
    pub amount: Credits,
    /// Free to draw.
    #[schema(value_type = String)]
    pub remaining: Credits,
    /// Set aside by open holds.
    #[schema(value_type = String)]
    pub held: Credits,
    /// Usable from.
    #[schema(value_type = String, format = DateTime)]
    pub effective_from: Instant,
    /// Usable before; absent: it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Instant>,
    /// The features it pays for; empty: all.
    #[schema(value_type = Vec<String>)]
    pub features: Vec<Name>,
    /// The operator's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reference: Option<Label>,
}

/// The windows of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Windows {
    /// As of.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Windows of the account itself, used or not, and of members that have used something.
    pub windows: Vec<Window>,
}

/// A window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// The guard, `allowance.window`, or pool it belongs to.
    #[schema(value_type = String)]
    pub name: Name,
    /// The level it counts at.
    pub level: Level,
    /// Whose it is, below the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub member: Option<Name>,
    /// The limit.
    pub limit: String,
    /// What is used.
    pub used: String,
    /// What is left.
    pub remaining: String,
    /// What it counts.
    pub unit: String,
    /// When a fixed or first-use window that is open closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Instant>,
}

/// The open holds of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    /// As of.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Oldest first.
    pub holds: Vec<Hold>,
}

/// An open hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Reference,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Instant,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
    /// What it covers.
    pub usage: Usage,
    /// Credits set aside.
    #[schema(value_type = String)]
    pub held: Credits,
    /// Who pays, in order.
    pub draws: Vec<Draw>,
    /// Extensions of the deadline so far.
    pub extensions: u8,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Its name.
    #[schema(value_type = String)]
    pub id: Reference,
    /// Its number in the account's log.
    pub seq: u64,
    /// What happened.
    pub kind: String,
    /// When it counts.
    #[schema(value_type = String, format = DateTime)]
    pub effective_at: Instant,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Records it follows from.
    #[schema(value_type = Vec<String>)]
    pub parents: Vec<Reference>,
    /// The idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The API key that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub actor: Option<Name>,
    /// The decision, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Box<Decision>>,
    /// The charge, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Box<Charge>>,
    /// Balance updates; each journal sums to zero.
    pub movements: Vec<Movement>,
    /// Chain hash after it, in hexadecimal.
    pub hash: String,
    /// The canonical bytes, in hexadecimal: `hash = BLAKE3(hash of the record before ‖ bytes)`.
    pub bytes: String,
}

/// Records of an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// In order.
    pub records: Vec<Record>,
    /// Pass as `from` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What a batch answers, item by item.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchAnswer {
    /// In the order of the request.
    pub items: Vec<BatchItemAnswer>,
}

/// The answer to one item of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchItemAnswer {
    /// Of an authorize.
    Decision(Box<Decision>),
    /// Of a settle or record.
    Charge(Box<Charge>),
    /// The item was refused.
    Problem(Problem),
}

/// A catalog that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogAccepted {
    /// The operator's label.
    #[schema(value_type = String)]
    pub version: Name,
    /// The plans it defines.
    #[schema(value_type = Vec<String>)]
    pub plans: Vec<Name>,
    /// The features it defines.
    #[schema(value_type = Vec<String>)]
    pub features: Vec<Name>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its public part.
    #[schema(value_type = String)]
    pub id: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Accounts it reaches; empty: all.
    #[schema(value_type = Vec<String>)]
    pub accounts: Vec<Label>,
    /// When it stops working; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Instant>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub note: Option<Label>,
}

/// A new API key; the only time its secret is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyCreated {
    /// The key.
    pub key: Key,
    /// What to send as `Authorization: Bearer …`.
    pub secret: String,
}

/// The API keys in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// By name.
    pub keys: Vec<Key>,
}

/// An error, as of RFC 9457.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:headworks:problem:` and a stable word.
    #[serde(rename = "type")]
    pub kind: String,
    /// The word for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, where, and what to do.
    pub detail: String,
    /// Problems of a catalog, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<CatalogProblem>,
}

/// One thing that is wrong with a catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogProblem {
    /// Line in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Where in the catalog.
    pub at: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}

/// Quantities as granted, by meter.
#[must_use]
pub fn quantities(usage: &Usage) -> Quantities {
    usage.lines.iter().map(|l| (l.meter.clone(), l.quantity)).collect()
}
