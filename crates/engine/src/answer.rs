//! What the engine answers. An answer is a function of stored records, so a repeated request gets it again.

use std::fmt;
use std::net::IpAddr;

use headworks_core::record::{Decision, Denial, Instant, Label, Name, Operation, Record, Seq, Span, Use};
use headworks_core::waterfall::Refusal;
use headworks_store::StoreError;

use crate::clock::Jump;

/// The caller's idempotency key with the digest of the canonical request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub text: Label,
    /// Digest of the request.
    pub digest: [u8; 16],
}

/// An idempotency key, and who asks.
pub type Keyed<'a> = (&'a Idempotency, Option<&'a Name>);

/// What a caller says about a request besides what is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// Who asks, for the record.
    pub actor: Option<&'a Name>,
    /// How long to wait for capacity; `None`: as the class says.
    pub max_wait: Option<Span>,
    /// The address of the user.
    pub source: Option<IpAddr>,
    /// Only if this is the last record of the account's log.
    pub after: Option<Seq>,
}

/// What came of a command.
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
    /// What came of the command.
    pub effect: Effect,
    /// Whether this is the first answer again.
    pub replayed: bool,
    /// Whether what came of it can be found again; a denial's explanation is not where too many were denied.
    pub is_kept: bool,
}

/// Why there is no answer. Nothing changed, except where the variant says otherwise.
#[derive(Debug)]
pub enum EngineError {
    /// The key came with another request before.
    KeyReused(Operation, Label),
    /// The command was refused.
    Refused(Refusal),
    /// A look ahead goes through too many ends and boundaries; how far it came.
    TooFarAhead(Instant),
    /// There is no such API key.
    UnknownKey(Name),
    /// No catalog, or more than one, whose hash begins like this was in force.
    UnknownCatalog(String),
    /// There is no such supply.
    UnknownSupply(Name),
    /// There is no such webhook.
    UnknownWebhook(Name),
    /// Nothing of this account waits in this webhook.
    NotParked(Name, Name),
    /// Nothing is decided on the account any more, and nothing was written; others go on. A record would not have followed
    /// from its state (until the server starts again), or its log is damaged.
    Frozen(Name, String),
    /// The machine's clock jumped, and nothing is decided until somebody says that it is right.
    ClockJumped(Jump),
    /// The ledger's time is a test clock; it is not served with the machine's.
    TestLedger,
    /// The ledger has accounts whose time is the machine's; it takes no test clock.
    RealLedger,
    /// The log has records that the request does not follow; nothing was written.
    NotAfter(Seq),
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
            Self::KeyReused(operation, key) => write!(
                f,
                "idempotency key `{key}` came before with a different request to {}; use a new key for a new request",
                operation.words()
            ),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TooFarAhead(at) => {
                write!(f, "too much happens until then; ask for an instant before {at}")
            }
            Self::UnknownCatalog(hash) => write!(
                f,
                "no catalog, or more than one, whose hash begins with `{hash}` was in force; name at least eight \
                 digits of one that the history lists"
            ),
            Self::UnknownSupply(name) => write!(f, "the catalog has no supply `{name}`"),
            Self::UnknownWebhook(name) => write!(f, "there is no webhook `{name}`"),
            Self::NotParked(name, account) => {
                write!(f, "nothing of account `{account}` waits in webhook `{name}`")
            }
            Self::UnknownKey(id) => write!(f, "there is no API key `{id}`"),
            Self::Frozen(name, what) => {
                write!(f, "account `{name}` is frozen: {what}; nothing was written, and other accounts go on")
            }
            Self::ClockJumped(jump) => jump.fmt(f),
            Self::TestLedger => f.write_str(
                "this ledger's time is a test clock, and what it says would be wrong under the machine's; serve it with \
                 --test-clock, or name another data directory",
            ),
            Self::RealLedger => f.write_str(
                "this ledger has accounts that were opened under the machine's clock, so it takes no test clock; name a new \
                 data directory",
            ),
            Self::NotAfter(seq) => write!(f, "the log does not end with record {seq} any more; look again"),
            Self::Overloaded => f.write_str("too many requests are waiting to be stored; retry shortly"),
            Self::Stopped => f.write_str(
                "the engine has stopped after a failed write; retry with the same key after its restart",
            ),
            Self::Store(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for EngineError {}

impl EngineError {
    pub(crate) fn unknown_account(name: &Name) -> Self {
        Self::Refused(Refusal::UnknownAccount(name.clone()))
    }
}

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
