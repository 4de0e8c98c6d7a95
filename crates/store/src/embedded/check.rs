//! A check of a whole journal, offline or beside a running store. It changes nothing.
//!
//! The keys that find a record are stored beside it, outside its chain hash. They are compared with the record
//! (`a_key_that_was_altered_is_named`).

use std::path::Path;
use std::sync::Arc;

use super::disk::{Directory, Disk};
use super::frame::{self, BLOCK_HEADER, Link, Parsed, Position, SEGMENT_HEADER};
use super::journal::{ENDS_EARLY, MISSING, OTHER, first_missing};
use super::mark;
use super::segments::{RECORD, Segments, list};
use super::walk::{BROKEN, Wrong, misplaced, walk};
use crate::contract::{Location, StoreError};
use crate::stored::Stored;

/// The most places that a check beside a running store names.
const DAMAGE_KEPT: usize = 1_000;

/// The sizes of all blocks of a journal, in order; each group commit wrote one.
///
/// # Errors
/// When the directory or a segment cannot be read.
pub fn journal_blocks(dir: &Path) -> Result<Vec<usize>, StoreError> {
    let mut sizes = Vec::new();
    let segments = Segments::on(Arc::new(Directory::at(dir)));
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

/// The result of checking a whole journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Every place where a segment or block differs from what was written, with the fault.
    pub damage: Vec<(Location, String)>,
    /// The place after the last whole block where a write was cut off; the next start would cut it.
    pub torn: Option<Location>,
}

/// Reads a whole journal again. Reconciliation reports the records after a damaged block of a segment, one by one.
///
/// # Errors
/// When the directory or a segment cannot be read.
pub fn check_journal(dir: &Path) -> Result<Checked, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(Directory::at(dir));
    let marks = mark::ends(&*disk).map_err(|source| StoreError::Io {
        doing: "reading the mark of",
        path: dir.to_path_buf(),
        source,
    })?;
    let marked = marks.into_iter().max_by_key(|end| end.at);
    let segments = Segments::on(disk);
    let numbers = list(&*segments.disk)?;
    let mut found = Checked::default();
    if let Some(number) = first_missing(&numbers, marked.map_or(0, |end| end.at.segment)) {
        found.damage.push((segments.place(number, 0), MISSING.into()));
    }
    let (mut link, mut torn) = (Some(Link::FIRST), None);
    for &number in &numbers {
        let bytes = segments.bytes(number)?;
        let is_last = numbers.last() == Some(&number);
        let mut name =
            |offset: usize, what: String| found.damage.push((segments.place(number, offset), what));
        if let Err(what) = frame::check_segment_header(&bytes, number) {
            name(0, what);
            link = None;
            continue;
        }
        let marked = marked.filter(|end| end.at.segment == number);
        let mark = marked.map_or(0, |end| usize::try_from(end.at.offset).unwrap_or(usize::MAX));
        let mut link_at_mark = None;
        let mut begin = SEGMENT_HEADER;
        let end = loop {
            let walked = walk(&bytes, begin, link, |at, block| {
                if at == mark {
                    link_at_mark = Some(block.link);
                }
                block
                    .records()
                    .filter_map(|(inside, parsed)| Some((inside, wrong_record(parsed)?)))
                    .for_each(|(inside, what)| name(at + inside, what));
                Ok::<_, StoreError>(())
            })?;
            link = walked.wrong.is_none().then_some(walked.link);
            match &walked.wrong {
                Some(Wrong::Damaged(what)) => name(walked.end, what.clone()),
                Some(Wrong::Torn) if !is_last || walked.end < mark => name(walked.end, BROKEN.into()),
                None if walked.end < mark => name(walked.end, ENDS_EARLY.into()),
                Some(Wrong::Torn) => torn = Some(segments.place(number, walked.end)),
                None => {}
            }
            // The start reads from the mark on, so the blocks there are checked in any case.
            match marked {
                Some(end) if walked.end < mark && begin < mark => (begin, link) = (mark, Some(end.link)),
                Some(_) | None => break walked,
            }
        };
        if end.end == mark {
            link_at_mark = Some(end.link);
        }
        if marked.is_some_and(|end| link_at_mark.is_some_and(|link| link != end.link)) {
            name(mark, OTHER.into());
        }
    }
    found.torn = torn;
    Ok(found)
}

/// What is wrong with a record of a whole block, if anything.
fn wrong_record(parsed: Option<Parsed>) -> Option<String> {
    let Some(parsed) = parsed else { return Some(RECORD.into()) };
    let Stored { account, seq, .. } = &parsed.stored;
    (!parsed.has_its_keys()).then(|| {
        format!("the keys under which record {seq} of account {account} is found are not those of the record")
    })
}

impl Segments {
    /// Reads the blocks up to `end` one by one while the store runs on, and asks `goes_on` after each.
    pub(super) fn damage(
        &self,
        end: Position,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<(Location, String)>, StoreError> {
        let mut found = Vec::new();
        let (mut at, mut link) = (Position { segment: 1, offset: 0 }, Some(Link::FIRST));
        loop {
            match self.look(at, end, link, &mut found) {
                Ok(None) => return Ok(found),
                Ok(Some((next, after))) => (at, link) = (next, Some(after)),
                Err(StoreError::Damaged { place, what, .. }) => {
                    found.push((place, what));
                    // The start of the blocks after it is unknown; that of the next segment's blocks is known.
                    (at, link) = (Position { segment: at.segment + 1, offset: 0 }, None);
                }
                Err(e) => return Err(e),
            }
            if !goes_on() || found.len() >= DAMAGE_KEPT {
                return Ok(found);
            }
        }
    }

    /// Checks the next block; returns the place after it and the link that the block there must have.
    fn look(
        &self,
        at: Position,
        end: Position,
        link: Option<Link>,
        found: &mut Vec<(Location, String)>,
    ) -> Result<Option<(Position, Link)>, StoreError> {
        let Some((at, bytes)) = self.block(at, end)? else { return Ok(None) };
        let block = frame::block(&bytes).ok_or_else(|| self.damaged(at, BROKEN))?;
        if let Some(what) = link.and_then(|link| misplaced(link, block.link)) {
            return Err(self.damaged(at, &what));
        }
        for (inside, parsed) in block.records() {
            if let Some(what) = wrong_record(parsed) {
                let offset = usize::try_from(at.behind(inside).offset).unwrap_or(usize::MAX);
                found.push((self.place(at.segment, offset), what));
            }
        }
        Ok(Some((at.behind(bytes.len()), block.next())))
    }
}
