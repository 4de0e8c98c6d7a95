//! The JSON of the API: requests and answers.
//!
//! Shapes only: amounts of credits are decimal strings, instants RFC 3339 in UTC, durations `60s` or ISO 8601, references
//! `account~number`. Unknown fields in requests are refused.

mod abuse;
mod answers;
mod audit_log;
mod commands;
mod corrections;
mod events;
mod few;
mod inbound;
mod incidents;
mod increases;
mod invoices;
mod ledger;
mod overrides;
mod pauses;
mod plans;
mod quantities;
mod queries;
mod recurrence;
mod reference;
mod requests;
mod resets;
mod seats;
mod shapes;
mod supplies;
mod test_clock;
mod top_ups;
mod webhooks;

pub use abuse::*;
pub use answers::*;
pub use audit_log::*;
pub use commands::Malformed;
pub use corrections::*;
pub use events::*;
pub use few::{DIMENSIONS_MAX, Few};
pub use inbound::*;
pub use incidents::*;
pub use increases::*;
pub use invoices::*;
pub use ledger::*;
pub use overrides::*;
pub use pauses::*;
pub use plans::*;
pub use quantities::Quantities;
pub use queries::*;
pub use recurrence::*;
pub use reference::{Reference, ReferenceError};
pub use requests::*;
pub use resets::*;
pub use seats::*;
pub use shapes::*;
pub use supplies::*;
pub use test_clock::*;
pub use top_ups::*;
pub use webhooks::*;
