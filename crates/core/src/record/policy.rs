//! The identity of a catalog: its hash, and its changes to the one before.

use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "schema")]
use alloc::{format, string::String, vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::name::Name;

/// The identity of a catalog: the BLAKE3 hash of its text. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogHash([u8; 32]);

impl CatalogHash {
    /// Hexadecimal digits that stand for it behind a label.
    pub const SHORT: usize = 12;

    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }
}

impl fmt::Display for CatalogHash {
    /// With a precision, this many digits of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl Serialize for CatalogHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CatalogHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: alloc::borrow::Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// The changes of a catalog to the one in force before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CatalogChanges {
    /// Plans.
    #[n(0)]
    pub plans: NamesChanged,
    /// Features.
    #[n(1)]
    pub features: NamesChanged,
    /// Rate cards.
    #[n(2)]
    pub rate_cards: NamesChanged,
    /// Other parts that differ: `supplies`, `abuse`, `meters` and so on.
    #[n(3)]
    pub other: Vec<Name>,
}

/// Names of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NamesChanged {
    /// Only the new catalog has them.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Name>,
    /// Only the one before had them.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Name>,
    /// Both have them, and they differ.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Name>,
}
