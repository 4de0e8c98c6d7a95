//! From what callers send to the commands that they mean.
//!
//! Never looks anything up: what is unknown is found out by the command.

use std::fmt;

use headworks_core::record::{GrantId, Name, Seq};

use crate::reference::Reference;

mod accounts;
mod corrections;
mod credits;
mod decisions;
mod plans;
mod resets;

/// Why a request is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its content contradicts itself: what, and what to write.
    Invalid(String),
    /// It names a grant of another account, or none.
    UnknownGrant(String),
    /// It names a hold of another account, or none.
    UnknownHold(String),
    /// It names a record of another account, or none.
    UnknownRecord(String),
    /// It names use of another account, or none.
    NotInQuarantine(String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what)
            | Self::UnknownGrant(what)
            | Self::UnknownHold(what)
            | Self::UnknownRecord(what)
            | Self::NotInQuarantine(what) => f.write_str(what),
        }
    }
}

fn invalid<T>(what: &str) -> Result<T, Malformed> {
    Err(Malformed::Invalid(what.to_owned()))
}

/// The number of a record that must be in this account; `unknown` says what is not there otherwise.
fn number(account: &Name, reference: &Reference, unknown: fn(String) -> Malformed) -> Result<Seq, Malformed> {
    match reference {
        Reference::Record(of, seq) if of == account => Ok(*seq),
        Reference::Record(..) | Reference::Denial(..) => {
            Err(unknown(format!("`{reference}` is not of account `{account}`")))
        }
    }
}

fn grant(account: &Name, reference: &Reference) -> Result<GrantId, Malformed> {
    number(account, reference, Malformed::UnknownGrant).map(GrantId)
}
