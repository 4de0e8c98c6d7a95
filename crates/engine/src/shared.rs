//! A store that others write into as well: states in memory are checked against it before they are shown, and the
//! server's own log is followed (rules R1 and R2). If nobody else can write, none of this happens.
//!
//! N1 a denial or a state that is shown matched the log at some moment of the request (`a_stale_state_is_not_shown`).
//! N2 no record is decided under an older catalog than the one that the account was last decided under
//! (`a_newer_catalog_is_followed_first`).

use headworks_core::account::Account;
use headworks_core::catalog::Catalog;
use headworks_core::record::{Name, SYSTEM, system};
use headworks_store::{LogEnd, Store, StoreError, Stored};

use crate::answer::EngineError;
use crate::cache::Slot;
use crate::engine::Engine;
use crate::in_force::InForce;

const RECORDS_AT_ONCE: usize = 1_000;

/// Reads the server's own log to its end, and puts its content in force.
pub(crate) async fn follow(store: &dyn Store, in_force: &InForce) -> Result<(), StoreError> {
    let _turn = in_force.following.lock().await;
    loop {
        let page = store.read(&system(), in_force.seq() + 1, RECORDS_AT_ONCE).await?;
        if page.is_empty() || !page.iter().all(|stored| in_force.take_in(stored)) {
            return Ok(());
        }
    }
}

/// Puts stored records of the server's own log in force.
pub(crate) async fn take_in(store: &dyn Store, in_force: &InForce, own: Vec<Stored>) {
    // Others may have written records before these.
    if !own.iter().all(|stored| in_force.take_in(stored))
        && let Err(e) = follow(store, in_force).await
    {
        tracing::error!(error = %e, "the server's own log cannot be read");
    }
}

/// The end of the log according to a state.
pub(crate) fn end_of(account: &Account) -> LogEnd {
    if account.seq == 0 { LogEnd::default() } else { LogEnd { seq: account.seq, hash: account.chain } }
}

impl Engine {
    /// Puts records in force that others have written into the server's own log.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn follow(&self) -> Result<(), EngineError> {
        if self.store.is_shared() {
            let began = self.clock().now();
            follow(&*self.store, &self.in_force).await?;
            self.in_force.read_to_end(began);
        }
        Ok(())
    }

    /// Whether others may have put something in force that this engine does not know.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.store.is_shared() && self.in_force.is_cut_off(self.clock().now())
    }

    /// Whether the server's own log must be read on before anything is decided on an account.
    pub(crate) fn is_behind(&self, slot: &Slot, catalog: &Catalog) -> bool {
        let own = catalog.under.map_or(0, |under| under.seq);
        self.is_cut_off() || (slot.account.under.is_some_and(|under| under > own) && self.store.is_shared())
    }

    /// Whether an account's log still ends where a state said, asked now; if not, the state is loaded again.
    pub(crate) async fn is_fresh(&self, account: &Name, end: LogEnd) -> Result<bool, EngineError> {
        if !self.store.is_shared() || self.ends.of(&*self.store, account).await? == end {
            return Ok(true);
        }
        if account.as_str() == SYSTEM {
            self.follow().await?;
        }
        let mut shard = self.cache.lock(account);
        if let Some((_, slot)) = shard.live(account)
            && end_of(&slot.account) == end
        {
            slot.go_stale();
            self.timers.wake(self.clock().now(), account);
        }
        Ok(false)
    }
}
