//! Changes of plan.

use std::collections::BTreeMap;

use headworks_core::record::{Credits, Id, Instant, Label, Name, Proration};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

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
    /// `instant`, measured to the microsecond; `days`, in whole days including the one that has begun; or `false`. Default
    /// `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<Prorate>,
    /// When: an instant to come, or `period_end` (when the first grant that follows the billing anchor renews, or else its month
    /// ends). It takes the place of a change planned before. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<PlanAt>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// When the plan changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "write an instant such as 2026-01-31T12:00:00Z, or `period_end`")]
pub enum PlanAt {
    /// At the end of the billing period.
    Named(PeriodEnd),
    /// At this instant.
    Instant(Instant),
}

/// The end of the billing period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodEnd {
    /// It.
    PeriodEnd,
}

/// Withdraw the change of plan that is planned, or let a recurring grant end with its period.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// A change of plan to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanToCome {
    /// The record that planned it.
    pub id: Reference,
    /// When.
    pub at: Instant,
    /// The plan.
    pub plan: Name,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
}

/// How the current period is prorated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "write true, false, `instant` or `days`")]
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
