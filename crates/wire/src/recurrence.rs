//! Recurring grants.

use headworks_core::record::{Credits, Every, Instant, Label, Overage, Proration, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reference::Reference;
use crate::shapes::Fraction;

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
    #[schema(value_type = Option<Fraction>)]
    pub fraction: Option<Credits>,
    /// How long it lives. Default: one period.
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
