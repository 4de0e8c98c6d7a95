//! The note that stands in a data directory while it is written from another one: until it is gone, that is no ledger.
//!
//! N1 an interrupted restore, erasure or first backup is nowhere taken for a whole ledger, and the same command begins anew
//! (`what_was_cut_off_is_no_ledger`).

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::contract::StoreError;

const FILE: &str = "unfinished";
const TEXT: &[u8] = b"This directory is being written. While this file is here it is not a whole ledger.\n";

/// Refuses a directory that is not finished.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    if is_there(dir) { Err(StoreError::Unfinished(dir.to_path_buf())) } else { Ok(()) }
}

pub(super) fn is_there(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

/// Makes the note, durable before anything else is written.
pub(super) fn begin(dir: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(dir).map_err(StoreError::io("creating", dir))?;
    super::disk::write_whole(&dir.join(FILE), TEXT).map_err(StoreError::io("writing", dir))?;
    sync(dir)
}

/// Removes the note once everything else is durable.
pub(super) fn end(dir: &Path) -> Result<(), StoreError> {
    let file: PathBuf = dir.join(FILE);
    sync(dir)?;
    match std::fs::remove_file(&file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("removing", &file)(e)),
        _ => sync(dir),
    }
}

/// Removes what an interrupted command has written.
pub(super) fn clear(dir: &Path) -> Result<(), StoreError> {
    for written in ["journal", "index", "outbox"] {
        let path = dir.join(written);
        match std::fs::remove_dir_all(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(StoreError::io("removing", &path)(e)),
            _ => {}
        }
    }
    Ok(())
}

fn sync(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("syncing", dir))
}
