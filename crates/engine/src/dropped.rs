//! Holds of dropped leases: the engine ends them.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use headworks_core::command::Command;
use headworks_core::record::Name;

/// A hold of a dropped lease.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    pub(crate) account: Name,
    pub(crate) actor: Option<Name>,
    pub(crate) end: Command,
}

/// The holds of dropped leases that the engine must still end.
#[derive(Debug, Default)]
pub(crate) struct DroppedLeases(Mutex<Vec<Dropped>>);

impl DroppedLeases {
    pub(crate) fn add(&self, some: impl IntoIterator<Item = Dropped>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(some);
    }

    pub(crate) fn take(&self) -> Vec<Dropped> {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
