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
    /// The latest, oldest first, at most `DENIALS_KEPT` of an account.
    #[n(3)]
    pub recent: Vec<Denial>,
}

/// One denied or postponed request with its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denial {
    /// When it was decided; unique in the account, and its name.
    #[n(0)]
    pub at: Instant,
    /// What was asked.
    #[n(1)]
    pub usage: Use,
    /// What was answered.
    #[n(2)]
    pub decision: Decision,
}
