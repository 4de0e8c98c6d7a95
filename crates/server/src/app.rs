//! The state that every route sees: the calls, and the server's own state beside them.

use std::sync::Arc;
use std::time::Duration;

use headworks_api::Api;

use tokio::sync::Semaphore;

use crate::body::Budget;
use crate::connections::Places;
use crate::metrics::Metrics;

/// Memory for the bodies of requests and for large answers, in bytes.
const BODIES_MAX: usize = 128 << 20;
/// Requests that are answered at once; health is always answered.
const REQUESTS_MAX: usize = 16_384;

/// The state that every route sees.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) api: Arc<Api>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_timeout: Duration,
    pub(crate) bodies: Arc<Budget>,
    pub(crate) requests: Arc<Semaphore>,
}

impl App {
    /// Everything the routes need.
    #[must_use]
    pub fn new(api: Arc<Api>, request_timeout: Duration) -> Self {
        Self::on(api, request_timeout, &Places::new(0, 0))
    }

    /// The same behind connections that have these places.
    pub(crate) fn on(api: Arc<Api>, request_timeout: Duration, places: &Arc<Places>) -> Self {
        let bodies = Budget::new(BODIES_MAX);
        Self {
            metrics: Arc::new(Metrics::new(&api, places, &bodies)),
            api,
            request_timeout,
            bodies,
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
        }
    }
}
