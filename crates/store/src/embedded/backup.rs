//! Backup while a server runs.
//!
//! The journal is only ever appended to, so a prefix of it that ends with a whole block is the ledger as of one
//! moment. A backup copies such a prefix and is itself a data directory. Its
//! index is rebuilt when it is first opened.
//! U1 a backup taken under load holds every record acknowledged before it began (`a_backup_under_load_is_a_prefix`).

use std::path::Path;

use super::disk::{Directory, Disk, read_all};
use super::feed;
use super::frame::{self, Block, Link, Position, SEGMENT_HEADER};
use super::mark::{End, Mark};
use super::segments::{RECORD, list, name_of};
use super::walk::{BROKEN, Wrong, walk};
use super::{lock_any, unfinished};
use crate::contract::{Location, StoreError};
use crate::stored::Stored;

/// The extent of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Journal segments in the backup.
    pub segments: u64,
    /// Segments copied by this run; the others were already there.
    pub copied: u64,
    /// Bytes of the ledger in the backup.
    pub bytes: u64,
}

/// Walks the blocks of a segment and returns where they end. A block still being written is not acknowledged yet.
fn blocks<'a>(
    bytes: &'a [u8],
    path: &Path,
    number: u32,
    is_last: bool,
    link: &mut Link,
    mut take: impl FnMut(usize, Block<'a>) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let damaged = |offset: usize, what: &str| StoreError::Damaged {
        place: Location { file: path.to_path_buf(), offset: u64::try_from(offset).unwrap_or(u64::MAX) },
        what: what.into(),
        intact: 0,
    };
    if bytes.len() < SEGMENT_HEADER && is_last {
        return Ok(0);
    }
    frame::check_segment_header(bytes, number).map_err(|what| damaged(0, &what))?;
    let walked = walk(bytes, SEGMENT_HEADER, Some(*link), &mut take)?;
    *link = walked.link;
    match walked.wrong {
        Some(Wrong::Damaged(what)) => Err(damaged(walked.end, &what)),
        Some(Wrong::Torn) if !is_last => Err(damaged(walked.end, BROKEN)),
        Some(Wrong::Torn) | None => Ok(walked.end),
    }
}

/// Copies the ledger of a data directory, which a server may have open. Brings an earlier backup up to date.
///
/// # Errors
/// When a file cannot be read or written, the journal is damaged, or `to` holds another ledger.
pub fn backup(data: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    apart(data, to)?;
    backup_on(&Directory::at(data), &Directory::at(to))
}

/// [`backup`] between data directories on any disks.
///
/// # Errors
/// As [`backup`].
pub fn backup_on(data: &dyn Disk, to: &dyn Disk) -> Result<BackedUp, StoreError> {
    unfinished::check(data)?;
    if !has(data, "journal")? {
        return Err(StoreError::Refused(format!("{} has no ledger", data.path().display())));
    }
    let (from_dir, to_dir) = (data.below("journal"), to.below("journal"));
    let numbers = list(&*from_dir)?;
    to.make().map_err(StoreError::io("creating", &to.path()))?;
    let _lock = lock_any(to)?;
    // An earlier backup is whole, and stays whole while it is updated.
    if !has(to, "journal")? {
        unfinished::begin(to)?;
        to_dir.make().map_err(StoreError::io("creating", &to_dir.path()))?;
    }
    // Read before the journal and written after it, so a position is never ahead of the copy.
    let readers = feed::readers(data)?;
    let (mut done, mut link, mut end) = (BackedUp::default(), Link::FIRST, None);
    for &number in &numbers {
        let name = name_of(number);
        let (from, path) = (from_dir.path().join(&name), to_dir.path().join(&name));
        let mut bytes = read(&*from_dir, &name)?;
        let is_last = numbers.last() == Some(&number);
        bytes.truncate(blocks(&bytes, &from, number, is_last, &mut link, |_, _| Ok(()))?);
        let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        end = Some(End { at: Position { segment: number, offset }, link });
        done.segments += 1;
        done.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let old = if has(&*to_dir, &name)? { read(&*to_dir, &name)? } else { Vec::new() };
        if old == bytes {
            continue;
        }
        if !bytes.starts_with(&old) {
            return Err(StoreError::Damaged {
                place: Location { file: path, offset: 0 },
                what: "this is not an earlier backup of the same ledger; name another directory".into(),
                intact: 0,
            });
        }
        // One after the other, so an earlier backup stays a prefix even if power fails.
        let written = to_dir.replace(&name, &bytes).and_then(|()| to_dir.sync_names());
        written.map_err(StoreError::io("writing", &path))?;
        done.copied += 1;
    }
    // Names written by an earlier attempt may not be durable.
    to_dir.sync_names().map_err(StoreError::io("syncing", &to_dir.path()))?;
    copy_key(data, to)?;
    let mark = |end| Mark::open(&*to_dir).and_then(|mark| mark.write(end));
    end.map_or(Ok(()), mark).map_err(StoreError::io("marking the end of", &to_dir.path()))?;
    for (reader, at) in readers {
        feed::acknowledge(to, &reader, &at)?;
    }
    unfinished::end(to)?;
    Ok(done)
}

/// Neither directory may contain the other, so that destroying one does not destroy the other.
pub(super) fn apart(from: &Path, to: &Path) -> Result<(), StoreError> {
    let whole = |path: &Path| {
        // A path that does not exist yet is resolved through its nearest existing ancestor.
        let there = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        let rest = path.strip_prefix(there).unwrap_or(path);
        there.canonicalize().map(|there| there.join(rest)).map_err(StoreError::io("finding", path))
    };
    let (from_whole, to_whole) = (whole(from)?, whole(to)?);
    if from_whole == to_whole {
        let (from, to) = (from.display(), to.display());
        return Err(StoreError::Refused(format!("{from} and {to} are one directory; name another one")));
    }
    if to_whole.starts_with(&from_whole) || from_whole.starts_with(&to_whole) {
        return Err(StoreError::Refused(format!(
            "{} and {} are one inside the other; name a directory beside it",
            from.display(),
            to.display()
        )));
    }
    Ok(())
}

pub(super) fn has(dir: &dyn Disk, name: &str) -> Result<bool, StoreError> {
    dir.has(name).map_err(StoreError::io("listing", &dir.path()))
}

fn read(dir: &dyn Disk, name: &str) -> Result<Vec<u8>, StoreError> {
    let read = dir.open(name, false).and_then(|file| read_all(&*file));
    read.map_err(StoreError::io("reading", &dir.path().join(name)))
}

/// Copies the key that signs statements along with the ledger.
pub(super) fn copy_key(from: &dyn Disk, to: &dyn Disk) -> Result<(), StoreError> {
    const KEY: &str = "signing.key";
    if !has(from, KEY)? {
        return Ok(());
    }
    let bytes = read(from, KEY)?;
    to.replace(KEY, &bytes).map_err(StoreError::io("writing", &to.path().join(KEY)))
}

/// Reads every record of a journal in the order it was written, each with the feed position of its block.
pub(super) fn each(
    journal: &dyn Disk,
    mut take: impl FnMut(Stored, Position) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let numbers = list(journal)?;
    let mut link = Link::FIRST;
    for &number in &numbers {
        let path = journal.path().join(name_of(number));
        let bytes = read(journal, &name_of(number))?;
        let is_last = numbers.last() == Some(&number);
        blocks(&bytes, &path, number, is_last, &mut link, |at, block| {
            let place = Position { segment: number, offset: u32::try_from(at).unwrap_or(u32::MAX) };
            for (inside, parsed) in block.records() {
                let offset = u64::try_from(at + inside).unwrap_or(u64::MAX);
                let parsed = parsed.ok_or_else(|| StoreError::Damaged {
                    place: Location { file: path.clone(), offset },
                    what: RECORD.into(),
                    intact: 0,
                })?;
                take(parsed.stored, place)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
