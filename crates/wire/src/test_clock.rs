//! The test clock of a server that was started with one.

use headworks_core::record::{Instant, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::OneOfBuilder;

use crate::shapes::only;

/// Where to move a test clock: to an instant, or by a duration. Give one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceRequest {
    /// The instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
    /// The duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
}

headworks_core::text_schema!(
    AdvanceRequest,
    OneOfBuilder::new()
        .description(Some("Where to move a test clock."))
        .item(only("to", Instant::schema()))
        .item(only("by", Span::schema()))
);

/// The time of a test clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestClock {
    /// The time, for everything that this server decides and records.
    pub now: Instant,
}
