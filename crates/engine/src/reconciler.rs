//! Online reconciliation: one thread audits every account's log again and again, at a small share of one core.
//!
//! Never blocks a request: it reads what is stored, beside the engine. Its status is shown by the API and as a metric.
//! Q1 a record altered in the store of a running engine is told by the pass after it (`reconciles_online`).

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use headworks_core::catalog::Catalog;
use headworks_core::record::Instant;
use headworks_store::reconcile::{Progress, Report, reconcile};
use headworks_store::replay::{WhatIf, what_if};

use crate::answer::EngineError;
use crate::engine::Engine;

/// Between two passes.
const PAUSE: Duration = Duration::from_secs(60);
/// Rests this many times as long as it works: at most a twentieth of one core.
const REST: u32 = 19;

/// A finished pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub finished_at: Instant,
    /// What it found.
    pub report: Report,
}

#[derive(Default)]
struct Inner {
    last: Option<Arc<Pass>>,
    passes: u64,
    asked: bool,
    closed: bool,
    running: Option<Arc<Progress>>,
}

/// What the reconciler has found and is asked to do.
#[derive(Default)]
pub(crate) struct Reconciler {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Reconciler {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the pass that runs and starts none after it.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        if let Some(running) = &inner.running {
            running.stop.store(true, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    /// Waits for the next pass to be due and begins it; `None` when closed.
    fn begin(&self) -> Option<Arc<Progress>> {
        let inner = self.lock();
        let is_idle = |inner: &mut Inner| !inner.asked && !inner.closed && inner.passes > 0;
        let (mut inner, _) =
            self.changed.wait_timeout_while(inner, PAUSE, is_idle).unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return None;
        }
        // Somebody waits for a pass that was asked for.
        let rest = if std::mem::take(&mut inner.asked) { 0 } else { REST };
        let progress = Arc::new(Progress { rest, ..Progress::default() });
        inner.running = Some(Arc::clone(&progress));
        Some(progress)
    }

    fn end(&self, pass: Option<Pass>) {
        let mut inner = self.lock();
        inner.running = None;
        inner.passes += 1;
        if let Some(pass) = pass {
            inner.last = Some(Arc::new(pass));
        }
    }
}

impl Engine {
    /// The last pass that ended, and how many have.
    #[must_use]
    pub fn reconciled(&self) -> (Option<Arc<Pass>>, u64) {
        let inner = self.reconciler.lock();
        (inner.last.clone(), inner.passes)
    }

    /// The records that the running pass has looked at, if one runs.
    #[must_use]
    pub fn reconciling(&self) -> Option<u64> {
        self.reconciler.lock().running.as_ref().map(|p| p.records.load(Ordering::Relaxed))
    }

    /// Lets every account live through its log again on another catalog; blocks until done or told to stop.
    ///
    /// # Errors
    /// When the store fails.
    pub fn what_if(&self, catalog: &Catalog, progress: &Progress) -> Result<WhatIf, EngineError> {
        Ok(what_if(&*self.store, catalog, 1, progress)?)
    }

    /// Starts a pass at once, at full speed; when one is running, the next follows it without a pause.
    pub fn reconcile(&self) {
        self.reconciler.lock().asked = true;
        self.reconciler.changed.notify_all();
    }
}

/// The thread that reconciles an engine's store for as long as somebody holds the engine.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    reconciler: Arc<Reconciler>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("reconcile".into()).spawn(move || {
        while let Some(progress) = reconciler.begin() {
            let Some((store, clock)) = engine.upgrade().map(|e| (Arc::clone(&e.store), e.shared_clock()))
            else {
                return;
            };
            let started_at = clock.now();
            let outcome = reconcile(&*store, 1, &progress);
            let stopped = progress.stop.load(Ordering::Relaxed);
            match outcome {
                Err(e) => {
                    tracing::error!(error = %e, "the store could not be reconciled");
                    reconciler.end(None);
                }
                Ok(report) => {
                    for (account, finding) in report.findings.iter().take(10) {
                        tracing::error!(%account, %finding, "the ledger does not reconcile");
                    }
                    if let Some((account, finding)) = report.findings.first().filter(|_| !stopped) {
                        tell(&engine, &reconciler, report.found, format!("account {account}: {finding}"));
                    }
                    let pass = Pass { started_at, finished_at: clock.now(), report };
                    reconciler.end(Some(pass).filter(|_| !stopped));
                }
            }
        }
    })
}

/// Writes down that records differ, when they did not before, so that webhooks tell it.
fn tell(engine: &Weak<Engine>, reconciler: &Reconciler, found: u64, first: String) {
    if reconciler.lock().last.as_ref().is_some_and(|last| last.report.found == found) {
        return;
    }
    let Some(engine) = engine.upgrade() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let told = runtime
        .map_err(|e| e.to_string())
        .and_then(|r| r.block_on(engine.reconcile_failed(found, first)).map_err(|e| e.to_string()));
    if let Err(e) = told {
        tracing::error!(error = %e, "the failed reconciliation could not be recorded");
    }
}
