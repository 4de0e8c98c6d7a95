//! What a changed policy would have done: a log's requests, asked again one after the other on another catalog.
//!
//! A shadow of the account lives through the same requests at the same instants; what it is granted, denied and charged
//! is counted beside what was. Never touches the account.
//! Assumptions, told with the figures: use that the shadow is denied does not happen; use that was denied and is granted
//! now happens as asked; of denials only those whose explanation was kept are asked again; pools have the room they had.
//! I1 the same catalog changes nothing but what volatile windows had counted (`the_same_policy_changes_nothing`).
//! Units: nano-credits.

use alloc::vec::Vec;
use core::convert::Infallible;

use hashbrown::HashMap;

use crate::abuse::recorded_penalty;
use crate::account::Account;
use crate::capacity::Offer;
use crate::catalog::Catalog;
use crate::command::{
    Command, Correct, Draft, Extend, History, Log, Step, circumstances, request_of, run_with,
};
use crate::life;
use crate::record::{
    Basis, Charge, Credits, Denial, Event, GrantId, HoldId, Instant, Name, Once, Periodic, Record, Seq,
    Source, Use, Verdict, Visit,
};
use crate::waterfall::{Authorize, Context, Live, Quantities, Refusal, Request};

/// What requests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were denied or would have needed consent.
    pub denied: u64,
    /// Credits charged, whoever gave them.
    pub charged: i128,
    /// The part of them from paid sources: revenue.
    pub paid: i128,
    /// The unit of credits; `None`: `credits`.
    pub unit: Option<Name>,
}

impl Tally {
    /// Adds another tally; its credits only when they are in the same unit.
    pub fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.denied += other.denied;
        if self.unit != other.unit {
            return;
        }
        self.charged += other.charged;
        self.paid += other.paid;
    }

    fn charge(&mut self, charge: &Charge) {
        self.unit = charge.usage.credit_unit.clone();
        for draw in &charge.draws {
            let amount = i128::from(draw.credits().nano());
            match draw.source {
                Source::Grant(_, category) => {
                    self.charged += amount;
                    self.paid += if category.is_paid() { amount } else { 0 };
                }
                Source::Overdraft | Source::Debt => {
                    self.charged += amount;
                    self.paid += amount;
                }
                Source::Allowance | Source::Goodwill => {}
            }
        }
    }
}

/// What was and what would have been, for one feature of one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// As recorded.
    pub was: Tally,
    /// On the other catalog.
    pub would_be: Tally,
    /// Requests whose outcome changes.
    pub changed: u64,
}

impl Row {
    /// An empty row in the unit of credits of another.
    #[must_use]
    pub fn in_unit(other: &Self) -> Self {
        let mut row = Self::default();
        row.was.unit.clone_from(&other.was.unit);
        row.would_be.unit.clone_from(&other.would_be.unit);
        row
    }

    /// Adds another row.
    pub fn add(&mut self, other: &Self) {
        self.was.add(&other.was);
        self.would_be.add(&other.would_be);
        self.changed += other.changed;
    }
}

/// What a record charges for the first time; corrections and refunds, which come later, are not told apart.
fn first_charge(record: &Record) -> Option<&Charge> {
    record.charge().filter(|_| !matches!(record.event, Event::Corrected { .. }))
}

/// An account living through its log again.
#[derive(Debug)]
pub struct Shadow<'a> {
    catalog: &'a Catalog,
    account: Account,
    /// Plan and feature → row.
    rows: HashMap<(Name, Name), Row>,
    /// A number in the log → the number of the shadow's record; `None`: denied.
    numbers: HashMap<Seq, Option<Seq>>,
    /// What the shadow's recurring grants opened: by their name, the boundary, and whether anew or carried over.
    crossed: HashMap<(GrantId, Instant, bool), Seq>,
    kept: Kept,
    /// Commands that the other catalog refuses, such as those of a plan or meter that it does not have.
    refused: Vec<(Seq, Refusal)>,
    /// Denials whose explanation was not kept.
    unexplained: u64,
    /// Denials still to come, the latest first.
    denials: Vec<Denial>,
    /// Why the shadow ended before its time, if it did.
    broken: Option<alloc::string::String>,
}

/// The shadow's records that later ones refer back to.
#[derive(Debug, Default)]
struct Kept {
    records: HashMap<Seq, Record>,
    once: HashMap<Once, Seq>,
}

impl Log for Kept {
    type Error = Infallible;

    fn record(&self, seq: Seq) -> Result<Option<Record>, Infallible> {
        Ok(self.records.get(&seq).cloned())
    }

    fn once(&self, once: Once) -> Result<Option<Record>, Infallible> {
        Ok(self.once.get(&once).and_then(|seq| self.records.get(seq)).cloned())
    }
}

impl Kept {
    fn note(&mut self, record: Record) {
        let once = record.event.once();
        let refers = record.opens.is_some()
            || record.charge().is_some()
            || record.quarantined().is_some()
            || matches!(record.event, Event::Authorized { .. });
        if let Some(once) = once {
            self.once.insert(once, record.seq);
        }
        if refers || once.is_some() {
            self.records.insert(record.seq, record);
        }
    }
}

impl<'a> Shadow<'a> {
    /// Before the first record.
    #[must_use]
    pub fn new(account: &Name, catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            account: Account::empty(account.clone()),
            rows: HashMap::new(),
            numbers: HashMap::new(),
            crossed: HashMap::new(),
            kept: Kept::default(),
            refused: Vec::new(),
            unexplained: 0,
            denials: Vec::new(),
            broken: None,
        }
    }

    /// Notes the denials of a record ahead of time: they are recorded some seconds after they were decided, and must be
    /// asked again when they were decided. Every record is to be noted before the first is lived through.
    pub fn note(&mut self, record: &Record) {
        if let Event::Denied(denials) = &record.event {
            let kept = u64::try_from(denials.recent.len()).unwrap_or(u64::MAX);
            self.unexplained += denials.count.saturating_sub(kept);
            self.denials.extend(denials.recent.iter().cloned());
            self.denials.sort_unstable_by_key(|d| core::cmp::Reverse(d.at));
        }
    }

    /// Asks the denials again that no record comes after.
    pub fn finish(&mut self) {
        self.deny_until(Instant::NEVER);
    }

    fn deny_until(&mut self, until: Instant) {
        while let Some(denial) = self.denials.pop_if(|d| d.at < until) {
            self.live_until(denial.at);
            if let Err(refusal) = self.denied(&denial) {
                self.refused.push((self.account.seq, refusal));
            }
        }
    }

    /// Plan, feature and what changes for them.
    pub fn rows(&self) -> impl Iterator<Item = (&(Name, Name), &Row)> {
        self.rows.iter()
    }

    /// What the other catalog refuses, by the number of the record.
    #[must_use]
    pub fn refused(&self) -> &[(Seq, Refusal)] {
        &self.refused
    }

    /// Denials whose explanation was not kept, so that they could not be asked again.
    #[must_use]
    pub fn unexplained(&self) -> u64 {
        self.unexplained
    }

    /// Why the shadow could not live on, if it could not: a defect, not something the catalog did.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The state it has come to.
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

    /// Lives through the next record of the log.
    pub fn take(&mut self, record: &Record) {
        self.deny_until(record.recorded_at);
        self.live_until(record.recorded_at);
        if let Some(charge) = first_charge(record) {
            let feature = charge.usage.feature.clone();
            self.row(&feature).was.charge(charge);
        }
        match Command::of(record) {
            Some(command) => {
                if let Err(refusal) = self.live(record, command) {
                    self.refused.push((record.seq, refusal));
                }
            }
            None => self.follow(record),
        }
    }

    /// What falls due by itself, at the same instants.
    fn live_until(&mut self, at: Instant) {
        while let Some(draft) = life::next(self.ctx(at)) {
            if self.append(draft, at).is_none() {
                return;
            }
        }
        self.account.settle_wake();
    }

    /// Appends the shadow's next record and what follows from it.
    fn append(&mut self, draft: Draft, at: Instant) -> Option<Seq> {
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
        if let Some(charge) = first_charge(&record) {
            let feature = charge.usage.feature.clone();
            self.row(&feature).would_be.charge(charge);
        }
        if let Event::Periodic(event) = &record.event {
            let crossed = match **event {
                Periodic::Renewed { schedule, .. } => Some((schedule, true)),
                Periodic::RolledOver(schedule) => Some((schedule, false)),
                Periodic::Ended(_)
                | Periodic::Banked(_)
                | Periodic::Redeemed { .. }
                | Periodic::PlanChanged(_) => None,
            };
            if let Some((schedule, renews)) = crossed {
                self.crossed.insert((schedule, record.effective_at, renews), seq);
            }
        }
        self.kept.note(record);
        Some(seq)
    }

    /// The shadow's number for a number in the log, if it has one.
    fn number(&self, seq: Seq) -> Option<Seq> {
        self.numbers.get(&seq).copied().flatten()
    }

    /// A record that nobody asked for. The shadow has crossed the same boundaries by itself; what only the engine saw, it takes
    /// over; the rest moves nothing.
    fn follow(&mut self, record: &Record) {
        let Event::Periodic(periodic) = &record.event else {
            if matches!(record.event, Event::Conduct(_)) && !life::wrote(&record.event) {
                self.append(Draft::new(record.event.clone()), record.recorded_at);
            }
            return;
        };
        let (schedule, renews) = match **periodic {
            Periodic::Renewed { schedule, .. } => (schedule, true),
            Periodic::RolledOver(schedule) => (schedule, false),
            Periodic::Ended(_)
            | Periodic::Banked(_)
            | Periodic::Redeemed { .. }
            | Periodic::PlanChanged(_) => return,
        };
        let own = self.number(schedule.0);
        let own = own.and_then(|id| self.crossed.get(&(GrantId(id), record.effective_at, renews)));
        self.numbers.insert(record.seq, own.copied());
    }

    /// Runs the command behind a record again, on the shadow's own numbers.
    fn live(&mut self, record: &Record, command: Command) -> Result<(), Refusal> {
        let asked = asked_of(record).map(|usage| usage.feature.clone());
        if let Some(feature) = &asked {
            self.row(feature).was.granted += 1;
        }
        let Some(command) = command.renumbered(|seq| self.number(seq)) else {
            // What it is about has not happened this time.
            self.count(asked.as_ref(), false);
            return Ok(());
        };
        let command = self.fitted(command);
        let (offers, penalty) = circumstances(record);
        let live = Some(Live { offers: &offers, penalty });
        let ctx = Context { live, ..self.ctx(record.recorded_at) };
        let Ok(step) = run_with(ctx, &command, &mut History::new(), &self.kept);
        let step = match step {
            Err(Refusal::NothingToCorrect) => {
                // Only prices were corrected, and the other catalog has its own.
                if let Command::Correct { charge, .. } = command {
                    self.numbers.insert(record.seq, Some(charge));
                }
                return Ok(());
            }
            Err(refusal) => {
                self.count(asked.as_ref(), false);
                return if is_moot(&refusal) { Ok(()) } else { Err(refusal) };
            }
            Ok(step) => step,
        };
        match step {
            Step::Append(draft) => {
                self.count(asked.as_ref(), true);
                let seq = self.append(*draft, record.recorded_at);
                self.numbers.insert(record.seq, seq);
                self.live_until(record.recorded_at);
            }
            Step::Count(..) => self.count(asked.as_ref(), true),
            Step::Deny(..) | Step::Needs(_) => {
                self.count(asked.as_ref(), false);
                self.numbers.insert(record.seq, None);
            }
        }
        Ok(())
    }

    fn count(&mut self, asked: Option<&Name>, granted: bool) {
        let Some(feature) = asked else { return };
        let row = self.row(feature);
        if granted {
            row.would_be.granted += 1;
        } else {
            (row.would_be.denied, row.changed) = (row.would_be.denied + 1, row.changed + 1);
        }
    }

    /// A command as it fits the shadow: holds live as long as the other catalog lets them, what is given back is at most what
    /// was charged this time, and corrected quantities keep the shadow's prices.
    fn fitted(&self, mut command: Command) -> Command {
        if let Command::Authorize(Authorize { request, life, .. }) = &mut command {
            let feature = self.catalog.feature(request.feature.as_str());
            *life = life.zip(feature).map(|(life, f)| life.min(f.hold_life_max));
        }
        if let Command::Extend(Extend { hold, life, .. }) = &mut command {
            let hold = self.account.hold(*hold);
            *life = life.zip(hold).map(|(life, h)| life.min(h.terms.life_max));
        }
        if let Command::Refund { charge, amount, .. } = &mut command {
            let charged = self.kept.records.get(charge).and_then(Record::charge);
            let most = charged.map_or(0, |c| c.draws.iter().map(|d| d.credits().nano()).sum());
            let least = |amount: Credits| Credits::from_nano(amount.nano().min(most));
            *amount = amount.map(least).filter(|a| a.is_positive());
        }
        if let Command::Correct { to, .. } = &mut command
            && let Correct::Exactly(usage) = to
        {
            *to = Correct::To { quantities: quantities(usage), reprice: false };
        }
        command
    }

    /// Asks a denied request again; what is granted now happens as asked.
    fn denied(&mut self, denial: &Denial) -> Result<(), Refusal> {
        let slot_refused = |v: &Visit| v.basis == Basis::Slot && matches!(v.verdict, Verdict::Refused(_));
        let held = denial.decision.visits.iter().any(slot_refused);
        let request = Request { consented: false, ..request_of(&denial.usage, &denial.decision) };
        let ask = Command::Authorize(Authorize { request, minimum: None, life: None, settle_now: !held });
        let offers = Offer::recorded(&denial.decision, None);
        let live = Some(Live { offers: &offers, penalty: recorded_penalty(&denial.decision) });
        let ctx = Context { live, ..self.ctx(denial.at) };
        let Ok(step) = run_with(ctx, &ask, &mut History::new(), &self.kept);
        let row = self.row(&denial.usage.feature);
        row.was.denied += 1;
        match step {
            Ok(Step::Append(draft)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
                let seq = self.append(*draft, denial.at);
                if let Some(hold) = seq.filter(|_| held).map(HoldId) {
                    let settle = Command::Settle { hold, quantities: quantities(&denial.usage) };
                    let Ok(settled) = run_with(self.ctx(denial.at), &settle, &mut History::new(), &self.kept);
                    if let Step::Append(draft) = settled? {
                        self.append(*draft, denial.at);
                    }
                }
                self.live_until(denial.at);
            }
            Ok(Step::Count(..)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
            }
            Ok(Step::Deny(..) | Step::Needs(_)) => row.would_be.denied += 1,
            Err(refusal) => {
                row.would_be.denied += 1;
                return Err(refusal);
            }
        }
        Ok(())
    }
}

fn quantities(usage: &Use) -> Quantities {
    usage.lines.iter().map(|l| (l.meter.clone(), l.quantity)).collect()
}

/// What was asked for, where a record answers a request.
fn asked_of(record: &Record) -> Option<&Use> {
    if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &record.event {
        return Some(usage);
    }
    if let Event::Charged { charge, .. } = &record.event { Some(&charge.usage) } else { None }
}

/// Whether a refusal says only that the shadow has come to another point: what the command is about is not there, is over, or
/// was done already.
fn is_moot(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownHold(_)
            | Refusal::HoldEnded { .. }
            | Refusal::UnknownGrant(_)
            | Refusal::UnknownRecord(_)
            | Refusal::NotACharge(_)
            | Refusal::AlreadyRefunded(..)
            | Refusal::AlreadyRedeemed(..)
            | Refusal::NoReset
            | Refusal::NothingToReset
            | Refusal::NotInQuarantine(_)
            | Refusal::NoTopUp(_)
            | Refusal::NoEffect(_)
    )
}
