//! Amounts as an operator writes them.

use alloc::collections::BTreeMap;
use alloc::string::String;
#[cfg(feature = "schema")]
use alloc::{format, vec, vec::Vec};
use core::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::record::{Name, Tier};

/// An amount of credits: `"40"`, or by unit: `{ usd = "40", coins = "900" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub(crate) enum ByUnitSource {
    /// In the unit that all features are priced in; in `credits` if there are several.
    One(Decimal),
    /// By unit of credits.
    Each(BTreeMap<Name, Decimal>),
}

/// A decimal written as `"1.25"` or as a whole number: `25`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Decimal(pub(crate) String);

impl<'de> Deserialize<'de> for ByUnitSource {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(OneOrMap {
            expected: "a decimal in quotes such as \"1.25\", a whole number, or { usd = \"1.25\" }",
            one: Self::One,
            map: Self::Each,
        })
    }
}

/// A factor on prices.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub(crate) enum FactorSource {
    /// For everybody.
    One(Decimal),
    /// By tier.
    ByTier(BTreeMap<Tier, Decimal>),
}

impl<'de> Deserialize<'de> for FactorSource {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(OneOrMap {
            expected: "a decimal in quotes such as \"0.9\", or { paid = \"0.9\" }",
            one: Self::One,
            map: Self::ByTier,
        })
    }
}

/// Reads one decimal, or a decimal for each key.
struct OneOrMap<K, T> {
    expected: &'static str,
    one: fn(Decimal) -> T,
    map: fn(BTreeMap<K, Decimal>) -> T,
}

impl<'de, K: Deserialize<'de> + Ord, T> Visitor<'de> for OneOrMap<K, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Digits.visit_str(text).map(self.one)
    }
    fn visit_u64<E: Error>(self, n: u64) -> Result<T, E> {
        Digits.visit_u64(n).map(self.one)
    }
    fn visit_i64<E: Error>(self, n: i64) -> Result<T, E> {
        Digits.visit_i64(n).map(self.one)
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(entries)).map(self.map)
    }
}

/// Reads a decimal.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = Decimal;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal in quotes such as \"1.25\", or a whole number")
    }
    fn visit_str<E>(self, text: &str) -> Result<Decimal, E> {
        Ok(Decimal(text.into()))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Decimal, E> {
        Ok(Decimal(alloc::format!("{n}")))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Decimal, E> {
        Ok(Decimal(alloc::format!("{n}")))
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Digits)
    }
}
