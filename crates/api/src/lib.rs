//! Every call of Headworks as a plain function, independent of the protocol.
//!
//! A call takes shapes of `wire` and answers with one, or with a [`Problem`] of a known kind. Edges know protocols: how a caller
//! shows its key, where an idempotency key stands, which status a kind of problem has. Never looks at a header.

mod access;
mod api;
mod audit_log;
mod calls;
mod idempotency;
mod json;
mod key_warnings;
mod keys;
mod lane;
pub mod outbox;
mod problem;
mod render;
mod signing;
mod steady;
mod unauthenticated;

pub use access::Access;
pub use api::Api;
pub use audit_log::Call;
pub use calls::catalogs::catalog_schema;
pub use calls::decisions::{ItemAnswer, Leased, Recorded, decision};
pub use calls::inbound::{Report, Signature};
pub use calls::ledger::{ShownStatement, StatementBody};
pub use calls::usage::{EVENTS_MAX, Ingested, Reported, too_many_events, usage};
pub use idempotency::Key;
pub use json::{is_json, parse, parse_envelope};
pub use keys::{CreateKeyError, NewSecret, create_key};
pub use lane::{LaneFigures, Lanes};
pub use problem::{Kind, Problem};
pub use render::events::{Outgoing, events};
pub use render::{event_id, pass, record_answer, replayed, statement_digest, what_if};
pub use signing::{Checkpoint, Signer, verify_checkpoint};
pub use unauthenticated::Network;
