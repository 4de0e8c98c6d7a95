//! The feed: every record in the order it was stored, and how far each reader has acknowledged it.
//!
//! A place in the feed is a place in the journal, so it costs nothing to keep and is as durable as the journal.
//! D1 every stored record is fed once, in order (`the_feed_has_every_record_once`).
//! D2 an acknowledged place survives a crash and is never ahead of the reader's acknowledgement.

use std::io::ErrorKind;

use headworks_core::record::Name;

use super::disk::{Disk, fill, read_all};
use super::frame::{self, BLOCK_HEADER, Position, SEGMENT_HEADER};
use super::segments::{RECORD, Segments};
use super::walk::{BROKEN, NO_BLOCK};
use crate::contract::{Cursor, Fed, StoreError};

impl Segments {
    /// The records of the first block at or after `from`, if one ends by `end`.
    pub(super) fn feed(&self, from: Position, end: Position) -> Result<Option<Fed>, StoreError> {
        let Some((at, bytes)) = self.block(from, end)? else { return Ok(None) };
        let block = frame::block(&bytes).ok_or_else(|| self.damaged(at, BROKEN))?;
        let records = block.records().map(|(inside, parsed)| {
            let at = at.behind(inside);
            parsed.map(|parsed| parsed.stored).ok_or_else(|| self.damaged(at, RECORD))
        });
        let records = records.collect::<Result<_, _>>()?;
        Ok(Some(Fed { records, next: cursor(at.behind(bytes.len())) }))
    }

    /// The bytes of the first block at or after `from`, and where it begins, if one begins before `end`. Does not
    /// verify the checksum.
    pub(super) fn block(
        &self,
        from: Position,
        end: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        let header = u32::try_from(SEGMENT_HEADER).unwrap_or(u32::MAX);
        let mut at = Position { segment: from.segment.max(1), offset: from.offset.max(header) };
        while at < end {
            let file = self.file(at.segment)?;
            let mut bytes = vec![0; BLOCK_HEADER];
            fill(&*file, &mut bytes, u64::from(at.offset)).map_err(self.io("reading", at.segment))?;
            let Some(length) = frame::block_length(&bytes) else {
                if at.segment == end.segment || bytes.iter().any(|byte| *byte != 0) {
                    return Err(self.damaged(at, NO_BLOCK));
                }
                // A full segment ends with its last block.
                at = Position { segment: at.segment + 1, offset: header };
                continue;
            };
            let size = file.size().map_err(self.io("reading", at.segment))?;
            let whole =
                BLOCK_HEADER.checked_add(length).filter(|n| u64::try_from(*n).is_ok_and(|n| n <= size));
            bytes.resize(whole.ok_or_else(|| self.damaged(at, BROKEN))?, 0);
            fill(&*file, &mut bytes, u64::from(at.offset)).map_err(self.io("reading", at.segment))?;
            return Ok(Some((at, bytes)));
        }
        Ok(None)
    }
}

/// The cursor at a position of the journal.
pub(super) fn cursor(at: Position) -> Cursor {
    Cursor::new(&at.to_u64().to_string())
}

/// The position that a cursor names.
pub(super) fn position(cursor: &Cursor) -> Result<Position, StoreError> {
    let text = cursor.as_str();
    let packed = if text.is_empty() { Some(0) } else { text.parse().ok() };
    let unknown =
        || StoreError::Refused(format!("`{text}` is not a cursor of this feed; start from its beginning"));
    packed.map(Position::from_u64).ok_or_else(unknown)
}

const OUTBOX: &str = "outbox";

fn file_of(reader: &Name) -> String {
    format!("{reader}.position")
}

/// A position as kept: the cursor, and the checksum of it, so that a part of one is not taken for another.
fn line(cursor: &str) -> String {
    format!("{cursor} {:08x}", crc32c::crc32c(cursor.as_bytes()))
}

/// The readers of the feed of a data directory whose positions are known, and how far each has acknowledged it.
pub(super) fn readers(dir: &dyn Disk) -> Result<Vec<(Name, Cursor)>, StoreError> {
    let outbox = dir.below(OUTBOX);
    let io = StoreError::io("listing", &outbox.path());
    let names = match outbox.list() {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        names => names.map_err(io)?,
    };
    let mut found = Vec::new();
    for reader in names.iter().filter_map(|n| Name::new(n.strip_suffix(".position")?).ok()) {
        found.extend(acknowledged(dir, &reader)?.map(|at| (reader, at)));
    }
    Ok(found)
}

/// How far a reader has acknowledged the feed; `None` if there is no whole position.
pub(super) fn acknowledged(dir: &dyn Disk, reader: &Name) -> Result<Option<Cursor>, StoreError> {
    let outbox = dir.below(OUTBOX);
    let path = outbox.path().join(file_of(reader));
    let bytes = match outbox.open(&file_of(reader), false).and_then(|file| read_all(&*file)) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(StoreError::io("reading", &path))?,
    };
    let kept = std::str::from_utf8(&bytes).ok().and_then(|text| text.split_once(' '));
    let whole = kept.filter(|(cursor, _)| line(cursor).as_bytes() == bytes);
    Ok(whole.map(|(cursor, _)| Cursor::new(cursor)).filter(|at| position(at).is_ok()))
}

/// Stores how far a reader has acknowledged the feed: all or nothing, and durable on return. One caller at a time.
pub(super) fn acknowledge(dir: &dyn Disk, reader: &Name, to: &Cursor) -> Result<(), StoreError> {
    let outbox = dir.below(OUTBOX);
    let write = || {
        if !dir.has(OUTBOX)? {
            outbox.make()?;
            dir.sync_names()?;
        }
        let text = if to.as_str().is_empty() { "0" } else { to.as_str() };
        outbox.replace(&file_of(reader), line(text).as_bytes())?;
        outbox.sync_names()
    };
    write().map_err(StoreError::io("keeping the position in", &outbox.path().join(file_of(reader))))
}

/// Removes the position of a reader, if there is one.
pub(super) fn forget(dir: &dyn Disk, reader: &Name) -> Result<(), StoreError> {
    let outbox = dir.below(OUTBOX);
    let remove = || if outbox.has(&file_of(reader))? { outbox.remove(&file_of(reader)) } else { Ok(()) };
    remove().map_err(StoreError::io("removing", &outbox.path().join(file_of(reader))))
}
