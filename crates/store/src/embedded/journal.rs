//! The journal: segments of blocks, appended and synced once for each group commit.
//!
//! J1 a batch is acknowledged only after `fdatasync`. J2 a torn tail is cut and reported. Damage before the tail
//! stops the start, which names the exact place and changes nothing (`torn_tail_is_cut`, `damage_is_named`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::ahead::Ahead;
use super::disk::{Disk, DiskFile, fill, read_all};
use super::frame::{self, Link, Parsed, Position, SEGMENT_HEADER};
use super::mark::{self, End, Mark};
use super::walk::{BROKEN, Wrong, walk};
use crate::batch::{Batch, Entry};
use crate::contract::{Location, StoreError};
use crate::stored::Stored;
use headworks_core::record::Name;

/// The segments, for reading.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    open: RwLock<BTreeMap<u32, Arc<dyn DiskFile>>>,
}

/// The end of the journal, for appending.
#[derive(Debug)]
pub(super) struct Writer {
    segments: Arc<Segments>,
    file: Arc<dyn DiskFile>,
    end: End,
    buffer: Vec<u8>,
    segment_bytes_max: u32,
    ahead: Ahead,
}

/// The result of a scan up to the end of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) entries: u64,
    /// Where the scan began, if not at the first block.
    pub(super) from: Option<Location>,
    /// The torn tail that was cut: its place, and its length in bytes.
    pub(super) cut: Option<(Location, u64)>,
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

    fn check_header(&self, segment: u32) -> Result<(), StoreError> {
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

/// An opened journal.
pub(super) struct Opened {
    pub(super) segments: Arc<Segments>,
    pub(super) writer: Writer,
    pub(super) mark: Mark,
    pub(super) scanned: Scanned,
}

/// Opens the journal of a disk, reads it from its mark on, passes every entry from
/// `from` on to `seen`, and cuts a torn tail.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    from: Position,
    segment_bytes_max: u32,
    seen: impl FnMut(Position, Parsed),
) -> Result<Opened, StoreError> {
    let path = disk.path();
    let marking = |source| StoreError::Io { doing: "reading the mark of", path: path.clone(), source };
    let marks = mark::ends(&*disk).map_err(marking)?;
    let marked = marks.iter().copied().max_by_key(|end| end.at);
    let segments = Arc::new(Segments::on(disk));
    let numbers = list(&*segments.disk)?;
    if let Some(number) = first_missing(&numbers, last_known(from, marked)) {
        return Err(segments.lost(number, 0, MISSING, 0));
    }
    // Without an index, or with one behind the mark, no mark gives a link to begin with: the whole journal is read.
    let begin = End { at: Position { segment: 1, offset: 0 }, link: Link::FIRST };
    let start = marks.into_iter().filter(|end| end.at <= from).max_by_key(|end| end.at).unwrap_or(begin);
    let known = marked.map_or(from, |end| end.at.max(from));
    let mut scan =
        Scan { segments: &segments, from, known, marked, end: start, scanned: Scanned::default(), seen };
    for &number in &numbers {
        if number < start.at.segment {
            segments.check_header(number)?;
        } else {
            scan.segment(number, numbers.last() == Some(&number))?;
        }
    }
    let (end, mut scanned) = (scan.end, scan.scanned);
    let offset = usize::try_from(start.at.offset).unwrap_or(usize::MAX);
    scanned.from = (start != begin).then(|| segments.place(start.at.segment, offset));
    let is_new = numbers.is_empty();
    let writer = if is_new {
        Writer::begin(Arc::clone(&segments), 1, Link::FIRST, segment_bytes_max)?
    } else {
        Writer::resume(Arc::clone(&segments), end, segment_bytes_max)?
    };
    let mark = Mark::open(&*segments.disk).map_err(marking)?;
    // From now on the mark proves that a journal exists.
    let write = if is_new { mark.write(writer.end()) } else { Ok(()) };
    write.map_err(marking)?;
    Ok(Opened { segments, writer, mark, scanned })
}

/// The last segment known to have existed; the index of a new journal knows none.
fn last_known(from: Position, marked: Option<End>) -> u32 {
    let indexed = if from.segment > 1 { from.segment } else { 0 };
    marked.map_or(indexed, |end| end.at.segment.max(indexed))
}

/// The first missing segment, up to the last that exists or is known to have existed.
pub(super) fn first_missing(numbers: &[u32], known: u32) -> Option<u32> {
    let last = numbers.last().copied().unwrap_or(0).max(known);
    (1..=last).find(|number| numbers.binary_search(number).is_err())
}

pub(super) const MISSING: &str = "the file is missing";
pub(super) const RECORD: &str = "a record's checksum does not hold";
pub(super) const ENDS_EARLY: &str = "the journal ends here, before blocks that were acknowledged";
pub(super) const OTHER: &str = "the blocks before it are not those that were acknowledged";

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// The scan of a journal at its start.
struct Scan<'a, F> {
    segments: &'a Segments,
    /// Entries from here on are passed on.
    from: Position,
    /// Blocks up to here were acknowledged.
    known: Position,
    marked: Option<End>,
    /// How far the scan has come.
    end: End,
    scanned: Scanned,
    seen: F,
}

impl<F: FnMut(Position, Parsed)> Scan<'_, F> {
    fn segment(&mut self, number: u32, is_last: bool) -> Result<(), StoreError> {
        let bytes = self.segments.bytes(number)?;
        let damaged = |offset: usize, what: &str, intact| self.segments.lost(number, offset, what, intact);
        let place = |offset: usize| Position { segment: number, offset: narrow(offset) };
        let begin = if number == self.end.at.segment { self.end.at.offset } else { 0 };
        if let Err(what) = frame::check_segment_header(&bytes, number) {
            if is_last && self.known <= place(SEGMENT_HEADER) && frame::is_unfinished_header(&bytes, number) {
                // Power failed while the segment was being created: blocks are
                // written only after its header is durable.
                self.end.at = cut(self.segments, number, 0, bytes.len(), &mut self.scanned)?;
                return Ok(());
            }
            return Err(damaged(0, &what, self.scanned.entries));
        }
        let marked = self.marked.filter(|end| end.at.segment == number);
        let is_marked = |at: usize| marked.is_some_and(|end| end.at == place(at));
        let mut link_at_mark = None;
        let begin = usize::try_from(begin).unwrap_or(usize::MAX);
        let (from, scanned, seen) = (self.from, &mut self.scanned, &mut self.seen);
        let walked = walk(&bytes, begin, Some(self.end.link), |at, block| {
            if is_marked(at) {
                link_at_mark = Some(block.link);
            }
            if place(at) < from {
                return Ok(());
            }
            for (inside, parsed) in block.records() {
                let Some(parsed) = parsed else {
                    return Err(damaged(at + inside, RECORD, scanned.entries));
                };
                scanned.entries += 1;
                seen(place(at + inside), parsed);
            }
            Ok(())
        })?;
        self.end = End { at: place(walked.end), link: walked.link };
        if is_marked(walked.end) {
            link_at_mark = Some(walked.link);
        }
        let intact = self.scanned.entries;
        let ends_early = self.known.segment == number && self.end.at < self.known;
        match walked.wrong {
            Some(Wrong::Damaged(what)) => return Err(damaged(walked.end, &what, intact)),
            Some(Wrong::Torn) if ends_early || !is_last => return Err(damaged(walked.end, BROKEN, intact)),
            None if ends_early => return Err(damaged(walked.end, ENDS_EARLY, intact)),
            Some(Wrong::Torn) | None => {}
        }
        if let Some(end) = marked.filter(|end| link_at_mark != Some(end.link)) {
            let offset = usize::try_from(end.at.offset).unwrap_or(usize::MAX);
            return Err(damaged(offset, OTHER, intact));
        }
        if walked.wrong.is_some() {
            let torn = bytes.len() - walked.end;
            self.end.at = cut(self.segments, number, walked.end, torn, &mut self.scanned)?;
        }
        Ok(())
    }
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
    fn begin(
        segments: Arc<Segments>,
        number: u32,
        link: Link,
        segment_bytes_max: u32,
    ) -> Result<Self, StoreError> {
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
        let at = Position { segment: number, offset: narrow(SEGMENT_HEADER) };
        let end = End { at, link };
        let ahead = Ahead::from(at.offset);
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead })
    }

    fn resume(segments: Arc<Segments>, end: End, segment_bytes_max: u32) -> Result<Self, StoreError> {
        let file = segments.disk.open(&name_of(end.at.segment), true);
        let file = file.map_err(segments.io("opening", end.at.segment))?;
        let length = file.size().map_err(segments.io("reading", end.at.segment))?;
        // A killed process may have left unsynced bytes. They have been read and will appear in answers.
        let durable = file.sync_all().and_then(|()| segments.disk.sync_names());
        durable.map_err(segments.io("syncing", end.at.segment))?;
        let ahead = Ahead::from(u32::try_from(length).unwrap_or(u32::MAX).max(end.at.offset));
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead })
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    /// Writes a batch, waits until it is durable, and returns the position of each entry.
    pub(super) fn append<'a>(
        &mut self,
        batch: &'a Batch,
        skipped: &[Name],
    ) -> Result<Vec<(&'a Entry, Position)>, StoreError> {
        self.buffer.clear();
        let mut placed = Vec::with_capacity(batch.entries().len());
        let link = frame::write_block(&mut self.buffer, self.end.link, batch, skipped, |entry, offset| {
            placed.push((entry, offset));
        });
        if placed.is_empty() {
            return Ok(Vec::new());
        }
        let length = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        if self.end.at.offset.saturating_add(length) > self.segment_bytes_max && self.end.at.offset > 16 {
            self.roll()?;
        }
        let number = self.end.at.segment;
        let until = self.end.at.offset.saturating_add(length);
        if self.segments.disk.fills_ahead() {
            self.ahead
                .reach(&self.file, until, self.segment_bytes_max)
                .map_err(self.segments.io("extending", number))?;
        }
        let at = u64::from(self.end.at.offset);
        self.file.write_all_at(&self.buffer, at).map_err(self.segments.io("appending to", number))?;
        self.file.sync().map_err(self.segments.io("syncing", number))?;
        let base = self.end.at;
        self.end.at.offset = until;
        self.end.link = link;
        let position = |offset: usize| Position {
            segment: base.segment,
            offset: base.offset + u32::try_from(offset).unwrap_or(u32::MAX),
        };
        Ok(placed.into_iter().map(|(entry, offset)| (entry, position(offset))).collect())
    }

    /// Ends the segment where its blocks end and begins the next.
    fn roll(&mut self) -> Result<(), StoreError> {
        let number = self.end.at.segment;
        let trimmed = self.ahead.finish().and_then(|()| self.file.set_len(u64::from(self.end.at.offset)));
        trimmed.map_err(self.segments.io("trimming", number))?;
        let next =
            Self::begin(Arc::clone(&self.segments), number + 1, self.end.link, self.segment_bytes_max)?;
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { buffer, ..next };
        Ok(())
    }
}
