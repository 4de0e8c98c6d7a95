//! The mark: how far the journal has been written or read, and the link expected of its next block.
//!
//! The mark is stored beside the segments, so an acknowledged end is known without the index. A journal that ends
//! before its mark has lost records (`every_damage_is_named_or_changes_nothing`). The start reads from the mark on.
//! M1 a mark is never ahead of durable data. M2 a crash while a checkpoint is marked leaves the previous mark intact:
//! two places alternate (`the_newest_mark_is_not_written_over`). The third place is written after every block and
//! never synced, so a killed process still leaves the exact end.
//! A place that cannot be read is ignored. Without any, the start reads the whole journal.
//!
//! ```text
//! mark = place(32) of a checkpoint, place(32) of another, place(32) of the last block
//! place = "HWMK", segment u32, offset u32, number u64, crc32c of the block before u32, crc32c of all that u32, zeros
//! ```

use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, DiskFile, read_all};
use super::frame::{Link, Position};

const FILE: &str = "mark";
const PLACE: usize = 32;
const PLACES: usize = 3;
/// The places of checkpoints; the place after them is that of the last block.
const CHECKPOINTS: usize = 2;
const TITLE: &[u8; 4] = b"HWMK";

/// An end of a journal: a position, and the link of the block that begins there.
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
    file: Arc<dyn DiskFile>,
    /// The place of the next checkpoint.
    turn: Mutex<usize>,
}

/// The ends that a journal's mark names; none if there is no mark.
pub(super) fn ends(disk: &dyn Disk) -> Result<Vec<End>> {
    let there = disk.list()?.iter().any(|name| name == FILE);
    let bytes = if there { read_all(&*disk.open(FILE, false)?)? } else { Vec::new() };
    Ok(bytes.chunks(PLACE).take(PLACES).filter_map(End::from_bytes).collect())
}

impl Mark {
    /// Opens the mark of a journal for writing; creates it if it does not exist.
    pub(super) fn open(disk: &dyn Disk) -> Result<Self> {
        let file = match disk.open(FILE, true) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let file = disk.create(FILE)?;
                disk.sync_names()?;
                file
            }
            opened => opened?,
        };
        let bytes = read_all(&*file)?;
        let checkpoints = bytes.chunks(PLACE).take(CHECKPOINTS).map(End::from_bytes).enumerate();
        let newest = checkpoints.filter_map(|(place, end)| Some((place, end?))).max_by_key(|(_, end)| end.at);
        Ok(Self { file, turn: Mutex::new(newest.map_or(0, |(place, _)| 1 - place)) })
    }

    /// Marks the end of a checkpoint whose blocks are durable; the mark is durable on return.
    pub(super) fn write(&self, end: End) -> Result<()> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(*turn, end)?;
        self.file.sync()?;
        *turn = 1 - *turn;
        Ok(())
    }

    /// Notes the end of a durable block without syncing the note. The note survives the end of the process, but
    /// perhaps not a power failure.
    pub(super) fn note(&self, end: End) -> Result<()> {
        self.put(CHECKPOINTS, end)
    }

    fn put(&self, place: usize, end: End) -> Result<()> {
        self.file.write_all_at(&end.to_bytes(), u64::try_from(place * PLACE).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Directory;
    use super::{End, Link, Mark, Position, ends};

    #[test]
    fn the_newest_mark_is_not_written_over() {
        let dir = tempfile::tempdir().expect("directory");
        let disk = Directory::at(dir.path());
        let end = |number: u32| End {
            at: Position { segment: 1, offset: 16 * number },
            link: Link { number: u64::from(number), before: 0 },
        };
        for number in 1..=6 {
            // The process restarts between any two writes.
            Mark::open(&disk).expect("opens").write(end(number)).expect("writes");
            let marked = ends(&disk).expect("reads");
            assert!(marked.contains(&end(number)), "{marked:?}");
            assert!(number == 1 || marked.contains(&end(number - 1)), "{marked:?}");
        }
    }
}
