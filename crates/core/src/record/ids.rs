//! The numbers and names that records go by.

use minicbor::{Decode, Encode};

use super::name::{NAME_LEN_MAX, Name};

/// The log of the server's own catalog and keys.
pub const SYSTEM: &str = "_system";

/// Whether a name is one of the server's own logs: those that begin with `_`.
#[must_use]
pub fn is_internal(account: &Name) -> bool {
    account.as_str().starts_with('_')
}

/// A name behind all of the server's own logs, and before every account that sorts behind them.
#[must_use]
pub fn last_internal() -> Name {
    let longest = alloc::format!("_{}", "z".repeat(NAME_LEN_MAX - 1));
    Name::new(&longest).unwrap_or_else(|_| unreachable!("letters make a name"))
}

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
