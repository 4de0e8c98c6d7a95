//! The index: checkpoints and record positions, in an embedded key-value store written off the request path.
//!
//! Everything in it can be rebuilt from the journal; the watermark says how far it has got.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _};
use headworks_core::record::{IndexKey, Instant, Name, Seq};

use super::spare::is_short;
use crate::contract::StoreError;
use crate::stored::Checkpoint;

const CHUNK: usize = 10_000;
/// Files that the key-value store keeps open.
const OPEN_FILES_MAX: usize = 64;

/// How far the journal is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The place in the journal.
    pub at: u64,
    /// The number of records before it.
    pub records: u64,
    /// The latest instant at which a record before it was written, if known.
    pub latest: Option<Instant>,
}

impl Default for Watermark {
    /// The beginning of the journal.
    fn default() -> Self {
        Self { at: 1 << 32, records: 0, latest: None }
    }
}

/// The operations of an index. Everything in it can be rebuilt from the
/// journal; journal positions are packed numbers.
pub trait Index: Send + Sync + std::fmt::Debug {
    /// How far the journal is indexed.
    ///
    /// # Errors
    /// When reading fails.
    fn watermark(&self) -> Result<Watermark, StoreError>;
    /// The position of an index key's record.
    ///
    /// # Errors
    /// When reading fails.
    fn find(&self, key: IndexKey) -> Result<Option<u64>, StoreError>;
    /// The checkpoint of an account: its number and bytes.
    ///
    /// # Errors
    /// When reading fails.
    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError>;
    /// The positions of at most `max` records, from number `from` on.
    ///
    /// # Errors
    /// When reading fails.
    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<u64>, StoreError>;
    /// The last indexed record of an account; 0 if none.
    ///
    /// # Errors
    /// When reading fails.
    fn last(&self, account: &Name) -> Result<Seq, StoreError>;
    /// At most `max` accounts after `after`, in order of name.
    ///
    /// # Errors
    /// When reading fails.
    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError>;
    /// At most `max` accounts whose checkpoint has a hold or grant that ends by `now`.
    ///
    /// # Errors
    /// When reading fails.
    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError>;
    /// The accounts with records after their checkpoints.
    ///
    /// # Errors
    /// When reading fails.
    fn unsettled(&self) -> Result<Vec<Name>, StoreError>;
    /// Visits every index key while `each` returns true; returns whether it reached the end.
    ///
    /// # Errors
    /// When reading fails.
    fn each_key(&self, each: &mut dyn FnMut(IndexKey) -> bool) -> Result<bool, StoreError>;
    /// Writes checkpoints newer than the stored ones, then index entries, then
    /// the watermark, and makes all of it durable.
    ///
    /// # Errors
    /// When writing fails. Some of it may then have been written, but not the watermark.
    fn write(
        &self,
        states: &[Checkpoint],
        keys: &mut [(IndexKey, u64)],
        logs: &mut dyn Iterator<Item = (&Name, Seq, Vec<u64>)>,
        watermark: Watermark,
    ) -> Result<(), StoreError>;
}

/// The index in an embedded key-value store.
pub(super) struct KeyValue {
    db: Database,
    /// Index key → position.
    keys: Keyspace,
    /// Account, first number → positions of consecutive records.
    logs: Keyspace,
    /// Account → number, wake, state.
    states: Keyspace,
    /// Wake, account → nothing.
    wakes: Keyspace,
    /// Account → the last number, if the checkpoint does not include it.
    unsettled: Keyspace,
    meta: Keyspace,
}

fn failed(e: impl std::error::Error + 'static) -> StoreError {
    let first: &(dyn std::error::Error + 'static) = &e;
    let causes = std::iter::successors(Some(first), |e| e.source());
    let short = causes.filter_map(|e| e.downcast_ref::<std::io::Error>()).find(|e| is_short(e));
    match short.and_then(std::io::Error::raw_os_error) {
        Some(code) => {
            let source = std::io::Error::from_raw_os_error(code);
            StoreError::Io { doing: "opening a file of", path: "index".into(), source }
        }
        None => StoreError::Index(e.to_string()),
    }
}

/// Names have no NUL, so it ends one before all that begin with it: keys sort as names do, and none is within another's range.
fn log_key(account: &Name, seq: Seq) -> Vec<u8> {
    let mut key = account.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

fn wake_key(at: Instant, account: &Name) -> Vec<u8> {
    let mut key = u64::try_from(at.micros()).unwrap_or(0).to_be_bytes().to_vec();
    key.extend_from_slice(account.as_str().as_bytes());
    key
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

impl KeyValue {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Database::builder(path)
            .cache_size(64 << 20)
            .worker_threads(1)
            .max_cached_files(Some(OPEN_FILES_MAX))
            .manual_journal_persist(true)
            .open()
            .map_err(failed)?;
        let keyspace = |name: &str| db.keyspace(name, KeyspaceCreateOptions::default).map_err(failed);
        Ok(Self {
            keys: keyspace("keys")?,
            logs: keyspace("logs")?,
            states: keyspace("states")?,
            wakes: keyspace("wakes")?,
            unsettled: keyspace("unsettled")?,
            meta: keyspace("meta")?,
            db,
        })
    }

    /// Writes what is in memory into files, on another thread.
    #[cfg(test)]
    pub(super) fn flush(&self) {
        self.keys.rotate_memtable().expect("another thread is told");
    }

    fn write_states(&self, states: &[Checkpoint]) -> Result<(), StoreError> {
        let mut batch = self.db.batch();
        for state in states {
            let old = self.states.get(state.account.as_str()).map_err(failed)?;
            if old.as_ref().and_then(|v| number(v, 0)).is_some_and(|kept| kept > state.seq) {
                continue;
            }
            let old_wake = old.as_ref().and_then(|v| number(v, 8)).and_then(|w| i64::try_from(w).ok());
            if let Some(old) = old_wake.filter(|w| *w != state.wakes_at.micros()) {
                batch.remove(&self.wakes, wake_key(Instant::from_micros(old), &state.account));
            }
            if state.wakes_at < Instant::NEVER {
                batch.insert(&self.wakes, wake_key(state.wakes_at, &state.account), "");
            }
            let wake = u64::try_from(state.wakes_at.micros()).unwrap_or(0);
            let mut value = state.seq.to_be_bytes().to_vec();
            value.extend_from_slice(&wake.to_be_bytes());
            value.extend_from_slice(&state.bytes);
            batch.insert(&self.states, state.account.as_str(), value);
            let behind = self.unsettled.get(state.account.as_str()).map_err(failed)?;
            if behind.is_some_and(|last| number(&last, 0).is_none_or(|last| last <= state.seq)) {
                batch.remove(&self.unsettled, state.account.as_str());
            }
        }
        batch.commit().map_err(failed)
    }
}

impl Index for KeyValue {
    fn watermark(&self) -> Result<Watermark, StoreError> {
        let Some(found) = self.meta.get("watermark").map_err(failed)? else {
            return Ok(Watermark::default());
        };
        let at = number(&found, 0).unwrap_or(Watermark::default().at);
        let records = number(&found, 8).unwrap_or(0);
        let latest = number(&found, 16).and_then(|micros| i64::try_from(micros).ok());
        Ok(Watermark { at, records, latest: latest.map(Instant::from_micros) })
    }

    fn find(&self, key: IndexKey) -> Result<Option<u64>, StoreError> {
        let found = self.keys.get(key.0.to_be_bytes()).map_err(failed)?;
        Ok(found.and_then(|v| number(&v, 0)))
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        let found = self.states.get(account.as_str()).map_err(failed)?;
        Ok(found.and_then(|v| Some((number(&v, 0)?, v.get(16..)?.to_vec()))))
    }

    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<u64>, StoreError> {
        let mut out = Vec::new();
        let snapshot = self.db.snapshot();
        // The chunk that holds `from` begins at or before it.
        let before = snapshot.range(&self.logs, log_key(account, 0)..=log_key(account, from)).next_back();
        let first = match before {
            Some(item) => item.key().map_err(failed)?.to_vec(),
            None => log_key(account, from),
        };
        for item in snapshot.range(&self.logs, first..=log_key(account, Seq::MAX)) {
            let (key, value) = item.into_inner().map_err(failed)?;
            let Some(start) = number(&key, key.len().saturating_sub(8)) else {
                continue;
            };
            let skip = usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX);
            let packed = value.chunks_exact(8).skip(skip).filter_map(|c| number(c, 0));
            out.extend(packed.take(max - out.len()));
            if out.len() >= max {
                break;
            }
        }
        Ok(out)
    }

    fn last(&self, account: &Name) -> Result<Seq, StoreError> {
        let range = log_key(account, 0)..=log_key(account, Seq::MAX);
        let Some(item) = self.logs.range(range).next_back() else {
            return Ok(0);
        };
        let (key, value) = item.into_inner().map_err(failed)?;
        let start = number(&key, key.len().saturating_sub(8)).unwrap_or(0);
        Ok(start + u64::try_from(value.len() / 8).unwrap_or(0) - 1)
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        let mut out = Vec::new();
        let mut from = after.map_or(Vec::new(), |a| [a.as_str().as_bytes(), &[1]].concat());
        while out.len() < max {
            let Some(item) = self.logs.range(from..).next() else {
                break;
            };
            let key = item.key().map_err(failed)?;
            let Some(account) = key.len().checked_sub(9).and_then(|n| Name::from_stored(key.get(..n)?))
            else {
                break;
            };
            from = [account.as_str().as_bytes(), &[1]].concat();
            out.push(account);
        }
        Ok(out)
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        let until = u64::try_from(now.micros()).unwrap_or(0).saturating_add(1).to_be_bytes();
        let mut out = Vec::new();
        for item in self.wakes.range(..until.to_vec()).take(max) {
            let key = item.key().map_err(failed)?;
            out.extend(key.get(8..).and_then(Name::from_stored));
        }
        Ok(out)
    }

    fn unsettled(&self) -> Result<Vec<Name>, StoreError> {
        let keys = self.unsettled.iter().map(|item| item.key().map_err(failed));
        keys.filter_map(|key| key.map(|key| Name::from_stored(&key)).transpose()).collect()
    }

    fn each_key(&self, each: &mut dyn FnMut(IndexKey) -> bool) -> Result<bool, StoreError> {
        for item in self.keys.iter() {
            let key = item.key().map_err(failed)?;
            let key = <[u8; 16]>::try_from(&*key).map_err(failed)?;
            if !each(IndexKey(u128::from_be_bytes(key))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write(
        &self,
        states: &[Checkpoint],
        keys: &mut [(IndexKey, u64)],
        logs: &mut dyn Iterator<Item = (&Name, Seq, Vec<u64>)>,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        for chunk in states.chunks(CHUNK) {
            self.write_states(chunk)?;
        }
        keys.sort_unstable();
        for chunk in keys.chunks(CHUNK) {
            let mut batch = self.db.batch();
            for (key, at) in chunk {
                batch.insert(&self.keys, key.0.to_be_bytes(), at.to_be_bytes());
            }
            batch.commit().map_err(failed)?;
        }
        let mut batch = self.db.batch();
        for (account, first, positions) in logs {
            let last = first + u64::try_from(positions.len()).unwrap_or(0) - 1;
            let kept = self.states.get(account.as_str()).map_err(failed)?;
            if kept.and_then(|v| number(&v, 0)).is_none_or(|seq| seq < last) {
                batch.insert(&self.unsettled, account.as_str(), last.to_be_bytes());
            }
            let value: Vec<u8> = positions.iter().flat_map(|p| p.to_be_bytes()).collect();
            batch.insert(&self.logs, log_key(account, first), value);
            if batch.len() >= CHUNK {
                std::mem::replace(&mut batch, self.db.batch()).commit().map_err(failed)?;
            }
        }
        let mut value = [watermark.at, watermark.records].map(u64::to_be_bytes).concat();
        let latest = watermark.latest.and_then(|at| u64::try_from(at.micros()).ok());
        value.extend(latest.into_iter().flat_map(u64::to_be_bytes));
        batch.insert(&self.meta, "watermark", value);
        batch.commit().map_err(failed)?;
        self.db.persist(PersistMode::SyncData).map_err(failed)
    }
}

impl std::fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue").finish_non_exhaustive()
    }
}
