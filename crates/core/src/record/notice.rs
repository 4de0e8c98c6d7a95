//! Late use, alerts and top-ups.
//!
//! Never moves credits: a top-up's credits are a grant that follows from it.

use alloc::boxed::Box;

#[cfg(feature = "schema")]
use alloc::{string::String, vec, vec::Vec};

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::amount::Credits;
use super::codec::list;
use super::ids::Seq;
use super::name::{Label, Name, Path};
use super::time::Instant;
use super::usage::Dimension;

/// A quantity of one meter, not priced yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Quantity {
    /// The meter.
    #[n(0)]
    pub meter: Name,
    /// How many units.
    #[n(1)]
    pub quantity: u64,
}

/// Use that was reported too late to be charged without asking.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LateUse {
    /// The feature.
    #[n(0)]
    pub feature: Name,
    /// The path within the account.
    #[n(1)]
    pub path: Path,
    /// Dimensions such as the model, by name.
    #[cbor(n(2), with = "list")]
    pub dimensions: SmallVec<[Dimension; 1]>,
    /// The quantity of each meter.
    #[cbor(n(3), with = "list")]
    pub quantities: SmallVec<[Quantity; 3]>,
    /// The caller agreed to paid sources.
    #[n(4)]
    pub consented: bool,
    /// When it happened.
    #[n(5)]
    pub at: Instant,
}

/// An event about use that was reported too late.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Late {
    /// It is kept aside until somebody decides.
    #[n(0)]
    Quarantined(#[n(0)] Box<LateUse>),
    /// It is not charged.
    #[n(1)]
    Discarded {
        /// The use.
        #[n(0)]
        kept: Seq,
        /// Why.
        #[n(1)]
        reason: Option<Label>,
    },
}

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
