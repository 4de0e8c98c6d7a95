//! An entry of a list that is written out, or the name of a list that others share.

#[cfg(feature = "schema")]
use alloc::{format, string::String, vec, vec::Vec};
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::record::Name;

/// One entry, or the name of a list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub(crate) enum Entry<T> {
    /// All entries of a list.
    List(Name),
    /// This one.
    Own(T),
}

impl<T> Entry<T> {
    /// The name of a list.
    pub(crate) fn list(&self) -> Option<&Name> {
        match self {
            Self::List(name) => Some(name),
            Self::Own(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ListOrOwn<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListOrOwn<T> {
            type Value = Entry<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ … }, or the name of a list in quotes")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Entry<T>, E> {
                Name::new(text).map(Entry::List).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Entry<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries)).map(Entry::Own)
            }
        }
        d.deserialize_any(ListOrOwn(PhantomData))
    }
}
