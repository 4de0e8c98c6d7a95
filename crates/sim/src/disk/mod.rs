//! A virtual disk: nothing is durable before it is synced, and a crash keeps any part of the rest. It has
//! directories, and can fail all operations from any one on, like a process killed there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headworks_store::{Disk, DiskFile};

use crate::coverage::Coverage;
use crate::random::Random;

mod file;

use file::{FileState, Write, last_block, write_at};

/// Rates of the faults of a disk, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) full: u32,
    pub(crate) sync_fails: u32,
    pub(crate) short_reads: u32,
    /// The chance that a crash keeps an unsynced write.
    pub(crate) keeps: u32,
}

/// The entry behind a name.
#[derive(Clone, Debug)]
enum Entry {
    File(FileState),
    Directory,
}

#[derive(Debug, Default)]
struct Inner {
    /// By path, such as `journal/mark`.
    entries: BTreeMap<String, Entry>,
    /// Changed names that are not synced, with their earlier entries.
    before: BTreeMap<String, Option<Entry>>,
    faults: Faults,
    /// Operations until the process ends; `None`: it does not end.
    left: Option<usize>,
}

impl Inner {
    /// Binds a name to another entry, or to none.
    fn name(&mut self, path: &str, what: Option<Entry>) {
        let was = match what {
            Some(what) => self.entries.insert(path.to_owned(), what),
            None => self.entries.remove(path),
        };
        self.before.entry(path.to_owned()).or_insert(was);
    }
}

/// A directory of a disk; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    random: Arc<Random>,
    coverage: Arc<Coverage>,
    /// The prefix of its files' paths.
    prefix: String,
}

impl SimDisk {
    pub(crate) fn new(random: Arc<Random>, coverage: Arc<Coverage>, faults: Faults) -> Self {
        let inner = Inner { faults, ..Inner::default() };
        Self { inner: Arc::new(Mutex::new(inner)), random, coverage, prefix: String::new() }
    }

    fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The process ends after this many operations; `None`: it does not end.
    pub(crate) fn end_after(&self, left: Option<usize>) {
        self.inner().left = left;
    }

    /// A copy of the present disk, without faults.
    pub(crate) fn snapshot(&self) -> Self {
        let entries = self.inner().entries.clone();
        let inner = Arc::new(Mutex::new(Inner { entries, ..Inner::default() }));
        Self { inner, ..self.clone() }
    }

    /// One operation; fails if the process has ended.
    fn operation(&self) -> Result<()> {
        let mut inner = self.inner();
        if let Some(left) = &mut inner.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(Error::other("the process has ended"));
            }
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.inner().faults = faults;
    }

    /// Leaves the data that survives a power failure: everything synced, and any part
    /// of the rest, in any order, torn anywhere.
    pub(crate) fn crash(&self) {
        let mut inner = self.inner();
        let keeps = inner.faults.keeps;
        for (path, was) in std::mem::take(&mut inner.before) {
            if self.random.chance(500) {
                self.coverage.fault("lost file name");
                match was {
                    Some(was) => inner.entries.insert(path, was),
                    None => inner.entries.remove(&path),
                };
            }
        }
        // A directory that is gone takes its contents with it.
        let names: Vec<String> = inner.entries.keys().cloned().collect();
        for name in names {
            let is_lost = name.rsplit_once('/').is_some_and(|(above, _)| !inner.entries.contains_key(above));
            if is_lost {
                inner.entries.remove(&name);
            }
        }
        for entry in inner.entries.values_mut() {
            if let Entry::File(file) = entry {
                file.crash(keeps, &self.random, &self.coverage);
            }
        }
    }

    /// Flips a durable bit somewhere before the last block of a segment; returns its place.
    pub(crate) fn flip(&self) -> Option<(String, usize, u8)> {
        let mut inner = self.inner();
        let segments = inner.entries.keys().filter(|name| name.ends_with(".journal"));
        let names: Vec<String> = segments.cloned().collect();
        let name = self.random.pick(&names)?.clone();
        let Some(Entry::File(file)) = inner.entries.get_mut(&name) else { return None };
        // Damage to the last block would look like an unacknowledged torn write.
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
        if let Some(Entry::File(file)) = self.inner().entries.get_mut(name) {
            for bytes in [&mut file.durable, &mut file.live] {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= bit;
                }
            }
        }
    }

    /// Fails at the rate of a failed sync or directory change.
    fn may_fail(&self) -> Result<()> {
        self.operation()?;
        let rate = self.inner().faults.sync_fails;
        if self.random.chance(rate) {
            self.coverage.fault("failed sync");
            return Err(Error::other("virtual I/O error"));
        }
        Ok(())
    }

    fn open_file(&self, path: String) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), path })
    }
}

impl Disk for SimDisk {
    fn path(&self) -> PathBuf {
        format!("virtual/{}", self.prefix).into()
    }

    fn below(&self, name: &str) -> Arc<dyn Disk> {
        Arc::new(Self { prefix: format!("{}{name}/", self.prefix), ..self.clone() })
    }

    fn make(&self) -> Result<()> {
        let Some(path) = self.prefix.strip_suffix('/') else { return Ok(()) };
        if self.inner().entries.contains_key(path) {
            return Ok(());
        }
        self.may_fail()?;
        self.inner().name(path, Some(Entry::Directory));
        Ok(())
    }

    fn lock(&self) -> Result<Option<File>> {
        Ok(None)
    }

    fn list(&self) -> Result<Vec<String>> {
        let inner = self.inner();
        let path = self.prefix.strip_suffix('/');
        if path.is_some_and(|path| !inner.entries.contains_key(path)) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = inner.entries.keys().filter_map(|path| path.strip_prefix(&self.prefix));
        Ok(inside.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn open(&self, name: &str, _: bool) -> Result<Arc<dyn DiskFile>> {
        let path = self.path_of(name);
        match self.inner().entries.get(&path) {
            Some(Entry::File(_)) => {}
            Some(Entry::Directory) | None => return Err(ErrorKind::NotFound.into()),
        }
        Ok(self.open_file(path))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        self.may_fail()?;
        let path = self.path_of(name);
        let mut inner = self.inner();
        if inner.entries.contains_key(&path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        inner.name(&path, Some(Entry::File(FileState::default())));
        drop(inner);
        Ok(self.open_file(path))
    }

    fn rename(&self, _: Arc<dyn DiskFile>, from: &str, to: &str) -> Result<Arc<dyn DiskFile>> {
        self.may_fail()?;
        let (from, to) = (self.path_of(from), self.path_of(to));
        let mut inner = self.inner();
        let Some(entry) = inner.entries.get(&from).cloned() else { return Err(ErrorKind::NotFound.into()) };
        inner.name(&to, Some(entry));
        inner.name(&from, None);
        drop(inner);
        Ok(self.open_file(to))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.may_fail()?;
        let file = FileState { durable: bytes.to_vec(), live: bytes.to_vec(), pending: Vec::new() };
        self.inner().name(&self.path_of(name), Some(Entry::File(file)));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path_of(name);
        let inside = format!("{path}/");
        let all =
            self.inner().entries.keys().filter(|p| **p == path || p.starts_with(&inside)).cloned().collect();
        // A directory is removed file by file, the deepest first.
        let all: Vec<String> = all;
        for path in all.iter().rev() {
            self.may_fail()?;
            self.inner().name(path, None);
        }
        Ok(())
    }

    fn sync_names(&self) -> Result<()> {
        self.may_fail()?;
        let is_inside = |path: &str| path.strip_prefix(&self.prefix).is_some_and(|name| !name.contains('/'));
        self.inner().before.retain(|path, _| !is_inside(path));
        Ok(())
    }

    fn fills_ahead(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: String,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut FileState) -> T) -> Result<T> {
        match self.disk.inner().entries.get_mut(&self.path) {
            Some(Entry::File(file)) => Ok(act(file)),
            Some(Entry::Directory) | None => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize> {
        let faults = self.disk.inner().faults;
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
        self.disk.operation()?;
        let faults = self.disk.inner().faults;
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
