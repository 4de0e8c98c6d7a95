//! Abuse: what rules make of an account, and what operators do about it.

use headworks_core::catalog::Mode;
use headworks_core::record::{CreditsByUnit, Instant, Label, Name, Rule, Tier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What abuse rules make of an account now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbuseState {
    /// How far it is trusted.
    pub tier: Tier,
    /// What its tier may do.
    pub terms: TierTerms,
    /// Effects in force.
    pub effects: Vec<AbuseEffect>,
    /// Keys with a score in the penalty box.
    pub penalties: Vec<Penalty>,
    /// The share of its holds that expired, in millionths: a moving average over some 20.
    pub expired_millionths: u64,
}

/// Accounts that abuse rules hold back now, or would if they were enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBack {
    /// Those whose latest effect began last come first.
    pub accounts: Vec<AccountAbuse>,
}

/// What abuse rules make of one account of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountAbuse {
    /// The account.
    pub account: Name,
    /// What rules make of it.
    #[serde(flatten)]
    pub abuse: AbuseState,
}

/// What a tier may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierTerms {
    /// Most open holds.
    pub holds: u64,
    /// The part of the balance that open holds may set aside, in percent.
    pub held_percent: u8,
    /// Cost in ten seconds that is never too fast.
    pub velocity_floor: u64,
    /// Cost in ten seconds that is never passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that is never too steep.
    pub ramp_floor: u64,
    /// Members of one level with counters of their own.
    pub sub_keys: u64,
    /// Networks that one key may be used from in an hour.
    pub networks: u64,
    /// Open holds of a key that is used from more.
    pub shared_holds: u64,
    /// Credits that one key may always spend in an hour, by unit.
    pub key_spend_floor: CreditsByUnit,
}

/// What a rule does to an account or key until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbuseEffect {
    /// The rule.
    pub rule: Rule,
    /// Whether the rule is enforced now; an effect that is only observed holds nobody off.
    pub mode: Mode,
    /// The key it is about. Absent: the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// What is let through: cost in ten seconds for `velocity`, open holds for `holds` and `sharing`.
    pub limit: i64,
    /// What was measured: cost in ten seconds, millionths of expired holds, or networks.
    pub figure: i64,
    /// What it was compared with.
    pub reference: i64,
    /// When it began.
    pub since: Instant,
    /// When it ends by itself.
    pub until: Instant,
    /// From when on the user is asked to prove who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up_at: Option<Instant>,
}

/// A score in the penalty box. It halves every ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Penalty {
    /// The key. Absent: requests without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// Thousandths of a point.
    pub score_milli: u64,
    /// Bursts are divided by two to this power.
    pub level: u8,
}

/// End an effect before its time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// The rule.
    pub rule: Rule,
    /// The key it is about. Absent: the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// Why; it is kept in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key; wins over the `Idempotency-Key` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// What an operator's own systems can report of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// It showed a key of the product that is not valid: 2 points.
    InvalidKey,
    /// It sent a webhook with a wrong signature: 10 points.
    ForgedWebhook,
    /// It disputed a payment: it is not established any more.
    Dispute,
}

/// Report something about an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// What.
    pub signal: SignalKind,
    /// The key that did it. Absent: requests without one. Not for `dispute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// Why; kept in the ledger for a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key; wins over the `Idempotency-Key` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}
