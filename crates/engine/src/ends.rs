//! The ends of logs, asked of the store once for all requests that wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::record::Name;
use headworks_store::{LogEnd, Store, StoreError};
use tokio::sync::oneshot;

#[derive(Default)]
struct Asking {
    waiting: Vec<(Name, oneshot::Sender<LogEnd>)>,
    is_asked: bool,
}

/// The question of where logs end, asked once for all that wait.
#[derive(Default)]
pub(crate) struct Ends {
    asking: Mutex<Asking>,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of an account's log, asked of the store after this call began.
    pub(crate) async fn of(&self, store: &dyn Store, account: &Name) -> Result<LogEnd, StoreError> {
        loop {
            let (tell, told) = oneshot::channel();
            let leads = {
                let mut asking = self.lock();
                asking.waiting.push((account.clone(), tell));
                !std::mem::replace(&mut asking.is_asked, true)
            };
            if leads {
                self.ask(store).await?;
            }
            // No answer comes if the asking caller has gone or failed; then this one asks.
            if let Ok(end) = told.await {
                return Ok(end);
            }
        }
    }

    /// Asks for all that wait, and once more for those that came meanwhile.
    async fn ask(&self, store: &dyn Store) -> Result<(), StoreError> {
        /// When the asking caller has done its part or goes away, those still waiting ask for themselves.
        struct Lead<'a>(&'a Ends);
        impl Drop for Lead<'_> {
            fn drop(&mut self) {
                let mut asking = self.0.lock();
                asking.is_asked = false;
                asking.waiting.clear();
            }
        }
        /// The caller asks for itself first, then for others; not for ever.
        const ROUNDS: usize = 2;
        let _lead = Lead(self);
        for _ in 0..ROUNDS {
            let waiting = std::mem::take(&mut self.lock().waiting);
            if waiting.is_empty() {
                break;
            }
            let mut names: Vec<Name> = waiting.iter().map(|(name, _)| name.clone()).collect();
            names.sort_unstable();
            names.dedup();
            let ends = store.ends(&names).await?;
            for (name, tell) in waiting {
                if let Some(end) = names.binary_search(&name).ok().and_then(|at| ends.get(at)) {
                    // The caller may have gone.
                    let _ = tell.send(*end);
                }
            }
        }
        Ok(())
    }
}
