//! Use that is reported late.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::codec::{few, list};
use super::dimensions::Dimensions;
use super::ids::Seq;
use super::name::{Label, Name};
use super::path::Path;
use super::time::Instant;

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
    pub dimensions: Dimensions,
    /// The quantity of each meter.
    #[cbor(n(3), with = "list")]
    pub quantities: SmallVec<[Quantity; 3]>,
    /// The caller agreed to paid sources.
    #[n(4)]
    pub consented: bool,
    /// When it happened.
    #[n(5)]
    pub at: Instant,
    /// Its parts after the first.
    #[cbor(n(6), with = "few", has_nil)]
    pub more: Vec<LatePart>,
}

/// A part of use that was reported too late.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LatePart {
    /// Its dimensions, by name.
    #[cbor(n(0), with = "list")]
    pub dimensions: Dimensions,
    /// The quantity of each meter.
    #[cbor(n(1), with = "list")]
    pub quantities: SmallVec<[Quantity; 3]>,
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
