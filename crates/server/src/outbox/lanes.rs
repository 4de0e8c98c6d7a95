//! Attempts under way: bounded in number, and in two lanes, so that slow receivers wait for slow ones alone.
//!
//! L1 a receiver that answers at once waits for no slow one (`slow_receivers_hold_up_slow_ones_alone`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use headworks_api::outbox::{Answer, Board, Call};
use headworks_core::record::Seq;
use headworks_engine::{Hook, wall};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::attempt::Outlet;

/// The most attempts under way in each lane.
const ATTEMPTS_MAX: usize = 128;
/// A receiver that took longer, or failed, goes to the slow lane for its next attempt.
const QUICK: Duration = Duration::from_secs(1);

/// The lane of a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lane {
    /// Its receiver is new, or answered well and at once.
    #[default]
    Quick,
    /// Its receiver was slow, or failed.
    Slow,
}

/// A call to be attempted.
pub(super) struct Attempt {
    /// The webhook as it is set now.
    pub(super) hook: Arc<Hook>,
    pub(super) call: Call,
    /// The record that asks to send a refused call again.
    pub(super) again: Option<Seq>,
}

/// The ways out.
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    outlet: Outlet,
    board: Arc<Board>,
    runtime: Handle,
    quick: Semaphore,
    slow: Semaphore,
    closed: watch::Sender<bool>,
}

impl Lanes {
    pub(super) fn new(outlet: Outlet, board: Arc<Board>, runtime: Handle) -> Self {
        let (quick, slow) = (Semaphore::new(ATTEMPTS_MAX), Semaphore::new(ATTEMPTS_MAX));
        Self(Arc::new(Inner { outlet, board, runtime, quick, slow, closed: watch::channel(false).0 }))
    }

    /// Gives up every attempt.
    pub(super) fn close(&self) {
        self.0.closed.send_replace(true);
    }

    /// Makes an attempt when there is room for it. `then` gets the answer and the lane of the next attempt, unless the lanes
    /// are closed before.
    pub(super) fn send(
        &self,
        lane: Lane,
        attempt: Attempt,
        then: impl FnOnce(Attempt, Answer, Lane) + Send + 'static,
    ) {
        let lanes = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            let mut closed = lanes.closed.subscribe();
            let (inner, attempt) = (Arc::clone(&lanes), Arc::new(attempt));
            let asked = Arc::clone(&attempt);
            // A task of its own: a panic ends one attempt, not the webhook.
            let mut made = lanes.runtime.spawn(async move { inner.attempt(lane, &asked).await });
            let (answer, next) = tokio::select! {
                made = &mut made => made.unwrap_or_else(|e| {
                    tracing::error!(error = %e, "an attempt of a webhook panicked");
                    (Answer::NotNow("the attempt failed; the server's log says why".into(), None), Lane::Slow)
                }),
                _ = closed.wait_for(|closed| *closed) => return made.abort(),
            };
            if let Some(attempt) = Arc::into_inner(attempt) {
                then(attempt, answer, next);
            }
        });
    }
}

impl Inner {
    async fn attempt(&self, lane: Lane, attempt: &Attempt) -> (Answer, Lane) {
        let room = match lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
        };
        let Ok(_room) = room.acquire().await else {
            return (Answer::NotNow("the server ends".into(), None), lane);
        };
        let begun = Instant::now();
        let answer = self.answer(attempt).await;
        let is_quick = answer == Answer::Taken && begun.elapsed() <= QUICK;
        (answer, if is_quick { Lane::Quick } else { Lane::Slow })
    }

    async fn answer(&self, Attempt { hook, call, again }: &Attempt) -> Answer {
        let webhook = &hook.webhook;
        match call {
            Call::Event(id, body) => {
                // Receivers compare it with their own clocks, even if the server runs on a test clock.
                let secs = wall().micros() / 1_000_000;
                match self.board.secrets().sign(&webhook.name, &hook.secrets, (id, secs), body) {
                    Ok(signature) => {
                        self.outlet.event(&webhook.url, (id, secs), &signature, body.clone()).await
                    }
                    Err(unopened) => Answer::NotNow(unopened.to_string(), None),
                }
            }
            Call::Stripe(call) => self.outlet.stripe(&webhook.url, call, *again).await,
        }
    }
}
