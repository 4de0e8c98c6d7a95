//! The note that stands in a data directory while it is written from another one: until it is gone, that is no ledger.
//!
//! N1 an interrupted restore, erasure or first backup is nowhere taken for a whole ledger, and the same command begins anew
//! (`what_was_cut_off_is_no_ledger`, and the simulation, which cuts off between any two steps).

use super::disk::Disk;
use crate::contract::StoreError;

const FILE: &str = "unfinished";
const TEXT: &[u8] = b"This directory is being written. While this file is here it is not a whole ledger.\n";

/// Refuses a directory that is not finished.
pub(super) fn check(dir: &dyn Disk) -> Result<(), StoreError> {
    if is_there(dir)? { Err(StoreError::Unfinished(dir.path())) } else { Ok(()) }
}

pub(super) fn is_there(dir: &dyn Disk) -> Result<bool, StoreError> {
    dir.has(FILE).map_err(StoreError::io("listing", &dir.path()))
}

/// Makes the note, durable before anything else is written.
pub(super) fn begin(dir: &dyn Disk) -> Result<(), StoreError> {
    let make = || {
        dir.make()?;
        dir.replace(FILE, TEXT)?;
        dir.sync_names()
    };
    make().map_err(StoreError::io("creating", &dir.path()))
}

/// Removes the note once everything else is durable.
pub(super) fn end(dir: &dyn Disk) -> Result<(), StoreError> {
    let remove = || {
        dir.sync_names()?;
        dir.remove(FILE)?;
        dir.sync_names()
    };
    remove().map_err(StoreError::io("finishing", &dir.path()))
}

/// Removes what an interrupted command has written.
pub(super) fn clear(dir: &dyn Disk) -> Result<(), StoreError> {
    for written in ["journal", "outbox", "signing.key"] {
        dir.remove(written).map_err(StoreError::io("clearing", &dir.path()))?;
    }
    Ok(())
}
