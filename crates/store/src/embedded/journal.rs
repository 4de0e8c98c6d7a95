//! The journal: segments of blocks, appended and synced once for each group commit.
//!
//! J1 a batch is acknowledged only after `fdatasync`. J2 a torn tail is cut and reported. Damage before the tail
//! stops the start, which names the exact place and changes nothing (`torn_tail_is_cut`, `damage_is_named`).

use std::sync::Arc;

use super::disk::Disk;
use super::frame::{self, Link, Parsed, Position, SEGMENT_HEADER};
use super::mark::{self, End, Mark};
use super::segments::{RECORD, Segments, list, name_of, narrow};
use super::walk::{BROKEN, Wrong, walk};
use super::writer::Writer;
use crate::contract::{Location, StoreError};

/// The result of a scan up to the end of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) entries: u64,
    /// Where the scan began, if not at the first block.
    pub(super) from: Option<Location>,
    /// The torn tail that was cut: its place, and its length in bytes.
    pub(super) cut: Option<(Location, u64)>,
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
        Writer::begin(Arc::clone(&segments), (1, None), Link::FIRST, segment_bytes_max)?
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
pub(super) const ENDS_EARLY: &str = "the journal ends here, before blocks that were acknowledged";
pub(super) const OTHER: &str = "the blocks before it are not those that were acknowledged";

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
