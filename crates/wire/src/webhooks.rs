//! Webhooks.

use headworks_core::record::{Label, Name, WebhookFormat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::conduct::SignalRequest;

/// Make or replace a webhook.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where events are sent. For Stripe the API's address, `https://api.stripe.com`.
    #[schema(example = "https://billing.example.com/headworks")]
    pub url: String,
    /// The kinds of events. Default: `balance.low`, `balance.empty`, `balance.recovered`, `hold.expired`,
    /// `overshoot.refunded`, `top_up.asked`, `top_up.failed`, `catalog.changed`, `reconcile.failed`,
    /// `abuse.began`, `abuse.lifted`, `payment.disputed`. On request also the
    /// datasets `usage`, `charge` and `movement`.
    #[serde(default)]
    pub events: Vec<Label>,
    /// What is sent.
    #[serde(default)]
    pub format: WebhookFormat,
    /// Where a new webhook begins. Default `now`.
    #[serde(default)]
    pub from: WebhookFrom,
    /// Replace its secret. The one before stays valid until the next replacement, and events are signed with both.
    #[serde(default)]
    pub rotate_secret: bool,
}

/// A report about an account, signed with a webhook's secret instead of an API key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedSignal {
    /// The account.
    pub account: Name,
    /// What is reported.
    pub report: SignalRequest,
}

/// Where a new webhook begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFrom {
    /// With what happens from now on.
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
    /// The kinds of events; empty: all notices.
    pub events: Vec<Label>,
    /// What is sent.
    pub format: WebhookFormat,
    /// What its receiver verifies signatures with, as of Standard Webhooks.
    pub secret: String,
    /// `ok`, `failing`, or `gone` after an answer 410.
    pub state: String,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Attempts at the event that is being sent.
    pub attempts: u64,
    /// Events acknowledged since the server started.
    pub delivered: u64,
    /// How far it is behind the end of the feed, in the store's own units; 0: not at all.
    pub behind: u64,
}

/// The webhooks in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// By name.
    pub webhooks: Vec<Webhook>,
}
