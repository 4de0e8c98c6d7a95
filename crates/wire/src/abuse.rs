//! Abuse: an account's standing under the rules, and what operators can do about it.

use headworks_core::catalog::Mode;
use headworks_core::record::{CreditsByUnit, Id, Instant, Label, Rule, Tier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account's standing under the abuse rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbuseState {
    /// How far it is trusted.
    pub tier: Tier,
    /// The limits of its tier.
    pub terms: TierTerms,
    /// Effects in force.
    pub effects: Vec<AbuseEffect>,
    /// Keys with a score in the penalty box.
    pub penalties: Vec<Penalty>,
    /// The share of its holds that expired, in millionths: a moving average over about 20.
    pub expired_millionths: u64,
}

/// Accounts that abuse rules hold back now, or would if they were enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBack {
    /// Accounts with the most recent effect come first.
    pub accounts: Vec<AccountAbuse>,
}

/// The standing of one of several accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountAbuse {
    /// The account.
    pub account: Id,
    /// Its standing.
    #[serde(flatten)]
    pub abuse: AbuseState,
}

/// The limits of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierTerms {
    /// Most open holds.
    pub holds: u64,
    /// The part of the balance that open holds may set aside, in percent.
    pub held_percent: u8,
    /// Cost in ten seconds that never counts as too fast.
    pub velocity_floor: u64,
    /// Cost in ten seconds that is never exceeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that never counts as too steep.
    pub ramp_floor: u64,
    /// Members of one level with counters of their own.
    pub sub_keys: u64,
    /// Networks that one key may be used from in an hour.
    pub networks: u64,
    /// Open holds of a key that is used from more networks than that.
    pub shared_holds: u64,
    /// Credits that one key may always spend in an hour, by unit.
    pub key_spend_floor: CreditsByUnit,
}

/// An effect of a rule on an account or key, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbuseEffect {
    /// The rule.
    pub rule: Rule,
    /// Whether the rule is enforced now; an effect that is only observed blocks nobody.
    pub mode: Mode,
    /// The key it applies to. Absent: the whole account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// How much is let through: cost in ten seconds for `velocity`, open holds for `holds` and `sharing`.
    pub limit: i64,
    /// The measured value: cost in ten seconds, millionths of expired holds, or networks.
    pub figure: i64,
    /// The value it was compared with.
    pub reference: i64,
    /// When it began.
    pub since: Instant,
    /// When it ends by itself.
    pub until: Instant,
    /// From this instant on, the user is asked to prove their identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up_at: Option<Instant>,
}

/// A score in the penalty box. It halves every ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Penalty {
    /// The key. Absent: requests without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// Thousandths of a point.
    pub score_milli: u64,
    /// Bursts are divided by two to this power.
    pub level: u8,
}

/// End an effect early.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// The rule.
    pub rule: Rule,
    /// The key it applies to. Absent: the whole account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// Why; it is kept in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key; wins over the `Idempotency-Key` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// A report about an account from the operator's own systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// It used an invalid key of the product: 2 points.
    InvalidKey,
    /// It sent a webhook with a wrong signature: 10 points.
    ForgedWebhook,
    /// It disputed a payment: it is no longer established.
    Dispute,
}

/// Report something about an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// What to report.
    pub signal: SignalKind,
    /// The key that did it. Absent: requests without one. Not for `dispute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// Why; kept in the ledger for a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key; wins over the `Idempotency-Key` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}
