//! The work of an embedded store, on the calling thread: the journal, the
//! records not yet in the index, and the index.
//!
//! Never writes to the key-value store on the path of a request.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use headworks_core::record::{IndexKey, Instant, Name, Seq};

use super::absent::Absent;
use super::disk::Disk;
use super::feed;
use super::frame::{Parsed, Position};
use super::index::{Index, Watermark};
use super::journal::{self, Opened};
use super::mark::Mark;
use super::segments::Segments;
use super::tails::{Run, Tail, Tails};
use super::writer::Writer;
use crate::batch::Batch;
use crate::contract::{Appended, Cursor, Fed, Location, LogEnd, StoreError};
use crate::stored::{Checkpoint, Stored};

/// Options of the embedded store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A new journal segment begins when the current one would exceed this many bytes; at most 4 GiB.
    pub segment_bytes_max: u32,
    /// A checkpoint is due after this many records. At four times as many, appends wait for the running one.
    pub records_per_checkpoint: usize,
    /// Threads that read for callers that must not block. 0: every read runs on the calling thread.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes_max: 256 << 20, records_per_checkpoint: 262_144, readers: 2 }
    }
}

/// The outcome of opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the ledger.
    pub records: u64,
    /// Records read again because they were written after the last checkpoint.
    pub read: u64,
    /// Where reading began. A process that later made a checkpoint wrote or read everything before this place;
    /// [`crate::Store::damage`] reads it again.
    pub from: Option<Location>,
    /// The torn tail that was cut, if any, and its length in bytes. Nothing in it was ever acknowledged.
    pub cut: Option<(Location, u64)>,
}

/// An open data directory.
#[derive(Debug)]
pub(super) struct Ledger {
    segments: Arc<Segments>,
    writer: Mutex<Option<Writer>>,
    mark: Mark,
    tails: RwLock<Tails>,
    pub(super) index: Arc<dyn Index>,
    /// A filter of the keys in the index.
    pub(super) absent: Absent,
    pub(super) options: Options,
    /// Whether a tail is being written into the index.
    writing: Mutex<bool>,
    flushed: Condvar,
    pub(super) recovery: Recovery,
    /// Held while a reader's position is written: a caller that leaves does not stop the write, and another may follow.
    acknowledging: Mutex<()>,
    dir: Arc<dyn Disk>,
    _lock: Option<File>,
}

impl Ledger {
    /// Opens a data directory that this process has locked.
    pub(super) fn open(
        dir: Arc<dyn Disk>,
        index: Arc<dyn Index>,
        lock: Option<File>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let disk = dir.below("journal");
        // The start relies on two durable facts: the journal exists, and the note of unfinished work does not.
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
            acknowledging: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            mark,
            tails: RwLock::new(Tails { current: tail, flushing: None }),
            index,
            absent: Absent::default(),
            options,
            writing: Mutex::default(),
            flushed: Condvar::new(),
            recovery,
            dir,
            _lock: lock,
        })
    }

    fn tails(&self) -> RwLockReadGuard<'_, Tails> {
        self.tails.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tails_mut(&self) -> RwLockWriteGuard<'_, Tails> {
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
        // The index first: records that leave the tails meanwhile are already
        // in it, so at worst they are found twice.
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

    pub(super) fn append(&self, batch: &Batch) -> Result<Appended, StoreError> {
        self.wait_for_index();
        let conflicts = self.conflicts(batch)?;
        let mut slot = self.writer();
        let mut writer = slot.take().ok_or(StoreError::Stopped)?;
        // After an error the writer is gone: nothing may follow a write of unknown outcome.
        let placed = writer.append(batch, &conflicts)?;
        let mut tails = self.tails_mut();
        for (entry, at) in placed {
            tails.current.note_instant(batch.bytes(entry));
            tails.current.push(&entry.account, entry.seq, entry.hash, &entry.keys, at);
        }
        tails.current.end = Some(writer.end());
        // If the note fails, a crash loses only the note: the block is durable.
        let _ = self.mark.note(writer.end());
        *slot = Some(writer);
        Ok(Appended { conflicts, in_doubt: Vec::new() })
    }

    /// The end of an account's log.
    pub(super) fn end(&self, account: &Name) -> Result<LogEnd, StoreError> {
        let last = self.last(account)?;
        Ok(last.map_or_else(LogEnd::default, |(seq, hash)| LogEnd { seq, hash }))
    }

    pub(super) fn is_surely_absent(&self, key: IndexKey) -> bool {
        {
            let tails = self.tails();
            let mut recent = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
            if recent.any(|tail| tail.keys.contains_key(&key)) {
                return false;
            }
        }
        // A key that has left the tails since then entered the filter first.
        self.absent.is_sure_of(key)
    }

    /// Reads the index's keys into a filter with room for more than `keys`, while `goes_on` allows.
    pub(super) fn learn_keys(&self, keys: usize, goes_on: &dyn Fn() -> bool) -> Result<(), StoreError> {
        self.absent.begin(keys);
        let learnt = self.index.each_key(&mut |key| {
            self.absent.learn(key);
            goes_on()
        });
        self.absent.end(matches!(learnt, Ok(true)));
        learnt.map(drop)
    }

    pub(super) fn find(&self, key: IndexKey) -> Result<Option<Stored>, StoreError> {
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

    pub(super) fn read(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, StoreError> {
        self.read_all(self.positions(account, from.max(1), max)?)
    }

    /// Stores states, and moves the records not yet in the index into it.
    pub(super) fn checkpoint(&self, states: &[Checkpoint]) -> Result<(), StoreError> {
        let cut = {
            let mut tails = self.tails_mut();
            if tails.flushing.is_none() {
                let Tail { end, latest, total, .. } = tails.current;
                let next = Tail { end, latest, total, ..Tail::default() };
                let current = std::mem::replace(&mut tails.current, next);
                tails.flushing = Some(Arc::new(current));
            }
            // An earlier attempt that failed left its tail here; it goes first.
            tails.flushing.clone()
        };
        let Some((cut, end)) = cut.and_then(|cut| cut.end.map(|end| (cut, end))) else { return Ok(()) };
        let watermark = Watermark { at: end.at.to_u64(), records: cut.total, latest: cut.latest };
        let mut keys: Vec<(IndexKey, u64)> = cut.keys.iter().map(|(k, p)| (*k, p.to_u64())).collect();
        let packed = |run: &Run| run.positions.iter().map(|p| p.to_u64()).collect::<Vec<_>>();
        let mut logs = cut.logs.iter().map(|(account, run)| (account, run.first, packed(run)));
        let set_writing = |on| *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = on;
        set_writing(true);
        let written = self.index.write(states, &mut keys, &mut logs, watermark);
        if written.is_ok() {
            keys.iter().for_each(|(key, _)| self.absent.insert(*key));
            self.tails_mut().flushing = None;
        }
        set_writing(false);
        self.flushed.notify_all();
        written?;
        let path = self.segments.disk.path();
        self.mark.write(end).map_err(|source| StoreError::Io { doing: "marking the end of", path, source })
    }

    pub(super) fn wants_checkpoint(&self) -> bool {
        self.tails().current.records >= self.options.records_per_checkpoint
    }

    pub(super) fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        let mut names: BTreeSet<Name> = {
            let tails = self.tails();
            let both = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
            let later = |name: &&Name| after.is_none_or(|after| *name > after);
            both.flat_map(|tail| tail.logs.keys().filter(later).take(max)).cloned().collect()
        };
        names.extend(self.index.accounts(after, max)?);
        Ok(names.into_iter().take(max).collect())
    }

    pub(super) fn feed(&self, from: &Cursor) -> Result<Option<Fed>, StoreError> {
        self.segments.feed(feed::position(from)?, self.feed_end())
    }

    pub(super) fn feed_end(&self) -> Position {
        Position::from_u64(self.tails().current.end.map_or(0, |end| end.at.to_u64()))
    }

    pub(super) fn acknowledged(&self, reader: &Name) -> Result<Option<Cursor>, StoreError> {
        let at = feed::acknowledged(&*self.dir, reader)?;
        Ok(at.filter(|at| feed::position(at).is_ok_and(|at| at <= self.feed_end())))
    }

    pub(super) fn acknowledge(&self, reader: &Name, to: &Cursor) -> Result<(), StoreError> {
        feed::position(to)?;
        let _turn = self.acknowledging.lock().unwrap_or_else(PoisonError::into_inner);
        feed::acknowledge(&*self.dir, reader, to)
    }

    pub(super) fn forget(&self, reader: &Name) -> Result<(), StoreError> {
        let _turn = self.acknowledging.lock().unwrap_or_else(PoisonError::into_inner);
        feed::forget(&*self.dir, reader)
    }

    pub(super) fn latest(&self) -> Option<Instant> {
        self.tails().current.latest
    }

    pub(super) fn damage(
        &self,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<(Location, String)>, StoreError> {
        self.segments.damage(self.feed_end(), goes_on)
    }

    pub(super) fn unsettled(&self) -> Result<Vec<Name>, StoreError> {
        let mut names: BTreeSet<Name> = {
            let tails = self.tails();
            let both = [Some(&tails.current), tails.flushing.as_deref()].into_iter().flatten();
            both.flat_map(|tail| tail.logs.keys().cloned()).collect()
        };
        names.extend(self.index.unsettled()?);
        Ok(names.into_iter().collect())
    }
}
