//! What a changed policy would have done: a log's requests, asked again one after the other on another catalog.
//!
//! A shadow of the account lives through the same requests at the same instants; what it is granted, denied and charged
//! is counted beside what was. Never touches the account.
//! Assumptions, told with the figures: use that the shadow is denied does not happen; use that was denied and is granted
//! now happens as asked; of denials only those whose explanation was kept are asked again; pools have the room they had.
//! I1 the same catalog changes nothing but what volatile windows had counted (`the_same_policy_changes_nothing`).
//! Units: nano-credits.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::abuse::recorded_penalty;
use crate::account::Account;
use crate::audit::replay::{
    History, closed_grants, extension, new_grant, plan_change, quantities, request, request_happened,
};
use crate::capacity::Offer;
use crate::catalog::Catalog;
use crate::operation::{
    self, Authorize, ChangePlan, Context, Correct, Decided, Draft, Refusal, Request, charge_of,
};
use crate::record::{
    Charge, Conduct, Denial, Event, GrantId, HoldId, Instant, Name, Operation, Periodic, Record, Rule, Seq,
    Source, Use,
};

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
    charge_of(record).filter(|_| !matches!(record.event, Event::Corrected { .. }))
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
    /// The shadow's records that later ones refer back to.
    kept: HashMap<Seq, Record>,
    voids: HashMap<GrantId, Seq>,
    /// Operations that the other catalog refuses, such as a plan or meter that it does not have.
    refused: Vec<(Seq, Refusal)>,
    /// Denials whose explanation was not kept.
    unexplained: u64,
    /// Denials still to come, the latest first.
    denials: Vec<Denial>,
}

impl History for Shadow<'_> {
    type Error = &'static str;

    fn record(&self, seq: Seq) -> Result<Record, Self::Error> {
        self.kept.get(&seq).cloned().ok_or("no such record")
    }

    fn void_of(&self, grant: GrantId) -> Result<Option<Record>, Self::Error> {
        Ok(self.voids.get(&grant).and_then(|seq| self.kept.get(seq)).cloned())
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
            kept: HashMap::new(),
            voids: HashMap::new(),
            refused: Vec::new(),
            unexplained: 0,
            denials: Vec::new(),
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
            let now = self.account.tick(denial.at);
            if let Err(refusal) = self.expire(now).and_then(|()| self.denied(&denial)) {
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

    /// The state it has come to.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    fn row(&mut self, feature: &Name) -> &mut Row {
        let plan = self.account.settings.plan.clone();
        self.rows.entry((plan, feature.clone())).or_default()
    }

    /// Lives through the next record of the log.
    pub fn take(&mut self, record: &Record) {
        self.deny_until(record.recorded_at);
        let now = self.account.tick(record.recorded_at);
        if let Err(refusal) = self.expire(now).and_then(|()| self.live(record)) {
            self.refused.push((record.seq, refusal));
        }
    }

    /// Ends what has passed its deadline.
    fn expire(&mut self, now: Instant) -> Result<(), Refusal> {
        while self.account.wakes_at <= now {
            let ctx = Context::new(&self.account, self.catalog, now);
            let Some(draft) = operation::next_end(ctx, now)? else {
                self.account.settle_wake();
                break;
            };
            self.append(draft, now);
        }
        Ok(())
    }

    fn append(&mut self, draft: Draft, at: Instant) -> Seq {
        let at = self.account.tick(at);
        let record = draft.into_record(&self.account, at, None, None);
        // The shadow has no chain; a record that does not follow would be a defect, and changes nothing.
        if self.account.apply(&record, [0; 32]).is_err() {
            return 0;
        }
        let seq = record.seq;
        if let Some(effect) = operation::begin_effect(self.ctx(at)) {
            self.append(effect, at);
        }
        if let Some(charge) = first_charge(&record) {
            let feature = charge.usage.feature.clone();
            self.row(&feature).would_be.charge(charge);
        }
        if let Event::Voided { grant: id, .. } = record.event {
            self.voids.insert(id, seq);
        }
        if let Event::Periodic(event) = &record.event {
            if let Periodic::Renewed { schedule: id, .. } = &**event {
                self.crossed.insert((*id, record.effective_at, true), seq);
            }
            if let Periodic::RolledOver(id) = &**event {
                self.crossed.insert((*id, record.effective_at, false), seq);
            }
        }
        let is_kept = record.opens.is_some()
            || charge_of(&record).is_some()
            || matches!(record.event, Event::Voided { .. } | Event::Authorized { .. });
        if is_kept {
            self.kept.insert(seq, record);
        }
        seq
    }

    fn ctx(&self, at: Instant) -> Context<'_> {
        Context::new(&self.account, self.catalog, self.account.tick(at))
    }

    /// The shadow's number for a number in the log, if it has one.
    fn number(&self, seq: Seq) -> Option<Seq> {
        self.numbers.get(&seq).copied().flatten()
    }

    fn live(&mut self, record: &Record) -> Result<(), Refusal> {
        let at = record.recorded_at;
        if let Some(charge) = first_charge(record) {
            let feature = charge.usage.feature.clone();
            self.row(&feature).was.charge(charge);
        }
        let draft = match &record.event {
            Event::Opened(settings) => operation::open(self.ctx(at), settings.clone())?,
            Event::Changed { settings, reason } => {
                operation::change(self.ctx(at), settings.clone(), reason.clone())?
            }
            Event::Authorized { usage, decision, terms } => {
                let life = terms.deadline.since(at);
                let feature = self.catalog.feature(usage.feature.as_str());
                let ask = Authorize {
                    request: request(usage, decision),
                    minimum: None,
                    life: feature.map(|f| life.min(f.hold_life_max)),
                    settle_now: false,
                };
                return self.decide(record, usage, |ctx| operation::authorize(ctx, &ask));
            }
            Event::Charged { charge, decision } => {
                let happened = record.key.as_ref().is_some_and(|k| k.operation == Operation::Record)
                    || !record.parents.is_empty();
                let used_at = record.effective_at;
                let of = if happened { request_happened } else { request };
                let request = of(&charge.usage, decision);
                let ask = Authorize { request, minimum: None, life: None, settle_now: true };
                return self.decide(record, &charge.usage, |ctx| {
                    if happened {
                        operation::record_at(ctx, &ask.request, used_at)
                    } else {
                        operation::authorize(ctx, &ask)
                    }
                });
            }
            Event::Extended { hold: id, usage, decision, deadline, progress } => {
                let Some(hold) = self.number(id.0).map(HoldId).filter(|id| self.account.hold(*id).is_some())
                else {
                    return Ok(());
                };
                let ask = extension(
                    self.account.hold(hold),
                    hold,
                    usage,
                    decision,
                    *deadline,
                    progress.as_deref(),
                    self.account.tick(at),
                );
                return self.decide(record, usage, |ctx| operation::extend(ctx, &ask));
            }
            Event::Settled { hold: id, charge, .. } => {
                let Some(hold) = self.number(id.0) else { return Ok(()) };
                return self.settle(HoldId(hold), &charge.usage, record);
            }
            Event::Released(id) => match self.number(id.0).map(HoldId) {
                Some(hold) if self.account.hold(hold).is_some() => operation::release(self.ctx(at), hold)?,
                Some(_) | None => return Ok(()),
            },
            Event::Granted => match new_grant(record) {
                Some(new) => operation::grant(self.ctx(at), &new)?,
                None => return Ok(()),
            },
            Event::Voided { grant: id, reason } => {
                let Some(grant) = self.number(id.0).map(GrantId) else { return Ok(()) };
                // A recurring grant can be voided when nothing is left of its period.
                let schedule =
                    self.account.extras().schedules.iter().find(|s| s.current == grant).map(|s| s.id);
                if schedule.is_none() && self.account.grant(grant).is_none() {
                    return Ok(());
                }
                operation::void(self.ctx(at), schedule.unwrap_or(grant), reason.clone())?
            }
            Event::Adjusted { grant: id, by, reason } => match self.number(id.0).map(GrantId) {
                Some(grant) if self.account.grant(grant).is_some() => {
                    operation::adjust(self.ctx(at), grant, *by, reason.clone())?
                }
                Some(_) | None => return Ok(()),
            },
            Event::Refunded { charge, amount, reason, .. } => {
                let charged = self.number(*charge).and_then(|seq| self.kept.get(&seq)).cloned();
                let Some(charged) = charged.filter(|r| charge_of(r).is_some()) else { return Ok(()) };
                let closed = closed_grants(&self.account, &charged, self).unwrap_or_default();
                // What is given back is at most what was charged this time.
                let most =
                    charge_of(&charged).map_or(0, |c| c.draws.iter().map(|d| d.credits().nano()).sum());
                let amount = crate::record::Credits::from_nano(amount.nano().min(most));
                operation::refund(
                    self.ctx(at),
                    &charged,
                    Some(amount).filter(|a| a.is_positive()),
                    &closed,
                    reason.clone(),
                )?
            }
            Event::Corrected { correcting, charge } => {
                let charged = self.number(correcting.charge).and_then(|seq| self.kept.get(&seq)).cloned();
                let Some(charged) = charged.filter(|r| charge_of(r).is_some()) else { return Ok(()) };
                let closed = closed_grants(&self.account, &charged, self).unwrap_or_default();
                let ask = Correct { quantities: quantities(&charge.usage), reprice: false };
                match operation::correct(self.ctx(at), &charged, &ask, &closed, correcting.reason.clone()) {
                    // Only prices were corrected, and the other catalog has its own.
                    Err(Refusal::NothingToCorrect) => {
                        self.numbers.insert(record.seq, Some(charged.seq));
                        return Ok(());
                    }
                    draft => draft?,
                }
            }
            Event::Periodic(periodic) => {
                match self.periodic((record.seq, at, record.effective_at), periodic)? {
                    Some(draft) => draft,
                    None => return Ok(()),
                }
            }
            // The shadow ends what is due by itself, and has asked denials again when they were decided.
            Event::Expired { .. } | Event::GrantExpired(_) | Event::Denied(_) => return Ok(()),
            // These move nothing; what was discarded or has been told changes no decision.
            Event::Late(_) | Event::Alert(_) => return Ok(()),
            Event::Conduct(conduct) => match &**conduct {
                Conduct::Lifted { rule, key, reason } => {
                    match operation::lift(self.ctx(at), *rule, key.as_deref(), reason.clone()) {
                        Ok(draft) => draft,
                        // The other catalog has not had the effect.
                        Err(_) => return Ok(()),
                    }
                }
                // What a log shows by itself begins by itself.
                Conduct::Began(effect) if effect.rule != Rule::Sharing => return Ok(()),
                Conduct::Began(_) | Conduct::Disputed(_) | Conduct::FreeGrant { .. } => {
                    Draft::administrative(record.event.clone())
                }
            },
            Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Server(_)
            | Event::Erased { .. } => {
                return Ok(());
            }
        };
        let seq = self.append(draft, at);
        self.numbers.insert(record.seq, Some(seq));
        Ok(())
    }

    /// What comes again with the calendar; `None` when the shadow has it already, or not at all.
    fn periodic(
        &mut self,
        (seq, at, effective_at): (Seq, Instant, Instant),
        event: &Periodic,
    ) -> Result<Option<Draft>, Refusal> {
        let schedule = |id: GrantId| {
            let of = self.number(id.0).map(GrantId)?;
            self.account.extras().schedules.iter().find(|s| s.id == of)
        };
        Ok(match event {
            // The shadow crosses boundaries by itself, at the same instants.
            Periodic::Renewed { schedule: id, .. } | Periodic::RolledOver(id) => {
                let renews = matches!(event, Periodic::Renewed { .. });
                let own =
                    self.number(id.0).and_then(|id| self.crossed.get(&(GrantId(id), effective_at, renews)));
                self.numbers.insert(seq, own.copied());
                None
            }
            Periodic::Ended(_) => None,
            Periodic::Banked(terms) => Some(operation::bank_reset(self.ctx(at), terms)?),
            Periodic::Redeemed { token, path, .. } => {
                let token = self.number(*token);
                match operation::redeem_reset(self.ctx(at), token, path) {
                    Err(Refusal::NoReset | Refusal::NothingToReset) => None,
                    draft => Some(draft?),
                }
            }
            Periodic::PlanChanged(change) => {
                let asked = plan_change(change);
                let known = |(id, amount): (GrantId, _)| Some((schedule(id)?.id, amount));
                let amounts = asked.amounts.into_iter().filter_map(known).collect();
                Some(operation::change_plan(self.ctx(at), &ChangePlan { amounts, ..asked })?)
            }
        })
    }

    /// Decides a request that was granted.
    fn decide(
        &mut self,
        record: &Record,
        usage: &Use,
        ask: impl FnOnce(Context<'_>) -> Result<Decided, Refusal>,
    ) -> Result<(), Refusal> {
        let decided = ask(self.ctx(record.recorded_at));
        let row = self.row(&usage.feature);
        row.was.granted += 1;
        match decided {
            Ok(Decided::Granted(draft)) => {
                row.would_be.granted += 1;
                let seq = self.append(*draft, record.recorded_at);
                self.numbers.insert(record.seq, Some(seq));
                Ok(())
            }
            Ok(Decided::Counted(..)) => {
                row.would_be.granted += 1;
                Ok(())
            }
            Ok(Decided::Denied(..)) => {
                (row.would_be.denied, row.changed) = (row.would_be.denied + 1, row.changed + 1);
                self.numbers.insert(record.seq, None);
                Ok(())
            }
            Err(refusal) => {
                (row.would_be.denied, row.changed) = (row.would_be.denied + 1, row.changed + 1);
                Err(refusal)
            }
        }
    }

    fn settle(&mut self, hold: HoldId, usage: &Use, record: &Record) -> Result<(), Refusal> {
        let (at, quantities) = (record.recorded_at, quantities(usage));
        let draft = if self.account.hold(hold).is_some() {
            operation::settle(self.ctx(at), hold, &quantities)?
        } else {
            let Some(Event::Authorized { usage: held, terms, .. }) = self.kept.get(&hold.0).map(|r| &r.event)
            else {
                return Ok(());
            };
            operation::settle_late(self.ctx(at), hold, held, terms.overshoot, &quantities)?
        };
        let seq = self.append(draft, at);
        self.numbers.insert(record.seq, Some(seq));
        Ok(())
    }

    /// Asks a denied request again; what is granted now happens as asked.
    fn denied(&mut self, denial: &Denial) -> Result<(), Refusal> {
        use crate::record::{Basis, Verdict};
        let slot_refused =
            |v: &crate::record::Visit| v.basis == Basis::Slot && matches!(v.verdict, Verdict::Refused(_));
        let held = denial.decision.visits.iter().any(slot_refused);
        let ask = Authorize {
            request: Request { consented: false, ..request(&denial.usage, &denial.decision) },
            minimum: None,
            life: None,
            settle_now: !held,
        };
        let offers = Offer::recorded(&denial.decision, None);
        let penalty = recorded_penalty(&denial.decision);
        let decided = operation::authorize(Context { offers: &offers, penalty, ..self.ctx(denial.at) }, &ask);
        let row = self.row(&denial.usage.feature);
        row.was.denied += 1;
        match decided {
            Ok(Decided::Denied(..)) => row.would_be.denied += 1,
            Ok(Decided::Counted(..)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1)
            }
            Ok(Decided::Granted(draft)) => {
                (row.would_be.granted, row.changed) = (row.would_be.granted + 1, row.changed + 1);
                let seq = self.append(*draft, denial.at);
                if held {
                    let draft =
                        operation::settle(self.ctx(denial.at), HoldId(seq), &quantities(&denial.usage))?;
                    self.append(draft, denial.at);
                }
            }
            Err(refusal) => {
                row.would_be.denied += 1;
                return Err(refusal);
            }
        }
        Ok(())
    }
}
