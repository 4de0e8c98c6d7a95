//! A sliding window's memory of its trailing length: every use, or two cells.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::arithmetic::add;
use crate::record::{Instant, Span};

/// Every use still inside the trailing length.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Log {
    /// How far back.
    #[n(0)]
    pub length: Span,
    /// When, and how much.
    #[n(1)]
    pub uses: Vec<(Instant, u64)>,
}

impl Log {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.uses.iter().all(|(at, _)| at.after(self.length) <= now)
    }

    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64) {
        if let Some((_, n)) = self.uses.iter_mut().find(|(at, _)| *at == counted_at) {
            *n = add(*n, delta);
        }
    }
}

/// Two cells of one length.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cells {
    /// Their length.
    #[n(0)]
    pub length: Span,
    /// When the current one began.
    #[n(1)]
    pub start: Instant,
    /// Use of the one before.
    #[n(2)]
    pub previous: u64,
    /// Use of the current one.
    #[n(3)]
    pub current: u64,
}

impl Cells {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.start.after(self.length).after(self.length) <= now
    }

    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64) {
        if counted_at >= self.start {
            self.current = add(self.current, delta);
        } else if counted_at.after(self.length) >= self.start {
            self.previous = add(self.previous, delta);
        }
    }
}
