//! Online reconciliation: one thread of low priority audits every account's log over and over, with a small share of
//! one core.
//!
//! Never blocks a request: it reads stored records, beside the engine. The API and a metric show its status.
//! Q1 a record altered in the store of a running engine is reported by the next pass (`reconciles_online`).
//! Q2 so is a damaged place in the journal; an account with a damaged log is frozen
//! (`a_damaged_log_freezes_its_account_alone`).

use std::sync::{Arc, Weak};

use headworks_audit::reconcile::{Progress, reconcile_telling};
use headworks_audit::replay::{WhatIf, what_if};
use headworks_core::audit::Finding;
use headworks_core::catalog::Catalog;
use headworks_core::record::Name;
use headworks_store::wait;

use crate::answer::EngineError;
use crate::background::in_background;
use crate::engine::Engine;
use crate::reconciliation::{Pass, Reconciliation};

impl Engine {
    /// The last finished pass, and the number of finished passes.
    #[must_use]
    pub fn reconciled(&self) -> (Option<Arc<Pass>>, u64) {
        self.reconciliation.passes()
    }

    /// The number of records that the running pass has checked, if one runs.
    #[must_use]
    pub fn reconciling(&self) -> Option<u64> {
        self.reconciliation.running()
    }

    /// Replays every account's log under another catalog; blocks until done or stopped.
    ///
    /// # Errors
    /// When the store fails.
    pub fn what_if(&self, catalog: &Catalog, progress: &Progress) -> Result<WhatIf, EngineError> {
        Ok(what_if(&*self.store, catalog, 1, progress)?)
    }

    /// Starts a pass at once, at full speed; if one is running, the next follows it without a pause.
    pub fn reconcile(&self) {
        self.reconciliation.ask();
    }
}

/// The thread that reconciles an engine's store while anyone holds the engine.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    reconciler: Arc<Reconciliation>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("reconcile".into()).spawn(move || {
        in_background();
        while let Some(progress) = reconciler.begin() {
            let Some((store, clock)) = engine.upgrade().map(|e| (Arc::clone(&e.store), Arc::clone(&e.clock)))
            else {
                return;
            };
            let started_at = clock.now();
            let note = |account: &Name, finding: &Finding| {
                if let Some(engine) = engine.upgrade() {
                    engine.damaged.note(account, finding);
                }
            };
            let damage = wait(store.damage(&mut paced(&progress)));
            let outcome =
                damage.and_then(|damage| Ok((damage, reconcile_telling(&*store, 1, &progress, &note)?)));
            let stopped = progress.is_stopped();
            match outcome {
                Err(e) => {
                    tracing::error!(error = %e, "the store could not be reconciled");
                    reconciler.end(None);
                }
                Ok((damage, report)) => {
                    let pass = Pass { started_at, finished_at: clock.now(), report, damage };
                    for (place, what) in pass.damage.iter().take(10) {
                        tracing::error!(%place, what, "the journal is damaged");
                    }
                    for (account, finding) in pass.report.findings.iter().take(10) {
                        tracing::error!(%account, %finding, "the ledger does not reconcile");
                    }
                    if let Some(first) = pass.first().filter(|_| !stopped) {
                        tell(&engine, &reconciler, pass.found(), first);
                    }
                    reconciler.end(Some(pass).filter(|_| !stopped));
                }
            }
        }
    })
}

/// Rests after each step as a pass does, and returns whether to go on.
fn paced(progress: &Progress) -> impl FnMut() -> bool + Send {
    let mut started = std::time::Instant::now();
    move || {
        let goes_on = progress.goes_on_after(started);
        started = std::time::Instant::now();
        goes_on
    }
}

/// Records that the number of differing records has changed, so that webhooks report it.
fn tell(engine: &Weak<Engine>, reconciler: &Reconciliation, found: u64, first: String) {
    if reconciler.passes().0.is_some_and(|last| last.found() == found) {
        return;
    }
    let Some(engine) = engine.upgrade() else { return };
    let told = wait(engine.reconcile_failed(found, first));
    if let Err(e) = told {
        tracing::error!(error = %e, "the failed reconciliation could not be recorded");
    }
}
