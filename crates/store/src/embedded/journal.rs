//! The journal: segments of blocks, appended and synced once for each group commit.
//!
//! J1 a batch is acknowledged only after `fdatasync`. J2 a torn tail is cut and reported; damage before the tail stops
//! the start with the exact place, and nothing is changed (`torn_tail_is_cut`, `damage_is_named`).
//! A block is written only after the one before it is durable, so anything intact behind a broken block proves that the
//! broken one was once whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::ahead::Ahead;
use super::disk::{Directory, Disk, DiskFile, fill, read_all};
use super::frame::{self, BLOCK_HEADER, Parsed, Position, SEGMENT_HEADER};
use crate::batch::{Batch, Entry};
use crate::contract::{Place, StoreError, Stored};
use headworks_core::record::Name;

/// The segments, for reading.
#[derive(Debug)]
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    open: RwLock<BTreeMap<u32, Arc<dyn DiskFile>>>,
}

/// The end of the journal, for appending.
#[derive(Debug)]
pub(super) struct Writer {
    segments: Arc<Segments>,
    file: Arc<dyn DiskFile>,
    end: Position,
    buffer: Vec<u8>,
    segment_bytes_max: u32,
    ahead: Ahead,
}

/// What a scan found at the end of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) entries: u64,
    /// The torn tail that was cut: where, and how many bytes.
    pub(super) cut: Option<(Place, u64)>,
}

/// The name of a segment's file.
pub(super) fn name_of(segment: u32) -> String {
    format!("{segment:08}.journal")
}

impl Segments {
    fn on(disk: Arc<dyn Disk>) -> Self {
        Self { disk, open: RwLock::default() }
    }

    fn bytes(&self, segment: u32) -> Result<Vec<u8>, StoreError> {
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

    fn place(&self, segment: u32, offset: usize) -> Place {
        Place { file: self.path(segment), offset: u64::try_from(offset).unwrap_or(u64::MAX) }
    }

    pub(super) fn file(&self, segment: u32) -> Result<Arc<dyn DiskFile>, StoreError> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&name_of(segment), false).map_err(self.io("opening", segment))?;
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(segment, Arc::clone(&file));
        Ok(file)
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
        parsed
            .map(|parsed| parsed.stored)
            .ok_or_else(|| self.damaged(at, "the record's checksum does not hold"))
    }

    pub(super) fn damaged(&self, at: Position, what: &str) -> StoreError {
        let place = self.place(at.segment, usize::try_from(at.offset).unwrap_or(usize::MAX));
        StoreError::Damaged { place, what: what.into(), intact: 0 }
    }
}

/// The sizes of all blocks of a journal, in order: what each group commit wrote.
///
/// # Errors
/// When the directory or a segment cannot be read.
pub fn journal_blocks(dir: &Path) -> Result<Vec<usize>, StoreError> {
    let mut sizes = Vec::new();
    let segments = Segments::on(Arc::new(Directory(dir.to_path_buf())));
    for number in list(&*segments.disk)? {
        let bytes = segments.bytes(number)?;
        let mut at = SEGMENT_HEADER;
        while let Some(length) = bytes.get(at..).and_then(frame::block_length) {
            sizes.push(BLOCK_HEADER + length);
            at += BLOCK_HEADER + length;
        }
    }
    Ok(sizes)
}

/// Reads a whole journal again and tells every place where a segment, block or record is not what was written. Changes
/// nothing. What stands behind a damaged block of a segment is told by reconciliation, record by record.
///
/// # Errors
/// When the directory or a segment cannot be read.
pub fn check_journal(dir: &Path) -> Result<Vec<(Place, String)>, StoreError> {
    let segments = Segments::on(Arc::new(Directory(dir.to_path_buf())));
    let numbers = list(&*segments.disk)?;
    let mut found = Vec::new();
    for &number in &numbers {
        let is_last = numbers.last() == Some(&number);
        let bytes = segments.bytes(number)?;
        if let Some((offset, what)) = broken_at(&bytes, number, is_last) {
            found.push((segments.place(number, offset), what));
        }
    }
    Ok(found)
}

/// The first byte of a segment that is not what was written. Zeros at the end of the last segment are written ahead.
fn broken_at(bytes: &[u8], number: u32, is_last: bool) -> Option<(usize, String)> {
    if let Err(what) = frame::check_segment_header(bytes, number) {
        return Some((0, what));
    }
    let mut at = SEGMENT_HEADER;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if is_last && rest.iter().all(|b| *b == 0) {
            return None;
        }
        let Some(payload) = frame::block(rest) else {
            return Some((at, "a block's checksum does not hold".into()));
        };
        at += BLOCK_HEADER + payload.len();
    }
    None
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

/// Opens the journal of a disk, gives every entry from `from` on to `seen`, and cuts a torn tail.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    from: Position,
    segment_bytes_max: u32,
    mut seen: impl FnMut(Position, Parsed),
) -> Result<(Arc<Segments>, Writer, Scanned), StoreError> {
    let segments = Arc::new(Segments::on(disk));
    let numbers = list(&*segments.disk)?;
    let mut scanned = Scanned::default();
    let mut expected = numbers.first().copied().unwrap_or(1).min(1);
    for &number in &numbers {
        if number != expected {
            return Err(missing(&segments, expected, scanned.entries));
        }
        expected += 1;
    }
    if from.segment >= expected && from.segment > 1 {
        return Err(missing(&segments, from.segment, scanned.entries));
    }
    let mut end = None;
    for &number in numbers.iter().filter(|n| **n >= from.segment) {
        let start = if number == from.segment { from.offset } else { 0 };
        let is_last = Some(&number) == numbers.last();
        end = Some(scan_segment(&segments, number, start, is_last, &mut scanned, &mut seen)?);
    }
    let writer = match end {
        Some(end) => Writer::resume(Arc::clone(&segments), end, segment_bytes_max)?,
        None => Writer::begin(Arc::clone(&segments), 1, segment_bytes_max)?,
    };
    Ok((segments, writer, scanned))
}

fn missing(segments: &Segments, number: u32, intact: u64) -> StoreError {
    StoreError::Damaged { place: segments.place(number, 0), what: "the file is missing".into(), intact }
}

fn scan_segment(
    segments: &Segments,
    number: u32,
    start: u32,
    is_last: bool,
    scanned: &mut Scanned,
    seen: &mut impl FnMut(Position, Parsed),
) -> Result<Position, StoreError> {
    let bytes = segments.bytes(number)?;
    let damaged = |offset: usize, what: &str, intact: u64| StoreError::Damaged {
        place: segments.place(number, offset),
        what: what.into(),
        intact,
    };
    if let Err(what) = frame::check_segment_header(&bytes, number) {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        if is_last && start <= SEGMENT_HEADER && frame::is_unfinished_header(&bytes, number) {
            // The power went while the segment was being made: its blocks come after its header is durable.
            return cut(segments, number, 0, bytes.len(), scanned);
        }
        return Err(damaged(0, &what, scanned.entries));
    }
    let mut at = usize::try_from(start).unwrap_or(usize::MAX).max(SEGMENT_HEADER);
    if at > bytes.len() {
        return Err(damaged(bytes.len(), "the file is shorter than what was acknowledged", scanned.entries));
    }
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|b| *b == 0) {
            break;
        }
        let Some(payload) = frame::block(rest) else {
            if !is_last || has_block_after(rest) {
                return Err(damaged(at, "a block's checksum does not hold", scanned.entries));
            }
            return cut(segments, number, at, bytes.len() - at, scanned);
        };
        let mut inside = 0;
        while inside < payload.len() {
            let offset = at + BLOCK_HEADER + inside;
            let Some(parsed) = frame::entry(payload.get(inside..).unwrap_or_default()) else {
                return Err(damaged(offset, "a record's checksum does not hold", scanned.entries));
            };
            inside += parsed.length;
            scanned.entries += 1;
            seen(Position { segment: number, offset: u32::try_from(offset).unwrap_or(u32::MAX) }, parsed);
        }
        at += BLOCK_HEADER + payload.len();
    }
    Ok(Position { segment: number, offset: u32::try_from(at).unwrap_or(u32::MAX) })
}

/// Whether an intact block stands anywhere behind a broken one.
pub(super) fn has_block_after(rest: &[u8]) -> bool {
    (1..rest.len()).any(|skip| rest.get(skip..).and_then(frame::block).is_some())
}

fn cut(
    segments: &Segments,
    number: u32,
    at: usize,
    bytes: usize,
    scanned: &mut Scanned,
) -> Result<Position, StoreError> {
    let keep = at.max(SEGMENT_HEADER);
    let file = segments.disk.open(&name_of(number), true).map_err(segments.io("opening", number))?;
    let cut_then_sync = || {
        file.set_len(u64::try_from(at).unwrap_or(0))?;
        if at < SEGMENT_HEADER {
            file.write_all_at(&frame::segment_header(number), 0)?;
        }
        file.sync_all()
    };
    cut_then_sync().map_err(segments.io("cutting the torn tail of", number))?;
    scanned.cut = Some((segments.place(number, at), u64::try_from(bytes).unwrap_or(0)));
    Ok(Position { segment: number, offset: u32::try_from(keep).unwrap_or(u32::MAX) })
}

impl Writer {
    fn begin(segments: Arc<Segments>, number: u32, segment_bytes_max: u32) -> Result<Self, StoreError> {
        let create = || {
            let file = segments.disk.create(&name_of(number))?;
            file.write_all_at(&frame::segment_header(number), 0)?;
            file.sync_all()?;
            // The name must survive a crash as well as the bytes.
            segments.disk.sync_names()?;
            Ok(file)
        };
        let file = create().map_err(segments.io("creating", number))?;
        segments.open.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&file));
        let offset = u32::try_from(SEGMENT_HEADER).unwrap_or(u32::MAX);
        let end = Position { segment: number, offset };
        let ahead = Ahead::from(end.offset);
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead })
    }

    fn resume(segments: Arc<Segments>, end: Position, segment_bytes_max: u32) -> Result<Self, StoreError> {
        let file = segments.disk.open(&name_of(end.segment), true);
        let file = file.map_err(segments.io("opening", end.segment))?;
        let length = file.size().map_err(segments.io("reading", end.segment))?;
        // What a killed process had written and not synced has been read, and will be answered with.
        let durable = file.sync_all().and_then(|()| segments.disk.sync_names());
        durable.map_err(segments.io("syncing", end.segment))?;
        let ahead = Ahead::from(u32::try_from(length).unwrap_or(u32::MAX).max(end.offset));
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead })
    }

    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Writes a batch and waits until it is durable; tells where each entry stands.
    pub(super) fn append<'a>(
        &mut self,
        batch: &'a Batch,
        skipped: &[Name],
    ) -> Result<Vec<(&'a Entry, Position)>, StoreError> {
        self.buffer.clear();
        let mut placed = Vec::with_capacity(batch.entries().len());
        frame::write_block(&mut self.buffer, batch, skipped, |entry, offset| placed.push((entry, offset)));
        if placed.is_empty() {
            return Ok(Vec::new());
        }
        let length = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        if self.end.offset.saturating_add(length) > self.segment_bytes_max && self.end.offset > 16 {
            self.roll()?;
        }
        let number = self.end.segment;
        let until = self.end.offset.saturating_add(length);
        if self.segments.disk.fills_ahead() {
            self.ahead
                .reach(&self.file, until, self.segment_bytes_max)
                .map_err(self.segments.io("extending", number))?;
        }
        let at = u64::from(self.end.offset);
        self.file.write_all_at(&self.buffer, at).map_err(self.segments.io("appending to", number))?;
        self.file.sync().map_err(self.segments.io("syncing", number))?;
        let base = self.end;
        self.end.offset = until;
        let position = |offset: usize| Position {
            segment: base.segment,
            offset: base.offset + u32::try_from(offset).unwrap_or(u32::MAX),
        };
        Ok(placed.into_iter().map(|(entry, offset)| (entry, position(offset))).collect())
    }

    /// Ends the segment where its blocks end and begins the next.
    fn roll(&mut self) -> Result<(), StoreError> {
        let number = self.end.segment;
        let trimmed = self.ahead.finish().and_then(|()| self.file.set_len(u64::from(self.end.offset)));
        trimmed.map_err(self.segments.io("trimming", number))?;
        let next = Self::begin(Arc::clone(&self.segments), number + 1, self.segment_bytes_max)?;
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { buffer, ..next };
        Ok(())
    }
}
