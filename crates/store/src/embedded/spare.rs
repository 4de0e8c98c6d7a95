//! Spare descriptors: a process that has run out of them still has some for its ledger.
//!
//! They are open files without a use, given up one by one when the ledger needs to open a file and no descriptor is left.
//! L1 a ledger in use goes on without descriptors (`running_out_of_descriptors_does_not_stop_the_ledger`).

use std::fs::File;
use std::io::{Error, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contract::StoreError;

/// How many are kept. Descriptors belong to the process, and so do these.
const KEPT: usize = 32;

/// `ENFILE` and `EMFILE` of Linux, macOS and the BSDs; the standard library has no name for them.
const NONE_LEFT: [i32; 2] = [23, 24];

static SPARE: Mutex<Vec<File>> = Mutex::new(Vec::new());

fn spare() -> MutexGuard<'static, Vec<File>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes as many as are missing, if there are any to take.
pub(super) fn keep() {
    let mut spare = spare();
    while spare.len() < KEPT
        && let Ok(file) = File::open("/dev/null")
    {
        spare.push(file);
    }
}

/// Whether no descriptor was left.
pub(super) fn is_short(e: &Error) -> bool {
    e.raw_os_error().is_some_and(|code| NONE_LEFT.contains(&code))
}

/// Opens something; while no descriptor is left for it, gives up a spare one and tries again.
pub(super) fn with<T>(open: impl FnMut() -> Result<T>) -> Result<T> {
    again(open, is_short)
}

/// The same for work on the store.
pub(super) fn with_store<T>(
    work: impl FnMut() -> std::result::Result<T, StoreError>,
) -> std::result::Result<T, StoreError> {
    again(work, |e| matches!(e, StoreError::Io { source, .. } if is_short(source)))
}

fn again<T, E>(
    mut work: impl FnMut() -> std::result::Result<T, E>,
    was_short: impl Fn(&E) -> bool,
) -> std::result::Result<T, E> {
    loop {
        match work() {
            Err(e) if was_short(&e) && give() => {}
            outcome => return outcome,
        }
    }
}

/// Gives up a spare descriptor; `false` if there is none.
fn give() -> bool {
    spare().pop().is_some()
}
