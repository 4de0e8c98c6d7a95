//! The audit log.

use headworks_core::record::{AuditKind, AuditOutcome, Id, Instant, Label, Name};
use serde::{Deserialize, Serialize};

use crate::shapes::RecordNumber;

/// Which entries of the audit log.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Recorded from this instant on: at most about 10 s after the calls.
    pub from: Option<Instant>,
    /// Recorded before this instant.
    pub to: Option<Instant>,
    /// Only this subject.
    pub kind: Option<AuditKind>,
    /// Only calls with this API key, or signed by the inbound caller of this name: `inbound:NAME`.
    pub key: Option<Name>,
    /// Only calls on this account.
    pub account: Option<Id>,
    /// Before this record: `next` of the page before.
    #[param(value_type = Option<RecordNumber>)]
    pub before: Option<u64>,
    /// At most about this many entries, whole records each; 1,000 is the maximum. Default 100.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
}

/// Entries of the audit log, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditLog {
    /// The entries; none if no matching ones are in the part of the log that this page went through.
    pub entries: Vec<AuditEntry>,
    /// If there is more to read: `before` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Equal calls of a few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Their subject.
    pub kind: AuditKind,
    /// The outcome of their checks.
    pub outcome: AuditOutcome,
    /// The API key's id, or `inbound:` and the name of an inbound caller, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// The address of the caller; of IPv6, the first 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Label>,
    /// The call. Without it, the entry sums up calls without an API key, or those beyond the number that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Label>,
    /// The account that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Id>,
    /// The incident that it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Name>,
    /// The cause of the incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Label>,
    /// How many.
    pub count: u64,
    /// The first.
    pub first_at: Instant,
    /// The last.
    pub last_at: Instant,
    /// The record of the audit log that has them.
    pub record: u64,
    /// When it was written.
    pub recorded_at: Instant,
}
