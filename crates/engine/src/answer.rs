//! The engine's answers. An answer is a function of stored records, so a repeated request gets the same one.

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

/// An idempotency key, and the actor.
pub type Keyed<'a> = (&'a Idempotency, Option<&'a Name>);

/// Facts about a request beyond the command itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// The actor, for the record.
    pub actor: Option<&'a Name>,
    /// How long to wait for capacity; `None`: the default of the class.
    pub max_wait: Option<Span>,
    /// The address of the user.
    pub source: Option<IpAddr>,
    /// Run only if this is the last record of the account's log.
    pub after: Option<Seq>,
}

/// The effect of a command.
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
    /// The effect of the command.
    pub effect: Effect,
    /// Whether this repeats the first answer.
    pub replayed: bool,
    /// Whether the effect can be looked up later. The explanation of a denial
    /// cannot if too many requests were denied.
    pub is_kept: bool,
}

/// The reason why there is no answer. Nothing changed, unless the variant says otherwise.
#[derive(Debug)]
pub enum EngineError {
    /// The key was used with a different request.
    KeyReused(Operation, Label),
    /// The command was refused.
    Refused(Refusal),
    /// A look ahead passes too many ends and boundaries; the instant it reached.
    TooFarAhead(Instant),
    /// There is no such API key.
    UnknownKey(Name),
    /// No catalog with a hash that begins like this was in force, or more than one was.
    UnknownCatalog(String),
    /// The catalog in force counts credits by the limit of this name, and this one something else, or the other way round.
    CountsOtherwise(Name),
    /// There is no such supply.
    UnknownSupply(Name),
    /// There is no such webhook.
    UnknownWebhook(Name),
    /// There is no such inbound caller.
    UnknownInbound(Name),
    /// Without this API key nobody could make another, or only for a shorter time.
    LastAdminKey(Name),
    /// There are as many of these as the server takes; nothing was written.
    Full(&'static str, usize),
    /// Nothing of this account waits in this webhook.
    NotParked(Name, Name),
    /// The account is frozen and nothing was written; other accounts go on. Either a record would not have followed
    /// from its state (until the server restarts), or its log is damaged.
    Frozen(Name, String),
    /// The machine's clock jumped; nothing is decided until an operator accepts the jump.
    ClockJumped(Jump),
    /// The ledger has a test clock, so it is not served with the machine's clock.
    TestLedger,
    /// The ledger has accounts that use the machine's clock, so it takes no test clock.
    RealLedger,
    /// The log has records after the one that the request names; nothing was written.
    NotAfter(Seq),
    /// Too many requests are waiting; nothing was written.
    Overloaded,
    /// The engine has stopped after a failed write. After a restart the key tells whether this request was stored.
    Stopped,
    /// The store failed to read.
    Store(StoreError),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyReused(operation, key) => write!(
                f,
                "idempotency key `{key}` was used before with a different request to {}; use a new key for a new request",
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
            Self::CountsOtherwise(limit) => write!(
                f,
                "`{limit}` counts credits in the catalog in force and not in this one, or the other way round; give it another \
                 name, because what was used and overridden stays with the name"
            ),
            Self::UnknownSupply(name) => write!(f, "the catalog has no supply `{name}`"),
            Self::UnknownWebhook(name) => write!(f, "there is no webhook `{name}`"),
            Self::UnknownInbound(name) => write!(f, "there is no inbound caller `{name}`"),
            Self::LastAdminKey(id) => write!(
                f,
                "no other API key with the scope `admin` that reaches every account lasts as long as `{id}`; make one first"
            ),
            Self::Full(what, max) => {
                write!(f, "there are {max} {what}, the most that the server takes; remove one first")
            }
            Self::NotParked(name, account) => {
                write!(f, "nothing of account `{account}` waits in webhook `{name}`")
            }
            Self::UnknownKey(id) => write!(f, "there is no API key `{id}`"),
            Self::Frozen(name, what) => {
                write!(f, "account `{name}` is frozen: {what}; nothing was written, and other accounts go on")
            }
            Self::ClockJumped(jump) => jump.fmt(f),
            Self::TestLedger => f.write_str(
                "this ledger has a test clock, and its times would be wrong under the machine's clock; serve it with \
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
