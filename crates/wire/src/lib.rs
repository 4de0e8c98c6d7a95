//! The JSON of the API: what a caller sends and what the server answers.
//!
//! Shapes only: amounts of credits are decimal strings, instants RFC 3339 in UTC, durations `60s` or ISO 8601, references
//! `account~number`. Unknown fields in requests are refused.

mod answers;
mod commands;
mod conduct;
mod events;
mod ledger;
mod periodic;
mod pools;
mod reference;
mod requests;
mod webhooks;

pub use answers::*;
pub use commands::Malformed;
pub use conduct::*;
pub use events::*;
pub use ledger::*;
pub use periodic::*;
pub use pools::*;
pub use reference::{Reference, ReferenceError};
pub use requests::*;
pub use webhooks::*;
