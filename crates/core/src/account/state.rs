//! The state itself: an account between two records, and its canonical bytes.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use super::books::Books;
use super::open::{CountedWindow, Grant, Hold, WINDOWS_MAX};
use super::rare::{NOTHING, RareState};
use crate::record::codec::list;
use crate::record::{GrantId, HoldId, Instant, Levels, Name, Path, RecordError, Seq, Settings, genesis};
use crate::window::Used;

/// Most segments of one account with settings of their own.
pub(crate) const SEGMENTS_MAX: usize = 10_000;

/// The state of an account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// Its name.
    #[n(0)]
    pub id: Name,
    /// The last record.
    #[n(1)]
    pub seq: Seq,
    /// The chain hash after it.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub chain: [u8; 32],
    /// When it was recorded.
    #[n(3)]
    pub recorded_at: Instant,
    /// When the account was opened.
    #[n(4)]
    pub opened_at: Instant,
    /// Its settings.
    #[n(5)]
    pub settings: Settings,
    /// Its books.
    #[n(6)]
    pub books: Books,
    /// Open grants, in burn order. The first are stored inline, so that a decision reads one block of memory.
    #[cbor(n(7), with = "list")]
    pub grants: SmallVec<[Grant; 1]>,
    /// Open holds, by name.
    #[n(8)]
    pub holds: Vec<Box<Hold>>,
    /// Open windows, by name, levels and member.
    #[cbor(n(9), with = "list")]
    pub windows: SmallVec<[CountedWindow; 2]>,
    /// Denials recorded so far.
    #[n(10)]
    pub denied: u64,
    /// State that few accounts have.
    #[n(11)]
    pub(crate) rare: Option<Box<RareState>>,
    /// When it first bought credits, or last disputed a payment since.
    #[n(12)]
    pub paid_since: Option<Instant>,
    /// The record of the server's own log that it was last decided under. It never goes back.
    #[n(13)]
    pub under: Option<Seq>,
    /// No hold or grant reaches its end before this instant. A lower bound, so that it is cheap to keep; not stored.
    #[cbor(skip)]
    pub wakes_at: Instant,
}

impl Account {
    /// The state before the first record.
    #[must_use]
    pub fn empty(id: Name) -> Self {
        let chain = genesis(&id);
        Self {
            id,
            seq: 0,
            chain,
            recorded_at: Instant::default(),
            opened_at: Instant::default(),
            settings: Settings::new(no_plan(), Instant::default()),
            books: Books::default(),
            grants: SmallVec::new(),
            holds: Vec::new(),
            windows: SmallVec::new(),
            denied: 0,
            rare: None,
            paid_since: None,
            under: None,
            wakes_at: Instant::NEVER,
        }
    }

    /// Reads one field of every part a decision looks at. On a state that is not in the processor's caches the misses
    /// overlap, instead of each part waiting for the one before.
    pub(crate) fn warm_up(&self) {
        let open = self.windows.first().map(|w| (w.level, w.used.is_volatile(), w.name.as_str().len()));
        let free = self.grants.first().map(|g| (g.remaining, g.terms.expires_at));
        let plan = self.settings.plan.as_str().len();
        core::hint::black_box((open, free, self.books.debt, self.holds.len(), self.settings.suspended, plan));
    }

    /// Whether the account has been opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.seq > 0
    }

    /// The account's monotonic time: `max(now, last + 1)`.
    #[must_use]
    pub fn tick(&self, now: Instant) -> Instant {
        now.max(Instant::from_micros(self.recorded_at.micros().saturating_add(1)))
    }

    /// A hold that is open.
    #[must_use]
    pub fn hold(&self, id: HoldId) -> Option<&Hold> {
        self.holds.binary_search_by_key(&id, |h| h.id).ok().and_then(|i| self.holds.get(i)).map(|h| &**h)
    }

    /// A grant that is open.
    #[must_use]
    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.iter().find(|g| g.id == id)
    }

    /// The use of a window by the member that a path names at its levels.
    #[must_use]
    pub fn window(&self, name: &Name, level: Levels, path: &Path) -> Option<&Used> {
        self.find_window(name, level, path).ok().and_then(|i| self.windows.get(i)).map(|w| &w.used)
    }

    pub(super) fn find_window(&self, name: &Name, level: Levels, path: &Path) -> Result<usize, usize> {
        self.windows.binary_search_by(|w| w.against(name, level, path))
    }

    /// Whether it keeps as many open windows as it may.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.windows.len() >= WINDOWS_MAX
            && self.windows.iter().filter(|w| w.used.is_open(now)).count() >= WINDOWS_MAX
    }

    /// State that few accounts have; empty for the others.
    #[must_use]
    pub fn rare(&self) -> &RareState {
        self.rare.as_deref().unwrap_or(&NOTHING)
    }

    pub(super) fn rare_mut(&mut self) -> &mut RareState {
        self.rare.get_or_insert_default()
    }

    /// The durable part of the state, canonical: equal states have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut durable = self.clone();
        durable.windows.retain(|w| !w.used.is_volatile() && !w.used.is_over(self.recorded_at));
        let mut out = Vec::with_capacity(256);
        let mut encoder = minicbor::Encoder::new(&mut out);
        // Writing to memory cannot fail.
        let _ = encoder.u16(crate::record::FORMAT).and_then(|e| e.encode(&durable));
        out
    }

    /// Reads the bytes that [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Names a newer format, or the offset where the bytes stop being a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let malformed = |e: minicbor::decode::Error| RecordError::Malformed(e.to_string());
        let mut decoder = minicbor::Decoder::new(bytes);
        let format = decoder.u16().map_err(malformed)?;
        if format > crate::record::FORMAT {
            return Err(RecordError::NewerFormat(format));
        }
        let mut account: Self = decoder.decode().map_err(malformed)?;
        account.settle_wake();
        Ok(account)
    }
}

/// The plan of accounts that were never opened.
fn no_plan() -> Name {
    Name::new("none").unwrap_or_else(|_| unreachable!("`none` is a name"))
}
