//! Webhooks: the feed of the ledger, sent to receivers one event after the other.
//!
//! Each webhook has one sender, a thread that lives as long as its name is in force, and a place in the feed that is kept
//! when everything before it is acknowledged. Whatever is set, removed or made again only changes what the sender sees
//! between two attempts; docs/ledger.md has the table of states.
//! H1 an event is sent until the receiver acknowledges it, at least once, with the same id each time
//! (`a_failing_receiver_loses_nothing`). H2 events of one account arrive in the order of its log, and there is never a second
//! sender (`a_webhook_has_one_sender_whatever_is_set`). H4 a receiver that is gone is left alone until it is set again, also by
//! the next process (`a_receiver_that_is_gone_is_left_alone_until_it_is_set_again`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use headworks_core::record::Name;
use headworks_engine::Engine;

mod attempt;
mod backlog;
mod board;
mod course;
mod pace;
mod secrets;
mod sender;

use backlog::Backlog;
use board::Inner;
pub(crate) use board::{Status, Webhooks};
pub(crate) use secrets::Signed;
use sender::Sender;

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
}
