//! Accounts: balances, windows, holds, records.

use std::collections::BTreeMap;

use headworks_core::record::{
    Category, Consent, Credits, Id, Instant, Label, Levels, Name, Path, Segment, Tier,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Charge, Decision, Draw, HeldCapacity, Movement, Usage};
use crate::pauses::Pause;
use crate::plans::PlanToCome;
use crate::recurrence::Schedule;
use crate::reference::Reference;
use crate::requests::SegmentSettings;
use crate::supplies::AccountCapacity;
use crate::top_ups::{AlertMarks, ByUnit, TopUpTerms};

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub id: Id,
    /// Its plan.
    pub plan: Name,
    /// Whether every request is denied.
    pub suspended: bool,
    /// Its consent; absent: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The instant that billing windows are counted from.
    pub billing_anchor: Instant,
    /// The zone of its windows that go by it; absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Label>,
    /// Settings of segments.
    pub segments: BTreeMap<Segment, SegmentSettings>,
    /// The balances at which the owner is alerted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<ByUnit<AlertMarks>>,
    /// Credits that are bought automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_up: Option<ByUnit<TopUpTerms>>,
    /// Its place in supplies; absent: as its plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<AccountCapacity>,
    /// How far the operator trusts it; absent: as its ledger shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// A change of plan to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_to_come: Option<PlanToCome>,
    /// The pause that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// When it was opened.
    pub opened_at: Instant,
    /// Number of its last record.
    pub seq: u64,
    /// Chain hash after it, in hexadecimal.
    pub hash: String,
}

/// An account as a request left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedAccount {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// Whether this repeats the first answer.
    #[serde(default)]
    pub replayed: bool,
}

/// A list of accounts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// Names, in order.
    pub accounts: Vec<Id>,
    /// Pass as `after` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Id>,
}

/// The credits of an account in effect now, in one unit; without a unit asked for, the others follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Balances {
    /// As of.
    pub at: Instant,
    /// The units of credits that the account has, `credits` first; the catalog's units if it has none.
    pub units: Vec<String>,
    /// In the unit asked for, or in the first of `units`.
    #[serde(flatten)]
    pub first: UnitBalances,
    /// In the other units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_units: Vec<UnitBalances>,
}

/// Credits of one unit: `available = granted − spent − held − debt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnitBalances {
    /// The unit of credits that everything below is in.
    pub unit: String,
    /// Credits that can be drawn now, less debt.
    pub available: Credits,
    /// Set aside by open holds.
    pub held: Credits,
    /// Charged since the account was opened, less refunds.
    pub spent: Credits,
    /// Issued by the operator, less credits taken back; below zero if goodwill had paid for those.
    pub issued: Credits,
    /// Expired unused.
    pub breakage: Credits,
    /// Shortfalls covered by the operator.
    pub goodwill: Credits,
    /// Owed after overshoots.
    pub debt: Credits,
    /// Drawn from the agreed overdraft.
    pub overdraft: Credits,
    /// Postpaid: set aside by holds, to come on an invoice, or on an unpaid one. No grant repays it. Below zero, you owe it.
    pub postpaid: Credits,
    /// Open grants, in burn order.
    pub grants: Vec<Grant>,
    /// Recurring grants.
    pub schedules: Vec<Schedule>,
}

/// A balance as of two instants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BalanceAsOf {
    /// Events up to this instant count,
    pub effective_at: Instant,
    /// as far as they were known at this one.
    pub recorded_at: Instant,
    /// The unit of credits.
    pub unit: String,
    /// Free and held credits, less debt.
    pub balance: Credits,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its name.
    pub id: Reference,
    /// Its kind.
    pub category: Category,
    /// Lower numbers are drawn first.
    pub priority: u16,
    /// The unit of its credits.
    pub unit: String,
    /// The amount it was opened with, corrections included.
    pub amount: Credits,
    /// Free to draw.
    pub remaining: Credits,
    /// Set aside by open holds.
    pub held: Credits,
    /// Usable from.
    pub effective_from: Instant,
    /// Usable before; absent: it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// The features it pays for; empty: all.
    pub features: Vec<Name>,
    /// The operator's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
}

/// The windows of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Windows {
    /// As of.
    pub at: Instant,
    /// Windows of the account itself, used or not, and of members that have used something.
    pub windows: Vec<Window>,
    /// The use of graduated prices: of each volume the current period, and the last ones that have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// The use of a volume in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Volume {
    /// The volume.
    pub name: Name,
    /// The beginning of the period.
    pub from: Instant,
    /// Its end.
    pub until: Instant,
    /// The units that are charged. The next one has the price of the position after them.
    pub used: u64,
    /// The units that open holds set aside.
    pub held: u64,
    /// What corrections make the price of the period higher than its charges, or lower if it is below zero. It is charged, or given
    /// back, when the period ends; what credits have not paid is not given back, and stays.
    pub due: Credits,
    /// The unit of credits.
    pub credit_unit: String,
}

/// A window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// The guard, `allowance.window`, or pool it belongs to.
    pub name: Name,
    /// The level it counts at, or several together.
    pub level: Levels,
    /// The member it belongs to: the part of the path at its levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Path>,
    /// The limit, or `none`.
    pub limit: String,
    /// How much is used.
    pub used: String,
    /// How much is left, or `none` if there is no limit.
    pub remaining: String,
    /// The unit it counts.
    pub unit: String,
    /// When a fixed or first-use window that is open closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Instant>,
    /// The override that the limit comes from; otherwise it is the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<Reference>,
}

/// The open holds of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    /// As of.
    pub at: Instant,
    /// Oldest first.
    pub holds: Vec<Hold>,
}

/// An open hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Its name.
    pub id: Reference,
    /// When it was opened.
    pub opened_at: Instant,
    /// When it expires.
    pub expires_at: Instant,
    /// The use it covers.
    pub usage: Usage,
    /// Credits set aside.
    pub held: Credits,
    /// The sources that pay, in order.
    pub draws: Vec<Draw>,
    /// Extensions of the deadline so far.
    pub extensions: u8,
    /// The room it takes in a supply until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<HeldCapacity>,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Its name.
    pub id: Reference,
    /// Its number in the account's log.
    pub seq: u64,
    /// The kind of event.
    pub kind: String,
    /// When it takes effect.
    pub effective_at: Instant,
    /// When it was written.
    pub recorded_at: Instant,
    /// Records it follows from.
    pub parents: Vec<Reference>,
    /// The idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The API key that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Name>,
    /// Why, in the operator's words or by their reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
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
