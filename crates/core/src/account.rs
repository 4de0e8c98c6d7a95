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

#[cfg(feature = "schema")]
use alloc::vec;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use crate::amount::Credits;
use crate::codec::list;
use crate::decision::{Basis, Draw, Draws, Source, Visit};
use crate::ledger::{
    Book, Correction, Event, GrantId, GrantTerms, HoldId, HoldTerms, Movement, Record, RecordError, Seq, Use,
    chain, genesis,
};
use crate::name::{Level, Name, Path, Segment};
use crate::time::Instant;
use crate::window::{Terms, Used};

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

/// Whether paid sources may be drawn.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Consent {
    /// Yes.
    #[default]
    #[n(0)]
    Allow,
    /// Only when the request says so.
    #[n(1)]
    Ask,
    /// No.
    #[n(2)]
    Never,
}

/// Settings of an account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Settings {
    /// The plan.
    #[n(0)]
    pub plan: Name,
    /// Whether every request is denied.
    #[n(1)]
    pub suspended: bool,
    /// Consent of the account; `None`: the plan's.
    #[n(2)]
    pub consent: Option<Consent>,
    /// What billing windows are counted from.
    #[n(3)]
    pub billing_anchor: Instant,
    /// Settings of segments, in order.
    #[n(4)]
    pub segments: Vec<SegmentSettings>,
}

/// Settings of one segment of the path.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentSettings {
    /// Which.
    #[n(0)]
    pub segment: Segment,
    /// Whether every request through it is denied.
    #[n(1)]
    pub suspended: bool,
    /// Its consent; the strictest of the path and the account counts.
    #[n(2)]
    pub consent: Option<Consent>,
    /// What it may draw from the pool in one window.
    #[n(3)]
    pub pool_cap: Option<Credits>,
}

impl Settings {
    /// The settings of a segment, if it has any.
    #[must_use]
    pub fn segment(&self, level: Level, name: &Name) -> Option<&SegmentSettings> {
        let found =
            self.segments.binary_search_by(|s| (s.segment.level, &s.segment.name).cmp(&(level, name)));
        found.ok().and_then(|i| self.segments.get(i))
    }
}

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
    fn burn_key(&self) -> (u16, Instant, crate::ledger::Category, Instant, GrantId) {
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

/// Use that a hold counted in a window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Counted {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at.
    #[n(1)]
    pub level: Level,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// How much.
    #[n(3)]
    pub cost: i64,
    /// How it is recomputed.
    #[n(4)]
    pub basis: Basis,
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
    /// Issued by the operator, less what was taken back.
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
            settings: Settings {
                plan: no_plan(),
                suspended: false,
                consent: None,
                billing_anchor: Instant::default(),
                segments: Vec::new(),
            },
            books: Books::default(),
            grants: SmallVec::new(),
            holds: Vec::new(),
            windows: SmallVec::new(),
            denied: 0,
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

    /// Credits that can be drawn at `now`, debt and settled overdraft taken off; below zero when more is owed.
    #[must_use]
    pub fn available(&self, now: Instant) -> Credits {
        let free: i64 = self.grants.iter().filter(|g| g.is_usable(now)).map(|g| g.remaining.nano()).sum();
        Credits::from_nano(
            free.saturating_sub(self.books.debt.nano()).saturating_sub(self.books.overdraft.nano()),
        )
    }

    /// Credits set aside by open holds.
    #[must_use]
    pub fn held(&self) -> Credits {
        Credits::from_nano(self.holds.iter().map(|h| h.held().nano()).sum())
    }

    /// Overdraft set aside by open holds, which a grant cannot repay yet.
    #[must_use]
    pub fn overdraft_held(&self) -> Credits {
        let of = |h: &Hold| -> i64 {
            h.draws.iter().filter(|d| matches!(d.source, Source::Overdraft)).map(|d| d.amount).sum()
        };
        Credits::from_nano(self.holds.iter().map(|h| of(h)).sum())
    }

    /// Folds a record, verifying the chain against its bytes; returns the hash after it.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply_bytes(&mut self, bytes: &[u8]) -> Result<[u8; 32], FoldError> {
        let record = Record::from_bytes(bytes).map_err(|e: RecordError| self.broken(&e.to_string()))?;
        let hash = chain(&self.chain, bytes);
        self.apply(&record, hash)?;
        Ok(hash)
    }

    fn broken(&self, what: &str) -> FoldError {
        FoldError { seq: self.seq + 1, what: what.to_string() }
    }

    /// Folds a record whose chain hash is known.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply(&mut self, record: &Record, hash: [u8; 32]) -> Result<(), FoldError> {
        if record.seq != self.seq + 1 {
            return Err(self.broken(&alloc::format!("its number is {}", record.seq)));
        }
        let now = record.recorded_at;
        if let Some(terms) = &record.opens {
            self.open_grant(GrantId(record.seq), terms.clone());
        }
        self.apply_event(record, now).map_err(|what| self.broken(&what))?;
        for movement in &record.movements {
            self.apply_movement(movement).map_err(|what| self.broken(&what))?;
        }
        self.finish_event(record).map_err(|what| self.broken(&what))?;
        (self.seq, self.chain, self.recorded_at) = (record.seq, hash, now);
        if self.wakes_at <= now {
            self.wakes_at = self.next_wake();
        }
        Ok(())
    }

    /// Counts the use of a feature that is not recorded.
    pub fn count_volatile(&mut self, usage: &Use, decision: &crate::decision::Decision, now: Instant) {
        if decision.outcome.is_granted() {
            self.take_visits(&usage.path, &decision.visits, now);
        }
    }

    /// Makes [`Self::wakes_at`] exact, once everything that was due has ended.
    pub fn settle_wake(&mut self) {
        self.wakes_at = self.next_wake();
    }

    fn next_wake(&self) -> Instant {
        let holds = self.holds.iter().map(|h| h.terms.deadline);
        let grants = self.grants.iter().filter(|g| g.remaining.is_positive()).map(|g| g.terms.expires_at);
        holds.chain(grants).min().unwrap_or(Instant::NEVER)
    }

    /// What must stand before the movements: new grants, new holds, windows.
    fn apply_event(&mut self, record: &Record, now: Instant) -> Result<(), String> {
        match &record.event {
            Event::Opened(settings) => {
                self.settings = settings.clone();
                self.opened_at = now;
            }
            Event::Changed(settings, _) => self.settings = settings.clone(),
            Event::Authorized(usage, decision, terms) => {
                self.open_hold(record.seq, now, usage, terms);
                self.count(HoldId(record.seq), &decision.visits, &decision.draws, now)?;
            }
            Event::Extended(id, usage, decision, deadline, progress) => {
                self.extend_hold(*id, usage, *deadline, progress.as_deref())?;
                self.count(*id, &decision.visits, &decision.draws, now)?;
            }
            Event::Settled(id, charge, late) => {
                if !late {
                    self.correct_windows(*id, &record.corrections, now)?;
                }
                self.take_visits(&charge.usage.path, excess_visits(charge), now);
            }
            Event::Released(id) | Event::Expired(id, _) => {
                self.correct_windows(*id, &record.corrections, now)?
            }
            Event::Charged(charge, decision) => self.take_visits(&charge.usage.path, &decision.visits, now),
            Event::Refunded { reopened, path, .. } => {
                for (id, terms) in reopened {
                    self.open_grant(*id, terms.clone());
                }
                self.correct(path, &record.corrections, now);
            }
            Event::Voided(id, _) => {
                let grant = self.grants.iter_mut().find(|g| g.id == *id).ok_or("no such grant")?;
                grant.voided = true;
            }
            Event::Adjusted(id, by, _) => {
                let grant = self.grants.iter_mut().find(|g| g.id == *id).ok_or("no such grant")?;
                grant.terms.amount = grant.terms.amount.checked_add(*by).ok_or("overflow")?;
            }
            Event::Denied(denials) => self.denied = self.denied.saturating_add(denials.count),
            Event::Granted
            | Event::GrantExpired(_)
            | Event::CatalogLoaded(..)
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_) => {}
        }
        Ok(())
    }

    /// What must wait until the movements are done: ended holds and empty grants leave.
    fn finish_event(&mut self, record: &Record) -> Result<(), String> {
        match &record.event {
            Event::Settled(id, _, false) | Event::Released(id) | Event::Expired(id, _) => {
                self.end_hold(*id)?
            }
            Event::Opened(_)
            | Event::Changed(..)
            | Event::Authorized(..)
            | Event::Extended(..)
            | Event::Settled(_, _, true)
            | Event::Charged(..)
            | Event::Granted
            | Event::GrantExpired(_)
            | Event::Voided(..)
            | Event::Adjusted(..)
            | Event::Refunded { .. }
            | Event::Denied(_)
            | Event::CatalogLoaded(..)
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_) => {}
        }
        if !record.movements.is_empty() {
            self.grants.retain(|g| g.remaining.is_positive() || g.held.is_positive());
        }
        Ok(())
    }

    fn open_hold(&mut self, seq: Seq, now: Instant, usage: &Use, terms: &HoldTerms) {
        self.wakes_at = self.wakes_at.min(terms.deadline);
        self.holds.push(Box::new(Hold {
            id: HoldId(seq),
            opened_at: now,
            terms: terms.clone(),
            usage: usage.clone(),
            draws: SmallVec::new(),
            counted: Vec::new(),
            extensions: 0,
            progress: None,
        }));
    }

    fn hold_mut(&mut self, id: HoldId) -> Result<&mut Hold, String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        self.holds.get_mut(at).map(|h| &mut **h).ok_or_else(|| "no such hold".into())
    }

    fn extend_hold(
        &mut self,
        id: HoldId,
        more: &Use,
        deadline: Instant,
        progress: Option<&Use>,
    ) -> Result<(), String> {
        let hold = self.hold_mut(id)?;
        if deadline != hold.terms.deadline {
            hold.terms.deadline = deadline;
            hold.extensions += 1;
        }
        for line in &more.lines {
            if let Some(held) = hold.usage.lines.iter_mut().find(|l| l.meter == line.meter) {
                held.quantity = held.quantity.saturating_add(line.quantity);
            }
        }
        if let Some(progress) = progress {
            hold.progress = Some(progress.clone());
        }
        self.wakes_at = self.wakes_at.min(deadline);
        Ok(())
    }

    /// Counts what a decision took and writes it on the hold's receipt.
    fn count(&mut self, id: HoldId, visits: &[Visit], draws: &[Draw], now: Instant) -> Result<(), String> {
        for draw in draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grants.iter_mut().find(|g| g.id == grant).ok_or("no such grant")?;
                grant.held = grant.held.checked_add(draw.credits()).ok_or("overflow")?;
            }
        }
        let hold = self.hold_mut(id)?;
        for draw in draws {
            match hold.draws.iter_mut().find(|d| d.source == draw.source && d.layer == draw.layer) {
                Some(same) => same.amount += draw.amount,
                None => hold.draws.push(draw.clone()),
            }
        }
        for visit in visits.iter().filter(|v| v.terms.is_some() && v.cost != 0) {
            hold.counted.push(Counted {
                name: visit.name.clone(),
                level: visit.level,
                at: now,
                cost: visit.cost,
                basis: visit.basis.clone(),
            });
        }
        let path = hold.usage.path.clone();
        self.take_visits(&path, visits, now);
        Ok(())
    }

    fn take_visits(&mut self, path: &Path, visits: &[Visit], now: Instant) {
        for visit in visits {
            if let (Some(terms), true) = (&visit.terms, visit.cost != 0) {
                self.take(&visit.name, visit.level, path.at(visit.level), *terms, visit.cost, now);
            }
        }
    }

    fn take(
        &mut self,
        name: &Name,
        level: Level,
        member: Option<&Name>,
        terms: Terms,
        cost: i64,
        now: Instant,
    ) {
        match self.find_window(name, level, member) {
            Ok(i) => {
                if let Some(window) = self.windows.get_mut(i) {
                    let mut used = Some(core::mem::replace(&mut window.used, Used::Slots(0)));
                    terms.take(&mut used, cost, now);
                    window.used = used.unwrap_or(Used::Slots(0));
                }
            }
            Err(_) => {
                if self.windows.len().is_power_of_two() && self.windows.len() >= 8 {
                    self.windows.retain(|w| !w.used.is_over(now));
                }
                let mut used = None;
                terms.take(&mut used, cost, now);
                if let (Some(used), Err(i)) = (used, self.find_window(name, level, member)) {
                    self.windows.insert(
                        i,
                        Window { name: name.clone(), level, member: member.cloned().map(Box::new), used },
                    );
                }
            }
        }
    }

    fn correct_windows(
        &mut self,
        id: HoldId,
        corrections: &[Correction],
        now: Instant,
    ) -> Result<(), String> {
        let path = self.hold(id).ok_or("no such hold")?.usage.path.clone();
        self.correct(&path, corrections, now);
        Ok(())
    }

    fn correct(&mut self, path: &Path, corrections: &[Correction], now: Instant) {
        for c in corrections {
            let Ok(i) = self.find_window(&c.name, c.level, path.at(c.level)) else {
                continue;
            };
            let Some(window) = self.windows.get_mut(i) else {
                continue;
            };
            window.used.correct(c.counted_at, c.delta, now);
            if window.used.is_over(now) {
                self.windows.remove(i);
            }
        }
    }

    fn open_grant(&mut self, id: GrantId, terms: GrantTerms) {
        if self.grant(id).is_some() {
            return;
        }
        self.wakes_at = self.wakes_at.min(terms.expires_at);
        let grant = Grant { id, terms, remaining: Credits::ZERO, held: Credits::ZERO, voided: false };
        let at = self.grants.partition_point(|g| g.burn_key() < grant.burn_key());
        self.grants.insert(at, grant);
    }

    fn end_hold(&mut self, id: HoldId) -> Result<(), String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        let hold = self.holds.remove(at);
        for draw in &hold.draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grants.iter_mut().find(|g| g.id == grant).ok_or("no such grant")?;
                grant.held = grant.held.checked_sub(draw.credits()).ok_or("overflow")?;
            }
        }
        Ok(())
    }

    fn apply_movement(&mut self, m: &Movement) -> Result<(), String> {
        if m.amount < Credits::ZERO {
            return Err("a movement is negative".into());
        }
        self.post(m.from, m.amount, false)?;
        self.post(m.to, m.amount, true)
    }

    fn post(&mut self, book: Book, amount: Credits, enters: bool) -> Result<(), String> {
        let move_to = |balance: &mut Credits, adds: bool| -> Result<(), String> {
            let next = if adds { balance.checked_add(amount) } else { balance.checked_sub(amount) };
            *balance =
                next.filter(|n| *n >= Credits::ZERO).ok_or("a book would go below zero or overflow")?;
            Ok(())
        };
        match book {
            // What leaves these has been issued or lent to the account.
            Book::Operator => move_to(&mut self.books.issued, !enters),
            Book::Goodwill => move_to(&mut self.books.goodwill, !enters),
            Book::Debt => move_to(&mut self.books.debt, !enters),
            Book::Overdraft => move_to(&mut self.books.overdraft, !enters),
            Book::Spent => move_to(&mut self.books.spent, enters),
            Book::Breakage => move_to(&mut self.books.breakage, enters),
            // A hold's balance is its receipt.
            Book::Hold(_) => Ok(()),
            Book::Grant(id) => {
                let grant = self.grants.iter_mut().find(|g| g.id == id).ok_or("no such grant")?;
                move_to(&mut grant.remaining, enters)
            }
        }
    }

    /// Whether the books balance: everything issued or lent is free, held, spent or expired.
    ///
    /// # Errors
    /// Says which sum is off.
    pub fn check(&self) -> Result<(), String> {
        let b = &self.books;
        let free: i64 = self.grants.iter().map(|g| g.remaining.nano()).sum();
        let granted_held: i64 = self.grants.iter().map(|g| g.held.nano()).sum();
        let held = self.held().nano();
        let inflow = b.issued.nano() + b.goodwill.nano() + b.debt.nano() + b.overdraft.nano();
        let outflow = free + held + b.spent.nano() + b.breakage.nano();
        if inflow != outflow {
            return Err(alloc::format!(
                "issued and lent {inflow} but free, held, spent and expired {outflow}"
            ));
        }
        if granted_held + self.overdraft_held().nano() != held {
            return Err(alloc::format!("holds say {held}, grants and overdraft say {granted_held}"));
        }
        match self.grants.iter().find(|g| g.remaining.nano() + g.held.nano() > g.terms.amount.nano()) {
            Some(g) => Err(alloc::format!("grant {} holds more than its amount", g.id.0)),
            None => Ok(()),
        }
    }

    /// The durable part of the state, canonical: equal states have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut durable = self.clone();
        durable.windows.retain(|w| !w.used.is_volatile() && !w.used.is_over(self.recorded_at));
        let mut out = Vec::with_capacity(256);
        let mut encoder = minicbor::Encoder::new(&mut out);
        // Writing to memory cannot fail.
        let _ = encoder.u16(crate::ledger::FORMAT).and_then(|e| e.encode(&durable));
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
        if format > crate::ledger::FORMAT {
            return Err(RecordError::NewerFormat(format));
        }
        let mut account: Self = decoder.decode().map_err(malformed)?;
        account.settle_wake();
        Ok(account)
    }
}

fn excess_visits(charge: &crate::ledger::Charge) -> &[Visit] {
    charge.excess.as_ref().map_or(&[], |e| &e.visits)
}

/// The plan of accounts that were never opened.
fn no_plan() -> Name {
    Name::new("none").unwrap_or_else(|_| unreachable!("`none` is a name"))
}
