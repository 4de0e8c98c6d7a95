//! Two engines on one store: one of them dies, and events that need a shared store are noted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Broken, World};

impl World {
    /// Makes one of the engines the active one.
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

    /// Writes everything waiting, on every engine.
    pub(super) fn commit_all(&self) {
        while self.engines.iter().any(|owner| owner.engine.commit_once()) {}
    }

    /// Maintains every engine.
    pub(super) fn maintain_all(&self) {
        self.engines.iter().for_each(|owner| owner.engine.maintain_once(true));
    }

    /// Notes the events of an engine that need a shared store.
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

    /// One engine dies with everything unstored; the other does not notice.
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
