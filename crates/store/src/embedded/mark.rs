//! The mark: up to where the journal was written or read, and what its next block has to say of itself.
//!
//! It stands beside the segments, so that an end that was acknowledged is known without the index: a journal that ends before its
//! mark has lost records (`every_damage_is_named_or_changes_nothing`), and the start reads from there on.
//! M1 a mark is never ahead of what is durable. M2 a crash while it is written leaves the one before it: two places take turns.
//! One that cannot be read is as good as none: then the start reads the whole journal.
//!
//! ```text
//! mark = place(32) place(32)
//! place = "HWMK", segment u32, offset u32, number u64, crc32c of the block before u32, crc32c of all that u32, zeros
//! ```

use std::io::Result;
use std::sync::Arc;

use super::disk::{Disk, DiskFile, read_all};
use super::frame::{Link, Position};

const FILE: &str = "mark";
const PLACE: usize = 32;
const TITLE: &[u8; 4] = b"HWMK";

/// An end of a journal: a place, and what the block that begins there says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Position,
    pub(super) link: Link,
}

impl End {
    fn to_bytes(self) -> [u8; PLACE] {
        let mut bytes = TITLE.to_vec();
        bytes.extend_from_slice(&self.at.segment.to_le_bytes());
        bytes.extend_from_slice(&self.at.offset.to_le_bytes());
        bytes.extend_from_slice(&self.link.number.to_le_bytes());
        bytes.extend_from_slice(&self.link.before.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let mut place = [0; PLACE];
        place.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        place
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let at = Position { segment: word(4)?, offset: word(8)? };
        let number = u64::from(word(12)?) | u64::from(word(16)?) << 32;
        let end = Self { at, link: Link { number, before: word(20)? } };
        (bytes == end.to_bytes()).then_some(end)
    }
}

/// The file of the mark.
#[derive(Debug)]
pub(super) struct Mark {
    disk: Arc<dyn Disk>,
    /// The place that is written next.
    turn: usize,
}

impl Mark {
    /// The mark of a journal, and what it says.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<(Self, Option<End>)> {
        let there = disk.list()?.iter().any(|name| name == FILE);
        let bytes = if there { read_all(&*disk.open(FILE, false)?)? } else { Vec::new() };
        let ends = bytes.chunks(PLACE).take(2).map(End::from_bytes).enumerate();
        let newest = ends.filter_map(|(place, end)| Some((place, end?))).max_by_key(|(_, end)| end.at);
        Ok((Self { disk, turn: newest.map_or(0, |(place, _)| 1 - place) }, newest.map(|(_, end)| end)))
    }

    /// Marks an end of blocks that are durable.
    pub(super) fn write(&mut self, end: End) -> Result<()> {
        let file: Arc<dyn DiskFile> = match self.disk.open(FILE, true) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let file = self.disk.create(FILE)?;
                self.disk.sync_names()?;
                file
            }
            opened => opened?,
        };
        let at = if self.turn == 0 { 0 } else { u64::try_from(PLACE).unwrap_or(0) };
        file.write_all_at(&end.to_bytes(), at)?;
        file.sync()?;
        self.turn = 1 - self.turn;
        Ok(())
    }
}
