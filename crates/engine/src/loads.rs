//! Account loads in progress: one load serves all that wait for it.

use std::collections::HashMap;

use headworks_core::record::Name;
use tokio::sync::watch;

/// The end of a load that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// It is still running, or was given up.
    Open,
    /// The account is in memory.
    Done,
    /// The account has no log.
    Unknown,
}

/// The accounts of a shard that are being loaded.
#[derive(Default)]
pub(crate) struct Loads {
    going_on: HashMap<Name, watch::Receiver<Load>>,
}

impl Loads {
    /// Begins to load an account; if a load is already running, returns a receiver for its end.
    pub(crate) fn begin(&mut self, account: &Name) -> Result<watch::Sender<Load>, watch::Receiver<Load>> {
        if let Some(others) = self.going_on.get(account) {
            return Err(others.clone());
        }
        let (sender, receiver) = watch::channel(Load::Open);
        self.going_on.insert(account.clone(), receiver);
        Ok(sender)
    }

    /// The load has ended or was given up.
    pub(crate) fn end(&mut self, account: &Name) {
        self.going_on.remove(account);
    }
}
