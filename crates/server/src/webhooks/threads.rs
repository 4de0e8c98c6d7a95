//! The threads of the senders, and what they have around them: the network, the machine's clock, the board.
//!
//! A thread lives as long as its webhook's name is in force, and never holds the engine while it rests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use headworks_core::record::{Name, Seq, Server, Webhook};
use headworks_engine::{Engine, EngineError, Hook, wall};

use super::attempt::Answer;
use super::backlog::Backlog;
use super::board::{Inner, Status, Webhooks};
use super::course::Call;
use super::sender::{Next, Sender, Surroundings};

/// A sender that has panicked begins again after this time.
const BEGINS_AGAIN: Duration = Duration::from_secs(5);

impl Webhooks {
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
        let (hooks, of, engine) = (Arc::clone(self), name.clone(), Arc::downgrade(engine));
        let thread = std::thread::Builder::new().name(format!("webhook {name}"));
        let run = move || {
            // A panic ends one attempt, not the webhook.
            while catch_unwind(AssertUnwindSafe(|| hooks.run(&of, &engine))).is_err() {
                tracing::error!("a webhook's sender panicked; it begins again");
                hooks.rest(hooks.changes(), BEGINS_AGAIN);
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

    /// Sends until the webhook is removed or the server ends.
    fn run(&self, name: &Name, engine: &Weak<Engine>) {
        let mut sender = Sender::new(name.clone());
        loop {
            let seen = self.changes();
            let engine = engine.upgrade();
            let Some(hook) = self.in_force(engine.as_deref(), name) else { return };
            let Some(engine) = engine else { return };
            let next = sender.step(&engine, &hook, self);
            drop(engine);
            if let Next::Rest(pause) = next {
                self.rest(seen, pause);
            }
        }
    }
}

impl Surroundings for Webhooks {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn send(&self, webhook: &Webhook, call: &Call, again: Option<Seq>) -> Answer {
        match call {
            Call::Event(id, body) => {
                // Receivers compare it with their own clocks, also where time is a test clock's.
                let secs = wall().micros() / 1_000_000;
                let signature = self.secrets.sign(webhook, id, secs, body);
                self.outlet.event(&webhook.url, id, secs, &signature, body)
            }
            Call::Stripe(call) => self.outlet.stripe(&webhook.url, call, again),
        }
    }

    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>> {
        Some(self.runtime.get()?.block_on(engine.note_webhook(what)))
    }

    fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status)) {
        let mut inner = self.lock();
        if let Some(status) = inner.status.get_mut(&hook.webhook.name).filter(|s| s.made == hook.made) {
            change(status);
        }
    }
}
