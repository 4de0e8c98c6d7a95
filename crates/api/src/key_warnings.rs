//! Marks of API keys' limits that were reached, until they are written.
//!
//! Bounded by the number of keys: of each limit only the last mark waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::record::{Instant, KeyLimit, KeyWarning, Name};
use headworks_engine::{Engine, EngineError, Reached};
use tokio::sync::Notify;

/// The most warnings of one record.
const AT_ONCE: usize = 1_000;

/// The warnings that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct KeyWarnings {
    waiting: Mutex<BTreeMap<(Name, KeyLimit), KeyWarning>>,
    added: Notify,
}

impl KeyWarnings {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Name, KeyLimit), KeyWarning>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request with a key has reached marks.
    pub(crate) fn note(&self, key: &Name, reached: &[Reached], at: Instant) {
        let mut waiting = self.lock();
        for Reached { limit, percent, used, of } in reached.iter().copied() {
            let warning = KeyWarning { key: key.clone(), limit, percent, used, of, at };
            waiting.insert((key.clone(), limit), warning);
        }
        self.added.notify_one();
    }

    /// Ends when there is something to write.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// Writes what waits.
    pub(crate) async fn write(&self, engine: &Engine) -> Result<(), EngineError> {
        loop {
            let mut now = std::mem::take(&mut *self.lock());
            let Some((first, _)) = now.iter().nth(AT_ONCE) else {
                return self.write_some(engine, now).await;
            };
            let later = now.split_off(&first.clone());
            self.put_back(later);
            self.write_some(engine, now).await?;
        }
    }

    async fn write_some(
        &self,
        engine: &Engine,
        some: BTreeMap<(Name, KeyLimit), KeyWarning>,
    ) -> Result<(), EngineError> {
        if some.is_empty() {
            return Ok(());
        }
        let written = engine.note_key_warnings(some.values().cloned().collect()).await;
        if written.is_err() {
            self.put_back(some);
            self.added.notify_one();
        }
        written
    }

    /// What has come since is newer.
    fn put_back(&self, some: BTreeMap<(Name, KeyLimit), KeyWarning>) {
        let mut waiting = self.lock();
        for (of, warning) in some {
            waiting.entry(of).or_insert(warning);
        }
    }
}
