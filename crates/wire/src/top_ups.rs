//! Balances at which the owner is alerted, and credits that are bought automatically below them.

use std::fmt;
use std::marker::PhantomData;

use headworks_core::record::{Credits, Instant, Label, Name, Span, Standing};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::shapes::{CreditsFromZero, PositiveCredits};

/// The balances at which the account's owner is alerted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertMarks {
    /// Below this the balance is low.
    #[schema(value_type = CreditsFromZero)]
    pub low: Credits,
    /// From this balance on it has recovered. At least `low`.
    #[schema(value_type = CreditsFromZero)]
    pub recovered: Credits,
    /// The unit of credits. Default: the one that features are priced in, `credits` if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Name>,
}

/// One for each unit of credits: a single one as is, several as a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ByUnit<T> {
    /// For one unit.
    One(T),
    /// For several.
    Several(Vec<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByUnit<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Terms<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Terms<T> {
            type Value = ByUnit<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ … }, or a list of such")
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ByUnit<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(ByUnit::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ByUnit<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(ByUnit::Several)
            }
        }
        d.deserialize_any(Terms(PhantomData))
    }
}

impl<T> ByUnit<T> {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    /// None, one, or several.
    #[must_use]
    pub fn of(mut all: Vec<T>) -> Option<Self> {
        match all.len() {
            0 => None,
            1 => all.pop().map(Self::One),
            _ => Some(Self::Several(all)),
        }
    }
}

/// Automatic top-ups: credits are bought once each time the balance becomes low or empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpTerms {
    /// How many credits.
    #[schema(value_type = PositiveCredits)]
    pub amount: Credits,
    /// The most credits in one calendar month (UTC).
    #[schema(value_type = PositiveCredits)]
    pub monthly_max: Credits,
    /// The shortest time between two top-ups.
    pub cool_down: Span,
    /// The unit of credits, as for alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Name>,
}

/// The state of an account's alerts and automatic top-ups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUps {
    /// How often a balance has crossed a mark.
    pub crossings: u64,
    /// In the first unit that has marks, `credits` before others.
    #[serde(flatten)]
    pub first: UnitTopUps,
    /// In the other units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_units: Vec<UnitTopUps>,
}

/// The standing of the balance in one unit of credits, and its automatic top-ups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnitTopUps {
    /// The unit.
    pub unit: String,
    /// Where the balance stood when it last crossed a mark.
    pub standing: Standing,
    /// The top-up that waits for its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<TopUpInFlight>,
    /// Credits bought this month or in flight.
    pub month_total: Credits,
}

/// A top-up that waits for its payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUpInFlight {
    /// The account's top-ups are numbered; charge it under the account and this number as the key.
    pub number: u64,
    /// How much.
    pub amount: Credits,
    /// Whether the balance still needs it; look at it again before you charge.
    pub needed: bool,
}

/// Report the outcome of a top-up's payment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTopUpRequest {
    /// Whether it was paid.
    pub paid: bool,
    /// Your reference, for example the payment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Why it was not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// When the credits expire. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
}
