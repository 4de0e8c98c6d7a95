//! What all senders and the routes share: how each webhook is doing, and that something has changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use headworks_core::record::{Name, Seq};
use headworks_engine::{Engine, Hook};

use super::attempt::{ANSWER_WITHIN, Outlet};
use super::backlog::Backlog;
use super::secrets::Secrets;
use crate::signing::Signer;

/// How a webhook is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The record that made the webhook that this is about.
    pub(super) made: Seq,
    /// Events acknowledged since the start.
    pub(crate) delivered: u64,
    /// Failed attempts at the event that is being sent.
    pub(crate) attempts: u32,
    /// Why the last attempt failed; `None` when it did not.
    pub(crate) error: Option<String>,
    pub(super) backlog: Backlog,
}

impl Status {
    /// Records that are not sent yet, as far as they are counted.
    pub(crate) fn behind(&self) -> u64 {
        self.backlog.records()
    }
}

#[derive(Default)]
pub(super) struct Inner {
    /// One for each sender.
    pub(super) status: BTreeMap<Name, Status>,
    pub(super) threads: Vec<std::thread::JoinHandle<()>>,
    /// Goes up with everything that a sender should look at.
    pub(super) changes: u64,
    pub(super) closed: bool,
}

/// The senders of one server.
pub(crate) struct Webhooks {
    pub(super) inner: Mutex<Inner>,
    pub(super) changed: Condvar,
    pub(crate) secrets: Secrets,
    pub(super) outlet: Outlet,
    /// Where records are written from the senders' threads.
    pub(super) runtime: OnceLock<tokio::runtime::Handle>,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

impl Webhooks {
    pub(crate) fn new(signer: Arc<Signer>, stripe_key: Option<String>) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Condvar::new(),
            secrets: Secrets::new(signer),
            outlet: Outlet::new(stripe_key, ANSWER_WITHIN),
            runtime: OnceLock::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a webhook is doing. Counts what it is behind, so it may read a piece of the feed.
    pub(crate) fn status(&self, engine: &Engine, hook: &Hook) -> Status {
        let name = &hook.webhook.name;
        let backlog = self.lock().status.get(name).filter(|s| s.made == hook.made).map(|s| s.backlog);
        let Some(backlog) = backlog else { return Status::default() };
        let counted = backlog.count(engine);
        let mut inner = self.lock();
        let Some(status) = inner.status.get_mut(name).filter(|s| s.made == hook.made) else {
            return Status::default();
        };
        status.backlog.join(counted);
        status.clone()
    }

    /// Failed attempts at what a webhook is sending.
    pub(crate) fn attempts(&self, hook: &Hook) -> u32 {
        let inner = self.lock();
        let status = inner.status.get(&hook.webhook.name).filter(|s| s.made == hook.made);
        status.map_or(0, |status| status.attempts)
    }

    /// Ends all senders; what they were sending is sent again by the next server.
    pub(crate) fn close(&self) {
        let threads = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.threads)
        };
        self.changed.notify_all();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a webhook's sender panicked");
            }
        }
    }

    /// How much has changed so far.
    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// What a sender sends for; `None` ends it. From then on the webhook has no sender, and [`Webhooks::apply`] may start one.
    pub(super) fn in_force(&self, engine: Option<&Engine>, name: &Name) -> Option<Arc<Hook>> {
        let mut inner = self.lock();
        let hook = engine.filter(|_| !inner.closed).and_then(|engine| engine.webhooks().get(name).cloned());
        if hook.is_none() {
            inner.status.remove(name);
        }
        hook
    }

    /// Waits until something changes after `seen`, or for a time.
    pub(super) fn rest(&self, seen: u64, pause: Duration) {
        let unchanged = |inner: &mut Inner| inner.changes == seen && !inner.closed;
        // Who wakes looks again at everything, so it does not matter why.
        drop(self.changed.wait_timeout_while(self.lock(), pause, unchanged));
    }
}
