//! What a learned rate does, and the congestion that it meets.

use crate::record::Instant;

/// What the rate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It holds, or returns slowly to where it was.
    Hold,
    /// It tries a little more than is known.
    Try { since: Instant },
    /// The upstream has more than was known.
    Grow { since: Instant, from: u64 },
}

/// A time with refusals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Congestion {
    /// Since a refusal: the upstream had nothing saved up then.
    pub(super) since: Instant,
    pub(super) refusals: u64,
    /// How often the rate was lowered for it.
    pub(super) lowered: u32,
    /// The first of these falls, and the last.
    pub(super) falls: Option<(Fall, Fall)>,
}

/// A fall of the rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fall {
    pub(super) from: u64,
    /// What was accepted before it, as a rate.
    pub(super) accepted: u64,
}
