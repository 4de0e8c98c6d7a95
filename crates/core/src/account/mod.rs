//! The state of an account: the fold of its log.
//!
//! Never decides anything and never looks at the catalog: a record carries everything that its effect needs.
//! S1 the state after a log is the same however it was reached: live, replayed, or from a checkpoint and the rest
//! (`fold_equals_live_state`). S2 books balance after every record ([`Account::check`]).
//! S3 what is empty and closed leaves the state, so it is bounded by what is open (`state_is_bounded`).
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use crate::record::codec::list;
use crate::record::{
    Counted, Credits, Draws, GrantId, GrantTerms, HoldId, HoldTerms, Instant, Level, Name, RecordError, Seq,
    Settings, Source, Use, genesis,
};
use crate::window::Used;

mod conduct;
mod extras;
mod fold;
mod notice;
mod periodic;

pub(crate) use conduct::trial_day;
pub use conduct::{EFFECTS_MAX, ENDS, Hygiene, Watched};
pub(crate) use extras::Due;
pub use extras::{Asked, BankedReset, Extras, QUARANTINE_MAX, RESETS_MAX, SCHEDULES_MAX, Schedule, TopUps};

/// Most open holds of one account.
pub const HOLDS_MAX: usize = 10_000;
/// Most open windows of one account, over all members.
pub const WINDOWS_MAX: usize = 10_000;
/// Most open grants of one account.
pub const GRANTS_MAX: usize = 1_000;
/// Most segments of one account with settings of their own.
pub const SEGMENTS_MAX: usize = 10_000;
/// Denials of one account kept with their explanation.
pub const DENIALS_KEPT: usize = 16;
/// Most extensions of the deadline of one hold.
pub const EXTENSIONS_MAX: u8 = 10;

/// A grant with what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// Its name.
    #[n(0)]
    pub id: GrantId,
    /// Its terms.
    #[n(1)]
    pub terms: GrantTerms,
    /// Free to draw.
    #[n(2)]
    pub remaining: Credits,
    /// Set aside by open holds.
    #[n(3)]
    pub held: Credits,
    /// Taken back: what returns goes to the operator.
    #[n(4)]
    pub voided: bool,
}

impl Grant {
    /// Whether it pays at `now`.
    #[must_use]
    pub fn is_usable(&self, now: Instant) -> bool {
        !self.voided && self.terms.effective_from <= now && now < self.terms.expires_at
    }

    /// The total burn order inside a layer; [`Instant::NEVER`] sorts grants without expiry last.
    fn burn_key(&self) -> (u16, Instant, crate::record::Category, Instant, GrantId) {
        let t = &self.terms;
        (t.priority, t.expires_at, t.category, t.effective_from, self.id)
    }
}

/// A hold: what is set aside for a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hold {
    /// Its name.
    #[n(0)]
    pub id: HoldId,
    /// When it was opened; the instant its use was counted at.
    #[n(1)]
    pub opened_at: Instant,
    /// What it was opened with; the deadline moves with extensions.
    #[n(2)]
    pub terms: HoldTerms,
    /// The quantities it covers and their prices.
    #[n(3)]
    pub usage: Use,
    /// Its receipt: who pays, in order.
    #[cbor(n(4), with = "list")]
    pub draws: Draws,
    /// What was counted in windows, to be corrected at the end.
    #[n(5)]
    pub counted: Vec<Counted>,
    /// Extensions of the deadline so far.
    #[n(6)]
    pub extensions: u8,
    /// Progress last reported.
    #[n(7)]
    pub progress: Option<Use>,
}

impl Hold {
    /// The credits it sets aside.
    #[must_use]
    pub fn held(&self) -> Credits {
        Credits::from_nano(self.draws.iter().map(|d| d.credits().nano()).sum())
    }
}

/// One window of the account or of a member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Window {
    /// The guard, `allowance.window`, or pool it belongs to.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// Whose it is; `None` for the account's own, and for requests whose path leaves the level out.
    #[n(2)]
    pub member: Option<Box<Name>>,
    /// What is used.
    #[n(3)]
    pub used: Used,
}

impl Window {
    fn key(&self) -> (&Name, Level, Option<&Name>) {
        (&self.name, self.level, self.member.as_deref())
    }
}

/// Where all credits of the account went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Books {
    /// Issued by the operator, less what was taken back; below zero where that had been paid for by goodwill.
    #[n(0)]
    pub issued: Credits,
    /// Charged.
    #[n(1)]
    pub spent: Credits,
    /// Expired unused.
    #[n(2)]
    pub breakage: Credits,
    /// Made good by the operator.
    #[n(3)]
    pub goodwill: Credits,
    /// Owed after overshoots.
    #[n(4)]
    pub debt: Credits,
    /// Drawn below zero by agreement, holds included.
    #[n(5)]
    pub overdraft: Credits,
}

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
    /// Open windows, by name, level and member.
    #[cbor(n(9), with = "list")]
    pub windows: SmallVec<[Window; 2]>,
    /// Denials recorded so far.
    #[n(10)]
    pub denied: u64,
    /// What few accounts have.
    #[n(11)]
    pub(crate) extras: Option<Box<Extras>>,
    /// When it first bought credits, or last disputed a payment since.
    #[n(12)]
    pub paid_since: Option<Instant>,
    /// No hold or grant reaches its end before this instant. A lower bound, so that it is cheap to keep; not stored.
    #[cbor(skip)]
    pub wakes_at: Instant,
}

/// Why a record does not follow from the state. The log is damaged, or the program is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldError {
    /// The record.
    pub seq: Seq,
    /// What is wrong.
    pub what: String,
}

impl core::fmt::Display for FoldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} does not follow from the state before it: {}", self.seq, self.what)
    }
}

/// A sum that no list of credits takes out of range.
fn sum(amounts: impl IntoIterator<Item = Credits>) -> i128 {
    amounts.into_iter().map(|amount| i128::from(amount.nano())).sum()
}

/// Back from a sum; one that is out of range stays at its end.
fn credits(nano: i128) -> Credits {
    let end = if nano < 0 { i64::MIN } else { i64::MAX };
    Credits::from_nano(i64::try_from(nano).unwrap_or(end))
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
            extras: None,
            paid_since: None,
            wakes_at: Instant::NEVER,
        }
    }

    /// Reads one field of every part a decision looks at. On a state that is not in the processor's caches the misses
    /// overlap, instead of each part waiting for the one before.
    pub(crate) fn warm_up(&self) {
        let open = self.windows.first().map(|w| w.level);
        let free = self.grants.first().map(|g| (g.remaining, g.terms.expires_at));
        core::hint::black_box((open, free, self.books.debt, self.holds.len(), self.settings.suspended));
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

    /// What is used of a window.
    #[must_use]
    pub fn window(&self, name: &Name, level: Level, member: Option<&Name>) -> Option<&Used> {
        self.find_window(name, level, member).ok().and_then(|i| self.windows.get(i)).map(|w| &w.used)
    }

    fn find_window(&self, name: &Name, level: Level, member: Option<&Name>) -> Result<usize, usize> {
        self.windows.binary_search_by(|w| w.key().cmp(&(name, level, member)))
    }

    /// The books of a unit of credits.
    #[must_use]
    pub fn books_of(&self, unit: Option<&Name>) -> Books {
        let Some(unit) = unit else { return self.books };
        self.extras().books.iter().find(|(of, _)| of == unit).map_or_else(Books::default, |(_, books)| *books)
    }

    /// The units of credits that the account has books in; the default one is `None` and comes first.
    pub fn units(&self) -> impl Iterator<Item = Option<&Name>> {
        core::iter::once(None).chain(self.extras().books.iter().map(|(unit, _)| Some(unit)))
    }

    /// Credits that can be drawn at `now`, debt and settled overdraft taken off; below zero when more is owed.
    #[must_use]
    pub fn available(&self, now: Instant, unit: Option<&Name>) -> Credits {
        let usable = self.grants.iter().filter(|g| g.terms.unit.as_ref() == unit && g.is_usable(now));
        let books = self.books_of(unit);
        credits(sum(usable.map(|g| g.remaining)) - sum([books.debt, books.overdraft]))
    }

    /// What open holds have set aside in a unit, of the sources that count.
    fn held_of(&self, unit: Option<&Name>, counts: impl Fn(Source) -> bool) -> i128 {
        let holds = self.holds.iter().filter(|h| h.usage.credit_unit.as_ref() == unit);
        sum(holds.flat_map(|h| &h.draws).filter(|d| counts(d.source)).map(|d| d.credits()))
    }

    /// Credits set aside by open holds.
    #[must_use]
    pub fn held(&self, unit: Option<&Name>) -> Credits {
        credits(self.held_of(unit, |_| true))
    }

    /// Overdraft set aside by open holds, which a grant cannot repay yet.
    #[must_use]
    pub fn overdraft_held(&self, unit: Option<&Name>) -> Credits {
        credits(self.held_of(unit, |source| source == Source::Overdraft))
    }

    /// Whether the books balance: everything issued or lent is free, held, spent or expired.
    ///
    /// # Errors
    /// Says which sum is off.
    pub fn check(&self) -> Result<(), String> {
        self.units().try_for_each(|unit| self.check_unit(unit))?;
        match self.grants.iter().find(|g| sum([g.remaining, g.held]) > i128::from(g.terms.amount.nano())) {
            Some(g) => Err(alloc::format!("grant {} holds more than its amount", g.id.0)),
            None => Ok(()),
        }
    }

    fn check_unit(&self, unit: Option<&Name>) -> Result<(), String> {
        let b = self.books_of(unit);
        let grants = || self.grants.iter().filter(|g| g.terms.unit.as_ref() == unit);
        let (free, granted_held) = (sum(grants().map(|g| g.remaining)), sum(grants().map(|g| g.held)));
        let held = self.held_of(unit, |_| true);
        let inflow = sum([b.issued, b.goodwill, b.debt, b.overdraft]);
        let outflow = free + held + sum([b.spent, b.breakage]);
        if inflow != outflow {
            return Err(alloc::format!(
                "issued and lent {inflow} but free, held, spent and expired {outflow}"
            ));
        }
        if granted_held + self.held_of(unit, |source| source == Source::Overdraft) != held {
            return Err(alloc::format!("holds say {held}, grants and overdraft say {granted_held}"));
        }
        Ok(())
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

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Names a newer format, or where the bytes stop being a state.
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
