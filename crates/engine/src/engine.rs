//! The engine: its parts, and the state that can be seen without asking an account.
//!
//! P1 records of one account enter the queue in the order they were decided (both happen under the shard's lock).
//! P2 a key has one effect (`one_effect_per_key`). P3 an answer waits for every record that its state depends on.

use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::catalog::{Catalog, WAIT_MAX};
use headworks_core::record::{Instant, Span};
use headworks_store::Store;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::commit::Commits;
use crate::damaged::Damaged;
use crate::dropped::DroppedLeases;
use crate::ends::Ends;
use crate::in_force::InForce;
use crate::keyring::Keyring;
use crate::reconciliation::Reconciliation;
use crate::stats::Stats;
use crate::timers::Timers;

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most accounts in memory.
    pub accounts_max: usize,
    /// The most requests waiting for one write.
    pub waiting_max: usize,
    /// The longest time that a request waits for capacity.
    pub wait_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self { accounts_max: 1_000_000, waiting_max: 65_536, wait_max: WAIT_MAX }
    }
}

/// The access engine.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) ends: Ends,
    pub(crate) reconciliation: Arc<Reconciliation>,
    pub(crate) damaged: Damaged,
    pub(crate) clock: Arc<Clock>,
    /// The test clock of the ledger; locked while it moves.
    pub(crate) test_clock: Arc<tokio::sync::Mutex<Option<Instant>>>,
    /// Held while due events of many accounts are processed, by the sweeper or a moving test clock.
    pub(crate) sweeping: Mutex<()>,
    pub(crate) stats: Arc<Stats>,
    /// Held while a catalog is put in force.
    pub(crate) puts: tokio::sync::Mutex<()>,
    /// Held while a webhook or an inbound caller is made, changed or removed.
    pub(crate) endpoint_changes: tokio::sync::Mutex<()>,
    /// Held while an API key is made, changed or revoked.
    pub(crate) key_changes: tokio::sync::Mutex<()>,
    /// Held while a webhook's cursor is stored.
    pub(crate) cursors: tokio::sync::Mutex<()>,
    /// Held while a free grant is claimed.
    pub(crate) claims: tokio::sync::Mutex<()>,
    /// The holds of dropped leases.
    pub(crate) dropped_leases: DroppedLeases,
    pub(crate) threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// The longest time that a request waits for capacity.
    pub(crate) wait_max: Span,
    /// Without its own threads: [`Engine::commit_once`] writes the batches.
    pub(crate) is_standing: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// The catalog in force.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.in_force.catalog.load_full()
    }

    /// The API keys in force.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        self.in_force.keyring.load_full()
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Counters of the engine's work.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The number of accounts in memory.
    #[must_use]
    pub fn cached_accounts(&self) -> usize {
        self.cache.shards().map(|shard| shard.slots.len()).sum()
    }

    /// Why the engine has stopped, if it has.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.commits.stopped()
    }

    /// Ends the background work.
    pub(crate) fn stop(&self) {
        self.commits.close();
        self.timers.close();
        self.reconciliation.close();
    }

    /// The threads, to be joined.
    pub(crate) fn take_threads(&self) -> Vec<std::thread::JoinHandle<()>> {
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
