//! What the engine answers. An answer is a function of stored records, so a repeated request gets it again.

use std::fmt;

use headworks_core::operation::Refusal;
use headworks_core::record::{
    Decision, Denial, Event, HoldId, Instant, Label, Name, Operation, Record, Seq, Use,
};
use headworks_store::StoreError;

/// The caller's idempotency key with the digest of the canonical request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub text: Label,
    /// Digest of the request.
    pub digest: [u8; 16],
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A record was stored.
    Recorded(Box<Record>),
    /// The request was denied or needs consent; nothing changed.
    Denied(Box<Denial>),
    /// The request was allowed for a feature that is not recorded.
    Unrecorded(Box<(Instant, Use, Decision)>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The account.
    pub account: Name,
    /// What came of the operation.
    pub effect: Effect,
    /// Whether this is the first answer again.
    pub replayed: bool,
}

/// Why there is no answer. Nothing changed, except where the variant says otherwise.
#[derive(Debug)]
pub enum EngineError {
    /// There is no such account.
    UnknownAccount(Name),
    /// The account is open already.
    AccountExists(Name),
    /// The key came with another request before.
    KeyReused(Operation, Label),
    /// The same key is being worked on.
    KeyInProgress(Operation, Label),
    /// The operation was refused.
    Refused(Refusal),
    /// The hold has ended before.
    HoldEnded {
        /// The hold.
        hold: HoldId,
        /// The record that ended it.
        by: Seq,
        /// When.
        at: Instant,
        /// How: `settled`, `released` or `expired`.
        how: &'static str,
    },
    /// The charge has been refunded or corrected before, by this record.
    AlreadyRefunded(Seq, Seq),
    /// The banked reset has been redeemed before, by this record.
    AlreadyRedeemed(Seq, Seq),
    /// There is no such record.
    UnknownRecord(Seq),
    /// A look ahead goes through too many ends and boundaries; how far it came.
    TooFarAhead(Instant),
    /// There is no such API key.
    UnknownKey(Name),
    /// There is no such pool.
    UnknownPool(Name),
    /// There is no such webhook.
    UnknownWebhook(Name),
    /// Too much is waiting; nothing was written.
    Overloaded,
    /// The engine has stopped after a failed write; whether this request was stored is known after a restart, by its key.
    Stopped,
    /// The store failed to read.
    Store(StoreError),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAccount(name) => write!(f, "there is no account `{name}`; open it first"),
            Self::AccountExists(name) => write!(f, "account `{name}` is open already"),
            Self::KeyReused(operation, key) => write!(
                f,
                "idempotency key `{key}` came with another {} request before; use a new key for a new request",
                operation.as_str()
            ),
            Self::KeyInProgress(operation, key) => {
                write!(
                    f,
                    "the {} request with key `{key}` is still being worked on; retry shortly",
                    operation.as_str()
                )
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::HoldEnded { hold, by, at, how } => {
                write!(f, "hold {} was {how} at {at} by record {by}", hold.0)
            }
            Self::AlreadyRefunded(charge, by) => {
                write!(
                    f,
                    "charge {charge} was refunded or corrected before, by record {by}; a correction can be corrected again"
                )
            }
            Self::AlreadyRedeemed(token, by) => {
                write!(f, "reset {token} was redeemed before, by record {by}")
            }
            Self::UnknownRecord(seq) => write!(f, "the account has no record {seq}"),
            Self::TooFarAhead(at) => {
                write!(f, "too much happens until then; ask for an instant before {at}")
            }
            Self::UnknownPool(name) => write!(f, "the catalog has no pool `{name}`"),
            Self::UnknownWebhook(name) => write!(f, "there is no webhook `{name}`"),
            Self::UnknownKey(id) => write!(f, "there is no API key `{id}`"),
            Self::Overloaded => f.write_str("too many requests are waiting to be stored; retry shortly"),
            Self::Stopped => f.write_str(
                "the engine has stopped after a failed write; retry with the same key after its restart",
            ),
            Self::Store(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for EngineError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl EngineError {
    /// The error for a hold that a record has ended.
    pub(crate) fn ended(hold: HoldId, record: &Record) -> Self {
        let how = if let Event::Released(_) = &record.event {
            "released"
        } else if let Event::Expired { .. } = &record.event {
            "expired"
        } else {
            "settled"
        };
        Self::HoldEnded { hold, by: record.seq, at: record.recorded_at, how }
    }
}
