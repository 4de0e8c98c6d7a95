//! What prices depend on: dimensions of use, and versions of rate cards.

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::codec::flag;
use super::name::{Label, Name};
use super::time::Instant;

/// Dimensions, in order of their names.
pub type Dimensions = SmallVec<[Dimension; 1]>;

/// A dimension of a request, such as `model = large`. Two are equal by name and value alone.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Dimension {
    /// Its name.
    #[n(0)]
    pub name: Name,
    /// Its value.
    #[n(1)]
    pub value: Label,
    /// It follows from the request: its caller did not name it.
    #[cbor(n(2), with = "flag", has_nil)]
    pub(crate) derived: bool,
}

impl Dimension {
    /// A dimension that a caller names.
    #[must_use]
    pub fn new(name: Name, value: Label) -> Self {
        Self { name, value, derived: false }
    }

    /// A dimension that follows from a request.
    pub(crate) fn derived(name: Name, value: Label) -> Self {
        Self { name, value, derived: true }
    }
}

impl PartialEq for Dimension {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value) == (&other.name, &other.value)
    }
}

impl Eq for Dimension {}

/// A version of a rate card.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CardRef {
    /// The card.
    #[n(0)]
    pub name: Name,
    /// When the version came into force.
    #[n(1)]
    pub effective_from: Instant,
}
