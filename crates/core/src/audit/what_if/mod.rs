//! What a changed policy would have done: a log's requests, run again one after another on another catalog.
//!
//! A shadow of the account gets the same requests at the same instants; its grants, denials and charges
//! are counted beside the recorded ones. Never touches the account.
//! Assumptions, stated with the figures: use that the shadow is denied, or that waits in its quarantine, does not happen, nor do
//! corrections and refunds of it; use that was denied and is granted now happens as requested; only denials whose explanation was
//! kept are run again, the first of an account; supplies have the room they had.
//! I1 the same catalog changes nothing except counts of volatile windows (`the_same_policy_changes_nothing`).
//! I2 what refers to a record that the shadow knows nothing of is told (`what_refers_to_nothing_known_is_told`).
//! I3 of a log of any length, only what later records refer to is kept (`a_long_log_is_run_in_little_memory`).
//! Units: nano-credits.

use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use crate::account::Account;
use crate::catalog::Catalog;
use crate::command::{Command, Draft};
use crate::life;
use crate::record::{Denial, Event, GrantId, Instant, Name, Record, Seq};
use crate::waterfall::{Context, Refusal};

mod again;
mod charged;
mod counterparts;
mod follow;
mod kept;
mod tally;

use charged::{Charged, Rows};
use counterparts::{closes, crossing, expiry_to_know, invoice};
use kept::Kept;
pub use tally::{Row, Tally};

/// Denials of one account that are run again: some tens of megabytes.
const DENIALS_MAX: usize = 20_000;
/// Refusals that are kept in words.
const REFUSALS_KEPT: usize = 100;

/// An account whose log runs again.
#[derive(Debug)]
pub struct Shadow<'a> {
    catalog: &'a Catalog,
    account: Account,
    /// Plan and feature → row.
    rows: Rows,
    /// The log's charges, and the shadow's.
    then: Charged,
    anew: Charged,
    /// Numbers in the log that records still to come refer to, and how many do.
    wanted: HashMap<Seq, u32>,
    /// A number in the log → the number of the shadow's record; `None`: denied.
    numbers: HashMap<Seq, Option<Seq>>,
    /// The grants that the shadow's recurring grants opened: by name, boundary, and whether opened again or carried over.
    crossed: HashMap<(GrantId, Instant, bool), Seq>,
    /// The shadow's last close of a period of a volume, by its beginning, until the log's has come.
    closes: HashMap<(Name, Instant), Seq>,
    /// Late use that waited in the log's quarantine and was accepted.
    accepted: HashSet<Seq>,
    /// The shadow's invoices, by layer, unit and end.
    invoices: HashMap<(Name, Option<Name>, Instant), Seq>,
    kept: Kept,
    /// Commands that cannot be run again, such as those of a plan or meter that the other catalog does not have: how many, and the first.
    refusals: u64,
    refused: Vec<(Seq, Refusal)>,
    /// Denials whose explanation was not kept, here or in the log.
    unexplained: u64,
    /// Denials still to come, the latest first once they are sorted.
    denials: Vec<Denial>,
    sorted: bool,
    /// Why the shadow ended early, if it did.
    broken: Option<alloc::string::String>,
}

impl<'a> Shadow<'a> {
    /// Before the first record.
    #[must_use]
    pub fn new(account: &Name, catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            account: Account::empty(account.clone()),
            rows: HashMap::new(),
            then: Charged::new(|row| &mut row.was),
            anew: Charged::new(|row| &mut row.would_be),
            wanted: HashMap::new(),
            numbers: HashMap::new(),
            crossed: HashMap::new(),
            closes: HashMap::new(),
            accepted: HashSet::new(),
            invoices: HashMap::new(),
            kept: Kept::default(),
            refusals: 0,
            refused: Vec::new(),
            unexplained: 0,
            denials: Vec::new(),
            sorted: false,
            broken: None,
        }
    }

    /// Notes in advance what a record refers back to, and its denials: they are recorded some seconds after they were
    /// decided, and must be run again at the instant of the decision. Note every record before taking the first one.
    pub fn note(&mut self, record: &Record) {
        if let Event::Denied(denials) = &record.event {
            let room = DENIALS_MAX.saturating_sub(self.denials.len());
            let kept = denials.recent.len().min(room);
            self.unexplained += denials.count.saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX));
            self.denials.extend(denials.recent.iter().take(kept).cloned());
            self.sorted = false;
        }
        if let Some(hold) = expiry_to_know(record) {
            *self.wanted.entry(hold.0).or_default() += 1;
        }
        let Some(command) = Command::of(record) else { return };
        if let Command::AcceptLate { kept } = command {
            self.accepted.insert(kept);
        }
        let _ = command.renumbered(|seq| {
            *self.wanted.entry(seq).or_default() += 1;
            Some(seq)
        });
    }

    /// Runs the denials again that come after the last record.
    pub fn finish(&mut self) {
        self.deny_until(Instant::NEVER);
    }

    fn deny_until(&mut self, until: Instant) {
        if !self.sorted {
            self.denials.sort_by_key(|d| core::cmp::Reverse(d.at));
            self.sorted = true;
        }
        while let Some(denial) = self.denials.pop_if(|d| d.at < until) {
            self.live_until(denial.at);
            if let Err(refusal) = self.denied(&denial) {
                self.refuse(self.account.seq, refusal);
            }
        }
    }

    fn refuse(&mut self, seq: Seq, refusal: Refusal) {
        self.refusals += 1;
        if self.refused.len() < REFUSALS_KEPT {
            self.refused.push((seq, refusal));
        }
    }

    /// Plan, feature and their changes.
    pub fn rows(&self) -> impl Iterator<Item = (&(Name, Name), &Row)> {
        self.rows.iter()
    }

    /// How many commands the other catalog refuses.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The first of them, by the number of the record.
    #[must_use]
    pub fn refused(&self) -> &[(Seq, Refusal)] {
        &self.refused
    }

    /// Records that are kept because later ones may look them up.
    #[must_use]
    pub fn records_kept(&self) -> usize {
        self.kept.records.len()
    }

    /// Denials whose explanation was not kept, so they could not be run again.
    #[must_use]
    pub fn unexplained(&self) -> u64 {
        self.unexplained
    }

    /// Why the shadow could not continue, if it could not: a defect, not an effect of the catalog.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Its present state.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    fn row(&mut self, feature: &Name) -> &mut Row {
        let plan = self.account.settings.plan.clone();
        self.rows.entry((plan, feature.clone())).or_default()
    }

    fn ctx(&self, at: Instant) -> Context<'_> {
        Context::new(&self.account, self.catalog, self.account.tick(at))
    }

    /// Takes the next record of the log.
    pub fn take(&mut self, record: &Record) {
        self.deny_until(record.recorded_at);
        self.live_until(record.recorded_at);
        let keeps = self.wanted.contains_key(&record.seq);
        self.then.take(record, &self.account.settings.plan, keeps, &mut self.rows);
        match Command::of(record) {
            Some(command) => {
                if let Err(refusal) = self.live(record, command) {
                    self.refuse(record.seq, refusal);
                }
            }
            None => self.follow(record),
        }
    }

    /// Processes due events, at the same instants.
    fn live_until(&mut self, at: Instant) {
        while let Some(draft) = life::next(self.ctx(at)) {
            if self.append(draft, at, false).is_none() {
                return;
            }
        }
        self.account.settle_wake();
    }

    /// Appends the shadow's next record and its consequences; `later` records refer to it.
    fn append(&mut self, draft: Draft, at: Instant, later: bool) -> Option<Seq> {
        if self.broken.is_some() {
            return None;
        }
        let at = self.account.tick(at);
        let record = draft.into_record(&self.account, at, None, None);
        // The shadow has no chain.
        if let Err(e) = self.account.apply(&record, [0; 32]) {
            self.broken = Some(alloc::format!("{e}"));
            return None;
        }
        let seq = record.seq;
        let keeps = self.kept.keeps(&record, later);
        self.anew.take(&record, &self.account.settings.plan, keeps, &mut self.rows);
        if let Some((schedule, renews)) = crossing(&record.event) {
            self.crossed.insert((schedule, record.effective_at, renews), seq);
        }
        if let Some(invoice) = invoice(&record) {
            self.invoices.insert(invoice, seq);
        }
        if let Some(close) = closes(&record) {
            self.closes.insert(close, seq);
        }
        if keeps {
            self.kept.keep(record);
        }
        Some(seq)
    }

    /// Remembers the shadow's number for a number in the log that is still needed. Grants are, by what crosses their boundary.
    fn numbered(&mut self, record: &Record, own: Option<Seq>) {
        if record.opens.is_some() || self.wanted.contains_key(&record.seq) {
            self.numbers.insert(record.seq, own);
        }
    }

    /// The shadow's number for a number in the log, if it has one.
    fn number(&self, seq: Seq) -> Option<Seq> {
        self.numbers.get(&seq).copied().flatten()
    }
}
