//! The walk along the blocks of a segment: which blocks are in place, and the first thing that is not.
//!
//! W1 a block that was copied, moved, removed or replaced is named, and so is anything in its place
//! (`every_damage_is_named_or_changes_nothing`).
//! W2 the remains of an unacknowledged write after a crash are not damage (`torn_tail_is_cut`,
//! `an_older_block_behind_a_torn_write_proves_nothing`). A block is written only after the one before it is durable,
//! so a later block after a broken one proves that the broken one was once whole.

use super::frame::{self, Block, Link, SEGMENT_HEADER};

/// Where a walk ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// The end of the last block in place.
    pub(super) end: usize,
    /// The link that the block after it must have.
    pub(super) link: Link,
    /// What is wrong there, if anything.
    pub(super) wrong: Option<Wrong>,
}

/// The reason why a walk ended before the end of the blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No whole block, and no later block after it: at the end, a write that was cut off.
    Torn,
    /// Damage.
    Damaged(String),
}

pub(super) const NO_BLOCK: &str = "no block begins here";
pub(super) const BROKEN: &str = "a block's checksum does not hold";

/// Walks from `at` on, where a block with this link must be; `None`: any block.
pub(super) fn walk<'a, E>(
    bytes: &'a [u8],
    at: usize,
    link: Option<Link>,
    mut seen: impl FnMut(usize, Block<'a>) -> Result<(), E>,
) -> Result<Walked, E> {
    let (mut at, mut link) = (at.max(SEGMENT_HEADER), link);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let done = |wrong| Ok(Walked { end: at, link: link.unwrap_or(Link::FIRST), wrong });
        // Zeros are written ahead of the blocks.
        if rest.iter().all(|byte| *byte == 0) {
            return done(None);
        }
        let Some(block) = frame::block(rest) else {
            let what = if frame::block_length(rest).is_some() { BROKEN } else { NO_BLOCK };
            let is_later = later_block(rest, link.map_or(0, |link| link.number));
            return done(Some(if is_later { Wrong::Damaged(what.into()) } else { Wrong::Torn }));
        };
        if let Some(what) = link.and_then(|link| misplaced(link, block.link)) {
            return done(Some(Wrong::Damaged(what)));
        }
        seen(at, block)?;
        at += block.size();
        link = Some(block.next());
    }
}

/// Why a block does not belong here, if it does not.
pub(super) fn misplaced(expected: Link, found: Link) -> Option<String> {
    if found.number != expected.number {
        let (found, expected) = (found.number, expected.number);
        return Some(format!(
            "block {found} is where block {expected} belongs: blocks were copied, moved or removed"
        ));
    }
    let number = expected.number;
    (found.before != expected.before).then(|| {
        format!(
            "block {number} does not follow from the one before it: one of the two belongs to another journal"
        )
    })
}

/// Whether a whole block with this number or a later one follows anywhere after a broken one. An earlier one may be
/// old content of the disk.
fn later_block(rest: &[u8], number: u64) -> bool {
    (1..rest.len())
        .filter_map(|skip| rest.get(skip..).and_then(frame::block))
        .any(|block| block.link.number >= number)
}
