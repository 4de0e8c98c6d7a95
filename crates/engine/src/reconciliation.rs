//! The findings and requests of online reconciliation.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headworks_audit::reconcile::{Progress, Report};
use headworks_core::record::Instant;
use headworks_store::Location;

/// The pause between two passes.
const PAUSE: Duration = Duration::from_secs(60);
/// Rests this many times as long as it works, so it uses at most a twentieth of one core.
const REST: u32 = 19;

/// A finished pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub finished_at: Instant,
    /// The findings in the records of accounts.
    pub report: Report,
    /// Places of the store that differ from what was written, with the fault.
    pub damage: Vec<(Location, String)>,
}

impl Pass {
    /// The number of findings.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.report.found + u64::try_from(self.damage.len()).unwrap_or(u64::MAX)
    }

    /// Whether nothing differs and the books balance.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.damage.is_empty()
    }

    /// The first finding, in words.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        let place = self.damage.first().map(|(place, what)| format!("{place}: {what}"));
        place.or_else(|| {
            self.report.findings.first().map(|(account, finding)| format!("account {account}: {finding}"))
        })
    }
}

#[derive(Default)]
struct Inner {
    last: Option<Arc<Pass>>,
    passes: u64,
    asked: bool,
    closed: bool,
    running: Option<Arc<Progress>>,
}

/// The findings and requests of the reconciler.
#[derive(Default)]
pub(crate) struct Reconciliation {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Reconciliation {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last finished pass, and the number of finished passes.
    pub(crate) fn passes(&self) -> (Option<Arc<Pass>>, u64) {
        let inner = self.lock();
        (inner.last.clone(), inner.passes)
    }

    /// The number of records that the running pass has checked, if one runs.
    pub(crate) fn running(&self) -> Option<u64> {
        self.lock().running.as_ref().map(|p| p.records.load(Ordering::Relaxed))
    }

    /// Asks for a pass at once.
    pub(crate) fn ask(&self) {
        self.lock().asked = true;
        self.changed.notify_all();
    }

    /// Ends the running pass and starts no more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        if let Some(running) = &inner.running {
            running.stop();
        }
        self.changed.notify_all();
    }

    /// Waits until the next pass is due and begins it; `None` if closed.
    pub(crate) fn begin(&self) -> Option<Arc<Progress>> {
        let inner = self.lock();
        let is_idle = |inner: &mut Inner| !inner.asked && !inner.closed && inner.passes > 0;
        let (mut inner, _) =
            self.changed.wait_timeout_while(inner, PAUSE, is_idle).unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return None;
        }
        // A caller waits for a pass that was asked for.
        let rest = if std::mem::take(&mut inner.asked) { 0 } else { REST };
        let progress = Arc::new(Progress::resting(rest));
        inner.running = Some(Arc::clone(&progress));
        Some(progress)
    }

    pub(crate) fn end(&self, pass: Option<Pass>) {
        let mut inner = self.lock();
        inner.running = None;
        inner.passes += 1;
        if let Some(pass) = pass {
            inner.last = Some(Arc::new(pass));
        }
    }
}
