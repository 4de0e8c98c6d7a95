//! The numbers and names that records go by.

use minicbor::{Decode, Encode};

/// Number of a record in its account's log, from 1.
pub type Seq = u64;

/// A grant is named by the record that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct GrantId(#[n(0)] pub Seq);

/// A hold is named by the record that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct HoldId(#[n(0)] pub Seq);
