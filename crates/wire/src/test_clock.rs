//! The test clock of a server that was started with one.

use headworks_core::record::{Instant, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a test clock is to go: an instant, or so much further. One of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceRequest {
    /// The instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
    /// How much further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
}

/// What a test clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestClock {
    /// The time, for everything that this server decides and records.
    pub now: Instant,
}
