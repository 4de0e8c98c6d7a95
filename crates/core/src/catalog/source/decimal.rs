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
        struct OneOrEach;
        impl<'de> Visitor<'de> for OneOrEach {
            type Value = ByUnitSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal in quotes such as \"1.25\", a whole number, or { usd = \"1.25\" }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ByUnitSource, E> {
                Digits.visit_str(text).map(ByUnitSource::One)
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<ByUnitSource, E> {
                Digits.visit_u64(n).map(ByUnitSource::One)
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<ByUnitSource, E> {
                Digits.visit_i64(n).map(ByUnitSource::One)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<ByUnitSource, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(entries)).map(ByUnitSource::Each)
            }
        }
        d.deserialize_any(OneOrEach)
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
        struct OneOrByTier;
        impl<'de> Visitor<'de> for OneOrByTier {
            type Value = FactorSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal in quotes such as \"0.9\", or { paid = \"0.9\" }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<FactorSource, E> {
                Digits.visit_str(text).map(FactorSource::One)
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<FactorSource, E> {
                Digits.visit_u64(n).map(FactorSource::One)
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<FactorSource, E> {
                Digits.visit_i64(n).map(FactorSource::One)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<FactorSource, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(entries)).map(FactorSource::ByTier)
            }
        }
        d.deserialize_any(OneOrByTier)
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
