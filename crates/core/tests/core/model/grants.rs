//! Grants: how they begin, end and come again, and what comes back to them.
//!
//! Units: nano-credits, microseconds.

use headworks_core::record::Category;

use super::book::{Book, Draw, Payer};
use super::calendar::{Calendar, SECOND};

/// How a grant comes again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) calendar: Calendar,
    pub(super) amount: i64,
    pub(super) until: i64,
    pub(super) rollover: Option<Rollover>,
    pub(super) forgives: bool,
    /// The place of the first grant: of several that come again at one instant, the one given first does so first.
    pub(super) first: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rollover {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) billionths: i64,
    pub(super) life: Option<i64>,
}

impl Rollover {
    pub(super) fn carries(&self, left: i64) -> i64 {
        let part = i128::from(left) * i128::from(self.billionths) / 1_000_000_000;
        i64::try_from(part).expect("small").max(self.min).min(self.max)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Its record; 0 until it is known.
    pub(super) id: u64,
    pub(super) amount: i64,
    pub(super) category: Category,
    pub(super) priority: u16,
    pub(super) from: i64,
    pub(super) expires: i64,
    pub(super) feature: Option<usize>,
    /// What repaid a debt, expired, or was taken back.
    pub(super) gone: i64,
    pub(super) has_ended: bool,
    pub(super) is_void: bool,
    pub(super) again: Option<Schedule>,
    /// It was carried over a boundary.
    pub(super) is_block: bool,
    /// Over its boundary: what was left then, with what came back since.
    pub(super) carried: Option<i64>,
}

impl Given {
    pub(super) fn new(amount: i64, category: Category, from: i64, expires: i64) -> Self {
        Self {
            id: 0,
            amount,
            category,
            priority: 0,
            from,
            expires,
            feature: None,
            gone: 0,
            has_ended: false,
            is_void: false,
            again: None,
            is_block: false,
            carried: None,
        }
    }
}

impl Book {
    /// Draws that have been taken out of their use come back, from the last to the first.
    pub(super) fn give_back(&mut self, draws: Vec<Draw>, at: i64, of_hold: bool) {
        let (mut good, mut repaid) = (0, 0);
        self.settled = self.grants.len();
        for draw in draws.into_iter().rev().filter(|d| d.amount > 0) {
            match draw.payer {
                Payer::Grant(grant) => good += self.give_to(grant, draw.amount, at, of_hold),
                Payer::Allowance | Payer::Debt | Payer::Overdraft | Payer::Goodwill | Payer::Postpaid(_) => {}
            }
        }
        // What was repaid meanwhile is the account's again.
        let (debt, lent) = (self.debt().min(0), self.lent().min(0));
        self.owed -= debt;
        self.overdraft_repaid += lent;
        repaid -= debt + lent;
        self.give_new(repaid, i64::MAX, at);
        self.given += good;
        self.give_new(good, at + 30 * 86_400 * SECOND, at);
    }

    pub(super) fn give_new(&mut self, amount: i64, expires: i64, at: i64) {
        // It is not the operator who issues it, and it repays nothing.
        if amount > 0 {
            let expires = self.moved(expires, at);
            self.grants.push(Given::new(amount, Category::Promotional, at, expires));
        }
    }

    /// Tells what is to be made good.
    pub(super) fn give_to(&mut self, grant: usize, amount: i64, at: i64, of_hold: bool) -> i64 {
        let given = self.grants[grant].clone();
        if given.is_void {
            self.grants[grant].gone += amount;
            self.issued -= amount;
            return 0;
        }
        if at < given.expires {
            return 0;
        }
        let mut lost = amount;
        self.grants[grant].gone += amount;
        if let (true, Some(left), Some(rollover)) =
            (of_hold, given.carried, given.again.and_then(|a| a.rollover))
        {
            let more = rollover.carries(left + amount) - rollover.carries(left);
            lost -= self.carry(grant, more, at);
            self.grants[grant].carried = Some(left + amount);
        }
        self.breakage += lost;
        if self.policy().goodwill { lost } else { 0 }
    }

    /// A grant ends, and with a schedule the next one opens.
    pub(super) fn boundary(&mut self, grant: usize, at: i64) {
        self.settled = self.grants.len();
        let left = self.left(grant);
        self.grants[grant].has_ended = true;
        self.grants[grant].gone += left;
        let Some(again) = self.grants[grant].again.filter(|_| !self.grants[grant].is_void) else {
            self.breakage += left;
            return;
        };
        let mut carried = 0;
        let comes_again = at < again.until;
        if let Some(rollover) = again.rollover.filter(|_| comes_again) {
            carried = rollover.carries(left);
            self.grants[grant].carried = Some(left);
            self.carry(grant, carried, at);
        }
        self.breakage += (left - carried).max(0);
        self.issued += (carried - left).max(0);
        if comes_again {
            self.renewals.push((at, grant));
        }
    }

    /// The next period's grant opens.
    pub(super) fn renew(&mut self, at: i64) {
        let given_first = |i: &usize| self.grants[self.renewals[*i].1].again.map(|again| again.first);
        let due = (0..self.renewals.len()).filter(|i| self.renewals[*i].0 == at);
        let next = due.min_by_key(given_first).expect("due");
        let (_, grant) = self.renewals.remove(next);
        let old = &self.grants[grant];
        let again = old.again.expect("it comes again");
        let expires = again.calendar.period(at, self.anchor).1;
        let next = Given::new(again.amount, old.category, at, expires);
        let next = Given { priority: old.priority, feature: old.feature, again: Some(again), ..next };
        if again.forgives && next.feature.is_none() {
            let (debt, lent) = (self.debt(), self.lent());
            self.given += debt + lent;
            self.owed -= debt;
            self.overdraft_repaid += lent;
        }
        self.open(next, at);
    }

    /// More of an ended grant goes over its boundary, as a block of its own; tells how much.
    pub(super) fn carry(&mut self, grant: usize, more: i64, at: i64) -> i64 {
        let old = self.grants[grant].clone();
        let again = old.again.expect("it comes again");
        let boundary = old.expires;
        let life = again.rollover.and_then(|r| r.life);
        let expires =
            life.map_or_else(|| again.calendar.period(boundary, self.anchor).1, |s| boundary + s * SECOND);
        if more == 0 || expires <= at {
            return 0;
        }
        // One record opens one block.
        let just_carried = |g: &&mut Given| g.is_block && g.from == boundary && g.expires == expires;
        if let Some(block) = self.grants[self.settled..].last_mut().filter(just_carried) {
            block.amount += more;
            return more;
        }
        let block = Given::new(more, old.category, boundary, expires);
        self.grants.push(Given { priority: old.priority, feature: old.feature, is_block: true, ..block });
        more
    }
}
