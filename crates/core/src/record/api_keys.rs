//! API keys: what is stored of them, their limits, their uses and their warnings.

use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::{format, string::String, vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::name::{Label, Name};
use super::path::Path;
use super::time::{Instant, Span};

/// An API key as stored: never the secret, only its hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ApiKey {
    /// The public part.
    #[n(0)]
    pub id: Name,
    /// BLAKE3 of the secret part, which has 256 random bits.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    /// The scopes of the key, in the server's words.
    #[n(2)]
    pub scopes: Vec<Name>,
    /// Accounts the key reaches: names, or prefixes that end in `*`. Empty: all.
    #[n(3)]
    pub accounts: Vec<Label>,
    /// When it stops working.
    #[n(4)]
    pub expires_at: Instant,
    /// A note for people.
    #[n(5)]
    pub note: Option<Label>,
    /// How much it may be used.
    #[n(6)]
    pub limits: Option<KeyLimits>,
    /// What it is used for through the gateway.
    #[n(7)]
    pub gateway: Option<KeyGateway>,
}

/// What an API key is used for through the gateway: the caller has no say in it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyGateway {
    /// The path within the account that its use counts for. Default: the key's own, `key:<id>`.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// The models it may use. Default: all of the gateway.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 256))]
    pub models: Option<Vec<Label>>,
}

/// How much an API key may be used.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyLimits {
    /// Requests over time.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<KeyRate>,
    /// Requests at once.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 65_536))]
    pub concurrent: Option<u32>,
    /// Percentages, rising, such as `[50, 80, 100]`: a request that brings the use of a limit to one of them says so in its answer, and
    /// webhooks get `key.warning`.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = marks))]
    pub warn_at: Option<Vec<u8>>,
}

#[cfg(feature = "schema")]
fn marks() -> utoipa::openapi::schema::ArrayBuilder {
    use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};

    let percent = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .description(Some("Percentages, rising, such as `[50, 80, 100]`: a request that brings the use of a limit to one of them says so in its answer, and webhooks get `key.warning`."))
        .items(percent)
        .min_items(Some(1))
        .max_items(Some(8))
}

/// Requests over time, in bursts of at most `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRate {
    /// So many.
    #[n(0)]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub limit: u32,
    /// In this time: from one second to one day.
    #[n(1)]
    pub per: Span,
}

/// The last use of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyUse {
    /// The key.
    #[n(0)]
    pub key: Name,
    /// The minute.
    #[n(1)]
    pub at: Instant,
}

/// A limit of an API key.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum KeyLimit {
    /// Requests over time.
    #[n(0)]
    Rate,
    /// Requests at once.
    #[n(1)]
    Concurrent,
}

impl KeyLimit {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Concurrent => "concurrent",
        }
    }
}

/// The use of an API key has reached a mark of one of its limits.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyWarning {
    /// The key.
    #[n(0)]
    pub key: Name,
    /// The limit.
    #[n(1)]
    pub limit: KeyLimit,
    /// The mark, in percent.
    #[n(2)]
    pub percent: u8,
    /// The use.
    #[n(3)]
    pub used: u32,
    /// The figure of the limit.
    #[n(4)]
    pub of: u32,
    /// When.
    #[n(5)]
    pub at: Instant,
}
