//! Recurring grants.

use headworks_core::record::{Credits, Every, Instant, Label, Overage, Proration, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;

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
    /// A first period that is shorter than a whole one brings its part: measured to the `instant`, or in whole `days`. Default:
    /// it brings the whole amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<Proration>,
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
    /// The unit of its credits.
    pub unit: String,
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
