//! The request that makes an API key, and the scopes of keys.

use headworks_core::record::{Instant, Label};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Accounts, credits, catalog and keys; includes the other scopes.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Decide, Self::Record, Self::Read, Self::Admin];

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Record => "record",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// Make an API key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKeyRequest {
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    #[serde(default)]
    pub accounts: Vec<Label>,
    /// When it stops working. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Label>,
}
