//! The HTTP edge: one router over the calls of `api`, and the way out to receivers of webhooks.
//!
//! Knows the protocol and nothing else: never decides anything, never touches a store. Every route but health needs an API
//! key with the right scope.

mod app;
mod attached;
mod body;
mod cloud_events;
mod connections;
mod edge;
mod extract;
mod json;
mod memory;
mod metrics;
mod outbox;
mod problem;
mod routes;
mod serve;
mod tend;

pub use app::App;
pub use connections::{ConnectionLimits, ForwardedHeader, Peer, Proxies, TlsFiles};
pub use edge::{Edge, MakeEdge};
pub use memory::memory_ceiling;
pub use routes::{app, openapi};
pub use serve::{ServeError, ServeOptions, Serving, serve, serve_with};
