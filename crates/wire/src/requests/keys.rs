//! The request that makes an API key, and the scopes of keys.

use headworks_core::record::{Id, Instant, KeyGateway, KeyLimits, Label, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::few::some;

/// A scope of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// authorize, check, extend, settle, release.
    Decide,
    /// record.
    Record,
    /// Everything that only reads.
    Read,
    /// Accounts and their own settings; includes `decide`, `record` and `read`. For a key that reaches every account:
    /// webhooks, inbound callers, catalogs, supplies, API keys, and all other scopes.
    Admin,
    /// Everything that creates value for an account or changes how rules treat it: grants, refunds, plans, tiers.
    Operator,
    /// Checking catalogs and trying them on the past.
    Catalog,
    /// Calls of models through the gateway, and nothing else: for keys in the hands of users.
    Gateway,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 7] =
        [Self::Decide, Self::Record, Self::Read, Self::Admin, Self::Operator, Self::Catalog, Self::Gateway];

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Record => "record",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Catalog => "catalog",
            Self::Gateway => "gateway",
        }
    }
}

/// Make an API key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKeyRequest {
    /// Its scopes.
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    /// Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    #[schema(min_items = 1, max_items = 1000)]
    pub accounts: Vec<Id>,
    /// When it stops working. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Label>,
    /// How much it may be used. Default: as much as the server can serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimits>,
    /// For the scope `gateway`: the place inside the account that its use counts for, and the models it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<KeyGateway>,
}

/// Give an API key a new secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyRequest {
    /// How long the secret before it works too: at most `30d`. Default `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Span>,
}
