//! The state that every route sees: the calls, and the server's own state beside them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headworks_api::Api;

use crate::metrics::Metrics;

/// The state that every route sees.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) api: Arc<Api>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_timeout: Duration,
}

/// The address that a request comes from: an extension of it, set by [`crate::serve`], or by those who embed [`crate::app`].
/// Requests without it are not counted.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl App {
    /// Everything the routes need.
    #[must_use]
    pub fn new(api: Arc<Api>, request_timeout: Duration) -> Self {
        Self { metrics: Arc::new(Metrics::new(&api)), api, request_timeout }
    }
}
