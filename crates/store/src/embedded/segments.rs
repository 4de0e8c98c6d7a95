//! The segments of the journal: their files, and the records in them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::disk::{Disk, DiskFile, fill, read_all};
use super::frame::{self, Position, SEGMENT_HEADER};
use super::spare::is_short;
use crate::contract::{Location, StoreError};
use crate::stored::Stored;

pub(super) const RECORD: &str = "a record's checksum does not hold";

/// The most segments that are kept open for reading.
const OPEN_MAX: usize = 64;

/// The segments, for reading.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    open: RwLock<BTreeMap<u32, Arc<dyn DiskFile>>>,
}

/// The name of a segment's file.
pub(super) fn name_of(segment: u32) -> String {
    format!("{segment:08}.journal")
}

impl Segments {
    pub(super) fn on(disk: Arc<dyn Disk>) -> Self {
        Self { disk, open: RwLock::default() }
    }

    pub(super) fn bytes(&self, segment: u32) -> Result<Vec<u8>, StoreError> {
        let file = self.disk.open(&name_of(segment), false).map_err(self.io("reading", segment))?;
        read_all(&*file).map_err(self.io("reading", segment))
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.disk.path().join(name_of(segment))
    }

    pub(super) fn io(&self, doing: &'static str, segment: u32) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = self.path(segment);
        move |source| StoreError::Io { doing, path, source }
    }

    pub(super) fn check_header(&self, segment: u32) -> Result<(), StoreError> {
        let mut header = [0; SEGMENT_HEADER];
        let read = fill(&*self.file(segment)?, &mut header, 0).map_err(self.io("reading", segment))?;
        frame::check_segment_header(header.get(..read).unwrap_or_default(), segment)
            .map_err(|what| self.lost(segment, 0, &what, 0))
    }

    pub(super) fn place(&self, segment: u32, offset: usize) -> Location {
        Location { file: self.path(segment), offset: u64::try_from(offset).unwrap_or(u64::MAX) }
    }

    pub(super) fn file(&self, segment: u32) -> Result<Arc<dyn DiskFile>, StoreError> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = self.opening(|disk| disk.open(&name_of(segment), false));
        let file = file.map_err(self.io("opening", segment))?;
        self.keep(segment, Arc::clone(&file));
        Ok(file)
    }

    /// Opens a file; while no descriptor is left for it, closes the oldest segment that is open for reading and tries again.
    pub(super) fn opening(
        &self,
        open: impl Fn(&dyn Disk) -> std::io::Result<Arc<dyn DiskFile>>,
    ) -> std::io::Result<Arc<dyn DiskFile>> {
        loop {
            match open(&*self.disk) {
                Err(e) if is_short(&e) && self.close_oldest() => {}
                outcome => return outcome,
            }
        }
    }

    /// Closes the oldest segment that is open for reading, except the last.
    fn close_oldest(&self) -> bool {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.len() > 1 && open.pop_first().is_some()
    }

    /// Keeps a segment open for reading, and lets the oldest go when there are too many.
    pub(super) fn keep(&self, segment: u32, file: Arc<dyn DiskFile>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(segment, file);
        while open.len() > OPEN_MAX {
            open.pop_first();
        }
    }

    /// Reads the entry at a position.
    pub(super) fn read(&self, at: Position) -> Result<Stored, StoreError> {
        let file = self.file(at.segment)?;
        let mut bytes = vec![0; 1024];
        let read = fill(&*file, &mut bytes, u64::from(at.offset)).map_err(self.io("reading", at.segment))?;
        bytes.truncate(read);
        let length = frame::entry_length(&bytes).unwrap_or(0);
        if length > bytes.len() {
            let have = bytes.len();
            let limit = file.size().unwrap_or(0);
            if u64::try_from(length).is_ok_and(|l| l <= limit) {
                bytes.resize(length, 0);
                let tail = bytes.get_mut(have..).unwrap_or_default();
                fill(&*file, tail, u64::from(at.offset) + u64::try_from(have).unwrap_or(0))
                    .map_err(self.io("reading", at.segment))?;
            }
        }
        let parsed = frame::entry(&bytes);
        parsed.map(|parsed| parsed.stored).ok_or_else(|| self.damaged(at, RECORD))
    }

    pub(super) fn damaged(&self, at: Position, what: &str) -> StoreError {
        self.lost(at.segment, usize::try_from(at.offset).unwrap_or(usize::MAX), what, 0)
    }

    pub(super) fn lost(&self, segment: u32, offset: usize, what: &str, intact: u64) -> StoreError {
        StoreError::Damaged { place: self.place(segment, offset), what: what.into(), intact }
    }
}

/// The numbers of the segments in a directory, in order.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<u32>, StoreError> {
    let io = |source| StoreError::Io { doing: "listing", path: disk.path(), source };
    let mut found = Vec::new();
    for name in disk.list().map_err(io)? {
        let number: Option<u32> = name.strip_suffix(".journal").and_then(|n| n.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
