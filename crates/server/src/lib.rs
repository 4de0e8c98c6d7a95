//! The HTTP/JSON API: one router over an engine.
//!
//! Never decides anything and never touches a store. Every route but health needs an API key with the right scope.

mod app;
mod auth;
mod cloud_events;
mod events;
mod json;
mod metrics;
mod problem;
mod render;
mod routes;
mod serve;
mod signing;
mod statement_text;
mod strangers;
mod stripe;
pub mod webhooks;

pub use app::App;
pub use auth::{CreateKeyError, NewSecret, create_key};
pub use cloud_events::{Reported, usage};
pub use events::{Outgoing, events};
pub use render::{decision_of_denial, event_id, pass, record_answer, replayed, statement_digest, what_if};
pub use routes::{app, catalog_schema, openapi};
pub use serve::{ServeError, ServeOptions, Serving, serve};
pub use signing::{Checkpoint, Signer, verify_checkpoint};
pub use strangers::Peer;
pub use stripe::StripeCall;
