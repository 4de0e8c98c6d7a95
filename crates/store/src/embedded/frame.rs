//! The bytes of the journal: blocks of entries, one block for each group commit.
//!
//! ```text
//! segment = header(16: "HWJOURNL", format u32, segment u32) block*
//! block   = magic u32, length u32, crc32c(payload) u32, payload
//! payload = number u64, crc32c of the block before u32, entry*
//! entry   = length u32, crc32c(body) u32, body
//! body    = name length u8 (0: 256), name, seq u64, hash[32], keys u8, key u128 *, record bytes
//! ```
//! All integers are little-endian. Blocks are numbered from 1 across all segments, so a block that was copied or
//! moved, or that follows a removed one, is not taken for the right one
//! (`walk`). Never reads beyond a checked length.

use headworks_core::record::{ID_LEN_MAX, IndexKey, Name, Record, Seq};

use crate::batch::{Batch, Entry};
use crate::stored::Stored;

pub(super) const SEGMENT_HEADER: usize = 16;
pub(super) const BLOCK_HEADER: usize = 12;
/// The number of a block and the checksum of the one before it.
const LINK: usize = 12;
const ENTRY_HEADER: usize = 8;
const MAGIC: u32 = 0x4b4c_4257;
const FORMAT: u32 = 2;
const TITLE: &[u8; 8] = b"HWJOURNL";

/// The position of an entry: segment and byte offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) segment: u32,
    pub(super) offset: u32,
}

impl Position {
    pub(super) fn to_u64(self) -> u64 {
        u64::from(self.segment) << 32 | u64::from(self.offset)
    }

    /// The position this many bytes further on.
    pub(super) fn behind(self, bytes: usize) -> Self {
        Self { offset: self.offset.saturating_add(narrow(bytes)), ..self }
    }

    pub(super) fn from_u64(packed: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
        Self { segment: u32::from_be_bytes([a, b, c, d]), offset: u32::from_be_bytes([e, f, g, h]) }
    }
}

pub(super) fn segment_header(segment: u32) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    let fields = TITLE.iter().copied().chain(FORMAT.to_le_bytes()).chain(segment.to_le_bytes());
    header.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    header
}

/// What is wrong with a segment's header, if anything.
pub(super) fn check_segment_header(bytes: &[u8], segment: u32) -> Result<(), String> {
    let expected = segment_header(segment);
    if bytes.get(..8) != Some(TITLE) {
        return Err("it does not begin like a journal segment".into());
    }
    if bytes.get(8..12) != expected.get(8..12) {
        let format = word(bytes, 8).unwrap_or_default();
        return Err(format!("it has format {format}, and this release reads format {FORMAT}"));
    }
    if bytes.get(12..SEGMENT_HEADER) == expected.get(12..) {
        Ok(())
    } else {
        Err("it is another segment".into())
    }
}

/// Whether a segment has only a part of its header and nothing after it. A
/// header of another release is not such a part.
pub(super) fn is_unfinished_header(bytes: &[u8], segment: u32) -> bool {
    let (head, rest) = bytes.split_at(bytes.len().min(SEGMENT_HEADER));
    // Bytes shorter than a header have no block after them.
    let is_part = |(byte, whole): (&u8, u8)| *byte == 0 || *byte == whole;
    bytes.len() < SEGMENT_HEADER
        || (head.iter().zip(segment_header(segment)).all(is_part) && rest.iter().all(|byte| *byte == 0))
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The link to the next block of a journal: the values that the block must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number.
    pub(super) number: u64,
    /// The checksum of the block before it; 0 for the first.
    pub(super) before: u32,
}

impl Link {
    pub(super) const FIRST: Self = Self { number: 1, before: 0 };
}

/// Writes a block with the batch's entries, except those of `skipped` accounts, and passes each entry's offset in it
/// to `placed`. Returns the link of the block after it.
pub(super) fn write_block<'a>(
    out: &mut Vec<u8>,
    link: Link,
    batch: &'a Batch,
    skipped: &[Name],
    mut placed: impl FnMut(&'a Entry, usize),
) -> Link {
    let base = out.len();
    out.extend_from_slice(&[0; BLOCK_HEADER]);
    out.extend_from_slice(&link.number.to_le_bytes());
    out.extend_from_slice(&link.before.to_le_bytes());
    for entry in batch.entries().iter().filter(|e| !skipped.contains(&e.account)) {
        let at = out.len();
        placed(entry, at - base);
        out.extend_from_slice(&[0; ENTRY_HEADER]);
        let name = entry.account.as_str().as_bytes();
        // A name is never empty, so the longest takes the length that would not fit.
        out.push(u8::try_from(name.len()).unwrap_or(0));
        out.extend_from_slice(name);
        out.extend_from_slice(&entry.seq.to_le_bytes());
        out.extend_from_slice(&entry.hash);
        out.push(u8::try_from(entry.keys.len()).unwrap_or(u8::MAX));
        for key in &entry.keys {
            out.extend_from_slice(&key.0.to_le_bytes());
        }
        out.extend_from_slice(batch.bytes(entry));
        seal(out, at, ENTRY_HEADER, None);
    }
    Link { number: link.number + 1, before: seal(out, base, BLOCK_HEADER, Some(MAGIC)) }
}

/// Fills in a header written as zeros: the magic if there is one, then length and checksum of the bytes after it.
/// Returns the checksum.
fn seal(out: &mut [u8], at: usize, header: usize, magic: Option<u32>) -> u32 {
    let body = out.get(at + header..).unwrap_or_default();
    let (length, crc) = (narrow(body.len()), crc32c::crc32c(body));
    let fields = magic.into_iter().chain([length, crc]).flat_map(u32::to_le_bytes);
    out.iter_mut().skip(at).zip(fields).for_each(|(to, from)| *to = from);
    crc
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(four))
}

/// The length of the block whose header the bytes begin with, if they do.
pub(super) fn block_length(header: &[u8]) -> Option<usize> {
    (word(header, 0)? == MAGIC).then_some(())?;
    usize::try_from(word(header, 4)?).ok()
}

/// A decoded block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) link: Link,
    pub(super) crc: u32,
    entries: &'a [u8],
}

impl<'a> Block<'a> {
    const ENTRIES: usize = BLOCK_HEADER + LINK;

    /// Its records, each with its offset in the block. The first one with a
    /// wrong checksum yields `None` and is the last.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, Option<Parsed>)> + use<'a> {
        let (mut rest, mut at) = (self.entries, Self::ENTRIES);
        std::iter::from_fn(move || {
            let begins = at;
            let parsed = entry(Some(rest).filter(|rest| !rest.is_empty())?);
            let length = parsed.as_ref().map_or(rest.len(), |parsed| parsed.length);
            rest = rest.get(length..).unwrap_or_default();
            at += length;
            Some((begins, parsed))
        })
    }

    /// Its total size in bytes.
    pub(super) fn size(&self) -> usize {
        Self::ENTRIES + self.entries.len()
    }

    /// The link that the block after it must have.
    pub(super) fn next(&self) -> Link {
        Link { number: self.link.number.saturating_add(1), before: self.crc }
    }
}

/// The block at the start of the bytes, if it is whole and its checksum is right.
pub(super) fn block(bytes: &[u8]) -> Option<Block<'_>> {
    let payload = bytes.get(BLOCK_HEADER..BLOCK_HEADER.checked_add(block_length(bytes)?)?)?;
    let crc = word(bytes, 8)?;
    let number = payload.get(..8)?.try_into().ok().map(u64::from_le_bytes)?;
    let link = Link { number, before: word(payload, 8)? };
    (crc32c::crc32c(payload) == crc).then_some(Block { link, crc, entries: payload.get(LINK..)? })
}

/// A decoded entry.
pub(super) struct Parsed {
    pub(super) stored: Stored,
    pub(super) keys: Vec<IndexKey>,
    pub(super) length: usize,
}

impl Parsed {
    /// Whether its keys are exactly those of its record.
    pub(super) fn has_its_keys(&self) -> bool {
        let record = Record::from_bytes(&self.stored.bytes);
        record.is_ok_and(|record| record.index_keys(&self.stored.account).as_slice() == self.keys)
    }
}

/// The length of the entry at the start of the bytes, header included.
pub(super) fn entry_length(header: &[u8]) -> Option<usize> {
    usize::try_from(word(header, 0)?).ok()?.checked_add(ENTRY_HEADER)
}

/// The entry at the start of the bytes, if it is whole and its checksum is right.
pub(super) fn entry(bytes: &[u8]) -> Option<Parsed> {
    let length = entry_length(bytes)?;
    let body = bytes.get(ENTRY_HEADER..length)?;
    if crc32c::crc32c(body) != word(bytes, 4)? {
        return None;
    }
    let (&name_length, rest) = body.split_first()?;
    let name_length = if name_length == 0 { ID_LEN_MAX } else { usize::from(name_length) };
    let (name, rest) = rest.split_at_checked(name_length)?;
    let account = Name::from_stored(name)?;
    let (seq, rest) = rest.split_at_checked(8)?;
    let seq: Seq = u64::from_le_bytes(seq.try_into().ok()?);
    let (hash, rest) = rest.split_at_checked(32)?;
    let (&keys, rest) = rest.split_first()?;
    let (keys, record) = rest.split_at_checked(usize::from(keys) * 16)?;
    let keys = keys
        .chunks_exact(16)
        .filter_map(|k| Some(IndexKey(u128::from_le_bytes(k.try_into().ok()?))))
        .collect();
    let stored = Stored { account, seq, hash: hash.try_into().ok()?, bytes: record.to_vec() };
    Some(Parsed { stored, keys, length })
}
