//! The index of a ledger in use: opened again when it has failed.
//!
//! The key-value store refuses all writes after one that failed. Everything in it can be rebuilt, and a failed write is made
//! again as a whole, so that it is enough to open it again (`an_index_that_has_failed_is_opened_again`). It is not while the disk
//! takes nothing: what is there can be read.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use headworks_core::record::{IndexKey, Instant, Name, Seq};

use super::index::{Index, KeyValue, Watermark};
use super::spare;
use crate::contract::StoreError;
use crate::stored::Checkpoint;

/// The length of a file that shows whether the disk takes anything.
const PROBE: usize = 1 << 16;

/// An index that is opened again after a failure.
#[derive(Debug)]
pub(super) struct KeptIndex {
    path: PathBuf,
    /// `None`: it could not be opened again; the next use tries.
    open: RwLock<Option<KeyValue>>,
}

impl KeptIndex {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        spare::keep();
        Ok(Self { path: path.to_path_buf(), open: RwLock::new(Some(KeyValue::open(path)?)) })
    }

    /// Uses the index; if no descriptor is left for it, spare ones are given up.
    fn with<T>(&self, mut job: impl FnMut(&KeyValue) -> Result<T, StoreError>) -> Result<T, StoreError> {
        loop {
            let mut done = || {
                self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(&mut job).transpose()
            };
            if let Some(done) = spare::with_store(&mut done)? {
                return Ok(done);
            }
            self.reopen()?;
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // The directory is locked while the old one is open.
        drop(open.take());
        *open = Some(spare::with_store(|| KeyValue::open(&self.path))?);
        Ok(())
    }

    /// Whether a file can be written beside the index.
    fn is_writable(&self) -> bool {
        let file = self.path.with_extension("probe");
        let written = spare::with(|| std::fs::write(&file, vec![0; PROBE]));
        std::fs::remove_file(&file).is_ok() && written.is_ok()
    }
}

impl Index for KeptIndex {
    fn watermark(&self) -> Result<Watermark, StoreError> {
        self.with(KeyValue::watermark)
    }

    fn find(&self, key: IndexKey) -> Result<Option<u64>, StoreError> {
        self.with(|index| index.find(key))
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        self.with(|index| index.state(account))
    }

    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<u64>, StoreError> {
        self.with(|index| index.positions(account, from, max))
    }

    fn last(&self, account: &Name) -> Result<Seq, StoreError> {
        self.with(|index| index.last(account))
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        self.with(|index| index.accounts(after, max))
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        self.with(|index| index.due(now, max))
    }

    fn unsettled(&self) -> Result<Vec<Name>, StoreError> {
        self.with(KeyValue::unsettled)
    }

    fn each_key(&self, each: &mut dyn FnMut(IndexKey) -> bool) -> Result<bool, StoreError> {
        self.with(|index| index.each_key(&mut *each))
    }

    fn write(
        &self,
        states: &[Checkpoint],
        keys: &mut [(IndexKey, u64)],
        logs: &mut dyn Iterator<Item = (&Name, Seq, Vec<u64>)>,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        // Work that the write leads to opens files on another thread.
        spare::keep();
        let written = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let closed = || Err(StoreError::Index("it is not open".into()));
            open.as_ref().map_or_else(closed, |index| index.write(states, keys, logs, watermark))
        };
        if written.is_err() && self.is_writable() {
            self.reopen()?;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use headworks_core::record::IndexKey;

    use super::super::index::{Index as _, Watermark};
    use super::KeptIndex;

    fn write(index: &KeptIndex, at: u64) -> bool {
        let watermark = Watermark { at, ..Watermark::default() };
        index.write(&[], &mut [(IndexKey(at.into()), at)], &mut std::iter::empty(), watermark).is_ok()
    }

    /// The directories of tables, each with the name that takes it away.
    fn tables(index: &Path) -> Vec<[std::path::PathBuf; 2]> {
        let keyspaces = std::fs::read_dir(index.join("keyspaces")).expect("lists").flatten();
        let tables = keyspaces.map(|keyspace| keyspace.path().join("tables")).filter(|path| path.is_dir());
        tables.map(|path| [path.with_extension("away"), path]).map(|[away, path]| [path, away]).collect()
    }

    #[test]
    fn an_index_that_has_failed_is_opened_again() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("index");
        let index = KeptIndex::open(&path).expect("opens");
        assert!(write(&index, 1));
        // The thread that writes files finds no place for them; after that, every write fails.
        let tables = tables(&path);
        assert!(!tables.is_empty(), "the index has directories of tables");
        for [here, away] in &tables {
            std::fs::rename(here, away).expect("renames");
        }
        index.open.read().expect("lock").as_ref().expect("open").flush();
        let mut failed = 2;
        while write_once(&index, failed) {
            failed += 1;
            std::thread::yield_now();
        }
        for [here, away] in &tables {
            std::fs::rename(away, here).expect("renames");
        }
        // The write that finds this out fails, and the next one is the same write again.
        let _opens = write(&index, failed);
        assert!(write(&index, failed), "it was opened again");
        for at in 1..=failed {
            assert_eq!(index.find(IndexKey(at.into())).expect("reads"), Some(at), "of {failed}");
        }
        assert_eq!(index.watermark().expect("reads").at, failed);
    }

    /// As a write, but what has failed is not opened again.
    fn write_once(index: &KeptIndex, at: u64) -> bool {
        let open = index.open.read().expect("lock");
        let watermark = Watermark { at, ..Watermark::default() };
        let mut keys = [(IndexKey(at.into()), at)];
        open.as_ref()
            .is_some_and(|open| open.write(&[], &mut keys, &mut std::iter::empty(), watermark).is_ok())
    }
}
