//! The loads of accounts that are going on: one serves all that wait for it.

use std::collections::HashMap;

use headworks_core::record::Name;
use tokio::sync::watch;

/// How a load that others wait for has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// It goes on, or was given up.
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
    /// Begins to load an account; or what tells when the load that goes on already has ended.
    pub(crate) fn begin(&mut self, account: &Name) -> Result<watch::Sender<Load>, watch::Receiver<Load>> {
        if let Some(others) = self.going_on.get(account) {
            return Err(others.clone());
        }
        let (sender, receiver) = watch::channel(Load::Open);
        self.going_on.insert(account.clone(), receiver);
        Ok(sender)
    }

    /// It has ended, or was given up.
    pub(crate) fn end(&mut self, account: &Name) {
        self.going_on.remove(account);
    }
}
