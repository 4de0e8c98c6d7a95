//! A virtual disk: what is written is not durable before it is synced, and a crash keeps any part of the rest.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headworks_store::{Disk, DiskFile};

use crate::coverage::Coverage;
use crate::random::Random;

/// Rates of the faults of a disk, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) full: u32,
    pub(crate) sync_fails: u32,
    pub(crate) short_reads: u32,
    /// A crash keeps each unsynced write with this chance.
    pub(crate) keeps: u32,
}

#[derive(Clone, Debug, Default)]
struct FileState {
    durable: Vec<u8>,
    live: Vec<u8>,
    /// Writes since the last sync; a cut is a write of nothing that sets the length.
    pending: Vec<Write>,
    named: bool,
}

#[derive(Clone, Debug)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

fn write_at(into: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    if let Some(place) = into.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}

impl Write {
    fn apply(&self, into: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => write_at(into, *at, bytes),
            Self::Length(len) => into.resize(*len, 0),
        }
    }
}

#[derive(Debug)]
struct Inner {
    files: BTreeMap<String, FileState>,
    faults: Faults,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    random: Arc<Random>,
    coverage: Arc<Coverage>,
}

impl SimDisk {
    pub(crate) fn new(random: Arc<Random>, coverage: Arc<Coverage>, faults: Faults) -> Self {
        let inner = Inner { files: BTreeMap::new(), faults };
        Self { inner: Arc::new(Mutex::new(inner)), random, coverage }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// What a power cut leaves: everything synced, and any part of the rest, in any order, torn anywhere.
    pub(crate) fn crash(&self) {
        let mut inner = self.lock();
        let keeps = inner.faults.keeps;
        let lost = |file: &FileState| !file.named && self.random.chance(500);
        let gone: Vec<String> =
            inner.files.iter().filter(|(_, f)| lost(f)).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.coverage.fault("lost file name");
            inner.files.remove(&name);
        }
        for file in inner.files.values_mut() {
            let mut pending = std::mem::take(&mut file.pending);
            if pending.len() > 1 && self.random.chance(300) {
                self.coverage.fault("reordered writes");
                let at = self.random.below(pending.len());
                pending.rotate_left(at);
            }
            for write in pending {
                if !self.random.chance(keeps) {
                    self.coverage.fault("lost write");
                    continue;
                }
                match write {
                    Write::Bytes(at, bytes) if self.random.chance(500) => {
                        self.coverage.fault("torn write");
                        let (from, to) = (self.random.below(bytes.len()), self.random.below(bytes.len() + 1));
                        // A prefix mostly, sometimes a piece out of the middle.
                        let from = if self.random.chance(700) { 0 } else { from.min(to) };
                        write_at(
                            &mut file.durable,
                            at + from,
                            bytes.get(from..to.max(from)).unwrap_or_default(),
                        );
                    }
                    whole => whole.apply(&mut file.durable),
                }
            }
            file.live = file.durable.clone();
            file.named = true;
        }
    }

    /// Flips a bit of what is durable, somewhere before the last block of a segment; tells where.
    pub(crate) fn flip(&self) -> Option<(String, usize, u8)> {
        let mut inner = self.lock();
        let segments = inner.files.keys().filter(|name| name.ends_with(".journal"));
        let names: Vec<String> = segments.cloned().collect();
        let name = self.random.pick(&names)?.clone();
        let file = inner.files.get_mut(&name)?;
        // The last block could not be told from one that was torn before it was acknowledged.
        let end = last_block(&file.durable)?;
        let (at, bit) = (self.random.below(end), 1 << self.random.below(8));
        self.coverage.fault("bit flip");
        for bytes in [&mut file.durable, &mut file.live] {
            *bytes.get_mut(at)? ^= bit;
        }
        Some((name, at, bit))
    }

    /// Flips it back.
    pub(crate) fn mend(&self, (name, at, bit): &(String, usize, u8)) {
        if let Some(file) = self.lock().files.get_mut(name) {
            for bytes in [&mut file.durable, &mut file.live] {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= bit;
                }
            }
        }
    }

    /// Fails as a sync or a change of a directory does.
    fn may_fail(&self) -> Result<()> {
        let rate = self.lock().faults.sync_fails;
        if self.random.chance(rate) {
            self.coverage.fault("failed sync");
            return Err(Error::other("virtual I/O error"));
        }
        Ok(())
    }

    fn open_file(&self, name: &str) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), name: name.to_owned() })
    }
}

/// Where the last block of a segment begins, when it has several: by its own reading of the format.
fn last_block(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (16, 0);
    while let Some(header) = bytes.get(at..at + 8).filter(|h| h.starts_with(b"WBLK")) {
        last = at;
        let length: [u8; 4] = header.get(4..8)?.try_into().ok()?;
        at += 12 + usize::try_from(u32::from_le_bytes(length)).ok()?;
    }
    (last > 16).then_some(last)
}

impl Disk for SimDisk {
    fn path(&self) -> PathBuf {
        "virtual".into()
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.lock().files.keys().cloned().collect())
    }

    fn open(&self, name: &str, _: bool) -> Result<Arc<dyn DiskFile>> {
        if !self.lock().files.contains_key(name) {
            return Err(Error::from(ErrorKind::NotFound));
        }
        Ok(self.open_file(name))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        self.may_fail()?;
        let mut inner = self.lock();
        if inner.files.contains_key(name) {
            return Err(Error::from(ErrorKind::AlreadyExists));
        }
        inner.files.insert(name.to_owned(), FileState::default());
        drop(inner);
        Ok(self.open_file(name))
    }

    fn sync_names(&self) -> Result<()> {
        self.may_fail()?;
        self.lock().files.values_mut().for_each(|f| f.named = true);
        Ok(())
    }

    fn fills_ahead(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    name: String,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut FileState) -> T) -> Result<T> {
        let mut inner = self.disk.lock();
        inner.files.get_mut(&self.name).map(act).ok_or_else(|| Error::from(ErrorKind::NotFound))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize> {
        let faults = self.disk.lock().faults;
        if self.disk.random.chance(faults.short_reads / 4) {
            self.disk.coverage.fault("interrupted read");
            return Err(Error::from(ErrorKind::Interrupted));
        }
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut wanted = into.len();
        if wanted > 1 && self.disk.random.chance(faults.short_reads) {
            self.disk.coverage.fault("short read");
            wanted = 1 + self.disk.random.below(wanted - 1);
        }
        self.with(|file| {
            let rest = file.live.get(at..).unwrap_or_default();
            let n = rest.len().min(wanted);
            if let (Some(to), Some(from)) = (into.get_mut(..n), rest.get(..n)) {
                to.copy_from_slice(from);
            }
            n
        })
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        let faults = self.disk.lock().faults;
        let full = self.disk.random.chance(faults.full);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let part = if full { self.disk.random.below(bytes.len() + 1) } else { bytes.len() };
        let bytes = bytes.get(..part).unwrap_or_default();
        self.with(|file| {
            write_at(&mut file.live, at, bytes);
            file.pending.push(Write::Bytes(at, bytes.to_vec()));
        })?;
        if full {
            self.disk.coverage.fault("disk full");
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.disk.may_fail()?;
        self.with(|file| {
            for write in std::mem::take(&mut file.pending) {
                write.apply(&mut file.durable);
            }
        })
    }

    fn sync_all(&self) -> Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.disk.may_fail()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.with(|file| {
            file.live.resize(len, 0);
            file.pending.push(Write::Length(len));
        })
    }

    fn size(&self) -> Result<u64> {
        self.with(|file| u64::try_from(file.live.len()).unwrap_or(u64::MAX))
    }
}
