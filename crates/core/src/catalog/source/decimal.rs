//! Amounts as an operator writes them.

use alloc::collections::BTreeMap;
use alloc::string::String;
#[cfg(feature = "schema")]
use alloc::{format, vec, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::record::Name;

/// An amount of credits: `"40"`, or by unit: `{ usd = "40", coins = "900" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
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
        d.deserialize_any(Visitor)
    }
}
