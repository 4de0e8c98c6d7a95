//! Amounts of credits, each in its unit: a rule about credits counts one unit at a time.
//!
//! Never adds amounts of two units. Y1 a figure without a unit is about one unit alone (`a_figure_is_about_one_unit`).
//! Units: nano-credits.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::amount::Credits;
use super::name::Name;
use super::usage::{CREDITS, own_unit};

/// One figure, written `"40"`, or one for each unit, written `{ usd = "40", coins = "900" }`.
///
/// The one figure counts in the unit that all features of the catalog are priced in, or in `credits` if there are several.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CreditsByUnit {
    /// In the usual unit of the catalog.
    #[n(0)]
    One(#[n(0)] Credits),
    /// By unit, in order; `credits` by its name.
    #[n(1)]
    Each(#[n(0)] Vec<(Name, Credits)>),
}

impl CreditsByUnit {
    /// Amounts by unit; if a unit appears twice, the last counts.
    #[must_use]
    pub fn each(amounts: impl IntoIterator<Item = (Name, Credits)>) -> Self {
        let mut each: Vec<(Name, Credits)> = Vec::new();
        for (unit, amount) in amounts {
            match each.binary_search_by(|(known, _)| known.cmp(&unit)) {
                Ok(at) => each.get_mut(at).into_iter().for_each(|e| e.1 = amount),
                Err(at) => each.insert(at, (unit, amount)),
            }
        }
        Self::Each(each)
    }

    /// The amount in a unit; `usual` is the one that all features are priced in. `None` stands for `credits` in both.
    #[must_use]
    pub fn of(&self, unit: Option<&Name>, usual: Option<&Name>) -> Option<Credits> {
        match self {
            Self::One(amount) => (unit == usual).then_some(*amount),
            Self::Each(each) => {
                let name = unit.map_or(CREDITS, Name::as_str);
                each.iter().find(|(known, _)| known.as_str() == name).map(|(_, amount)| *amount)
            }
        }
    }

    /// All amounts.
    pub fn amounts(&self) -> impl Iterator<Item = Credits> {
        let (one, each) = match self {
            Self::One(amount) => (Some(*amount), [].as_slice()),
            Self::Each(each) => (None, each.as_slice()),
        };
        one.into_iter().chain(each.iter().map(|(_, amount)| *amount))
    }

    /// The units that it is about; `None`: `credits`.
    pub fn units<'a>(&'a self, usual: Option<&'a Name>) -> impl Iterator<Item = Option<&'a Name>> {
        let (one, each) = match self {
            Self::One(_) => (Some(usual), [].as_slice()),
            Self::Each(each) => (None, each.as_slice()),
        };
        one.into_iter().chain(each.iter().map(|(unit, _)| own_unit(Some(unit))))
    }
}

impl From<Credits> for CreditsByUnit {
    fn from(amount: Credits) -> Self {
        Self::One(amount)
    }
}

impl Serialize for CreditsByUnit {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(amount) => amount.serialize(s),
            Self::Each(each) => s.collect_map(each.iter().map(|(unit, amount)| (unit, amount))),
        }
    }
}

impl<'de> Deserialize<'de> for CreditsByUnit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = CreditsByUnit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("credits such as \"40\", or credits by unit such as {\"usd\": \"40\"}")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<CreditsByUnit, E> {
                let wrong = |e| E::custom(alloc::format!("`{text}`: {e}"));
                text.parse().map(CreditsByUnit::One).map_err(wrong)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CreditsByUnit, A::Error> {
                let mut each: Vec<(Name, Credits)> = Vec::new();
                while let Some((unit, amount)) = map.next_entry::<Name, String>()? {
                    let wrong = |e| serde::de::Error::custom(alloc::format!("`{unit}`: `{amount}`: {e}"));
                    let amount = amount.parse().map_err(wrong)?;
                    each.push((unit, amount));
                }
                Ok(CreditsByUnit::each(each))
            }
        }
        d.deserialize_any(Either)
    }
}
