//! What the API says about the ledger: reconciliation, statements, replay.

use std::collections::BTreeMap;

use headworks_core::record::{Category, Credits, Instant, Label, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Reference, Usage};

/// The state of reconciliation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// `pending` before the first pass has ended, `ok`, or `failed`.
    pub status: String,
    /// Passes that have ended.
    pub passes: u64,
    /// Records that the running pass has looked at, if one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_records: Option<u64>,
    /// The last pass that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Pass>,
}

/// A pass over every account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pass {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Instant>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Instant>,
    /// Accounts looked at.
    pub accounts: u64,
    /// Logs of the server's own, looked at as well.
    #[serde(default)]
    pub internal_logs: u64,
    /// Records looked at.
    pub records: u64,
    /// How many findings there are.
    pub found: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
    /// Places of the journal that are damaged, and what is wrong there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// The operator's books: what all accounts together say, in `credits`.
    pub books: OperatorBooks,
    /// Its books in other units of credits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_units: BTreeMap<Name, OperatorBooks>,
}

/// A record that differs from what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Whose log it is in.
    pub account: Name,
    /// The record.
    pub record: u64,
    /// `chain`, `usage`, `monetization`, `balance` or `state`.
    pub dataset: String,
    /// What it says and what it should.
    pub what: String,
}

/// The operator's side of all accounts, in credits. `issued + goodwill + debt + overdraft = free + held + spent + breakage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperatorBooks {
    /// Issued to accounts, less what was taken back.
    pub issued: String,
    /// Charged: revenue.
    pub spent: String,
    /// Expired unused.
    pub breakage: String,
    /// Given to make shortfalls good.
    pub goodwill: String,
    /// Owed by accounts after overshoots.
    pub debt: String,
    /// Drawn below zero by agreement.
    pub overdraft: String,
    /// Free in grants: still owed to accounts.
    pub free: String,
    /// Set aside by open holds.
    pub held: String,
    /// What came in less what went out; anything but 0 is a defect.
    pub difference: String,
}

/// A period of an account: what it had, what moved it and why, what it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// Whose.
    pub account: Name,
    /// From this instant on.
    pub from: Instant,
    /// To before this instant.
    pub to: Instant,
    /// What counts for the period: `recorded`, when a record was written, or `effective`, when it counts.
    pub by: StatementBy,
    /// As it was known at this instant; absent: as it was known when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// The IANA zone of its days.
    pub zone: String,
    /// The unit of credits.
    pub unit: String,
    /// The balance before the first entry: free and held credits, less what is owed.
    pub opening: Credits,
    /// What moved it, in order. Empty when the sums alone were asked for.
    pub entries: Vec<StatementEntry>,
    /// The balance after the last entry.
    pub closing: Credits,
    /// What the entries come to.
    pub sums: StatementSums,
    /// The last record of the account's log that was looked at.
    pub seq: u64,
    /// The signed head of the log after that record, together with a digest of this statement: see `headworks verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// What puts a record into the period of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementBy {
    /// When it was written: what a period says never changes.
    #[default]
    Recorded,
    /// When it counts: late use and corrections are in the period of the use.
    Effective,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementEntry {
    /// The record it comes from.
    pub record: Reference,
    /// When it was written.
    pub at: Instant,
    /// When it counts.
    pub effective_at: Instant,
    /// `grant`, `charge`, `refund`, `goodwill`, `expiry`, `void` or `adjustment`.
    pub cause: String,
    /// What came in; negative: what went out.
    pub amount: Credits,
    /// The balance after it.
    pub balance: Credits,
    /// The feature whose charge it is, or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Name>,
    /// What was used, for charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The operator's words or reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// The caller's idempotency key of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
    /// The caller's own name of the use that it is about: the idempotency key that the use was recorded or authorized with, or
    /// `source` and `id` of the event that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// What the entries of a statement come to. By cause and by day they add up to what the period moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementSums {
    /// By cause.
    #[schema(value_type = BTreeMap<String, StatementSum>)]
    pub by_cause: BTreeMap<String, StatementSum>,
    /// Of the entries that are about the use of a feature, by feature.
    #[schema(value_type = BTreeMap<String, StatementSum>)]
    pub by_feature: BTreeMap<Name, StatementSum>,
    /// By day of the zone, like `2026-10-01`.
    #[schema(value_type = BTreeMap<String, StatementSum>)]
    pub by_day: BTreeMap<String, StatementSum>,
    /// By who paid, less what was given back.
    pub by_source: Vec<StatementSource>,
}

/// A sum of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementSum {
    /// How many entries.
    pub entries: u64,
    /// The sum of their amounts.
    pub amount: Credits,
}

/// What a source paid in a period, less what it got back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementSource {
    /// `allowance`, `grant`, `overdraft`, `debt` or `goodwill`.
    pub source: String,
    /// The layer of the waterfall.
    pub layer: Name,
    /// The category of a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// How much.
    pub amount: String,
    /// Of what: a unit of credits, `requests` or a meter.
    pub unit: String,
    /// What that is of the prices, in the statement's unit.
    pub worth: Credits,
}

/// The key that checkpoints are signed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// `headworks+ID+KEY`, as C2SP signed notes name Ed25519 keys.
    pub public: String,
}

/// What replaying every recorded request found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// Accounts replayed.
    pub accounts: u64,
    /// Records replayed.
    pub records: u64,
    /// Records that the same request does not give again.
    pub found: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
}

/// What another catalog would have done with the recorded requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// The other catalog's version.
    pub catalog: Name,
    /// Accounts that lived through their logs again.
    pub accounts: u64,
    /// Records looked at.
    pub records: u64,
    /// Everything together, with the denials that were counted without their explanation: denied in both.
    pub total: WhatIfRow,
    /// By plan and feature.
    pub by_feature: Vec<WhatIfRow>,
    /// The accounts that change most, by revenue.
    pub by_account: Vec<WhatIfRow>,
    /// Accounts for which anything changes.
    pub accounts_changed: u64,
    /// Operations that the catalog refuses, such as those of a plan that it lacks.
    pub refused: u64,
    /// The first thousand of them.
    pub refusals: Vec<Finding>,
    /// Denials whose explanation was not kept, so that they could not be asked again; they stand in the total alone.
    pub unexplained_denials: u64,
}

/// What was and what would have been.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfRow {
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Name>,
    /// The feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Name>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Name>,
    /// As recorded.
    pub was: WhatIfTally,
    /// On the other catalog.
    pub would_be: WhatIfTally,
    /// Requests whose outcome changes.
    pub changed: u64,
}

/// What requests came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfTally {
    /// Requests granted.
    pub granted: u64,
    /// Requests denied, or in need of consent.
    pub denied: u64,
    /// The unit of credits; totals leave out what is in another.
    pub unit: String,
    /// Credits charged, from free and paid sources alike.
    pub charged: String,
    /// The part of them from paid sources: revenue.
    pub revenue: String,
}
