//! Late use, alerts and top-ups, and what the server's own log keeps of webhooks.
//!
//! Never moves credits: what a top-up brings is a grant that follows from it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::{Dimension, Seq};
use crate::amount::Credits;
use crate::catalog::source::ClassSource;
use crate::codec::list;
use crate::name::{Label, Name, Path};
use crate::time::Instant;

/// A quantity of one meter, not priced yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Quantity {
    /// The meter.
    #[n(0)]
    pub meter: Name,
    /// How many units.
    #[n(1)]
    pub quantity: u64,
}

/// Use that came too late to be charged without being asked about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LateUse {
    /// The feature.
    #[n(0)]
    pub feature: Name,
    /// Where in the account.
    #[n(1)]
    pub path: Path,
    /// Dimensions such as the model, by name.
    #[cbor(n(2), with = "list")]
    pub dimensions: SmallVec<[Dimension; 1]>,
    /// How much of each meter.
    #[cbor(n(3), with = "list")]
    pub quantities: SmallVec<[Quantity; 3]>,
    /// The caller agreed to paid sources.
    #[n(4)]
    pub consented: bool,
    /// When it happened.
    #[n(5)]
    pub at: Instant,
}

/// What becomes of use that came too late.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Late {
    /// It is kept aside until somebody decides.
    #[n(0)]
    Quarantined(#[n(0)] Box<LateUse>),
    /// It is not charged.
    #[n(1)]
    Discarded(#[n(0)] Seq, #[n(1)] Option<Label>),
}

/// Where the balance of an account stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Standing {
    /// Above the mark at which it counts as recovered, since it was last below.
    #[default]
    #[n(0)]
    Fine,
    /// Below the low mark.
    #[n(1)]
    Low,
    /// Nothing is left.
    #[n(2)]
    Empty,
}

impl Standing {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Low => "low",
            Self::Empty => "empty",
        }
    }
}

/// What the account's owner is to hear about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Alert {
    /// The balance crossed a mark: where it stands now, the number of the crossing, and the balance.
    #[n(0)]
    Crossed(#[n(0)] Standing, #[n(1)] u64, #[n(2)] Credits),
    /// A top-up is to be paid, for the crossing of this number.
    #[n(1)]
    TopUpAsked(#[n(0)] u64, #[n(1)] Credits),
    /// A top-up was not paid.
    #[n(2)]
    TopUpFailed(#[n(0)] u64, #[n(1)] Option<Label>),
}

/// A receiver of events.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Webhook {
    /// Its name.
    #[n(0)]
    pub name: Name,
    /// Where events are sent.
    #[n(1)]
    pub url: String,
    /// The kinds of events it gets; empty: all.
    #[n(2)]
    pub events: Vec<Label>,
    /// What is sent.
    #[n(3)]
    pub format: WebhookFormat,
    /// How often its secret was replaced; the one before is still valid.
    #[n(4)]
    #[cbor(default)]
    pub rotation: u32,
}

/// What a webhook sends.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum WebhookFormat {
    /// One CloudEvent in structured JSON for each event, signed as Standard Webhooks are.
    #[default]
    #[n(0)]
    Cloudevents,
    /// Stripe meter events, one for each charged line, to Stripe's API.
    #[n(1)]
    StripeMeterEvents,
}

/// What the server's own log keeps besides catalogs and keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Server {
    /// A webhook was made or replaced.
    #[n(0)]
    WebhookSet(#[n(0)] Webhook),
    /// A webhook was removed.
    #[n(1)]
    WebhookRemoved(#[n(0)] Name),
    /// Reconciliation found records that differ: how many, and the first.
    #[n(2)]
    ReconcileFailed(#[n(0)] u64, #[n(1)] String),
    /// A pool was changed live; replaces an earlier change of the same pool.
    #[n(3)]
    PoolChanged(#[n(0)] PoolChange),
    /// What the check codes of API keys are made with.
    #[n(4)]
    CheckKeyMade(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]),
}

/// A live change of a pool; what it does not name is as the catalog says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PoolChange {
    /// The pool.
    #[n(0)]
    pub pool: Name,
    /// Cost a second.
    #[n(1)]
    pub rate: Option<u64>,
    /// Cost in flight.
    #[n(2)]
    pub in_flight: Option<u64>,
    /// By class.
    #[n(3)]
    pub classes: BTreeMap<Name, ClassSource>,
    /// Why.
    #[n(4)]
    pub reason: Option<Label>,
}
