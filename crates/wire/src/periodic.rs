//! Recurring grants, banked resets and changes of plan.

use std::collections::BTreeMap;

use headworks_core::record::{Credits, Every, Instant, Label, Level, Name, Overage, Path, Proration, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

/// How a grant recurs. Each grant expires at the next boundary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The calendar unit.
    pub every: Every,
    /// The IANA zone that boundaries are counted in. Default `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Label>,
    /// The instant that boundaries are counted from. Default `billing`.
    #[serde(default)]
    pub anchor: RecurrenceAnchor,
    /// The amount carried over a boundary. Default: nothing; the remainder is breakage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<Rollover>,
    /// What happens to debt at a boundary. Default `keep`: the new grant repays it.
    #[serde(default)]
    pub overage: Overage,
    /// How a first period shorter than a whole one is prorated: to the `instant`, or in whole `days`. Default:
    /// it gets the whole amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<Proration>,
}

/// The instant that the boundaries of a recurring grant are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecurrenceAnchor {
    /// The account's billing anchor; a change of plan that moves it begins a new period.
    #[default]
    Billing,
    /// The instant from which the first grant can be used.
    Grant,
}

/// The amount carried over a boundary, as a grant of its own: `min(max, max(min, fraction × remainder))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollover {
    /// At least this much, topped up by the operator. Default 0.
    #[serde(default)]
    pub min: Credits,
    /// At most this much.
    pub max: Credits,
    /// The part of the remainder, from 0 to 1, in at most 9 decimals. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<Credits>,
    /// How long the carried grant lives. Default: one period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Span>,
}

/// A recurring grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its name: the first grant's.
    pub id: Reference,
    /// The current period's grant.
    pub current: Reference,
    /// The amount, from the next boundary on.
    pub amount: Credits,
    /// The unit of its credits.
    pub unit: String,
    /// The calendar unit.
    pub every: Every,
    /// The zone.
    pub zone: Label,
    /// When the current period began.
    pub began_at: Instant,
    /// When it ends.
    pub next_at: Instant,
    /// When it stops recurring; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

/// Bank a reset.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankResetRequest {
    /// The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant. Default: for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Your reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Redeem a banked reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemResetRequest {
    /// The reset. Default: of those that would clear something, the first to expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// The member whose windows to clear, if they count below the account.
    #[serde(default)]
    pub path: Path,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// The outcome of redeeming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedeemOutcome {
    /// The windows are cleared and the reset is used up.
    ResetDone,
    /// Its windows are unused; it stays banked.
    NothingToReset,
    /// There is none that can be redeemed.
    NoneLeft,
    /// It was redeemed before.
    AlreadyRedeemed,
}

/// The answer to redeeming a reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Redeemed {
    /// The outcome.
    pub outcome: RedeemOutcome,
    /// The record, if something was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Reference>,
    /// The reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// The windows that were cleared.
    pub cleared: Vec<ClearedWindow>,
    /// Whether this repeats the first answer.
    pub replayed: bool,
}

/// A window that was cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClearedWindow {
    /// Its name.
    pub name: Name,
    /// The level it counts at.
    pub level: Level,
}

/// The banked resets of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resets {
    /// Those that can be redeemed, the first to expire first.
    pub resets: Vec<BankedReset>,
}

/// A banked reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BankedReset {
    /// Its name.
    pub id: Reference,
    /// The windows it clears.
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant.
    pub expires_at: Instant,
    /// The operator's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
}

/// Change the plan.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePlanRequest {
    /// The plan.
    pub plan: Name,
    /// `move`: a new billing period begins now, and with it every grant that recurs with the billing anchor.
    #[serde(default)]
    pub anchor: PlanAnchor,
    /// New amounts of recurring grants, from the next boundary on.
    #[serde(default)]
    pub amounts: BTreeMap<Reference, Credits>,
    /// Whether the current period gains its share of the difference at once, or loses it as far as it is free: `true` or
    /// `instant`, measured to the microsecond; `days`, in whole days including the one that has begun; or `false`. Default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<Prorate>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// How the current period is prorated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Prorate {
    /// To the microsecond, or not.
    Is(bool),
    /// How its share is measured.
    By(Proration),
}

/// The effect of a change of plan on the billing anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanAnchor {
    /// It stays.
    #[default]
    Keep,
    /// It moves to now.
    Move,
}
