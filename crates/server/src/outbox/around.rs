//! The surroundings of senders: the machine's clock, the server's own log, the board.

use std::sync::Arc;
use std::time::Instant;

use headworks_api::outbox::{Board, Status, Surroundings};
use headworks_core::record::Server;
use headworks_engine::{Engine, EngineError, Hook};

/// The surroundings of senders.
pub(super) struct Around {
    pub(super) board: Arc<Board>,
    /// The runtime in which the threads write records.
    pub(super) runtime: tokio::runtime::Handle,
}

impl Surroundings for Around {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>> {
        Some(self.runtime.block_on(engine.note_webhook(what)))
    }

    fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status)) {
        self.board.note(hook, change);
    }
}
