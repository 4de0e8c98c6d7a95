//! The server's own logs, such as that of its catalog and keys: made and recognised here.
//!
//! Their names begin with `_`. No caller opens, reads or lists an account with such a name. They sort between accounts that
//! begin with a capital letter and accounts that begin with a small one.

use super::name::Name;
use super::printable::NAME_LEN_MAX;

/// The log of the server's catalog and keys.
pub const SYSTEM: &str = "_system";

/// The log of the server's catalog and keys.
#[must_use]
pub fn system() -> Name {
    internal("system")
}

/// The log of failed authentication, administrative calls and reads of other people's data.
#[must_use]
pub fn audit_log() -> Name {
    internal("audit")
}

/// The server's own log of this word: letters, digits and dots, at most 127 of them.
#[must_use]
pub fn internal(word: &str) -> Name {
    Name::new(&alloc::format!("_{word}")).unwrap_or_else(|_| unreachable!("`{word}` makes a name"))
}

/// Whether a name is that of one of the server's own logs.
#[must_use]
pub fn is_internal(account: &Name) -> bool {
    account.as_str().starts_with('_')
}

/// A name behind all of the server's own logs, and before every account that sorts behind them.
#[must_use]
pub fn last_internal() -> Name {
    internal(&"z".repeat(NAME_LEN_MAX - 1))
}
