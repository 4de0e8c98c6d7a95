//! Webhooks.

use headworks_core::record::{Id, Instant, Label, Name, Resume, StripeValue, WebhookFormat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Reference;
use crate::shapes::{EventKind, ReceiverUrl};

/// Make or replace a webhook.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where events are sent: an https URL of at most 2,048 bytes, without user, password and fragment. For Stripe the API's
    /// address, `https://api.stripe.com`. Private addresses, and http, only where the server's `--webhooks-allow` says so.
    #[schema(value_type = ReceiverUrl)]
    pub url: String,
    /// The kinds of events. Default: `balance.low`, `balance.empty`, `balance.recovered`, `hold.expired`,
    /// `overshoot.refunded`, `limit.warning`, `key.warning`, `increase.asked`, `top_up.asked`, `top_up.failed`, `catalog.changed`, `reconcile.failed`,
    /// `abuse.began`, `abuse.lifted`, `payment.disputed`, `webhook.gone`, `webhook.parked`. On request also the
    /// datasets `usage`, `charge` and `movement`.
    #[serde(default)]
    #[schema(value_type = Vec<EventKind>)]
    pub events: Vec<Label>,
    /// The format of what is sent.
    #[serde(default)]
    pub format: WebhookFormat,
    /// The value of a Stripe meter event. A webhook keeps it.
    #[serde(default)]
    pub stripe: StripeValue,
    /// Where a new webhook begins. Default `now`.
    #[serde(default)]
    pub from: WebhookFrom,
    /// Replace its secret. The previous one stays valid until the next replacement, or until it is ended, and events are
    /// signed with both.
    #[serde(default)]
    pub rotate_secret: bool,
    /// End the previous secret at once.
    #[serde(default)]
    pub end_previous_secret: bool,
}

/// Where a new webhook begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFrom {
    /// With events from now on.
    #[default]
    Now,
    /// With the first record of the ledger.
    Beginning,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its name.
    pub name: Name,
    /// Where events are sent.
    pub url: String,
    /// The kinds of events; empty: all alerts.
    pub events: Vec<Label>,
    /// The format of what is sent.
    pub format: WebhookFormat,
    /// The value of a Stripe meter event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<StripeValue>,
    /// Events from this instant on are sent; absent: from the first record of the ledger on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Instant>,
    /// The secret that its receiver verifies signatures with, in the form of Standard Webhooks. Absent if it was stored under
    /// another signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether events are signed with the secret before this one as well.
    pub has_previous_secret: bool,
    /// `ok`, `failing`, or `gone` after an answer 410.
    pub state: String,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Attempts at the event that is being sent.
    pub attempts: u64,
    /// Events acknowledged since the server started.
    pub delivered: u64,
    /// Records of the ledger that it still has to go through. A lower bound: one answer counts 50,000 further.
    pub behind: u64,
    /// Accounts that wait because Stripe refused one of their records.
    pub parked: u64,
}

/// A webhook that was made or replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedWebhook {
    /// The webhook as it is now.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Whether the request was a repetition.
    pub replayed: bool,
}

/// An account that waits in a webhook because the receiver refused a record for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Parked {
    /// The account.
    pub account: Id,
    /// The refused record. It and those after it wait.
    pub record: Reference,
    /// The refused request, and why.
    pub reason: String,
    /// When it began to wait.
    pub since: Instant,
    /// How it is to go on; it has not caught up yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// The accounts that wait in a webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParkedAccounts {
    /// By name; at most 1,000.
    pub parked: Vec<Parked>,
}

/// Let an account resume.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// Send the refused record again, or pass over it.
    pub resume: Resume,
}

/// The webhooks in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// By name.
    pub webhooks: Vec<Webhook>,
}
