//! The ledger in the API: reconciliation, statements, replay.

use std::collections::BTreeMap;

use headworks_core::record::{Category, Credits, Id, Instant, Label, Name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Reference, Usage};

/// The state of reconciliation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// `pending` before the first pass has ended, `ok`, or `failed`.
    pub status: String,
    /// Completed passes.
    pub passes: u64,
    /// Records that the running pass has read, if one is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_records: Option<u64>,
    /// The last completed pass.
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
    /// Accounts examined.
    pub accounts: u64,
    /// The server's own logs that were examined as well.
    #[serde(default)]
    pub internal_logs: u64,
    /// Records examined.
    pub records: u64,
    /// How many findings there are.
    pub found: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
    /// Damaged places of the journal, each with what is wrong there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// The operator's books: the sums over all accounts, in `credits`.
    pub books: OperatorBooks,
    /// Its books in other units of credits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_units: BTreeMap<Name, OperatorBooks>,
}

/// A record that differs from what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The account whose log it is in.
    pub account: Id,
    /// The record.
    pub record: u64,
    /// `chain`, `usage`, `monetization`, `balance` or `state`.
    pub dataset: String,
    /// What it says, and what it should say.
    pub what: String,
}

/// The operator's side of all accounts, in credits. `issued + goodwill + debt + overdraft + postpaid = free + held + spent + breakage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperatorBooks {
    /// Issued to accounts, less credits taken back.
    pub issued: String,
    /// Charged: revenue.
    pub spent: String,
    /// Expired unused.
    pub breakage: String,
    /// Given to cover shortfalls.
    pub goodwill: String,
    /// Owed by accounts after overshoots.
    pub debt: String,
    /// Drawn from agreed overdrafts.
    pub overdraft: String,
    /// Lent after use and not paid by an invoice yet.
    pub postpaid: String,
    /// Free in grants: still owed to accounts.
    pub free: String,
    /// Set aside by open holds.
    pub held: String,
    /// Credits in minus credits out; anything but 0 is a defect.
    pub difference: String,
}

/// A period of an account: its opening balance, what moved it and why, its closing balance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The account.
    pub account: Id,
    /// From this instant on.
    pub from: Instant,
    /// Up to, but not including, this instant.
    pub to: Instant,
    /// How a record falls into the period: `recorded`, by when it was written, or `effective`, by when it takes effect.
    pub by: StatementBy,
    /// As known at this instant; absent: as known when the statement was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// The IANA zone of its days.
    pub zone: String,
    /// The unit of credits.
    pub unit: String,
    /// The balance before the first entry: free and held credits, less debt.
    pub opening: Credits,
    /// The balance before the first entry of this page; absent on the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Credits>,
    /// The movements of this page, in order. Empty if only the sums were requested.
    pub entries: Vec<StatementEntry>,
    /// More entries follow: ask with `after` set to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The balance after the last entry of the period.
    pub closing: Credits,
    /// The sums of all entries of the period.
    pub sums: StatementSums,
    /// The last record of the account's log that was read.
    pub seq: u64,
    /// The signed head of the log after that record, together with a digest of this statement: see `headworks verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// How a record falls into the period of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementBy {
    /// When it was written: a past period never changes.
    #[default]
    Recorded,
    /// When it takes effect: late use and corrections are in the period of the use.
    Effective,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementEntry {
    /// The record it comes from.
    pub record: Reference,
    /// When it was written.
    pub at: Instant,
    /// When it takes effect.
    pub effective_at: Instant,
    /// `grant`, `charge`, `refund`, `goodwill`, `expiry`, `void` or `adjustment`.
    pub cause: String,
    /// Credits in; negative: credits out.
    pub amount: Credits,
    /// The balance after it.
    pub balance: Credits,
    /// The feature of the charge that it is, or that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<Name>,
    /// The use, for charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The operator's words or reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// The idempotency key of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The caller's own name for the use that it is about: the idempotency key that the use was recorded or authorized with, or
    /// `source` and `id` of the event that reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// The sums of a statement's entries. By cause and by day they add up to the movement of the period.
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
    /// By source, less credits given back.
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

/// The amount a source paid in a period, less the amount it got back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatementSource {
    /// `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`.
    pub source: String,
    /// The layer of the waterfall.
    pub layer: Name,
    /// The category of a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// How much.
    pub amount: String,
    /// The unit of the amount: a unit of credits, `requests` or a meter.
    pub unit: String,
    /// Its part of the prices, in the statement's unit.
    pub worth: Credits,
}

/// The key that checkpoints are signed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// `headworks+ID+KEY`, as C2SP signed notes name Ed25519 keys.
    pub public: String,
}

/// The result of replaying every recorded request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// Accounts replayed.
    pub accounts: u64,
    /// Records replayed.
    pub records: u64,
    /// Records that the same request no longer produces.
    pub found: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
}

/// The effect that another catalog would have had on the recorded requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// The other catalog's version.
    pub catalog: Name,
    /// Accounts whose logs were run again.
    pub accounts: u64,
    /// Records examined.
    pub records: u64,
    /// The total, including denials that were counted without their explanation: these are denied in both.
    pub total: WhatIfRow,
    /// By plan and feature.
    pub by_feature: Vec<WhatIfRow>,
    /// The accounts that change most, by revenue.
    pub by_account: Vec<WhatIfRow>,
    /// Accounts for which anything changes.
    pub accounts_changed: u64,
    /// Operations that cannot be run again: those that the catalog refuses, such as those of a plan that it lacks, and corrections and
    /// refunds of what is no charge there.
    pub refused: u64,
    /// The first thousand of them.
    pub refusals: Vec<Finding>,
    /// Denials whose explanation was not kept, so they could not be run again; they count only in the total.
    pub unexplained_denials: u64,
}

/// The recorded outcome and the hypothetical one.
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
    pub account: Option<Id>,
    /// As recorded.
    pub was: WhatIfTally,
    /// On the other catalog.
    pub would_be: WhatIfTally,
    /// Requests whose outcome changes.
    pub changed: u64,
}

/// The outcome of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfTally {
    /// Requests granted.
    pub granted: u64,
    /// Requests denied, or in need of consent; on the other catalog also those that it keeps in quarantine although the ledger charged them.
    pub denied: u64,
    /// The unit of credits; totals leave out other units.
    pub unit: String,
    /// Credits charged after corrections and refunds, from free and paid sources alike. What the close of a period of graduated prices
    /// gives back is taken off.
    pub charged: String,
    /// The part of them from paid sources: revenue.
    pub revenue: String,
}
