//! Alerts about balances, and top-ups.
//!
//! Never moves credits: a top-up's credits are a grant that follows from it.

#[cfg(feature = "schema")]
use alloc::{string::String, vec, vec::Vec};

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::name::Label;

/// The standing of an account's balance.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Standing {
    /// Above the mark at which it counts as recovered, since it was last below.
    #[default]
    #[n(0)]
    Fine,
    /// Below the low mark.
    #[n(1)]
    Low,
    /// Nothing is left.
    #[n(2)]
    Empty,
}

impl Standing {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Low => "low",
            Self::Empty => "empty",
        }
    }
}

/// A notice to the account's owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Alert {
    /// The balance crossed a mark.
    #[n(0)]
    Crossed {
        /// Its standing now.
        #[n(0)]
        standing: Standing,
        /// The number of the crossing.
        #[n(1)]
        number: u64,
        /// The balance.
        #[n(2)]
        balance: Credits,
    },
    /// A top-up is to be paid, for the crossing of this number.
    #[n(1)]
    TopUpAsked {
        /// Its number, counted from one.
        #[n(0)]
        number: u64,
        /// The amount.
        #[n(1)]
        amount: Credits,
    },
    /// A top-up was not paid.
    #[n(2)]
    TopUpFailed {
        /// The number of the crossing.
        #[n(0)]
        number: u64,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
}
