//! The ledger: records, their canonical bytes and their chain hash.
//!
//! One operation is one record, so that its usage event, its monetization event and its balance updates commit together;
//! the three datasets are read out of it by number (`docs/decisions/0001-one-record-per-operation.md`).
//! Never changes a record: corrections are new records that name their parents.
//! L1 every movement debits and credits the same amount (a [`Movement`] has one amount).
//! L2 the same record has the same bytes everywhere (`fixtures_stay_readable`).
//! L3 a record that was altered, moved or dropped breaks the chain (`chain_names_the_altered_record`).
//! Units: credits in nano-credits, instants in UTC microseconds. Source: double entry as two-sided transfers.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "schema")]
use alloc::vec;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use crate::amount::Credits;
use crate::codec::list;
use crate::name::{Label, Name};
use crate::time::Instant;

mod abuse;
mod erase;
mod event;
mod index;
mod notice;
mod periodic;
mod usage;

pub use abuse::{Conduct, Effect};
pub use erase::{Erased, Erasure};
pub use event::{
    ApiKey, Charge, Correcting, Correction, Denial, Denials, Event, Excess, HeldCapacity, HoldTerms,
};

pub use index::{IndexKey, Once};
pub use notice::{Alert, Late, LateUse, PoolChange, Quantity, Server, Standing, Webhook, WebhookFormat};
pub use periodic::{
    Cleared, NewAmount, Overage, Periodic, PlanChange, Recurrence, ResetTerms, Rollover, WHOLE, rest_of,
};
pub(crate) use usage::PricedLine;
pub use usage::{CREDITS, CardRef, Dimension, Line, Priced, REQUESTS, Unit, Use};

/// Version of the record format, first in every record. Readers accept this and every earlier one.
pub const FORMAT: u16 = 1;

/// The log of the server's own catalog and keys.
pub const SYSTEM: &str = "_system";

/// Whether a name is one of the server's own logs: those that begin with `_`.
#[must_use]
pub fn is_internal(account: &Name) -> bool {
    account.as_str().starts_with('_')
}

/// Number of a record in its account's log, from 1.
pub type Seq = u64;

/// A grant is named by the record that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct GrantId(#[n(0)] pub Seq);

/// A hold is named by the record that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct HoldId(#[n(0)] pub Seq);

/// One record of an account's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// Place in the account's log.
    #[n(0)]
    pub seq: Seq,
    /// When it counts.
    #[n(1)]
    pub effective_at: Instant,
    /// When it was written; strictly increasing in one account.
    #[n(2)]
    pub recorded_at: Instant,
    /// Records this one follows from.
    #[cbor(n(3), with = "list")]
    pub parents: SmallVec<[Seq; 1]>,
    /// The caller's idempotency key.
    #[n(4)]
    pub key: Option<Key>,
    /// Who asked, where that is known.
    #[n(5)]
    pub actor: Option<Name>,
    /// What happened.
    #[n(6)]
    pub event: Event,
    /// Balance updates.
    #[cbor(n(7), with = "list")]
    pub movements: SmallVec<[Movement; 3]>,
    /// Corrections of use counted earlier.
    #[cbor(n(8), with = "list")]
    pub corrections: SmallVec<[Correction; 2]>,
    /// The grant that this record opens, named by its number.
    #[n(9)]
    pub opens: Option<GrantTerms>,
    /// The unit of credits that its movements are in; `None`: `credits`. A record moves one unit.
    #[n(10)]
    pub unit: Option<Name>,
    /// The chain hash that the record had before personal data was erased from it.
    #[cbor(n(11), with = "minicbor::bytes")]
    pub erased: Option<ByteArray<32>>,
}

/// The operations whose keys are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Operation {
    /// Open an account.
    #[n(0)]
    Open,
    /// Change an account's settings.
    #[n(1)]
    Change,
    /// Decide and hold, or charge at once.
    #[n(2)]
    Authorize,
    /// Grow a hold.
    #[n(3)]
    Extend,
    /// End a hold at the actual use.
    #[n(4)]
    Settle,
    /// End a hold at zero.
    #[n(5)]
    Release,
    /// Charge use that already happened.
    #[n(6)]
    Record,
    /// Add credits.
    #[n(7)]
    Grant,
    /// Take back what is left of a grant.
    #[n(8)]
    Void,
    /// Correct a grant by hand.
    #[n(9)]
    Adjust,
    /// Give back a charge.
    #[n(10)]
    Refund,
    /// Change the server's own catalog or keys.
    #[n(11)]
    Administer,
    /// Bank a reset.
    #[n(12)]
    Bank,
    /// Redeem a banked reset.
    #[n(13)]
    RedeemReset,
    /// Correct a charge.
    #[n(14)]
    Correct,
    /// Decide about use that came too late.
    #[n(15)]
    Late,
    /// Confirm a top-up.
    #[n(16)]
    TopUp,
    /// Lift an effect of an abuse rule, or report a disputed payment.
    #[n(17)]
    Conduct,
}

impl Operation {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Change => "change",
            Self::Authorize => "authorize",
            Self::Extend => "extend",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Record => "record",
            Self::Grant => "grant",
            Self::Void => "void",
            Self::Adjust => "adjust",
            Self::Refund => "refund",
            Self::Administer => "administer",
            Self::Bank => "bank",
            Self::RedeemReset => "redeem_reset",
            Self::Correct => "correct",
            Self::Late => "late",
            Self::TopUp => "top_up",
            Self::Conduct => "conduct",
        }
    }
}

/// An idempotency key with the digest of the request it came with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Key {
    /// The scope, together with the account.
    #[n(0)]
    pub operation: Operation,
    /// The caller's text.
    #[n(1)]
    pub text: Label,
    /// Digest of the canonical request.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub digest: [u8; 16],
}

/// Kinds of credits, in burn order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Category {
    /// Given to everyone.
    #[n(0)]
    Free,
    /// Given for a reason.
    #[n(1)]
    Promotional,
    /// Bought.
    #[n(2)]
    Purchased,
    /// Agreed in a contract.
    #[n(3)]
    Contract,
}

impl Category {
    /// All categories, in burn order.
    pub const ALL: [Self; 4] = [Self::Free, Self::Promotional, Self::Purchased, Self::Contract];

    /// Whether drawing it needs consent where consent is asked.
    #[must_use]
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Purchased | Self::Contract)
    }

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Promotional => "promotional",
            Self::Purchased => "purchased",
            Self::Contract => "contract",
        }
    }
}

/// The terms of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GrantTerms {
    /// How much.
    #[n(0)]
    pub amount: Credits,
    /// Its kind.
    #[n(1)]
    pub category: Category,
    /// Small first.
    #[n(2)]
    pub priority: u16,
    /// Usable from.
    #[n(3)]
    pub effective_from: Instant,
    /// Usable before; [`Instant::NEVER`] when it never expires.
    #[n(4)]
    pub expires_at: Instant,
    /// The features it pays for; empty: all.
    #[cbor(n(5), with = "list")]
    pub features: SmallVec<[Name; 1]>,
    /// The operator's reference, for example an invoice number.
    #[n(6)]
    pub reference: Option<Label>,
    /// How it comes again.
    #[n(7)]
    pub recurrence: Option<Box<Recurrence>>,
    /// The unit of its credits; `None`: `credits`.
    #[n(8)]
    pub unit: Option<Name>,
}

/// A place where credits stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Book {
    /// The operator, who issues credits.
    #[n(0)]
    Operator,
    /// What is free in a grant.
    #[n(1)]
    Grant(#[n(0)] GrantId),
    /// What a hold sets aside.
    #[n(2)]
    Hold(#[n(0)] HoldId),
    /// Charged use.
    #[n(3)]
    Spent,
    /// Credits that expired unused.
    #[n(4)]
    Breakage,
    /// Credits the operator gives to make a shortfall good.
    #[n(5)]
    Goodwill,
    /// Use that is owed after an overshoot.
    #[n(6)]
    Debt,
    /// Agreed credit below zero.
    #[n(7)]
    Overdraft,
}

/// One balance update: `amount` leaves `from` and enters `to`, so every journal sums to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Movement {
    /// Credited book.
    #[n(0)]
    pub from: Book,
    /// Debited book.
    #[n(1)]
    pub to: Book,
    /// How much; never negative.
    #[n(2)]
    pub amount: Credits,
}

/// The hash that a log begins with, so that a log cannot pass for another account's.
#[must_use]
pub fn genesis(account: &Name) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("headworks.dev 2026 ledger genesis");
    hasher.update(account.as_str().as_bytes());
    *hasher.finalize().as_bytes()
}

/// `h(n) = BLAKE3(h(n−1) ‖ canonical record n)`.
#[must_use]
pub fn chain(previous: &[u8; 32], record: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(record);
    *hasher.finalize().as_bytes()
}

/// Why stored bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Written by a newer release, in this format.
    NewerFormat(u16),
    /// Not a record: what is wrong, with the byte offset.
    Malformed(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerFormat(found) => {
                write!(
                    f,
                    "record format {found} is newer than {FORMAT}, the newest this release reads; use a newer release"
                )
            }
            Self::Malformed(what) => write!(f, "not a record: {what}"),
        }
    }
}

impl Record {
    /// Appends the canonical bytes to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut encoder = minicbor::Encoder::new(out);
        // Writing to memory cannot fail.
        let _ = encoder.u16(FORMAT).and_then(|e| e.encode(self));
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.encode_into(&mut out);
        out
    }

    /// The chain hash after the record, whose bytes are given: what it had before, for one that was erased.
    #[must_use]
    pub fn link(&self, previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
        self.erased.as_ref().map_or_else(|| chain(previous, bytes), |hash| **hash)
    }

    /// The use that the record keeps in quarantine, if it does.
    #[must_use]
    pub fn quarantined(&self) -> Option<&LateUse> {
        if let Event::Late(Late::Quarantined(late)) = &self.event {
            return Some(late);
        }
        None
    }

    /// Reads canonical bytes of this or an earlier format.
    ///
    /// # Errors
    /// Names a newer format, or where the bytes stop being a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let malformed = |e: minicbor::decode::Error| RecordError::Malformed(e.to_string());
        let mut decoder = minicbor::Decoder::new(bytes);
        let format = decoder.u16().map_err(malformed)?;
        if format > FORMAT {
            return Err(RecordError::NewerFormat(format));
        }
        let record = decoder.decode().map_err(malformed)?;
        if decoder.position() == bytes.len() {
            Ok(record)
        } else {
            Err(RecordError::Malformed(alloc::format!("{} bytes too many", bytes.len() - decoder.position())))
        }
    }
}
