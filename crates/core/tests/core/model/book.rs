//! What happened to an account: a list of uses and a list of grants. Every figure is worked out by adding them up.
//!
//! Units: nano-credits, microseconds.

use std::collections::BTreeMap;

use headworks_core::record::{Consent, Level, Overshoot};

use super::bills::Bills;
use super::calendar::Calendar;
use super::closed::Closed;
use super::grants::Given;
use super::pauses::{CENTURY, Pause};
use super::policy::{Policy, Unit};
use super::price::{Price, Round};
use super::seats::Seats;
use super::steps::{LEVELS, Path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payer {
    Allowance,
    /// By its place in the list of grants.
    Grant(usize),
    Overdraft,
    /// Of the period that begins then.
    Postpaid(i64),
    Debt,
    Goodwill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) payer: Payer,
    pub(super) layer: usize,
    /// The instant that windows and caps count it at.
    pub(super) at: i64,
    /// In what its layer counts.
    pub(super) amount: i64,
    pub(super) worth: i64,
}

impl Draw {
    pub(super) fn credits(&self) -> i64 {
        if self.payer == Payer::Allowance { 0 } else { self.amount }
    }

    /// What of it can come back in parts.
    pub(super) fn divisible(&self, unit: Unit) -> i64 {
        if unit == Unit::Credits { self.amount } else { self.credits() }
    }
}

/// What guards count of a use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) at: i64,
    /// When it was written down.
    pub(super) told: i64,
    pub(super) tokens: i64,
    pub(super) requests: i64,
    /// Tokens and requests before anything was given back.
    pub(super) taken: (i64, i64),
    /// The place of the catalog that was in force.
    pub(super) catalog: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Charged,
    /// It gave everything back; the flag says that it did so by itself.
    Gone {
        expired: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Use {
    /// The record of the hold or of the charge.
    pub(super) id: u64,
    /// The record of what is charged now.
    pub(super) charge: u64,
    pub(super) feature: usize,
    pub(super) path: Path,
    pub(super) price: Price,
    pub(super) tokens: i64,
    pub(super) requests: i64,
    pub(super) draws: Vec<Draw>,
    pub(super) counts: Vec<Count>,
    pub(super) state: State,
    pub(super) deadline: i64,
    /// The instant that the charge is of.
    pub(super) at: i64,
    pub(super) consented: bool,
    pub(super) longer: u8,
    pub(super) refunds: u8,
    pub(super) is_refunded: bool,
    /// The rules of when it was opened: a hold keeps them.
    pub(super) overshoot: Overshoot,
    pub(super) expiry_charges: bool,
}

impl Use {
    pub(super) fn credits(&self) -> i64 {
        self.draws.iter().map(Draw::credits).sum()
    }

    /// What a hold costs more if its parts grow.
    pub(super) fn grows(&self, tokens: i64, second: i64) -> i64 {
        self.price.grown(second).of(self.tokens + tokens, Round::Up) - self.price.of(self.tokens, Round::Up)
    }

    pub(super) fn divisible(&self, unit: Unit) -> i64 {
        self.draws.iter().map(|draw| draw.divisible(unit)).sum()
    }
}

/// Which window: of a guard, of an allowance, or of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Guard(usize),
    Allowance(usize, usize),
    Pool(usize),
    Factor,
}

/// A first-use window that was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) which: Which,
    pub(super) member: Path,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Its end if nothing else had opened; later than `end` where it was found out afterwards.
    pub(super) whole: i64,
}

#[derive(Debug)]
pub(super) struct Book {
    pub(super) catalogs: Vec<Policy>,
    pub(super) dearer_from: i64,
    pub(super) anchor: i64,
    pub(super) uses: Vec<Use>,
    pub(super) grants: Vec<Given>,
    /// How many grants there were before the last thing came back.
    pub(super) settled: usize,
    /// When the grant after this one opens.
    pub(super) renewals: Vec<(i64, usize)>,
    pub(super) opened: Vec<Opened>,
    pub(super) consent: Option<Consent>,
    pub(super) segments: BTreeMap<(Level, u8), (Option<Consent>, Option<i64>)>,
    pub(super) issued: i64,
    pub(super) breakage: i64,
    /// What goodwill gave besides what it paid of uses.
    pub(super) given: i64,
    /// What was taken as debt, less all debt that was repaid.
    pub(super) owed: i64,
    pub(super) overdraft_repaid: i64,
    pub(super) bills: Bills,
    pub(super) pause: Option<Pause>,
    /// The oldest first.
    pub(super) overrides: Vec<Own>,
    pub(super) seats: Seats,
    pub(super) closed: Vec<Closed>,
}

/// The limit that a window has for a member and all below it, or for the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) record: u64,
    pub(super) which: Which,
    pub(super) place: Path,
    /// None: no limit.
    pub(super) figure: Option<i64>,
    pub(super) until: i64,
}

impl Path {
    pub(super) fn member(&self, level: Level) -> Option<u8> {
        match level {
            Level::Account | Level::Organization | Level::Session => None,
            Level::CostCenter => self.cost_center,
            Level::Team => self.team,
            Level::User => self.user,
            Level::Seat => self.seat,
            Level::Key => self.key,
        }
    }

    /// As it is shown.
    pub(super) fn of(shown: &headworks_core::record::Path) -> Self {
        let named = |level: Level| shown.at(level).and_then(|name| name.as_str()[1..].parse().ok());
        Self {
            cost_center: named(Level::CostCenter),
            team: named(Level::Team),
            user: named(Level::User),
            seat: named(Level::Seat),
            key: named(Level::Key),
        }
    }

    /// The part of it at some levels.
    pub(super) fn only(&self, levels: &[Level]) -> Self {
        let keep = |level: Level| self.member(level).filter(|_| levels.contains(&level));
        Self {
            cost_center: keep(Level::CostCenter),
            team: keep(Level::Team),
            user: keep(Level::User),
            seat: keep(Level::Seat),
            key: keep(Level::Key),
        }
    }

    /// The levels that it names.
    pub(super) fn named(&self) -> Vec<Level> {
        LEVELS.into_iter().filter(|level| self.member(*level).is_some()).collect()
    }
}

impl Book {
    pub(super) fn policy(&self) -> &Policy {
        self.catalogs.last().expect("there is always one")
    }

    pub(super) fn unit(&self) -> Unit {
        self.policy().unit
    }

    pub(super) fn draws(&self) -> impl Iterator<Item = (&Use, &Draw)> {
        self.uses.iter().flat_map(|u| u.draws.iter().map(move |d| (u, d)))
    }

    pub(super) fn drawn(&self, of: impl Fn(&Use, &Draw) -> bool) -> i64 {
        self.draws().filter(|(u, d)| of(u, d)).map(|(_, d)| d.amount).sum()
    }

    pub(super) fn debt(&self) -> i64 {
        self.drawn(|_, d| d.payer == Payer::Debt) + self.owed
    }

    pub(super) fn overdraft(&self) -> i64 {
        self.drawn(|_, d| d.payer == Payer::Overdraft) - self.overdraft_repaid
    }

    pub(super) fn goodwill(&self) -> i64 {
        self.drawn(|_, d| d.payer == Payer::Goodwill) + self.given
    }

    pub(super) fn held(&self) -> i64 {
        self.uses.iter().filter(|u| u.state == State::Open).map(Use::credits).sum()
    }

    pub(super) fn spent(&self) -> i64 {
        self.uses.iter().filter(|u| u.state == State::Charged).map(Use::credits).sum()
    }

    pub(super) fn left(&self, grant: usize) -> i64 {
        let given = &self.grants[grant];
        given.amount - given.gone - self.drawn(|_, d| d.payer == Payer::Grant(grant))
    }

    pub(super) fn is_usable(&self, grant: usize, now: i64) -> bool {
        let g = &self.grants[grant];
        !g.is_void && !g.has_ended && g.from <= now && now < g.expires
    }

    pub(super) fn available(&self, now: i64) -> i64 {
        let usable = (0..self.grants.len()).filter(|g| self.is_usable(*g, now));
        usable.map(|g| self.left(g)).sum::<i64>() - self.debt() - self.overdraft()
    }

    /// A grant opens: what is owed is repaid first. One that begins later or is restricted to features repays nothing.
    pub(super) fn repay(&mut self, grant: usize) {
        if self.grants[grant].feature.is_some() {
            return;
        }
        let debt = self.debt().min(self.left(grant)).max(0);
        self.owed -= debt;
        self.grants[grant].gone += debt;
        let lent = self.lent().min(self.left(grant)).max(0);
        self.overdraft_repaid += lent;
        self.grants[grant].gone += lent;
    }

    /// The overdraft, without what holds set aside of it.
    pub(super) fn lent(&self) -> i64 {
        self.overdraft() - self.drawn(|u, d| u.state == State::Open && d.payer == Payer::Overdraft)
    }

    pub(super) fn open(&mut self, given: Given, now: i64) -> usize {
        let (place, begins) = (self.grants.len(), given.from <= now);
        self.issued += given.amount;
        self.grants.push(given);
        if begins {
            self.repay(place);
        }
        place
    }

    /// Everything that ends or begins by itself up to an instant, one thing after the other.
    pub(super) fn pass(&mut self, now: i64) {
        while let Some((at, _, what)) = self.next().filter(|(at, ..)| *at <= now) {
            match what {
                Due::Hold(place) => self.expire(place, at),
                Due::End(place) => self.boundary(place, at),
                Due::Renewal => self.renew(at),
                Due::Bill => self.close_bill(),
            }
        }
    }

    /// What is due next: of several at one instant holds end first.
    fn next(&self) -> Option<(i64, u8, Due)> {
        let open = (0..self.uses.len()).filter(|u| self.uses[*u].state == State::Open);
        let holds = open.map(|u| (self.uses[u].deadline, 0, Due::Hold(u)));
        let grants = (0..self.grants.len()).filter(|g| !self.grants[*g].has_ended);
        let ends = grants.map(|g| (self.grants[g].expires, 1, Due::End(g)));
        let renewals = self.renewals.iter().map(|(at, _)| (*at, 2, Due::Renewal));
        let bill = self.bills.closes.map(|at| (at, 3, Due::Bill));
        holds.chain(ends).chain(renewals).chain(bill).min_by_key(|(at, order, _)| (*at, *order))
    }

    /// Instants to come at which something may change.
    pub(super) fn instants(&self, now: i64) -> Vec<i64> {
        let holds = self.uses.iter().filter(|u| u.state == State::Open).map(|u| u.deadline);
        let grants = self.grants.iter().filter(|g| !g.has_ended).flat_map(|g| [g.from, g.expires]);
        let windows = self.opened.iter().map(|o| o.end).chain(self.overrides.iter().map(|o| o.until));
        let mut all: Vec<i64> = holds
            .chain(grants)
            .chain(windows)
            .chain(self.bills.closes)
            .chain(self.end_of_pause())
            .filter(|at| *at > now && *at - now < CENTURY / 2)
            .collect();
        let days = Calendar::new(headworks_core::record::Every::Day, "Europe/Berlin");
        all.push(days.period(now, 0).1);
        all.sort_unstable();
        all
    }

    /// A hold passes its deadline.
    fn expire(&mut self, place: usize, at: i64) {
        if self.uses[place].expiry_charges {
            self.charge_held(place, at);
            return;
        }
        self.give_all_back(place, at, true);
    }

    pub(super) fn give_all_back(&mut self, place: usize, at: i64, expired: bool) {
        let was_hold = self.uses[place].state == State::Open;
        let draws = std::mem::take(&mut self.uses[place].draws);
        for count in &mut self.uses[place].counts {
            (count.tokens, count.requests) = (0, 0);
        }
        self.uses[place].state = State::Gone { expired };
        self.give_back(draws, at, was_hold);
    }

    /// What may be owed, where so much more has just been lent.
    pub(super) fn overshoot_room(&self, rule: Overshoot, lent: i64) -> i64 {
        match rule {
            Overshoot::Refund | Overshoot::Goodwill | Overshoot::Reject => 0,
            Overshoot::Debt => (self.policy().lends() - self.overdraft() - lent - self.debt()).max(0),
            Overshoot::DebtUpTo(most) => (most.nano() - self.debt()).max(0),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Hold(usize),
    End(usize),
    Renewal,
    Bill,
}
