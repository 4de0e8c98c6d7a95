//! Reconciliation: every dataset of a log computed again from the one before it, and each record that differs named.
//!
//! Charges follow from usage and its prices, movements from charges, balances and state from movements, and the chain
//! from the bytes. Deliberately its own arithmetic: it shares the fold with the engine, nothing of the waterfall.
//! Never changes anything and never stops at the first finding.
//! A1 an altered record is named, whichever dataset it is in (`any_altered_field_is_named`).
//! A2 a log that the engine wrote has no finding (`a_written_log_reconciles`, and every server test at its end).
//! Units: nano-credits.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use hashbrown::{HashMap, HashSet};

use crate::account::{Account, Hold};
use crate::amount::Credits;
use crate::catalog::Catalog;
use crate::decision::{Decision, Draw, Draws, Source, Verdict};
use crate::ledger::{Book, Charge, Event, GrantId, HoldId, Movement, Record, Seq, Use, chain};
use crate::name::Name;
use crate::operation::charge_of;
use crate::time::Instant;

/// Which of the linked datasets a finding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// The bytes and their chain.
    Chain,
    /// What was used.
    Usage,
    /// What it costs and who pays.
    Monetization,
    /// How balances moved.
    Balance,
    /// The state that the log folds into.
    State,
}

impl Dataset {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Usage => "usage",
            Self::Monetization => "monetization",
            Self::Balance => "balance",
            Self::State => "state",
        }
    }
}

/// A record that differs from what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub seq: Seq,
    /// Where it differs.
    pub dataset: Dataset,
    /// What it says and what follows from the records before it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}, {}: {}", self.seq, self.dataset.as_str(), self.what)
    }
}

/// What later records of an account refer back to.
#[derive(Debug, Default)]
struct Past {
    /// What each charge drew.
    charges: HashMap<Seq, Draws>,
    /// When each grant expires.
    expiries: HashMap<GrantId, Instant>,
    voided: HashSet<GrantId>,
}

impl Past {
    fn take(&mut self, record: &Record) {
        if let Some(charge) = charge_of(record) {
            self.charges.insert(record.seq, charge.draws.clone());
        }
        if let Some(terms) = &record.opens {
            self.expiries.insert(GrantId(record.seq), terms.expires_at);
        }
        if let Event::Voided(id, _) = record.event {
            self.voided.insert(id);
        }
    }
}

/// Reconciles the log of one account, record by record.
#[derive(Debug)]
pub struct Auditor<'a> {
    account: Account,
    /// The hash the next record follows, as stored.
    chain: [u8; 32],
    seq: Seq,
    /// Whether the state still follows from the log.
    folds: bool,
    /// Every catalog that was ever in force.
    catalogs: &'a [Catalog],
    past: Past,
    findings: Vec<Finding>,
}

impl<'a> Auditor<'a> {
    /// Before the first record. Prices are compared with those of `catalogs`: every one that was ever in force, or none.
    #[must_use]
    pub fn new(account: &Name, catalogs: &'a [Catalog]) -> Self {
        let account = Account::empty(account.clone());
        Self {
            chain: account.chain,
            account,
            seq: 0,
            folds: true,
            catalogs,
            past: Past::default(),
            findings: Vec::new(),
        }
    }

    /// The state as far as the log folds.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What was found.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found, in the end.
    #[must_use]
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn find(&mut self, dataset: Dataset, what: impl Into<String>) {
        self.findings.push(Finding { seq: self.seq, dataset, what: what.into() });
    }

    /// Notes that the store could not give the record after the last one.
    pub fn unreadable(&mut self, what: &str) {
        self.seq += 1;
        self.find(Dataset::Chain, what);
        self.folds = false;
    }

    /// Looks at the next record as stored.
    pub fn record(&mut self, seq: Seq, hash: [u8; 32], bytes: &[u8]) {
        self.seq += 1;
        if seq != self.seq {
            self.find(Dataset::Chain, format!("the store numbers it {seq}"));
        }
        if chain(&self.chain, bytes) != hash {
            self.find(
                Dataset::Chain,
                "its bytes do not have the stored hash: they were altered, or it was moved",
            );
        }
        self.chain = hash;
        match Record::from_bytes(bytes) {
            Err(e) => {
                self.find(Dataset::Chain, e.to_string());
                self.folds = false;
            }
            Ok(record) if record.to_bytes() != bytes => {
                self.find(Dataset::Chain, "its bytes are not canonical");
                self.folds = false;
            }
            Ok(record) => self.decoded(&record, hash),
        }
    }

    fn decoded(&mut self, record: &Record, hash: [u8; 32]) {
        if record.seq != self.seq {
            self.find(Dataset::Chain, format!("it calls itself {}", record.seq));
        }
        if record.recorded_at <= self.account.recorded_at && self.account.seq > 0 {
            self.find(Dataset::State, "it was recorded before the one it follows");
        }
        if record.parents.iter().any(|parent| *parent == 0 || *parent >= self.seq) {
            self.find(Dataset::Chain, "it names a parent that does not come before it");
        }
        let mut found = Vec::new();
        check_uses(record, self.catalogs, &mut found);
        if self.folds {
            check_money(record, &self.account, &mut found);
            if check_movements(record, &self.account, &self.past, &mut found).is_none() {
                found.push((Dataset::Balance, "it ends a hold or names a grant that is not open".into()));
            }
        }
        for (dataset, what) in found {
            self.find(dataset, what);
        }
        self.past.take(record);
        if !self.folds {
            return;
        }
        if let Err(e) = self.account.apply(record, hash) {
            self.find(Dataset::State, format!("{}; what comes after it was compared less closely", e.what));
            self.folds = false;
        } else if let Err(what) = self.account.check() {
            self.find(Dataset::Balance, what);
        }
    }

    /// Compares a checkpoint of the state after the last record.
    pub fn checkpoint(&mut self, seq: Seq, bytes: &[u8]) {
        if self.folds && seq == self.account.seq && self.account.to_bytes() != bytes {
            self.find(Dataset::State, "the checkpoint after it is not what the log folds into");
        }
    }
}

type Found = Vec<(Dataset, String)>;

/// The priced uses of a record, each with the price that the record states for it.
fn uses(record: &Record) -> Vec<(&Use, Option<Credits>)> {
    match &record.event {
        Event::Authorized(usage, decision, _) | Event::Extended(_, usage, decision, ..) => {
            let stated = usage.lines.iter().any(|l| l.quantity > 0).then_some(decision.price);
            alloc::vec![(usage, stated)]
        }
        Event::Charged(charge, decision) => {
            alloc::vec![(&charge.usage, Some(charge.price)), (&charge.usage, Some(decision.price))]
        }
        Event::Settled(_, charge, _) | Event::Expired(_, Some(charge)) => {
            alloc::vec![(&charge.usage, Some(charge.price))]
        }
        Event::Denied(denials) => denials.recent.iter().map(|d| (&d.usage, Some(d.decision.price))).collect(),
        Event::Opened(_)
        | Event::Changed(..)
        | Event::Released(_)
        | Event::Expired(_, None)
        | Event::Granted
        | Event::GrantExpired(_)
        | Event::Voided(..)
        | Event::Adjusted(..)
        | Event::Refunded { .. }
        | Event::CatalogLoaded(..)
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_) => Vec::new(),
    }
}

/// Charges from usage: every price is the sum of its lines, every line has the price of its rate card.
fn check_uses(record: &Record, catalogs: &[Catalog], found: &mut Found) {
    for (usage, stated) in uses(record) {
        let mut sum = Some(0_i128);
        for line in &usage.lines {
            let amount = i128::from(line.quantity).checked_mul(i128::from(line.price.nano()));
            sum = sum.zip(amount).and_then(|(a, b)| a.checked_add(b));
        }
        if let Some(stated) = stated
            && sum != Some(i128::from(stated.nano()))
        {
            let sum = sum.map_or("more than credits can hold".into(), |n| format!("{n} nano-credits"));
            found.push((
                Dataset::Monetization,
                format!("it states a price of {stated}, its lines come to {sum}"),
            ));
        }
        let known = catalogs.iter().filter(|c| c.version == usage.catalog);
        let mut checked = known.filter_map(|c| Some((c, c.feature(usage.feature.as_str())?))).peekable();
        if checked.peek().is_some() && !checked.any(|(_, feature)| has_prices(feature, usage)) {
            found.push((
                Dataset::Usage,
                format!("its prices are not those of catalog `{}` for `{}`", usage.catalog, usage.feature),
            ));
        }
    }
}

fn has_prices(feature: &crate::catalog::Feature, usage: &Use) -> bool {
    // The version that was pinned, not the one in force when the record was written.
    let pinned = usage.card.as_ref().map_or_else(Instant::default, |c| c.effective_from);
    let Ok(prices) = feature.prices(&usage.dimensions, pinned) else {
        return false;
    };
    usage.lines.iter().all(|line| {
        let at = feature.meters.iter().position(|m| *m == line.meter);
        let listed = at.and_then(|i| prices.prices.and_then(|p| p.get(i).copied())).unwrap_or_default();
        listed == line.price
    })
}

fn credits_of(draws: &[Draw]) -> i128 {
    draws.iter().map(|d| i128::from(d.credits().nano())).sum()
}

/// Draws from charges: what sources pay covers the price, no more and no less.
fn check_money(record: &Record, before: &Account, found: &mut Found) {
    match &record.event {
        Event::Authorized(usage, decision, _) | Event::Extended(_, usage, decision, ..) => {
            check_draws(usage, &decision.draws, found);
            check_visits(decision, found);
        }
        Event::Charged(charge, decision) => {
            check_charge(charge, found);
            check_visits(decision, found);
        }
        Event::Settled(hold, charge, late) => {
            check_charge(charge, found);
            if !late {
                check_of_hold(before.hold(*hold), charge, found);
            }
        }
        Event::Expired(hold, Some(charge)) => {
            check_charge(charge, found);
            check_of_hold(before.hold(*hold), charge, found);
        }
        Event::Refunded { .. }
        | Event::Opened(_)
        | Event::Changed(..)
        | Event::Released(_)
        | Event::Expired(_, None)
        | Event::Granted
        | Event::GrantExpired(_)
        | Event::Voided(..)
        | Event::Adjusted(..)
        | Event::Denied(_)
        | Event::CatalogLoaded(..)
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_) => {}
    }
}

fn check_draws(usage: &Use, draws: &[Draw], found: &mut Found) {
    if draws.iter().any(|d| d.amount <= 0) {
        found.push((Dataset::Monetization, "a draw is not above zero".into()));
        return;
    }
    let Some(price) = usage.price() else { return };
    let credits = credits_of(draws);
    let allowances: i128 =
        draws.iter().filter(|d| d.source == Source::Allowance).map(|d| i128::from(d.amount)).sum();
    use crate::ledger::Unit;
    let covered = match &usage.unit {
        Unit::Credits => credits + allowances,
        // A request that an allowance pays is paid whole.
        Unit::Requests if allowances > 0 => i128::from(price.nano()).max(credits),
        Unit::Requests => credits,
        Unit::Meter(meter) => {
            let line = usage.lines.iter().find(|l| l.meter == *meter);
            credits + allowances * line.map_or(0, |l| i128::from(l.price.nano()))
        }
    };
    if covered != i128::from(price.nano()) {
        found.push((
            Dataset::Monetization,
            format!("its draws cover {covered} nano-credits of a price of {price}"),
        ));
    }
}

fn check_charge(charge: &Charge, found: &mut Found) {
    check_draws(&charge.usage, &charge.draws, found);
    let of = |source: Source| {
        credits_of(&charge.draws.iter().filter(|d| d.source == source).cloned().collect::<Vec<_>>())
    };
    let (owed, refunded) =
        charge.excess.as_ref().map_or((0, 0), |e| (i128::from(e.owed.nano()), i128::from(e.refunded.nano())));
    if (of(Source::Debt), of(Source::Goodwill)) != (owed, refunded) {
        found.push((Dataset::Monetization, "what it owes or has refunded is not what its draws say".into()));
    }
}

/// What a decision says that it took from its sources is what its draws say.
fn check_visits(decision: &Decision, found: &mut Found) {
    use crate::decision::Place;
    for draw in &decision.draws {
        let visited: i128 = decision
            .visits
            .iter()
            .filter(|v| v.verdict == Verdict::Paid && v.cost > 0)
            .filter(|v| match (draw.source, v.place) {
                (Source::Grant(id, _), Place::Grant(visited)) => id == visited && v.name == draw.layer,
                (Source::Overdraft, Place::Overdraft) => v.name == draw.layer,
                _ => false,
            })
            .map(|v| i128::from(v.cost))
            .sum();
        let told = matches!(draw.source, Source::Grant(..) | Source::Overdraft);
        if told && visited != i128::from(draw.amount) {
            found.push((
                Dataset::Monetization,
                format!("layer `{}` drew {} but its explanation says {visited}", draw.layer, draw.amount),
            ));
        }
    }
    if let Some(v) = decision.visits.iter().find(|v| {
        v.cost != 0 && matches!(v.verdict, Verdict::Empty | Verdict::Refused(_)) && v.terms.is_none()
    }) {
        found.push((Dataset::Monetization, format!("`{}` refused and yet took {}", v.name, v.cost)));
    }
}

/// The part of a charge that the receipt of its hold pays: draw by draw from the front.
fn kept<'a>(hold: &'a Hold, charge: &'a Charge) -> impl Iterator<Item = (&'a Draw, &'a Draw)> {
    let both = hold.draws.iter().zip(&charge.draws);
    both.take_while(|(held, drawn)| held.source == drawn.source && held.layer == drawn.layer)
}

/// A settled hold keeps the front of its receipt.
fn check_of_hold(hold: Option<&Hold>, charge: &Charge, found: &mut Found) {
    let Some(hold) = hold else { return };
    if hold.usage.feature != charge.usage.feature || hold.usage.path != charge.usage.path {
        found
            .push((Dataset::Usage, "it is charged for another feature or place than it was held for".into()));
    }
    if charge.excess.is_some() {
        return;
    }
    let fits = kept(hold, charge).take_while(|(held, drawn)| drawn.amount <= held.amount).count();
    if fits < charge.draws.len() {
        found.push((Dataset::Monetization, "it draws what its hold has not set aside".into()));
    }
    // Before the last draw that is kept, every one is kept whole.
    let whole = kept(hold, charge).take_while(|(held, drawn)| drawn.amount == held.amount).count();
    if whole + 1 < charge.draws.len() {
        found.push((Dataset::Monetization, "it keeps a later draw of its hold before an earlier one".into()));
    }
}

/// Movements from charges. `None` when the record names a hold or grant that is not open.
fn check_movements(record: &Record, before: &Account, past: &Past, found: &mut Found) -> Option<()> {
    let mut expect = |expected: Vec<Movement>| {
        if *expected != *record.movements {
            found.push((
                Dataset::Balance,
                format!("its movements are {} but should be {}", list(&record.movements), list(&expected)),
            ));
        }
    };
    let grant = |id: &GrantId| before.grant(*id);
    match &record.event {
        Event::Authorized(_, decision, _) => expect(taken(&decision.draws, Book::Hold(HoldId(record.seq)))),
        Event::Extended(hold, _, decision, ..) => {
            before.hold(*hold)?;
            expect(taken(&decision.draws, Book::Hold(*hold)));
        }
        Event::Charged(charge, _) | Event::Settled(_, charge, true) => {
            expect(taken(&charge.draws, Book::Spent))
        }
        Event::Settled(hold, charge, false) | Event::Expired(hold, Some(charge)) => {
            check_ended(record, before, before.hold(*hold)?, Some(charge), found);
        }
        Event::Released(hold) | Event::Expired(hold, None) => {
            check_ended(record, before, before.hold(*hold)?, None, found);
        }
        Event::Granted => {
            let terms = record.opens.as_ref()?;
            let own = Book::Grant(GrantId(record.seq));
            let mut expected = alloc::vec![Movement { from: Book::Operator, to: own, amount: terms.amount }];
            if terms.effective_from <= record.recorded_at && terms.features.is_empty() {
                let debt = before.books.debt.min(terms.amount);
                let lent = before.books.overdraft.nano() - before.overdraft_held().nano();
                let left = Credits::from_nano(terms.amount.nano() - debt.nano());
                let repaid = [(Book::Debt, debt), (Book::Overdraft, Credits::from_nano(lent).min(left))];
                let repaid = repaid.into_iter().filter(|(_, amount)| amount.is_positive());
                expected.extend(repaid.map(|(to, amount)| Movement { from: own, to, amount }));
            }
            expect(expected);
        }
        Event::GrantExpired(id) => expect(some(Book::Grant(*id), Book::Breakage, grant(id)?.remaining)),
        Event::Voided(id, _) => expect(some(Book::Grant(*id), Book::Operator, grant(id)?.remaining)),
        Event::Adjusted(id, by, _) => {
            grant(id)?;
            let own = Book::Grant(*id);
            let down = Credits::from_nano(by.nano().saturating_neg());
            expect(if by.is_positive() {
                some(Book::Operator, own, *by)
            } else {
                some(own, Book::Operator, down)
            });
        }
        Event::Refunded { charge, amount, .. } => {
            check_refund(record, past, past.charges.get(charge)?, *amount, found);
        }
        Event::Opened(_)
        | Event::Changed(..)
        | Event::Denied(_)
        | Event::CatalogLoaded(..)
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_) => expect(Vec::new()),
    }
    Some(())
}

fn sum(movements: &[Movement], is: impl Fn(&Movement) -> bool) -> i128 {
    movements.iter().filter(|m| is(m)).map(|m| i128::from(m.amount.nano())).sum()
}

/// A grant that opens as a consequence gets exactly what moves into it.
fn check_opened(record: &Record, found: &mut Found) {
    let own = Book::Grant(GrantId(record.seq));
    let given = sum(&record.movements, |m| m.to == own);
    let stated = record.opens.as_ref().map_or(0, |terms| i128::from(terms.amount.nano()));
    if given != stated {
        found.push((
            Dataset::Balance,
            format!("it opens a grant of {stated} nano-credits and moves {given} into it"),
        ));
    }
}

/// A refund gives back where the charge drew, or where that has gone since.
fn check_refund(record: &Record, past: &Past, drawn: &[Draw], amount: Credits, found: &mut Found) {
    let back = sum(&record.movements, |m| m.from == Book::Spent);
    if back != i128::from(amount.nano()) || back > credits_of(drawn) {
        found.push((Dataset::Balance, format!("it gives back {back} nano-credits of {amount}")));
    }
    let grants =
        || drawn.iter().filter_map(|d| if let Source::Grant(id, _) = d.source { Some(id) } else { None });
    let voided = |id: &GrantId| past.voided.contains(id);
    let expired = |id: &GrantId| past.expiries.get(id).is_none_or(|at| *at <= record.recorded_at);
    for movement in &record.movements {
        let fits = match (movement.from, movement.to) {
            (Book::Spent, Book::Breakage) => grants().any(|id| expired(&id)),
            (Book::Spent, Book::Operator) => grants().any(|id| voided(&id)),
            (Book::Spent, to) if draws_from(drawn, to) => {
                let paid = drawn.iter().filter(|d| book_of(d.source) == Some(to));
                sum(&record.movements, |m| m.from == Book::Spent && m.to == to)
                    <= paid.map(|d| i128::from(d.credits().nano())).sum()
            }
            (Book::Spent | Book::Goodwill, to) => to == Book::Grant(GrantId(record.seq)),
            _ => false,
        };
        if !fits {
            found.push((
                Dataset::Balance,
                format!("a movement has no cause: {}", list(core::slice::from_ref(movement))),
            ));
        }
    }
    check_opened(record, found);
}

/// The end of a hold: what is charged goes to `spent`, the rest where it came from or where that has gone.
fn check_ended(record: &Record, before: &Account, hold: &Hold, charge: Option<&Charge>, found: &mut Found) {
    let own = Book::Hold(hold.id);
    let out = sum(&record.movements, |m| m.from == own);
    if out != i128::from(hold.held().nano()) {
        let held = hold.held();
        found.push((Dataset::Balance, format!("it moves {out} nano-credits out of a hold of {held}")));
    }
    let spent = sum(&record.movements, |m| m.to == Book::Spent);
    let charged = charge.map_or(0, |c| credits_of(&c.draws));
    if spent != charged {
        found.push((
            Dataset::Balance,
            format!("it moves {spent} nano-credits to `spent` and charges {charged}"),
        ));
    }
    let of_hold = sum(&record.movements, |m| m.from == own && m.to == Book::Spent);
    let front = |charge| kept(hold, charge).map(|(held, drawn)| held.credits().min(drawn.credits()));
    let expected: i128 = charge.into_iter().flat_map(front).map(|c| i128::from(c.nano())).sum();
    if of_hold != expected {
        found.push((
            Dataset::Balance,
            format!("it charges {of_hold} nano-credits to a receipt that pays {expected}"),
        ));
    }
    for movement in &record.movements {
        let fits = match (movement.from, movement.to) {
            (from, Book::Spent) => from == own || charge.is_some_and(|c| draws_from(&c.draws, from)),
            (from, Book::Breakage) if from == own => {
                let expired = |g: &crate::account::Grant| g.terms.expires_at <= record.recorded_at;
                hold.draws.iter().any(
                    |d| matches!(d.source, Source::Grant(id, _) if before.grant(id).is_some_and(expired)),
                )
            }
            (from, Book::Operator) if from == own => {
                let voided = |id| before.grant(id).is_some_and(|g| g.voided);
                hold.draws.iter().any(|d| matches!(d.source, Source::Grant(id, _) if voided(id)))
            }
            (from, to) if from == own => draws_from(&hold.draws, to),
            (from, to) => from == Book::Goodwill && to == Book::Grant(GrantId(record.seq)),
        };
        if !fits {
            found.push((
                Dataset::Balance,
                format!("a movement has no cause: {}", list(core::slice::from_ref(movement))),
            ));
        }
    }
    check_opened(record, found);
}

fn draws_from(draws: &[Draw], book: Book) -> bool {
    draws.iter().any(|d| book_of(d.source) == Some(book))
}

fn book_of(source: Source) -> Option<Book> {
    match source {
        Source::Allowance => None,
        Source::Grant(id, _) => Some(Book::Grant(id)),
        Source::Overdraft => Some(Book::Overdraft),
        Source::Debt => Some(Book::Debt),
        Source::Goodwill => Some(Book::Goodwill),
    }
}

fn some(from: Book, to: Book, amount: Credits) -> Vec<Movement> {
    Some(Movement { from, to, amount }).filter(|m| m.amount.is_positive()).into_iter().collect()
}

fn taken(draws: &[Draw], to: Book) -> Vec<Movement> {
    draws.iter().filter_map(|d| Some(some(book_of(d.source)?, to, d.credits()))).flatten().collect()
}

fn list(movements: &[Movement]) -> String {
    let one = |m: &Movement| format!("{:?}→{:?} {}", m.from, m.to, m.amount);
    let all: Vec<String> = movements.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}
