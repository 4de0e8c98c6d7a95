//! Records of the server's own log besides catalogs: webhooks, inbound callers, live changes of supplies.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::{format, vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::Seq;
use super::api_keys::{KeyUse, KeyWarning};
use super::audit_entry::AuditEntry;
use super::name::{Label, Name};
use super::time::{Instant, Span};

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
    /// The format.
    #[n(3)]
    pub format: WebhookFormat,
    /// The value of Stripe's meter events.
    #[n(5)]
    #[cbor(default)]
    pub stripe: StripeValue,
    /// Records from this instant on are sent; `None`: from the first on.
    #[n(6)]
    pub since: Option<Instant>,
}

/// A secret as stored: random, and encrypted with a key that is not in the ledger.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Sealed(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

impl core::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealed")
    }
}

/// A change of the secrets of a webhook or an inbound caller. At most two are live: the newest, and the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SecretChange {
    /// The newest from now on; the one before it stays live.
    #[n(0)]
    pub new: Option<Sealed>,
    /// The one before the newest is not live any more.
    #[n(1)]
    #[cbor(default)]
    pub ends_previous: bool,
}

/// A service that reports to the server, and signs its calls with a secret of its own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Inbound {
    /// Its name.
    #[n(0)]
    pub name: Name,
    /// The reports that it may make.
    #[n(1)]
    pub purposes: Vec<Purpose>,
    /// Accounts it reaches: names, or prefixes that end in `*`. Empty: all.
    #[n(2)]
    pub accounts: Vec<Label>,
}

/// A report that an inbound caller may make.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Purpose {
    /// Outcomes of the payments of top-ups.
    #[n(0)]
    TopUps,
    /// Signals of abuse and disputed payments.
    #[n(1)]
    Signals,
}

/// The format of a webhook's requests.
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

/// The value of a Stripe meter event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum StripeValue {
    /// The units of each meter that paid sources paid for; the meter's name is that of the event.
    #[default]
    #[n(0)]
    Meters,
    /// The nano-credits that paid sources paid; the unit of credits is the event's name.
    #[n(1)]
    Amount,
}

/// How to go on after a receiver has refused a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Resume {
    /// It is sent again.
    #[n(0)]
    Retry,
    /// Its unsent part is never sent; the account goes on with the next record.
    #[n(1)]
    PassOver,
}

/// An event of the server's own log besides catalogs and keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Server {
    /// A webhook was made or replaced.
    #[n(0)]
    WebhookSet {
        /// The webhook.
        #[n(0)]
        webhook: Webhook,
        /// What becomes of its secrets.
        #[n(1)]
        #[cbor(default)]
        secrets: SecretChange,
    },
    /// A webhook was removed.
    #[n(1)]
    WebhookRemoved(#[n(0)] Name),
    /// Reconciliation found records that differ.
    #[n(2)]
    ReconcileFailed {
        /// How many records differ.
        #[n(0)]
        found: u64,
        /// The first of them.
        #[n(1)]
        first: String,
        /// Accounts whose log is damaged; a thousand at most.
        #[n(2)]
        accounts: Vec<Name>,
    },
    /// A supply was changed live; replaces an earlier change of the same supply.
    #[n(3)]
    SupplyChanged(#[n(0)] SupplyChange),
    /// The secret that check codes of API keys are made with.
    #[n(4)]
    CheckKeyMade(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]),
    /// The ledger's time is a test clock, which is moving to this instant. Everything due until then follows.
    #[n(5)]
    TestClockMoved(#[n(0)] Instant),
    /// A receiver has answered that it is gone.
    #[n(6)]
    WebhookGone {
        /// The webhook.
        #[n(0)]
        webhook: Name,
        /// The record of this log that had set it; a webhook set again since is not gone.
        #[n(1)]
        set: Seq,
    },
    /// A receiver has refused a record for good: the account waits, others go on.
    #[n(7)]
    WebhookParked {
        /// The webhook.
        #[n(0)]
        webhook: Name,
        /// The record of this log that had made it.
        #[n(1)]
        made: Seq,
        /// The account whose records wait.
        #[n(2)]
        account: Name,
        /// The refused record.
        #[n(3)]
        record: Seq,
        /// How many of its requests were accepted before.
        #[n(4)]
        taken: u32,
        /// The refused request, and why.
        #[n(5)]
        reason: String,
    },
    /// An account that waits is to resume.
    #[n(8)]
    WebhookResumed {
        /// The webhook.
        #[n(0)]
        webhook: Name,
        /// The account whose records wait.
        #[n(1)]
        account: Name,
        /// How to go on with the refused record.
        #[n(2)]
        resume: Resume,
    },
    /// An account that waited has caught up.
    #[n(9)]
    WebhookCaughtUp {
        /// The webhook.
        #[n(0)]
        webhook: Name,
        /// The record of this log that had made it.
        #[n(1)]
        made: Seq,
        /// The account whose records waited.
        #[n(2)]
        account: Name,
        /// The last record that it is done with, regardless of the place of the feed.
        #[n(3)]
        through: Seq,
    },
    /// An inbound caller was made or replaced.
    #[n(10)]
    InboundSet {
        /// The inbound caller.
        #[n(0)]
        inbound: Inbound,
        /// What becomes of its secrets.
        #[n(1)]
        secrets: SecretChange,
    },
    /// An inbound caller was removed.
    #[n(11)]
    InboundRemoved(#[n(0)] Name),
    /// An API key got a new secret.
    #[n(12)]
    KeyRotated {
        /// The key.
        #[n(0)]
        key: Name,
        /// BLAKE3 of the new secret.
        #[cbor(n(1), with = "minicbor::bytes")]
        hash: [u8; 32],
        /// Until then the secret before it works too.
        #[n(2)]
        previous_until: Instant,
    },
    /// When API keys were last used.
    #[n(13)]
    KeysUsed(#[n(0)] Vec<KeyUse>),
    /// In the audit log: the calls of a few seconds.
    #[n(14)]
    CallsNoted(#[n(0)] Vec<AuditEntry>),
    /// In the audit log: marks of API keys' limits that their use has reached.
    #[n(15)]
    KeysWarned(#[n(0)] Vec<KeyWarning>),
}

/// A live change of a supply; everything else is as in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SupplyChange {
    /// The supply.
    #[n(0)]
    pub supply: Name,
    /// Cost per second.
    #[n(1)]
    pub rate: Option<u64>,
    /// Cost in flight.
    #[n(2)]
    pub in_flight: Option<u64>,
    /// By class.
    #[n(3)]
    pub classes: BTreeMap<Name, ClassFigures>,
    /// Why.
    #[n(4)]
    pub reason: Option<Label>,
}

/// The figures of a class of requests in a supply; figures left out stay as they were, or have their defaults.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClassFigures {
    /// Its band: lower numbers are served first. Default 0.
    #[n(0)]
    #[cfg_attr(feature = "schema", schema(maximum = 255))]
    pub priority: Option<u8>,
    /// Its weight among the classes of its band. Default 1.
    #[n(1)]
    pub weight: Option<u32>,
    /// The part it is guaranteed when it asks for it, in percent of the capacity. Default 0.
    #[n(2)]
    #[cfg_attr(feature = "schema", schema(maximum = 100))]
    pub floor_percent: Option<u8>,
    /// How much of an unused floor others may use, in percent of the floor. Default 100.
    #[n(3)]
    #[cfg_attr(feature = "schema", schema(maximum = 255))]
    pub lend_percent: Option<u8>,
    /// How much it may take beyond its floor, in percent of the capacity. Default 100.
    #[n(4)]
    #[cfg_attr(feature = "schema", schema(maximum = 255))]
    pub borrow_percent: Option<u8>,
    /// The part its band keeps while work is waiting in it, in percent of the capacity. Default 2.
    #[n(5)]
    #[cfg_attr(feature = "schema", schema(maximum = 255))]
    pub starvation_percent: Option<u8>,
    /// How long a request waits for room by default; it may ask for less or for up to `1h`. Default: not at all.
    #[n(6)]
    pub wait_max: Option<Span>,
}
