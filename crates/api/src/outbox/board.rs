//! Shared by all senders and callers: how each webhook is doing, and a signal that something has changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use headworks_core::record::{Name, Seq};
use headworks_engine::{Engine, Hook};
use headworks_store::{Cursor, wait};

use super::backlog::Backlog;
use super::secrets::Secrets;
use crate::signing::Signer;

/// Where the feed ended at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedEnd(Cursor);

impl FeedEnd {
    /// Where it ends now; `None` if that cannot be read.
    #[must_use]
    pub fn read(engine: &Engine) -> Option<Self> {
        wait(engine.feed_end()).ok().map(Self)
    }
}

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

type Tells = Box<dyn Fn(&[Name]) + Send + Sync>;

/// How all webhooks are doing.
pub struct Board {
    inner: Mutex<Inner>,
    secrets: Secrets,
    /// Tells the senders that something has changed, and which are new, if this process sends at all.
    tells: OnceLock<Tells>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    pub(crate) fn new(signer: &Arc<Signer>) -> Self {
        Self { inner: Mutex::default(), secrets: Secrets::new(signer), tells: OnceLock::new() }
    }

    /// The secrets that events and reports are signed with.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// From now on senders are told: of the webhooks in force, of new ones, and of changes.
    pub fn begin(&self, engine: &Engine, tells: impl Fn(&[Name]) + Send + Sync + 'static) {
        let _ = self.tells.set(Box::new(tells));
        wait(self.apply(engine));
    }

    /// Has each webhook without a sender get one, and tells the others that something has changed.
    pub(crate) async fn apply(&self, engine: &Engine) {
        let Some(tell) = self.tells.get() else { return };
        let hooks = engine.webhooks();
        let new: Vec<&Arc<Hook>> = {
            let mut inner = self.lock();
            hooks.values().filter(|hook| inner.of(hook).is_none()).collect()
        };
        let mut begun = Vec::new();
        for hook in new {
            // Its place is known before its sender has begun; if it cannot be read, the sender reports that.
            let cursor = match engine.acknowledged(hook).await {
                Ok(Some(cursor)) => cursor,
                Ok(None) | Err(_) => engine.feed_end().await.unwrap_or_default(),
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
        tell(&started);
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

    /// Changes the status that is shown for a webhook.
    pub fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.lock().of(hook) {
            change(status);
        }
    }
}
