//! From requests to the commands that they stand for.
//!
//! Never looks anything up: the command finds out which names are unknown.

use std::fmt;

use headworks_core::record::{GrantId, Name, Seq};

use crate::reference::Reference;

mod accounts;
mod corrections;
mod credits;
mod decisions;
mod incidents;
mod increases;
mod invoices;
mod overrides;
mod pauses;
mod plans;
mod resets;
mod seats;

/// Why a request cannot become a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its content contradicts itself; the text says how, and what to write instead.
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

/// The number of a record that must be in this account; `unknown` makes the error if it is not.
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
