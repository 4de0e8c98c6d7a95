//! Two engines on one store: one of them dies, and what only a shared store brings is noted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Broken, World};

impl World {
    /// Gives the turn to one of the engines.
    pub(super) fn turn_to(&mut self, which: usize) {
        if let Some(owner) = self.engines.get(which) {
            (self.turn, self.engine) = (which, Arc::clone(&owner.engine));
        }
    }

    /// Whether the engines share their store.
    pub(super) fn is_shared(&self) -> bool {
        self.engines.len() > 1
    }

    /// Why an engine has stopped, if one has.
    pub(super) fn stopped(&self) -> Option<String> {
        self.engines.iter().find_map(|owner| owner.engine.stopped())
    }

    /// Writes everything that waits, on every engine.
    pub(super) fn commit_all(&self) {
        while self.engines.iter().any(|owner| owner.engine.commit_once()) {}
    }

    /// Maintains every engine.
    pub(super) fn maintain_all(&self) {
        self.engines.iter().for_each(|owner| owner.engine.maintain_once(true));
    }

    /// What an engine has met by now that only a shared store brings.
    pub(super) fn note_shared(&self) {
        let stats = self.engine.stats();
        if stats.conflicts.load(Ordering::Relaxed) > 0 {
            self.coverage.fault("conflict");
        }
        if stats.doubts.load(Ordering::Relaxed) > 0 {
            self.coverage.fault("append in doubt");
        }
        let version = self.engine.catalog().version.clone();
        if self.engines.iter().any(|owner| owner.engine.catalog().version != version) {
            self.coverage.fault("catalog of another");
        }
    }

    /// One engine dies with everything that it has not stored; the other does not hear of it.
    pub(super) fn restart_one(&mut self) -> Result<(), Broken> {
        let turn = self.turn;
        self.coverage.fault("one of two restarted");
        self.say(|| "restarts".into());
        self.flying.retain(|flying| flying.of != turn);
        if let Some(owner) = self.engines.get_mut(turn) {
            owner.restart(&self.clock, self.swarm.waiting_max).map_err(Broken)?;
        }
        self.turn_to(turn);
        if turn == 0 {
            self.deliveries.begin_again();
        }
        self.restart_if_stopped()
    }
}
