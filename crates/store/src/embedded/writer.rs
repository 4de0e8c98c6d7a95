//! The end of the journal: blocks are appended to the last segment, and a full segment is followed by the next.
//!
//! W1 the next segment needs no further descriptor when it begins (`running_out_of_descriptors_does_not_stop_the_ledger`).

use std::sync::Arc;

use super::ahead::Ahead;
use super::disk::{Disk, DiskFile};
use super::frame::{self, Link, Position, SEGMENT_HEADER};
use super::mark::End;
use super::segments::{Segments, name_of, narrow};
use crate::batch::{Batch, Entry};
use crate::contract::StoreError;
use headworks_core::record::Name;

/// The file that becomes the next segment. After a crash it is removed.
const NEXT: &str = "next";

/// The end of the journal, for appending.
#[derive(Debug)]
pub(super) struct Writer {
    segments: Arc<Segments>,
    file: Arc<dyn DiskFile>,
    end: End,
    buffer: Vec<u8>,
    segment_bytes_max: u32,
    ahead: Ahead,
    /// The next segment under a name of its own, made while there are descriptors and room for it.
    next: Option<Arc<dyn DiskFile>>,
}

impl Writer {
    pub(super) fn begin(
        segments: Arc<Segments>,
        (number, next): (u32, Option<Arc<dyn DiskFile>>),
        link: Link,
        segment_bytes_max: u32,
    ) -> Result<Self, StoreError> {
        let create = || {
            let disk = &*segments.disk;
            let file = match next {
                Some(file) => disk.rename(file, NEXT, &name_of(number))?,
                None => segments.opening(|disk| empty(disk, &name_of(number), number))?,
            };
            // The name must survive a crash as well as the bytes.
            disk.sync_names()?;
            Ok(file)
        };
        let file = create().map_err(segments.io("creating", number))?;
        segments.keep(number, Arc::clone(&file));
        let at = Position { segment: number, offset: narrow(SEGMENT_HEADER) };
        let end = End { at, link };
        let ahead = Ahead::from(at.offset);
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead, next: None })
    }

    pub(super) fn resume(
        segments: Arc<Segments>,
        end: End,
        segment_bytes_max: u32,
    ) -> Result<Self, StoreError> {
        let file = segments.disk.open(&name_of(end.at.segment), true);
        let file = file.map_err(segments.io("opening", end.at.segment))?;
        let length = file.size().map_err(segments.io("reading", end.at.segment))?;
        // A killed process may have left unsynced bytes. They have been read and will appear in answers.
        let durable = file.sync_all().and_then(|()| segments.disk.sync_names());
        durable.map_err(segments.io("syncing", end.at.segment))?;
        let ahead = Ahead::from(u32::try_from(length).unwrap_or(u32::MAX).max(end.at.offset));
        Ok(Self { segments, file, end, buffer: Vec::new(), segment_bytes_max, ahead, next: None })
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
        self.prepare();
        let position = |offset: usize| Position {
            segment: base.segment,
            offset: base.offset + u32::try_from(offset).unwrap_or(u32::MAX),
        };
        Ok(placed.into_iter().map(|(entry, offset)| (entry, position(offset))).collect())
    }

    /// Makes the next segment's file when the first half of this one is full. If that fails, it is made when it is needed.
    fn prepare(&mut self) {
        if self.next.is_none() && self.end.at.offset > self.segment_bytes_max / 2 {
            let disk = &*self.segments.disk;
            let make = |disk: &dyn Disk| empty(disk, NEXT, self.end.at.segment + 1);
            let made = disk.remove(NEXT).and_then(|()| self.segments.opening(make));
            self.next = made.ok();
        }
    }

    /// Ends the segment where its blocks end and begins the next.
    fn roll(&mut self) -> Result<(), StoreError> {
        let number = self.end.at.segment;
        let trimmed = self.ahead.finish().and_then(|()| self.file.set_len(u64::from(self.end.at.offset)));
        trimmed.map_err(self.segments.io("trimming", number))?;
        let next = (number + 1, self.next.take());
        let next = Self::begin(Arc::clone(&self.segments), next, self.end.link, self.segment_bytes_max)?;
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { buffer, ..next };
        Ok(())
    }
}

/// Makes a file for a segment without blocks.
fn empty(disk: &dyn Disk, name: &str, number: u32) -> std::io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(name)?;
    file.write_all_at(&frame::segment_header(number), 0)?;
    file.sync_all()?;
    Ok(file)
}
