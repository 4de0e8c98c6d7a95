//! The HTTP edge: one router over the calls of `api`, and the way out to receivers of webhooks.
//!
//! Knows the protocol and nothing else: never decides anything, never touches a store. Every route but health needs an API
//! key with the right scope.

mod app;
mod cloud_events;
mod extract;
mod metrics;
mod outbox;
mod problem;
mod routes;
mod serve;

pub use app::{App, Peer};
pub use routes::{app, openapi};
pub use serve::{ServeError, ServeOptions, Serving, serve};
