//! The note in a data directory that is being written from another one. Until the
//! note is gone, the directory is no ledger.
//!
//! N1 an interrupted restore, erasure or first backup is never taken for a whole ledger, and the same command starts
//! it over (`what_was_cut_off_is_no_ledger`, and the simulation, which interrupts between any two steps).

use super::disk::Disk;
use crate::contract::StoreError;

const FILE: &str = "unfinished";
const TEXT: &[u8] = b"This directory is being written. While this file is here it is not a whole ledger.\n";

/// Refuses an unfinished directory.
pub(super) fn check(dir: &dyn Disk) -> Result<(), StoreError> {
    if is_there(dir)? { Err(StoreError::Unfinished(dir.path())) } else { Ok(()) }
}

pub(super) fn is_there(dir: &dyn Disk) -> Result<bool, StoreError> {
    dir.has(FILE).map_err(StoreError::io("listing", &dir.path()))
}

/// Creates the note; it is durable before anything else is written.
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

/// Removes the output of an interrupted command.
pub(super) fn clear(dir: &dyn Disk) -> Result<(), StoreError> {
    for written in ["journal", "outbox", "signing.key"] {
        dir.remove(written).map_err(StoreError::io("clearing", &dir.path()))?;
    }
    Ok(())
}
