//! The accounts that maintenance must look at, and when.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headworks_core::record::{Instant, Name};

const TICK: Duration = Duration::from_millis(100);
/// The most accounts that one tick looks at.
pub(crate) const DUE_MAX: usize = 1_000;

#[derive(Default)]
struct Inner {
    wakes: BTreeSet<(Instant, Name)>,
    denied: BTreeSet<Name>,
    checkpoint: bool,
    /// Whether the accounts left unsettled by the last run have been looked at.
    adopted: bool,
    closed: bool,
}

/// The accounts that maintenance must look at.
#[derive(Default)]
pub(crate) struct Timers {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the account once the instant has come.
    pub(crate) fn wake(&self, at: Instant, account: &Name) {
        self.lock().wakes.insert((at, account.clone()));
    }

    /// Writes the account's denials at the next interval.
    pub(crate) fn note_denial(&self, account: &Name) {
        let mut inner = self.lock();
        if !inner.denied.contains(account) {
            inner.denied.insert(account.clone());
        }
    }

    pub(crate) fn request_checkpoint(&self) {
        self.lock().checkpoint = true;
        self.changed.notify_all();
    }

    /// Notes that everything left unsettled by the last run has been looked at.
    pub(crate) fn adopted(&self) {
        self.lock().adopted = true;
    }

    /// Whether a checkpoint was requested since the last call.
    pub(crate) fn takes_checkpoint(&self) -> bool {
        std::mem::take(&mut self.lock().checkpoint)
    }

    /// The accounts with denials to write.
    pub(crate) fn take_denied(&self) -> BTreeSet<Name> {
        std::mem::take(&mut self.lock().denied)
    }

    pub(crate) fn is_adopted(&self) -> bool {
        self.lock().adopted
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next tick; `false` if closed.
    pub(crate) fn tick(&self) -> bool {
        self.pause(TICK)
    }

    /// Waits this long; `false` if closed.
    pub(crate) fn pause(&self, span: Duration) -> bool {
        let inner = self.lock();
        if inner.closed {
            return false;
        }
        let (inner, _) = self.changed.wait_timeout(inner, span).unwrap_or_else(PoisonError::into_inner);
        !inner.closed
    }

    /// When the next account is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.lock().wakes.first().map(|(at, _)| *at)
    }

    pub(crate) fn due(&self, now: Instant) -> Vec<Name> {
        let mut inner = self.lock();
        let mut out = Vec::new();
        while out.len() < DUE_MAX {
            match inner.wakes.first() {
                Some((at, _)) if *at <= now => out.extend(inner.wakes.pop_first().map(|(_, name)| name)),
                Some(_) | None => break,
            }
        }
        out
    }
}
