//! The stored parts of an account.

use headworks_core::record::{Instant, Name, Seq};

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The account that owns the log.
    pub account: Name,
    /// Its number.
    pub seq: Seq,
    /// The chain hash after it.
    pub hash: [u8; 32],
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// The durable state of an account as of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The account.
    pub account: Name,
    /// The last record in it.
    pub seq: Seq,
    /// The state's canonical bytes.
    pub bytes: Vec<u8>,
    /// When a hold or grant in it ends; [`Instant::NEVER`] if none does.
    pub wakes_at: Instant,
}

/// Everything needed to rebuild an account's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The newest checkpoint: its number and bytes.
    pub checkpoint: Option<(Seq, Vec<u8>)>,
    /// The records after it, in order.
    pub records: Vec<Stored>,
}
