//! The embedded store: a journal on the path, a key-value index off it.
//!
//! E1 nothing is acknowledged before it is durable (`journal`). E2 one process has a directory (`one_process_per_directory`).
//! E3 the start reads the journal only from the index's watermark on, so it does not grow with history.
//! Never writes to the key-value store on the path of a request.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use headworks_core::record::{IndexKey, Instant, Name, Seq};

use crate::batch::Batch;
use crate::contract::{Checkpoint, Fed, Place, Store, StoreError, Stored};

mod ahead;
mod backup;
mod check;
pub(crate) mod disk;
mod feed;
mod frame;
mod index;
mod index_memory;
mod journal;
mod mark;
mod rewrite;
mod tails;
mod unfinished;
mod walk;

pub use backup::{BackedUp, backup, backup_on};
pub use check::{Checked, check_journal, journal_blocks};
use disk::{Directory, Disk};
use frame::{Parsed, Position};
use index::KeyValue;
pub use index::{Index, Watermark};
pub use index_memory::MemoryIndex;
use journal::{Opened, Segments, Writer};
use mark::Mark;
pub use rewrite::{Restored, erase, erase_on, restore, restore_on};
use tails::{Run, Tail, Tails};

/// How the embedded store works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A new journal segment begins when the current one would pass this many bytes; at most 4 GiB.
    pub segment_bytes_max: u32,
    /// A checkpoint is due after this many records; four times as many wait for it.
    pub records_per_checkpoint: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes_max: 256 << 20, records_per_checkpoint: 262_144 }
    }
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the ledger.
    pub records: u64,
    /// Those of them that were read again: written since the last checkpoint.
    pub read: u64,
    /// Where reading began: what stands before was written or read by a process that made a checkpoint after it, and is
    /// read again by [`Store::damage`].
    pub from: Option<Place>,
    /// The torn tail that was cut, if any, and how many bytes it had. Nothing in it was ever acknowledged.
    pub cut: Option<(Place, u64)>,
}

/// Logs in a directory.
#[derive(Debug)]
pub struct Embedded {
    segments: Arc<Segments>,
    writer: Mutex<Option<Writer>>,
    mark: Mark,
    tails: RwLock<Tails>,
    index: Arc<dyn Index>,
    options: Options,
    /// Whether a tail is being written into the index.
    writing: Mutex<bool>,
    flushed: Condvar,
    recovery: Recovery,
    dir: Arc<dyn Disk>,
    _lock: Option<File>,
}

impl Embedded {
    /// Opens the store in `dir`, making it when it is not there.
    ///
    /// # Errors
    /// When another process has the directory, a file cannot be read or written, or the journal is damaged.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let disk = Arc::new(Directory(dir.to_path_buf()));
        let lock = take(&*disk)?;
        let index = Arc::new(KeyValue::open(&dir.join("index"))?);
        Self::within(disk, index, lock, options)
    }

    /// Opens the store in a data directory of any disk and with any index, as a simulation does.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn on(dir: Arc<dyn Disk>, index: Arc<dyn Index>, options: Options) -> Result<Self, StoreError> {
        let lock = take(&*dir)?;
        Self::within(dir, index, lock, options)
    }

    /// Opens also what is being written.
    fn within(
        dir: Arc<dyn Disk>,
        index: Arc<dyn Index>,
        lock: Option<File>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let disk = dir.below("journal");
        // What a start rests on is durable: that the journal is there, and that the note of unfinished work is not.
        let make = disk.make().and_then(|()| dir.sync_names());
        make.map_err(StoreError::io("creating", &disk.path()))?;
        let watermark = index.watermark()?;
        let mut tail = Tail { latest: watermark.latest, total: watermark.records, ..Tail::default() };
        let from = Position::from_u64(watermark.at);
        let opened = journal::open(disk, from, options.segment_bytes_max, |at, parsed| {
            let Parsed { stored, keys, .. } = parsed;
            tail.note_instant(&stored.bytes);
            tail.push(&stored.account, stored.seq, stored.hash, &keys, at);
        })?;
        let Opened { segments, writer, mark, scanned } = opened;
        tail.end = Some(writer.end());
        let recovery =
            Recovery { records: tail.total, read: scanned.entries, from: scanned.from, cut: scanned.cut };
        Ok(Self {
            segments,
            writer: Mutex::new(Some(writer)),
            mark,
            tails: RwLock::new(Tails { current: tail, flushing: None }),
            index,
            options,
            writing: Mutex::default(),
            flushed: Condvar::new(),
            recovery,
            dir,
            _lock: lock,
        })
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    fn tails(&self) -> RwLockReadGuard<'_, Tails> {
        self.tails.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tails_mut(&self) -> RwLockWriteGuard<'_, Tails> {
        self.tails.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number and hash of an account's last record, if it has one.
    fn last(&self, account: &Name) -> Result<Option<(Seq, [u8; 32])>, StoreError> {
        {
            let tails = self.tails();
            let mut recent = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
            if let Some(run) = recent.find_map(|tail| tail.logs.get(account)) {
                return Ok(Some((run.next() - 1, run.last_hash)));
            }
        }
        let seq = self.index.last(account)?;
        let at = self.index.positions(account, seq.max(1), 1)?;
        let stored = at.first().map(|at| self.segments.read(Position::from_u64(*at))).transpose()?;
        Ok(stored.map(|record| (record.seq, record.hash)))
    }

    fn conflicts(&self, batch: &Batch) -> Result<Vec<Name>, StoreError> {
        let mut ends: HashMap<&Name, Option<(Seq, [u8; 32])>> = HashMap::new();
        let mut out: Vec<Name> = Vec::new();
        for entry in batch.entries() {
            let end = match ends.get(&entry.account) {
                Some(end) => *end,
                None => self.last(&entry.account)?,
            };
            let follows = match end {
                None => entry.seq == 1,
                Some((seq, hash)) => seq + 1 == entry.seq && hash == entry.previous,
            };
            if follows {
                ends.insert(&entry.account, Some((entry.seq, entry.hash)));
            } else {
                ends.insert(&entry.account, end);
                if !out.contains(&entry.account) {
                    out.push(entry.account.clone());
                }
            }
        }
        Ok(out)
    }

    /// Waits while the index is too far behind, so that memory stays bounded.
    fn wait_for_index(&self) {
        let behind = || self.tails().current.records >= self.options.records_per_checkpoint.saturating_mul(4);
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        while *writing && behind() {
            writing = self.flushed.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read_all(&self, positions: Vec<Position>) -> Result<Vec<Stored>, StoreError> {
        positions.into_iter().map(|at| self.segments.read(at)).collect()
    }

    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Position>, StoreError> {
        // The index first: what leaves the tails in the meantime has arrived there and is only found twice.
        let recent: Vec<(Seq, Vec<Position>)> = {
            let tails = self.tails();
            let both = [tails.flushing.as_deref(), Some(&tails.current)].into_iter().flatten();
            both.filter_map(|tail| tail.logs.get(account))
                .map(|run| (run.first, run.positions.clone()))
                .collect()
        };
        let first_recent = recent.first().map_or(Seq::MAX, |(first, _)| *first);
        let mut out = Vec::new();
        if from < first_recent {
            let indexed = usize::try_from(first_recent - from).unwrap_or(usize::MAX).min(max);
            out = self.index.positions(account, from, indexed)?.into_iter().map(Position::from_u64).collect();
        }
        for (first, positions) in recent {
            let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
            let room = max.saturating_sub(out.len());
            out.extend(positions.into_iter().skip(skip).take(room));
        }
        Ok(out)
    }
}

/// Takes a data directory for this process, for as long as the file lives.
///
/// # Errors
/// When another process has it, or it is not a whole ledger.
pub fn lock(dir: &Path) -> Result<Option<File>, StoreError> {
    let disk = Directory(dir.to_path_buf());
    unfinished::check(&disk)?;
    lock_any(&disk)
}

/// Takes a data directory that is finished, or is made.
fn take(dir: &dyn Disk) -> Result<Option<File>, StoreError> {
    unfinished::check(dir)?;
    dir.make().map_err(StoreError::io("creating", &dir.path()))?;
    lock_any(dir)
}

fn lock_any(dir: &dyn Disk) -> Result<Option<File>, StoreError> {
    dir.lock().map_err(|source| {
        if source.kind() == ErrorKind::WouldBlock {
            return StoreError::Locked(dir.path());
        }
        StoreError::Io { doing: "locking", path: dir.path().join("lock"), source }
    })
}

impl Store for Embedded {
    fn append(&self, batch: &Batch) -> Result<Vec<Name>, StoreError> {
        self.wait_for_index();
        let conflicts = self.conflicts(batch)?;
        let mut slot = self.writer();
        let mut writer = slot.take().ok_or(StoreError::Stopped)?;
        // On an error the writer is gone: nothing can follow a write of unknown outcome.
        let placed = writer.append(batch, &conflicts)?;
        let mut tails = self.tails_mut();
        for (entry, at) in placed {
            tails.current.note_instant(batch.bytes(entry));
            tails.current.push(&entry.account, entry.seq, entry.hash, &entry.keys, at);
        }
        tails.current.end = Some(writer.end());
        // What cannot be noted is not known after a crash, and nothing else: the block is durable.
        let _ = self.mark.note(writer.end());
        *slot = Some(writer);
        Ok(conflicts)
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        self.index.state(account)
    }

    fn find(&self, key: IndexKey) -> Result<Option<Stored>, StoreError> {
        let recent = {
            let tails = self.tails();
            let both = [Some(&tails.current), tails.flushing.as_deref()];
            both.into_iter().flatten().find_map(|tail| tail.keys.get(&key).copied())
        };
        let at = match recent {
            Some(at) => Some(at),
            None => self.index.find(key)?.map(Position::from_u64),
        };
        at.map(|at| self.segments.read(at)).transpose()
    }

    fn read(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, StoreError> {
        self.read_all(self.positions(account, from.max(1), max)?)
    }

    fn checkpoint(&self, states: &mut dyn FnMut() -> Option<Vec<Checkpoint>>) -> Result<(), StoreError> {
        let cut = {
            let mut tails = self.tails_mut();
            if tails.flushing.is_none() {
                let Tail { end, latest, total, .. } = tails.current;
                let next = Tail { end, latest, total, ..Tail::default() };
                let current = std::mem::replace(&mut tails.current, next);
                tails.flushing = Some(Arc::new(current));
            }
            // An earlier attempt that failed left its tail here: it goes first.
            tails.flushing.clone()
        };
        // Without the states the index must not move on: it would not know what ends when.
        let (Some(states), Some(cut)) = (states(), cut) else { return Ok(()) };
        let Some(end) = cut.end else {
            return Ok(());
        };
        let watermark = Watermark { at: end.at.to_u64(), records: cut.total, latest: cut.latest };
        let mut keys: Vec<(IndexKey, u64)> = cut.keys.iter().map(|(k, p)| (*k, p.to_u64())).collect();
        let packed = |run: &Run| run.positions.iter().map(|p| p.to_u64()).collect::<Vec<_>>();
        let mut logs = cut.logs.iter().map(|(account, run)| (account, run.first, packed(run)));
        let set_writing = |on| *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = on;
        set_writing(true);
        let written = self.index.write(&states, &mut keys, &mut logs, watermark);
        if written.is_ok() {
            self.tails_mut().flushing = None;
        }
        set_writing(false);
        self.flushed.notify_all();
        written?;
        let path = self.segments.disk.path();
        self.mark.write(end).map_err(|source| StoreError::Io { doing: "marking the end of", path, source })
    }

    fn wants_checkpoint(&self) -> bool {
        self.tails().current.records >= self.options.records_per_checkpoint
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        let mut names: BTreeSet<Name> = {
            let tails = self.tails();
            let both = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
            let later = |name: &&Name| after.is_none_or(|after| *name > after);
            both.flat_map(|tail| tail.logs.keys().filter(later).take(max)).cloned().collect()
        };
        names.extend(self.index.accounts(after, max)?);
        Ok(names.into_iter().take(max).collect())
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        self.index.due(now, max)
    }

    fn feed(&self, from: u64) -> Result<Option<Fed>, StoreError> {
        let end = Position::from_u64(self.feed_end());
        self.segments.feed(Position::from_u64(from), end)
    }

    fn feed_end(&self) -> u64 {
        self.tails().current.end.map_or(0, |end| end.at.to_u64())
    }

    fn acknowledged(&self, reader: &Name) -> Result<u64, StoreError> {
        feed::acknowledged(&*self.dir, reader)
    }

    fn acknowledge(&self, reader: &Name, at: u64) -> Result<(), StoreError> {
        feed::acknowledge(&*self.dir, reader, at)
    }

    fn latest(&self) -> Option<Instant> {
        self.tails().current.latest
    }

    fn damage(&self, goes_on: &mut dyn FnMut() -> bool) -> Result<Vec<(Place, String)>, StoreError> {
        self.segments.damage(Position::from_u64(self.feed_end()), goes_on)
    }

    fn unsettled(&self) -> Vec<Name> {
        let tails = self.tails();
        let both = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
        let names: BTreeSet<Name> = both.flat_map(|tail| tail.logs.keys().cloned()).collect();
        names.into_iter().collect()
    }
}
