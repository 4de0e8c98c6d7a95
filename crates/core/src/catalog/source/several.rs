//! One of something, or a list.

use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{format, string::String, vec};
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One, or several in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub(crate) enum OneOrSeveral<T> {
    /// One.
    One(T),
    /// Several.
    Several(Vec<T>),
}

impl<T> OneOrSeveral<T> {
    /// All of them, in order.
    pub(crate) fn all(&self) -> &[T] {
        match self {
            Self::One(one) => core::slice::from_ref(one),
            Self::Several(list) => list,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrSeveral<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = OneOrSeveral<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes, or a list of such")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrSeveral<T>, E> {
                T::deserialize(text.into_deserializer()).map(OneOrSeveral::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrSeveral<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(OneOrSeveral::Several)
            }
        }
        d.deserialize_any(Items(PhantomData))
    }
}
