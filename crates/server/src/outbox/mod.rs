//! The way out: a few threads for the steps of all senders, and attempts as tasks of the runtime.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use headworks_api::Api;
use headworks_api::outbox::Board;
use headworks_core::record::Name;

mod around;
mod attempt;
mod connect;
mod lanes;
mod pool;

use around::Around;
use attempt::{ANSWER_WITHIN, Outlet};
use lanes::Lanes;
use pool::Pool;

/// Threads for the steps of senders.
const THREADS: usize = 4;

/// The senders at work.
pub(crate) struct Outbox {
    board: Arc<Board>,
    pool: Arc<Pool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

impl Outbox {
    /// Starts sending. Called in a runtime.
    pub(crate) fn start(api: &Api, stripe_key: Option<String>) -> Self {
        let board = Arc::clone(api.board());
        let runtime = tokio::runtime::Handle::current();
        let around = Around { board: Arc::clone(&board), runtime: runtime.clone() };
        let lanes = Lanes::new(
            Outlet::new(api.destinations(), stripe_key, ANSWER_WITHIN),
            Arc::clone(&board),
            runtime,
        );
        let pool = Arc::new(Pool::new(Arc::downgrade(api.engine()), around, lanes));
        let threads = (0..THREADS).filter_map(|_| {
            let pool = Arc::clone(&pool);
            let thread = std::thread::Builder::new().name("webhooks".into()).spawn(move || pool.run());
            thread
                .inspect_err(|e| tracing::error!(error = %e, "a thread for webhooks could not be started"))
                .ok()
        });
        let threads = Mutex::new(threads.collect());
        let wakes = Arc::clone(&pool);
        api.board().begin(api.engine(), move |new: &[Name]| wakes.wake(new));
        Self { board, pool, threads }
    }

    /// Ends all senders. Attempts under way are given up; the next process makes them again.
    pub(crate) fn close(&self) {
        self.board.close();
        self.pool.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread for webhooks panicked");
            }
        }
    }
}
