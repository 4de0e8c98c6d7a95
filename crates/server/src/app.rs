//! What every route sees: the engine, and what the server keeps beside it.
//!
//! Never asks who may do what: that is the key's ([`crate::auth::Access`]).

use std::sync::Arc;
use std::time::Duration;

use headworks_core::command::Command;
use headworks_core::record::Name;
use headworks_engine::{Answer, Caller, Engine, EngineError, Idempotency};

use crate::metrics::Metrics;
use crate::signing::Signer;
use crate::strangers::Strangers;
use crate::webhooks::Webhooks;

/// What every route sees.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) engine: Arc<Engine>,
    /// Requests without a key may do everything: the demo on loopback, nothing else.
    pub(crate) open: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) request_timeout: Duration,
}

impl App {
    /// Everything the routes need over one engine.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        signer: Arc<Signer>,
        open: bool,
        request_timeout: Duration,
        stripe_key: Option<String>,
    ) -> Self {
        let webhooks = Arc::new(Webhooks::new(Arc::clone(&signer), stripe_key));
        let strangers = Arc::default();
        Self {
            metrics: Arc::new(Metrics::new(&engine, &webhooks)),
            webhooks,
            strangers,
            engine,
            signer,
            open,
            request_timeout,
        }
    }

    /// Runs a command for the caller of a route.
    pub(crate) async fn run(
        &self,
        actor: Option<&Name>,
        account: &Name,
        key: &Idempotency,
        command: &Command,
    ) -> Result<Answer, EngineError> {
        let caller = Caller { actor, ..Caller::default() };
        self.engine.run(account, Some(key), caller, command).await
    }
}
