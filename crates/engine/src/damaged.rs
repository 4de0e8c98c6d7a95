//! Accounts with a log or checkpoint known to be damaged: nothing is decided on them, and others go on.
//!
//! Reconciliation reports them while the engine runs. The last failed pass is recorded in the server's own log, and
//! the next start checks its accounts before anything is decided (`a_damaged_log_freezes_its_account_alone`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use headworks_audit::reconcile::{Progress, audit};
use headworks_core::audit::{Auditor, Dataset, Finding};
use headworks_core::record::{Name, SYSTEM};
use headworks_store::{Store, StoreError};

use crate::answer::EngineError;

/// The accounts, each with its fault.
#[derive(Default)]
pub(crate) struct Damaged {
    accounts: RwLock<BTreeMap<Name, String>>,
    /// Whether there are any; every request asks this.
    any: AtomicBool,
}

impl Damaged {
    /// Those of `suspects` that are still damaged.
    pub(crate) fn among(suspects: &[Name], store: &dyn Store) -> Result<Self, EngineError> {
        let damaged = Self::default();
        for account in suspects {
            let auditor = audit(store, account, &[], &Progress::default())?;
            let findings = auditor.map(Auditor::into_findings).unwrap_or_default();
            findings.iter().for_each(|finding| damaged.note(account, finding));
        }
        Ok(damaged)
    }

    /// Fails for an account that is known to be damaged.
    pub(crate) fn check(&self, account: &Name) -> Result<(), EngineError> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let known = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        known.get(account).map_or(Ok(()), |what| Err(EngineError::Frozen(account.clone(), what.clone())))
    }

    /// Notes a finding. Usage and prices can be wrong in a log that is intact, so they freeze nothing. The server's
    /// own log is never frozen: nothing works without it.
    pub(crate) fn note(&self, account: &Name, finding: &Finding) {
        let what = match finding.dataset {
            Dataset::Chain => "its log is damaged",
            Dataset::State => "its stored state is not what its log comes to",
            Dataset::Usage | Dataset::Monetization | Dataset::Balance => return,
        };
        if account.as_str() != SYSTEM {
            self.freeze(account, &format!("{what} at record {}", finding.seq));
        }
    }

    fn freeze(&self, account: &Name, what: &str) {
        let mut known = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(account.clone()).or_insert_with(|| {
            tracing::error!(%account, what, "the account is frozen; docs/reliability.md says how to repair it");
            format!("{what}; `headworks reconcile` names the place, and the operator has to repair it")
        });
        self.any.store(true, Ordering::Release);
    }

    /// At most `max` of the accounts.
    pub(crate) fn accounts(&self, max: usize) -> Vec<Name> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).keys().take(max).cloned().collect()
    }

    /// The error for a request on an account whose stored state cannot be read: damage freezes the account, and other
    /// failures of the store stay as they are.
    pub(crate) fn unreadable(&self, account: &Name, e: EngineError) -> EngineError {
        let is_damage =
            matches!(e, EngineError::Store(StoreError::Damaged { .. } | StoreError::Unreadable(_)));
        if !is_damage || account.as_str() == SYSTEM {
            return e;
        }
        tracing::error!(%account, error = %e, "the state of an account cannot be read");
        self.freeze(account, "its log or its checkpoint cannot be read");
        self.check(account).err().unwrap_or(e)
    }
}
