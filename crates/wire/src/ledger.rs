//! What the API says about the ledger as a whole: reconciliation.

use headworks_core::name::Name;
use headworks_core::time::Instant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Instant>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Instant>,
    /// Accounts looked at, the server's own log included.
    pub accounts: u64,
    /// Records looked at.
    pub records: u64,
    /// How many findings there are.
    pub found: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
    /// Places of the journal that are damaged; only told offline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// The operator's books: what all accounts together say, in credits.
    pub books: OperatorBooks,
}

/// A record that differs from what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Whose log it is in.
    #[schema(value_type = String)]
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
