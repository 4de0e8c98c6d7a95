//! Starting and ending an engine.

use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::catalog::Catalog;
use headworks_core::record::{Name, SYSTEM};
use headworks_store::{Batch, Entry, Store, StoreError, Stored, wait};

use crate::administration::read_system;
use crate::answer::EngineError;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::commit::{self, Commits};
use crate::damaged::Damaged;
use crate::dropped::DroppedLeases;
use crate::ends::Ends;
use crate::engine::{Engine, Limits};
use crate::in_force::InForce;
use crate::shared::take_in;
use crate::timers::Timers;
use crate::{maintenance, reconciler, test_clock};

impl Engine {
    /// Starts the engine on a store.
    ///
    /// `initial` is in force if the store has no catalog yet.
    ///
    /// # Errors
    /// When the store cannot be read or holds a catalog that this release does not accept.
    pub fn start(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
    ) -> Result<Arc<Self>, EngineError> {
        let engine = Self::build(store, initial, clock, limits, false)?;
        engine.spawn()?;
        Ok(engine)
    }

    /// An engine without threads: a simulation runs each step with [`Self::commit_once`] and [`Self::maintain_once`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn standing(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
    ) -> Result<Arc<Self>, EngineError> {
        Self::build(store, initial, clock, limits, true)
    }

    fn build(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
        is_standing: bool,
    ) -> Result<Arc<Self>, EngineError> {
        let system = read_system(&*store)?;
        if let Some(last) = wait(store.latest())? {
            clock.begin(last);
        }
        let test_clock = test_clock::begin(&*store, &clock, system.test_clock)?;
        let damaged = Damaged::among(&system.suspects, &*store)?;
        Ok(Arc::new(Self {
            cache: Arc::new(Cache::new(limits.accounts_max)),
            commits: Arc::new(Commits::new(limits.waiting_max, is_standing)),
            timers: Arc::default(),
            in_force: Arc::new(system.in_force(initial)),
            ends: Ends::default(),
            reconciliation: Arc::default(),
            damaged,
            clock,
            test_clock: Arc::new(tokio::sync::Mutex::new(test_clock)),
            sweeping: Mutex::default(),
            stats: Arc::default(),
            puts: tokio::sync::Mutex::default(),
            endpoint_changes: tokio::sync::Mutex::default(),
            key_changes: tokio::sync::Mutex::default(),
            cursors: tokio::sync::Mutex::default(),
            claims: tokio::sync::Mutex::default(),
            dropped_leases: DroppedLeases::default(),
            threads: Mutex::default(),
            wait_max: limits.wait_max,
            is_standing,
            store,
        }))
    }

    fn spawn(self: &Arc<Self>) -> Result<(), EngineError> {
        let after = self.after_write();
        let commit = commit::spawn(
            Arc::clone(&self.commits),
            Arc::clone(&self.store),
            Arc::clone(&self.stats),
            move |batch: &Batch, conflicts: &[Name]| after.run(batch, conflicts),
        );
        let maintenance = maintenance::spawn(Arc::downgrade(self));
        let allocator = maintenance::spawn_allocator(Arc::downgrade(self));
        let reconciling = reconciler::spawn(Arc::downgrade(self), Arc::clone(&self.reconciliation));
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in [commit, maintenance, allocator, reconciling] {
            threads.push(thread.map_err(|source| {
                EngineError::Store(StoreError::Io { doing: "starting", path: "thread".into(), source })
            })?);
        }
        drop(threads);
        Ok(())
    }

    fn after_write(&self) -> AfterWrite {
        AfterWrite {
            cache: Arc::clone(&self.cache),
            in_force: Arc::clone(&self.in_force),
            store: Arc::clone(&self.store),
            timers: Arc::clone(&self.timers),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Writes the waiting records as one batch; `false` if there are none.
    pub fn commit_once(&self) -> bool {
        let after = self.after_write();
        self.commits.run_once(&*self.store, &self.stats, |batch, conflicts| after.run(batch, conflicts))
    }

    /// Writes the waiting records and a last checkpoint, then stops. Later requests get [`EngineError::Stopped`].
    pub fn close(&self) {
        if self.commits.stopped().is_none() && self.timers.is_adopted() {
            self.end_dropped_leases();
            self.write_denials();
            self.checkpoint();
        }
        self.stop();
        for thread in self.take_threads() {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }
}

/// The work between storing a batch and telling anyone.
struct AfterWrite {
    cache: Arc<Cache>,
    in_force: Arc<InForce>,
    store: Arc<dyn Store>,
    timers: Arc<Timers>,
    clock: Arc<Clock>,
}

impl AfterWrite {
    fn run(&self, batch: &Batch, conflicts: &[Name]) {
        // Nothing more is decided on states that lost to another writer. Records already decided on them name a hash
        // that the store does not have, so they conflict as well.
        for name in conflicts {
            if let Some(slot) = self.cache.lock(name).slots.get_mut(name) {
                slot.go_stale();
                self.timers.wake(self.clock.now(), name);
            }
        }
        let is_own = |e: &&Entry| e.account.as_str() == SYSTEM && !conflicts.contains(&e.account);
        let own: Vec<Stored> =
            batch.entries().iter().filter(is_own).map(|entry| batch.stored(entry)).collect();
        if !own.is_empty() {
            wait(take_in(&*self.store, &self.in_force, own));
        }
    }
}
