//! Shared by all senders and callers: how each webhook is doing, and a signal that something has changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use headworks_core::record::{Name, Seq};
use headworks_engine::{Engine, Hook};
use headworks_store::wait;

use super::backlog::Backlog;
use super::secrets::Secrets;
use crate::signing::Signer;

/// How a webhook is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The record that made this webhook.
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
struct Inner {
    /// One for each sender.
    status: BTreeMap<Name, Status>,
    /// Increases with every change that a sender should look at.
    changes: u64,
    closed: bool,
}

impl Inner {
    /// The status of this very webhook, not of another with the same name that was made earlier or later.
    fn of(&mut self, hook: &Hook) -> Option<&mut Status> {
        self.status.get_mut(&hook.webhook.name).filter(|status| status.made == hook.made)
    }
}

type Starts = Box<dyn Fn(&Name) + Send + Sync>;

/// How all webhooks are doing.
pub struct Board {
    inner: Mutex<Inner>,
    changed: Condvar,
    secrets: Secrets,
    /// Starts a sender, if this process sends at all.
    starts: OnceLock<Starts>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    pub(crate) fn new(signer: Arc<Signer>) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Condvar::new(),
            secrets: Secrets::new(signer),
            starts: OnceLock::new(),
        }
    }

    /// The secrets that events are signed with.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// From now on senders are started: for the webhooks in force, and for new ones.
    pub fn begin(&self, engine: &Engine, starts: impl Fn(&Name) + Send + Sync + 'static) {
        let _ = self.starts.set(Box::new(starts));
        wait(self.apply(engine));
    }

    /// Starts a sender for each webhook that has none, and notifies the others of changes.
    pub(crate) async fn apply(&self, engine: &Engine) {
        let Some(start) = self.starts.get() else { return };
        let hooks = engine.webhooks();
        let new: Vec<&Arc<Hook>> = {
            let mut inner = self.lock();
            hooks.values().filter(|hook| inner.of(hook).is_none()).collect()
        };
        let mut begun = Vec::new();
        for hook in new {
            // Its place is known before its sender has begun; if it cannot be read, the sender reports that.
            let cursor = match engine.acknowledged(&hook.webhook.name).await {
                Ok(cursor) => cursor,
                Err(_) => engine.feed_end().await.unwrap_or_default(),
            };
            begun.push((hook, Backlog::at(cursor, hook.made)));
        }
        let mut started = Vec::new();
        {
            let mut inner = self.lock();
            if inner.closed {
                return;
            }
            inner.changes += 1;
            for (hook, backlog) in begun {
                // Another caller may have been here meanwhile.
                if inner.of(hook).is_none() {
                    let status = Status { made: hook.made, backlog, ..Status::default() };
                    if inner.status.insert(hook.webhook.name.clone(), status).is_none() {
                        started.push(hook.webhook.name.clone());
                    }
                }
            }
        }
        self.changed.notify_all();
        started.iter().for_each(start);
    }

    /// A sender could not be started.
    pub fn forget(&self, name: &Name) {
        self.lock().status.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a webhook is doing. Counts its backlog, so it may read a part of the feed.
    pub(crate) async fn status(&self, engine: &Engine, hook: &Hook) -> Status {
        let backlog = self.lock().of(hook).map(|status| status.backlog.clone());
        let Some(backlog) = backlog else { return Status::default() };
        let counted = backlog.count(engine).await;
        let mut inner = self.lock();
        let Some(status) = inner.of(hook) else { return Status::default() };
        status.backlog.join(counted);
        status.clone()
    }

    /// Failed attempts at the event that a webhook is sending.
    #[must_use]
    pub fn attempts(&self, hook: &Hook) -> u32 {
        self.lock().of(hook).map_or(0, |status| status.attempts)
    }

    /// Ends all senders; the next process sends their unfinished events again.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How much has changed so far.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// The webhook that a sender sends for; `None` ends the sender: the webhook then has none, and another may be started.
    pub fn in_force(&self, engine: Option<&Engine>, name: &Name) -> Option<Arc<Hook>> {
        let mut inner = self.lock();
        let hook = engine.filter(|_| !inner.closed).and_then(|engine| engine.webhooks().get(name).cloned());
        if hook.is_none() {
            inner.status.remove(name);
        }
        hook
    }

    /// Waits until something changes after `seen`, or for a time.
    pub fn rest(&self, seen: u64, pause: Duration) {
        let unchanged = |inner: &mut Inner| inner.changes == seen && !inner.closed;
        // A woken sender looks at everything again, so the reason does not matter.
        drop(self.changed.wait_timeout_while(self.lock(), pause, unchanged));
    }

    /// Changes the status that is shown for a webhook.
    pub fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.lock().of(hook) {
            change(status);
        }
    }
}
