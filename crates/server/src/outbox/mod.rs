//! The way out: a thread for each sender, and the surroundings of senders: the network, the machine's clock, the board.
//!
//! A thread runs while its webhook's name is in force, and never holds the engine while it rests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use headworks_api::Api;
use headworks_api::outbox::{Answer, Board, Call, Next, Sender, Status, Surroundings};
use headworks_core::record::{Name, Seq, Server, Webhook};
use headworks_engine::{Engine, EngineError, Hook, wall};

mod attempt;

use attempt::{ANSWER_WITHIN, Outlet};

/// A sender that panicked restarts after this time.
const BEGINS_AGAIN: Duration = Duration::from_secs(5);

/// The threads of all senders.
#[derive(Debug)]
pub(crate) struct Outbox {
    board: Arc<Board>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Outbox {
    /// Starts sending. Called in a runtime.
    pub(crate) fn start(api: &Api, stripe_key: Option<String>) -> Self {
        let (board, threads) = (Arc::clone(api.board()), Arc::<Mutex<Vec<_>>>::default());
        let around = Arc::new(Around {
            board: Arc::clone(&board),
            outlet: Outlet::new(stripe_key, ANSWER_WITHIN),
            runtime: tokio::runtime::Handle::current(),
        });
        let (engine, started) = (Arc::downgrade(api.engine()), Arc::clone(&threads));
        api.board().begin(api.engine(), move |name| match around.start(name, engine.clone()) {
            Ok(thread) => {
                let mut threads = started.lock().unwrap_or_else(PoisonError::into_inner);
                threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
                threads.push(thread);
            }
            Err(e) => {
                tracing::error!(webhook = %name, error = %e, "the sender could not be started");
                around.board.forget(name);
            }
        });
        Self { board, threads }
    }

    /// Ends all senders.
    pub(crate) fn close(&self) {
        self.board.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a webhook's sender panicked");
            }
        }
    }
}

/// The surroundings of senders.
struct Around {
    board: Arc<Board>,
    outlet: Outlet,
    /// The runtime in which the senders' threads write records.
    runtime: tokio::runtime::Handle,
}

impl Around {
    fn start(self: &Arc<Self>, name: &Name, engine: Weak<Engine>) -> std::io::Result<JoinHandle<()>> {
        let (around, of) = (Arc::clone(self), name.clone());
        let run = move || {
            // A panic ends one attempt, not the webhook.
            while catch_unwind(AssertUnwindSafe(|| around.run(&of, &engine))).is_err() {
                tracing::error!("a webhook's sender panicked; it restarts");
                around.board.rest(around.board.changes(), BEGINS_AGAIN);
            }
        };
        std::thread::Builder::new().name(format!("webhook {name}")).spawn(run)
    }

    /// Sends until the webhook is removed or the server ends.
    fn run(&self, name: &Name, engine: &Weak<Engine>) {
        let mut sender = Sender::new(name.clone());
        loop {
            let seen = self.board.changes();
            let engine = engine.upgrade();
            let Some(hook) = self.board.in_force(engine.as_deref(), name) else { return };
            let Some(engine) = engine else { return };
            let next = sender.step(&engine, &hook, self);
            drop(engine);
            if let Next::Rest(pause) = next {
                self.board.rest(seen, pause);
            }
        }
    }
}

impl Surroundings for Around {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn send(&self, webhook: &Webhook, call: &Call, again: Option<Seq>) -> Answer {
        match call {
            Call::Event(id, body) => {
                // Receivers compare it with their own clocks, even if the server runs on a test clock.
                let secs = wall().micros() / 1_000_000;
                let signature = self.board.secrets().sign(webhook, id, secs, body);
                self.outlet.event(&webhook.url, id, secs, &signature, body)
            }
            Call::Stripe(call) => self.outlet.stripe(&webhook.url, call, again),
        }
    }

    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>> {
        Some(self.runtime.block_on(engine.note_webhook(what)))
    }

    fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status)) {
        self.board.note(hook, change);
    }
}
