//! Shared by every call: the engine and the state beside it.

use std::sync::Arc;

use headworks_core::command::Command;
use headworks_core::record::Name;
use headworks_engine::{Answer, Caller, Engine, EngineError, Idempotency};

use crate::access::Access;
use crate::audit_log::AuditLog;
use crate::key_warnings::KeyWarnings;
use crate::lane::Lanes;
use crate::outbox::{Board, Destinations};
use crate::problem::Problem;
use crate::signing::Signer;
use crate::steady::Steady;
use crate::unauthenticated::Unauthenticated;

/// Everything that can be asked of one engine.
#[derive(Debug)]
pub struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) board: Arc<Board>,
    pub(crate) destinations: Destinations,
    pub(crate) unauthenticated: Unauthenticated,
    pub(crate) audit_log: Arc<AuditLog>,
    pub(crate) key_warnings: KeyWarnings,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) steady: Steady,
    /// Callers without a key may do everything: the demo on loopback, nothing else.
    pub(crate) is_open: bool,
}

impl Api {
    /// The calls over an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, signer: Arc<Signer>, is_open: bool) -> Self {
        let board = Arc::new(Board::new(&signer));
        let (destinations, unauthenticated) = (Destinations::default(), Unauthenticated::default());
        let (lanes, steady) = (Arc::new(Lanes::new()), Steady::default());
        let audit_log = Arc::new(AuditLog::new(Arc::clone(&engine)));
        let key_warnings = KeyWarnings::default();
        Self {
            engine,
            signer,
            board,
            destinations,
            unauthenticated,
            audit_log,
            key_warnings,
            lanes,
            steady,
            is_open,
        }
    }

    /// A secret of this server for one purpose; it follows from the signing key.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        self.signer.derived(purpose, "")
    }

    /// The same, with addresses that requests to receivers may go to besides public ones.
    #[must_use]
    pub fn sending_to(self, destinations: Destinations) -> Self {
        Self { destinations, ..self }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Where requests to receivers may go.
    #[must_use]
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// The lanes of calls that compute long.
    #[must_use]
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// How webhooks are doing.
    #[must_use]
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// A large answer as JSON, written where no decision waits for it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn written(
        &self,
        access: &Access,
        answer: impl serde::Serialize + Send + 'static,
    ) -> Result<Vec<u8>, Problem> {
        self.lanes.reads.run(access, move |_| serde_json::to_vec(&answer).map_err(Problem::failed)).await
    }

    /// Runs a command for a caller.
    pub(crate) async fn run(
        &self,
        access: &Access,
        account: &Name,
        key: Option<&Idempotency>,
        command: &Command,
    ) -> Result<Answer, EngineError> {
        let caller = Caller { actor: access.actor(), ..Caller::default() };
        self.engine.run(account, key, caller, command).await
    }
}
