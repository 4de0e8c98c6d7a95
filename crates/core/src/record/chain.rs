//! A record, its canonical bytes and its chain hash.
//!
//! One operation is one record, so that its usage event, its monetization event and its balance updates commit together;
//! the three datasets are read out of it by number (`docs/decisions/0001-one-record-per-operation.md`).
//! Never changes a record: corrections are new records that name their parents.
//! L2 the same record has the same bytes everywhere (`fixtures_stay_readable`).
//! L3 a record that was altered, moved or dropped breaks the chain (`chain_names_the_altered_record`).
//! Units: credits in nano-credits, instants in UTC microseconds.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::charge::{Charge, Correction};
use super::codec::list;
use super::event::Event;
use super::grant::GrantTerms;
use super::ids::Seq;
use super::key::Key;
use super::late::{Late, LateUse};
use super::movement::Movement;
use super::name::Name;
use super::time::Instant;

/// Version of the record format, first in every record. Readers accept this and every earlier one.
pub const FORMAT: u16 = 1;

/// One record of an account's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// Place in the account's log.
    #[n(0)]
    pub seq: Seq,
    /// When it takes effect.
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
    /// The caller, if known.
    #[n(5)]
    pub actor: Option<Name>,
    /// The event.
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
    /// The record of the server's own log that it was decided under, where that is another than for the record before it.
    #[n(12)]
    pub under: Option<SystemRecord>,
}

/// A record of the server's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SystemRecord {
    /// Its number.
    #[n(0)]
    pub seq: Seq,
    /// The chain hash after it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
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
    /// Not a record: the cause, with the byte offset.
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

impl core::error::Error for RecordError {}

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

    /// The chain hash after the record, whose bytes are given; an erased record keeps the hash it had before.
    #[must_use]
    pub fn link(&self, previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
        self.erased.as_ref().map_or_else(|| chain(previous, bytes), |hash| **hash)
    }

    /// The charge that the record makes, if it makes one.
    #[must_use]
    pub fn charge(&self) -> Option<&Charge> {
        self.event.charge()
    }

    /// When it gives back what it gives back. A hold that expires does so just before its deadline, however late that is
    /// written: at one instant, holds give back before grants end.
    #[must_use]
    pub fn gives_back_at(&self) -> Instant {
        if matches!(self.event, Event::Expired { .. }) {
            self.effective_at.just_before()
        } else {
            self.recorded_at
        }
    }

    /// The use that the record keeps in quarantine, if it does.
    #[must_use]
    pub fn quarantined(&self) -> Option<&LateUse> {
        if let Event::Late(Late::Quarantined(late)) = &self.event {
            return Some(late);
        }
        None
    }

    /// When a record was written, from its canonical bytes alone; `None` when they are none.
    #[must_use]
    pub fn recorded_at(bytes: &[u8]) -> Option<Instant> {
        let mut decoder = minicbor::Decoder::new(bytes);
        decoder.u16().ok()?;
        decoder.array().ok()?;
        let (_, _): (Seq, Instant) = (decoder.decode().ok()?, decoder.decode().ok()?);
        decoder.decode().ok()
    }

    /// Reads canonical bytes of this or an earlier format.
    ///
    /// # Errors
    /// Names a newer format, or the offset where the bytes stop being a record.
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
