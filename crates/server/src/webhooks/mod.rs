//! Webhooks: the feed of the ledger, sent to receivers one event after the other.
//!
//! Each webhook has one sender, a thread that lives as long as its name is in force, and a place in the feed that is kept
//! when everything before it is acknowledged. Whatever is set, removed or made again only changes what the sender sees
//! between two attempts; docs/ledger.md has the table of states.
//! H1 an event is sent until the receiver acknowledges it, at least once, with the same id each time
//! (`a_failing_receiver_loses_nothing`). H2 events of one account arrive in the order of its log, and there is never a second
//! sender (`a_webhook_has_one_sender_whatever_is_set`). H4 a receiver that is gone is left alone until it is set again, also by
//! the next process (`a_receiver_that_is_gone_is_left_alone_until_it_is_set_again`).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use headworks_core::record::{Name, Seq};
use headworks_engine::{Engine, Hook};

mod attempt;
mod backlog;
mod course;
mod pace;
mod secrets;
mod sender;

use attempt::{ANSWER_WITHIN, Outlet};
use backlog::Backlog;
pub(crate) use secrets::{Secrets, Signed};
use sender::Sender;

use crate::signing::Signer;

/// How a webhook is doing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// The record that made the webhook that this is about.
    made: Seq,
    /// Events acknowledged since the start.
    pub(crate) delivered: u64,
    /// Failed attempts at the event that is being sent.
    pub(crate) attempts: u32,
    /// Why the last attempt failed; `None` when it did not.
    pub(crate) error: Option<String>,
    backlog: Backlog,
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
    threads: Vec<std::thread::JoinHandle<()>>,
    /// Goes up with everything that a sender should look at.
    changes: u64,
    closed: bool,
}

/// The senders of one server.
pub(crate) struct Webhooks {
    inner: Mutex<Inner>,
    changed: Condvar,
    pub(crate) secrets: Secrets,
    outlet: Outlet,
    /// Where records are written from the senders' threads.
    runtime: OnceLock<tokio::runtime::Handle>,
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
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

    /// Starts a sender for each webhook that has none, and lets the others see what has changed. Called in a runtime.
    pub(crate) fn apply(self: &Arc<Self>, engine: &Arc<Engine>) {
        self.runtime.get_or_init(tokio::runtime::Handle::current);
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        inner.changes += 1;
        for (name, hook) in engine.webhooks().iter() {
            let has_sender = inner.status.contains_key(name);
            if inner.status.get(name).is_some_and(|status| status.made == hook.made) {
                continue;
            }
            // Where it stands is known before its sender has begun; one that cannot be read its sender reports.
            let place = engine.acknowledged(name).unwrap_or_else(|_| engine.feed_end());
            let status =
                Status { made: hook.made, backlog: Backlog::at(place, hook.made), ..Status::default() };
            inner.status.insert(name.clone(), status);
            if !has_sender {
                self.start(&mut inner, engine, name);
            }
        }
        inner.threads.retain(|thread| !thread.is_finished());
        drop(inner);
        self.changed.notify_all();
    }

    fn start(self: &Arc<Self>, inner: &mut Inner, engine: &Arc<Engine>, name: &Name) {
        let sender = Sender::new(Arc::clone(self), Arc::downgrade(engine), name.clone());
        let thread = std::thread::Builder::new().name(format!("webhook {name}"));
        let run = move || {
            // A panic ends one attempt, not the webhook.
            while catch_unwind(AssertUnwindSafe(|| sender.run())).is_err() {
                tracing::error!("a webhook's sender panicked; it begins again");
                sender.rest_after_panic();
            }
        };
        match thread.spawn(run) {
            Ok(thread) => inner.threads.push(thread),
            Err(e) => {
                tracing::error!(webhook = %name, error = %e, "the sender could not be started");
                inner.status.remove(name);
            }
        }
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
    fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// What a sender sends for; `None` ends it. From then on the webhook has no sender, and [`Webhooks::apply`] may start one.
    fn in_force(&self, engine: Option<&Engine>, name: &Name) -> Option<Arc<Hook>> {
        let mut inner = self.lock();
        let hook = engine.filter(|_| !inner.closed).and_then(|engine| engine.webhooks().get(name).cloned());
        if hook.is_none() {
            inner.status.remove(name);
        }
        hook
    }

    /// Waits until something changes after `seen`, or for a time.
    fn rest(&self, seen: u64, pause: Duration) {
        let unchanged = |inner: &mut Inner| inner.changes == seen && !inner.closed;
        // Who wakes looks again at everything, so it does not matter why.
        drop(self.changed.wait_timeout_while(self.lock(), pause, unchanged));
    }

    fn note(&self, name: &Name, made: Seq, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.lock().status.get_mut(name).filter(|s| s.made == made) {
            change(status);
        }
    }
}

/// How long from now.
fn until(at: Instant) -> Duration {
    at.saturating_duration_since(Instant::now())
}
