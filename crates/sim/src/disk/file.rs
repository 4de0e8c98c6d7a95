//! A file of the virtual disk: its durable bytes, and the writes since.

use crate::coverage::Coverage;
use crate::random::Random;

#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    pub(super) durable: Vec<u8>,
    pub(super) live: Vec<u8>,
    /// Writes since the last sync; a truncation is an empty write that sets the length.
    pub(super) pending: Vec<Write>,
}

#[derive(Clone, Debug)]
pub(super) enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

pub(super) fn write_at(into: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    if let Some(place) = into.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}

impl Write {
    pub(super) fn apply(&self, into: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => write_at(into, *at, bytes),
            Self::Length(len) => into.resize(*len, 0),
        }
    }
}

impl FileState {
    /// Leaves the bytes that survive a power failure: everything synced, and any part
    /// of the rest, in any order, torn anywhere.
    pub(super) fn crash(&mut self, keeps: u32, random: &Random, coverage: &Coverage) {
        let mut pending = std::mem::take(&mut self.pending);
        if pending.len() > 1 && random.chance(300) {
            coverage.fault("reordered writes");
            let at = random.below(pending.len());
            pending.rotate_left(at);
        }
        for write in pending {
            if !random.chance(keeps) {
                coverage.fault("lost write");
                continue;
            }
            match write {
                Write::Bytes(at, bytes) if random.chance(500) => {
                    coverage.fault("torn write");
                    let (from, to) = (random.below(bytes.len()), random.below(bytes.len() + 1));
                    // Usually a prefix, sometimes a piece out of the middle.
                    let from = if random.chance(700) { 0 } else { from.min(to) };
                    write_at(&mut self.durable, at + from, bytes.get(from..to.max(from)).unwrap_or_default());
                }
                whole => whole.apply(&mut self.durable),
            }
        }
        self.live = self.durable.clone();
    }
}

/// The start of the last block of a segment that has several; an independent reading of the format.
pub(super) fn last_block(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (16, 0);
    while let Some(header) = bytes.get(at..at + 8).filter(|h| h.starts_with(b"WBLK")) {
        last = at;
        let length: [u8; 4] = header.get(4..8)?.try_into().ok()?;
        at += 12 + usize::try_from(u32::from_le_bytes(length)).ok()?;
    }
    (last > 16).then_some(last)
}
