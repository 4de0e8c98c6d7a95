//! Entries of the audit log: who called, from where, on which account, and whether it was let through.
//!
//! Never a secret, never anything of a request beyond the account that it names.

#[cfg(feature = "schema")]
use alloc::{string::String, vec, vec::Vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::name::{Label, Name};
use super::time::Instant;

/// The subject of an entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AuditKind {
    /// A caller that could not show who it is.
    #[n(0)]
    Authentication,
    /// A call that needs the scope `admin`, `operator` or `catalog`, or a signed report.
    #[n(1)]
    Administration,
    /// A read of an account by a key that is not limited to exactly that account; or any read that was refused.
    #[n(2)]
    Read,
    /// A call that needs the scope `decide` or `record`, and was refused.
    #[n(3)]
    Decision,
}

impl AuditKind {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Administration => "administration",
            Self::Read => "read",
            Self::Decision => "decision",
        }
    }
}

/// The outcome of a call's checks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AuditOutcome {
    /// The caller may make the call. It may have failed for another reason.
    #[n(0)]
    Granted,
    /// The caller lacks the scope or the purpose, or does not reach the account.
    #[n(1)]
    Refused,
    /// No API key was sent.
    #[n(2)]
    NoKey,
    /// The text is no API key of this server, or has a secret that no longer works.
    #[n(3)]
    WrongKey,
    /// The API key has expired.
    #[n(4)]
    ExpiredKey,
    /// The API key has been revoked.
    #[n(5)]
    RevokedKey,
    /// A report's signature does not match, or is too old.
    #[n(6)]
    WrongSignature,
}

impl AuditOutcome {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::NoKey => "no_key",
            Self::WrongKey => "wrong_key",
            Self::ExpiredKey => "expired_key",
            Self::RevokedKey => "revoked_key",
            Self::WrongSignature => "wrong_signature",
        }
    }
}

/// Equal calls of a few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuditEntry {
    /// Their subject.
    #[n(0)]
    pub kind: AuditKind,
    /// The outcome of their checks.
    #[n(1)]
    pub outcome: AuditOutcome,
    /// The API key, or `inbound:` and the name of an inbound caller, if known.
    #[n(2)]
    pub key: Option<Name>,
    /// The address of the caller; of IPv6, the first 64 bits.
    #[n(3)]
    pub network: Option<Label>,
    /// The call; `None` in an entry that sums up calls beyond those that are named, and for callers without a key.
    #[n(4)]
    pub call: Option<Label>,
    /// The account that it names.
    #[n(5)]
    pub account: Option<Name>,
    /// How many.
    #[n(6)]
    pub count: u64,
    /// The first.
    #[n(7)]
    pub first_at: Instant,
    /// The last.
    #[n(8)]
    pub last_at: Instant,
    /// The incident that it begins.
    #[n(9)]
    pub incident: Option<Incident>,
}

/// Acts on many accounts for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Incident {
    /// Its name.
    #[n(0)]
    pub id: Name,
    /// Why.
    #[n(1)]
    pub cause: Label,
}
