//! Parts of a use, as they are stored, and sets of them.

use minicbor::{Decode, Encode};

use super::codec::{flag, list};
use super::dimensions::{CardRef, Dimension, Dimensions};
use super::name::Name;
use super::time::Instant;

/// Most parts of one use.
pub const PARTS_MAX: usize = 16;

/// A part of a use after the first. Its lines are among those of the use.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Part {
    /// Dimensions such as the model, by name.
    #[cbor(n(0), with = "list")]
    pub dimensions: Dimensions,
    /// The rate card version that its prices come from.
    #[n(1)]
    pub card: Option<CardRef>,
    /// Nothing has a price for it as it turned out: its prices are those of its hold.
    #[cbor(n(2), with = "flag", has_nil)]
    pub unpriced: bool,
}

/// A [`Part`] that borrows its names.
#[derive(Clone, Debug)]
pub(crate) struct PricedPart<'a> {
    pub(crate) dimensions: &'a [Dimension],
    pub(crate) card: Option<(&'a Name, Instant)>,
    pub(crate) unpriced: bool,
}

impl<'a> From<&'a Part> for PricedPart<'a> {
    fn from(part: &'a Part) -> Self {
        let card = part.card.as_ref().map(|c| (&c.name, c.effective_from));
        Self { dimensions: &part.dimensions, card, unpriced: part.unpriced }
    }
}

impl PricedPart<'_> {
    /// The part to store.
    pub(crate) fn to_part(&self) -> Part {
        Part {
            dimensions: self.dimensions.iter().cloned().collect(),
            card: self.card.map(|(name, effective_from)| CardRef { name: name.clone(), effective_from }),
            unpriced: self.unpriced,
        }
    }
}

/// A set of parts, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts(u16);

impl Parts {
    /// All, however many there are.
    pub const ALL: Self = Self(u16::MAX);
    pub(crate) const NONE: Self = Self(0);

    /// The places that are chosen, of so many parts.
    pub(crate) fn of(chosen: impl Iterator<Item = bool>) -> Self {
        let places = chosen.take(PARTS_MAX).enumerate().filter(|(_, is_in)| *is_in);
        Self(places.fold(0, |set, (place, _)| set | 1 << place))
    }

    /// Whether the part at this place is one of them.
    #[must_use]
    pub fn contains(self, place: u8) -> bool {
        self.0.checked_shr(place.into()).is_some_and(|rest| rest & 1 == 1)
    }

    /// The first `count` places.
    pub(crate) fn first(count: usize) -> Self {
        Self(if count >= PARTS_MAX { u16::MAX } else { (1 << count) - 1 })
    }

    /// Those that are in the other set as well.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not in the other set.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl<C> Encode<C> for Parts {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.0)?;
        Ok(())
    }

    fn is_nil(&self) -> bool {
        *self == Self::ALL
    }
}

impl<'b, C> Decode<'b, C> for Parts {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.u16().map(Self)
    }

    fn nil() -> Option<Self> {
        Some(Self::ALL)
    }
}
