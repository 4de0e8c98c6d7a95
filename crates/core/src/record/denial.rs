//! Denials, coalesced: how many requests were denied, and the latest of them with their explanations.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::{Decision, Instant, Use};

/// Denials since the last such record, coalesced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denials {
    /// How many.
    #[n(0)]
    pub count: u64,
    /// When the first was decided.
    #[n(1)]
    pub first_at: Instant,
    /// When the last was decided.
    #[n(2)]
    pub last_at: Instant,
    /// Those that are explained, oldest first.
    #[n(3)]
    pub recent: Vec<Denial>,
}

impl Denial {
    /// Its size in a record, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        // Writing to memory cannot fail.
        minicbor::to_vec(self).map_or(0, |bytes| bytes.len())
    }
}

/// One denied or postponed request with its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denial {
    /// When it was decided; unique in the account, and its name.
    #[n(0)]
    pub at: Instant,
    /// The request.
    #[n(1)]
    pub usage: Use,
    /// The answer.
    #[n(2)]
    pub decision: Decision,
}
