//! The audit log: a log of the server's own, beside the one that holds its catalog and keys.

use headworks_core::command::Command;
use headworks_core::record::{AuditEntry, Event, KeyWarning, Seq, Server, audit_log};
use headworks_core::waterfall::Refusal;
use headworks_store::Stored;

use crate::answer::{Caller, EngineError, Idempotency};
use crate::engine::Engine;

impl Engine {
    /// Writes entries of the audit log, as one record.
    ///
    /// # Errors
    /// When the store is busy or fails.
    pub async fn note_calls(&self, entries: Vec<AuditEntry>) -> Result<(), EngineError> {
        let event = Event::Server(Box::new(Server::CallsNoted(entries)));
        let command = Command::Administer(Box::new(event));
        self.run(&audit_log(), None, Caller::default(), &command).await.map(drop)
    }

    /// Writes that the use of API keys has reached marks of their limits, as one record.
    ///
    /// # Errors
    /// When the store is busy or fails.
    pub async fn note_key_warnings(&self, warnings: Vec<KeyWarning>) -> Result<(), EngineError> {
        let event = Event::Server(Box::new(Server::KeysWarned(warnings)));
        let command = Command::Administer(Box::new(event));
        self.run(&audit_log(), None, Caller::default(), &command).await.map(drop)
    }

    /// Writes an entry of the audit log under a key: once, however often it is written.
    ///
    /// # Errors
    /// When the key was used with another digest, or the store is busy or fails.
    pub(crate) async fn note_once(&self, entry: AuditEntry, key: &Idempotency) -> Result<(), EngineError> {
        let event = Event::Server(Box::new(Server::CallsNoted(vec![entry])));
        let command = Command::Administer(Box::new(event));
        self.run(&audit_log(), Some(key), Caller::default(), &command).await.map(drop)
    }

    /// The number of the last record of the audit log; 0 if there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_log_end(&self) -> Result<Seq, EngineError> {
        match self.view(&audit_log(), |ctx| Ok(ctx.account.seq)).await {
            Err(EngineError::Refused(Refusal::UnknownAccount(_))) => Ok(0),
            end => end,
        }
    }

    /// Stored records of the audit log, from number `from` on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_log(&self, from: Seq, max: usize) -> Result<Vec<Stored>, EngineError> {
        Ok(self.store.read(&audit_log(), from, max).await?)
    }
}
