//! Recurring grants, banked resets, changes of plan, corrections, late use, alerts and top-ups.

use std::collections::BTreeMap;

use headworks_core::record::{Credits, Every, Instant, Label, Level, Name, Overage, Path, Span, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;
use crate::requests::Quantities;

/// How a grant comes again. Each one expires at the next boundary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The calendar unit.
    pub every: Every,
    /// The IANA zone that boundaries are counted in. Default `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Label>,
    /// What boundaries are counted from. Default `billing`.
    #[serde(default)]
    pub anchor: RecurrenceAnchor,
    /// What is carried over a boundary. Default: nothing, the rest is breakage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<Rollover>,
    /// What becomes of what is owed at a boundary. Default `keep`: the new grant repays it.
    #[serde(default)]
    pub overage: Overage,
}

/// What the boundaries of a recurring grant are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecurrenceAnchor {
    /// The account's billing anchor; a change of plan that moves it begins a new period.
    #[default]
    Billing,
    /// The instant that the first grant can be used from.
    Grant,
}

/// What is carried over a boundary, as a grant of its own: `min(max, max(min, fraction × remainder))`.
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
    /// How long it lives. Default: one period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Span>,
}

/// A grant that comes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// Its name: the first grant's.
    pub id: Reference,
    /// The grant of the period under way.
    pub current: Reference,
    /// How much, from the next boundary on.
    pub amount: Credits,
    /// The calendar unit.
    pub every: Every,
    /// The zone.
    pub zone: Label,
    /// When the period under way began.
    pub began_at: Instant,
    /// When it ends.
    pub next_at: Instant,
    /// When it stops coming; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

/// Bank a reset.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankResetRequest {
    /// The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    pub windows: Vec<Name>,
    /// Can be redeemed before. Default: for 30 days.
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
    /// Which. Default: the one that expires first of those that would clear something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// Whose windows, where they count below the account.
    #[serde(default)]
    pub path: Path,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// What became of redeeming.
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
    /// What became of it.
    pub outcome: RedeemOutcome,
    /// The record, where something was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Reference>,
    /// The reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reference>,
    /// What was cleared.
    pub cleared: Vec<ClearedWindow>,
    /// Whether this is the first answer again.
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
    /// Can be redeemed before.
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
    /// Whether the period under way gains its part of the difference at once, or loses it as far as it is free.
    /// Default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<bool>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// What a change of plan does to the billing anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanAnchor {
    /// It stays.
    #[default]
    Keep,
    /// It moves to now.
    Move,
}

/// Correct a charge. The correction takes its place and can be corrected again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectRequest {
    /// The charge.
    pub charge: Reference,
    /// Quantities that were wrong; the other meters stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Take the prices that the catalog in force has for the instant of the use.
    #[serde(default)]
    pub reprice: bool,
    /// The use did not happen: everything goes back.
    #[serde(default)]
    pub delete: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Price every charge of a period again, on the catalog in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepriceRequest {
    /// Use from this instant on.
    pub from: Instant,
    /// To before this instant.
    pub to: Instant,
    /// The features. Default: all.
    #[serde(default)]
    pub features: Vec<Name>,
    /// The accounts. Default: all.
    #[serde(default)]
    pub accounts: Vec<Name>,
    /// Apply what a run without it has shown. A run that was cut off goes on where it stopped when it is sent again.
    #[serde(default)]
    pub apply: bool,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// What pricing again comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Repriced {
    /// Whether it was applied.
    pub applied: bool,
    /// Charges that were looked at.
    pub charges: u64,
    /// Charges whose price changes.
    pub changed: u64,
    /// What they cost before.
    pub was: String,
    /// What they cost now.
    pub is: String,
    /// Charges that were left alone because they were refunded.
    pub refunded: u64,
    /// By account, the largest difference first; at most 1,000.
    pub accounts: Vec<RepricedAccount>,
    /// Charges that have no price in the catalog in force; at most 1,000. Nothing was changed about them.
    pub refused: Vec<RepriceRefused>,
}

/// What pricing again comes to for one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepricedAccount {
    /// The account.
    pub account: Name,
    /// Charges whose price changes.
    pub changed: u64,
    /// What they cost before.
    pub was: String,
    /// What they cost now.
    pub is: String,
}

/// A charge that cannot be priced again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepriceRefused {
    /// The charge.
    pub charge: Reference,
    /// Why.
    pub why: String,
}

/// The use that waits in an account's quarantine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// Oldest record first.
    pub uses: Vec<QuarantinedUse>,
}

/// Use that came later than the catalog's horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedUse {
    /// Its name.
    pub id: Reference,
    /// When it came.
    pub recorded_at: Instant,
    /// When it happened.
    pub effective_at: Instant,
    /// The feature.
    pub feature: Name,
    /// Where in the account.
    pub path: Path,
    /// Dimensions that prices depend on.
    pub dimensions: BTreeMap<Name, Label>,
    /// Units of each meter.
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
}

/// Decide about use in quarantine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateRequest {
    /// What is to become of it.
    pub action: LateAction,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// What is to become of use in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateAction {
    /// It is charged, at the prices of its own time.
    Accept,
    /// It is not charged; its record stays.
    Discard,
}

/// The balances that the account's owner is told about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertMarks {
    /// Below this the balance is low.
    pub low: Credits,
    /// From this on it has recovered. At least `low`.
    pub recovered: Credits,
}

/// When credits are bought by themselves: when the balance becomes low or empty, once for each time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpTerms {
    /// How many credits.
    pub amount: Credits,
    /// Most credits in one calendar month of UTC.
    pub monthly_max: Credits,
    /// The least time between two.
    pub cool_down: Span,
}

/// Where an account's automatic top-ups stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUps {
    /// Where the balance stood when it last crossed a mark.
    pub standing: Standing,
    /// How often it has crossed one.
    pub crossings: u64,
    /// The one that waits for its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<TopUpInFlight>,
    /// Bought this month, or in flight.
    pub month_total: Credits,
}

/// A top-up that waits for its payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUpInFlight {
    /// The number of the crossing it is for; with the account, the key to charge it under.
    pub number: u64,
    /// How much.
    pub amount: Credits,
    /// Whether the balance still needs it; look at it again before you charge.
    pub needed: bool,
}

/// Say what became of a top-up's payment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTopUpRequest {
    /// Whether it was paid.
    pub paid: bool,
    /// Your reference, for example the payment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Why it was not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// When the credits expire. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
}

/// The payment of a top-up, confirmed with a signature.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedTopUp {
    /// The account.
    pub account: Name,
    /// The number it was asked for under.
    pub number: u64,
    /// What became of it.
    pub payment: ConfirmTopUpRequest,
}
