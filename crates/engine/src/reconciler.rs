//! Online reconciliation: one thread audits every account's log again and again, at a small share of one core.
//!
//! Never blocks a request: it reads what is stored, beside the engine. Its status is shown by the API and as a metric.
//! Q1 a record altered in the store of a running engine is told by the pass after it (`reconciles_online`).

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use headworks_core::catalog::Catalog;
use headworks_store::reconcile::{Progress, reconcile};
use headworks_store::replay::{WhatIf, what_if};

use crate::answer::EngineError;
use crate::engine::Engine;
use crate::reconciliation::{Pass, Reconciliation};

impl Engine {
    /// The last pass that ended, and how many have.
    #[must_use]
    pub fn reconciled(&self) -> (Option<Arc<Pass>>, u64) {
        self.reconciliation.passes()
    }

    /// The records that the running pass has looked at, if one runs.
    #[must_use]
    pub fn reconciling(&self) -> Option<u64> {
        self.reconciliation.running()
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
        self.reconciliation.ask();
    }
}

/// The thread that reconciles an engine's store for as long as somebody holds the engine.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    reconciler: Arc<Reconciliation>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("reconcile".into()).spawn(move || {
        while let Some(progress) = reconciler.begin() {
            let Some((store, clock)) = engine.upgrade().map(|e| (Arc::clone(&e.store), Arc::clone(&e.clock)))
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
fn tell(engine: &Weak<Engine>, reconciler: &Reconciliation, found: u64, first: String) {
    if reconciler.passes().0.is_some_and(|last| last.report.found == found) {
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
