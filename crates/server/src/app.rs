//! The state that every route sees: the calls, and the server's own state beside them.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use headworks_api::Api;
use tokio::sync::Semaphore;

use crate::body::Budget;
use crate::connections::Places;
use crate::memory::Memory;
use crate::metrics::{Metrics, Register};

/// Memory for the bodies of requests and for large answers, in bytes.
const BODIES_MAX: usize = 128 << 20;
/// The same where the process has little memory.
const BODIES_MIN: usize = 16 << 20;
/// Memory that compiling a catalog takes for each byte of its text, as measured (docs/catalog.md).
const COMPILED_BYTES: u64 = 80;
/// Requests that are answered at once; health is always answered.
const REQUESTS_MAX: usize = 16_384;

/// The state that every route sees. Each layer of each request has its own copy, so a copy is one count.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Its parts.
#[derive(Debug)]
pub struct Parts {
    pub(crate) api: Arc<Api>,
    pub(crate) metrics: Metrics,
    pub(crate) request_timeout: Duration,
    pub(crate) bodies: Arc<Budget>,
    pub(crate) requests: Semaphore,
    pub(crate) memory: Arc<Memory>,
    /// The longest catalog that there is memory for.
    pub(crate) catalog_bytes_max: usize,
}

impl App {
    /// Everything the routes need.
    #[must_use]
    pub fn new(api: Arc<Api>, request_timeout: Duration) -> Self {
        Self::on(api, request_timeout, &Places::new(0, 0), None, None)
    }

    /// The same behind connections that have these places, with this much memory, and with metrics of others.
    pub(crate) fn on(
        api: Arc<Api>,
        request_timeout: Duration,
        places: &Arc<Places>,
        memory_max: Option<u64>,
        metrics: Option<Register>,
    ) -> Self {
        let part =
            |of: u64| memory_max.map_or(usize::MAX, |most| usize::try_from(most / of).unwrap_or(usize::MAX));
        let (bodies, memory) = (Budget::new(part(16).clamp(BODIES_MIN, BODIES_MAX)), Memory::new(memory_max));
        Self(Arc::new(Parts {
            metrics: Metrics::new(&api, places, &bodies, &memory, metrics),
            memory,
            api,
            request_timeout,
            bodies,
            catalog_bytes_max: part(2 * COMPILED_BYTES),
            requests: Semaphore::new(REQUESTS_MAX),
        }))
    }
}
