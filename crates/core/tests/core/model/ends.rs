//! What becomes of a hold or a charge: more of it, less of it, all of it back.

use headworks_core::record::Overshoot;

use super::book::{Book, Draw, Payer, State, Use};
use super::decide::{Need, Side};
use super::limits::Cost;
use super::policy::Unit;
use super::price::{Round, units_paid};

/// It is refused; nothing happens.
#[derive(Debug)]
pub(super) struct Refused;

impl Book {
    /// Use that has happened: what no source pays follows an overshoot rule.
    pub(super) fn happened(&self, need: &Need, rule: Overshoot) -> Result<Vec<Draw>, Refused> {
        let walk = self.walk(need);
        let (mut draws, rest) = (walk.draws, walk.unpaid);
        if rest > 0 && rule == Overshoot::Reject {
            return Err(Refused);
        }
        let lent: i64 = draws.iter().filter(|d| d.payer == Payer::Overdraft).map(|d| d.amount).sum();
        let owed = rest.min(self.overshoot_room(rule, lent));
        let more = |payer, n| Draw { payer, layer: 0, at: need.at, amount: n, worth: n };
        draws.extend((owed > 0).then(|| more(Payer::Debt, owed)));
        draws.extend((rest > owed).then(|| more(Payer::Goodwill, rest - owed)));
        Ok(draws)
    }

    /// Pays for what a use has grown by, at the instants of windows and of the decision.
    fn growth(&self, place: usize, (tokens, price): (i64, i64), at: i64, now: i64) -> Need {
        let usage = &self.uses[place];
        Need {
            feature: usage.feature,
            path: usage.path,
            price,
            parts: usage.price.parts(tokens),
            requests: usage.requests,
            at,
            now,
            consents: usage.draws.iter().any(|d| self.is_paid(d)),
            has_happened: true,
            // A request is not paid by an allowance and in credits; one that cost nothing may be paid by either.
            only: (self.unit() == Unit::Requests && !usage.draws.is_empty()).then_some(Side::Credits),
        }
    }

    /// The front of a receipt that pays so many tokens in the first part, and what goes back; what is left to pay.
    fn front(&self, place: usize, tokens: i64) -> (Vec<Draw>, Vec<Draw>, i64) {
        let usage = &self.uses[place];
        let (mut kept, mut back, mut rest) = (Vec::new(), Vec::new(), usage.price.of(tokens, Round::Even));
        for draw in &usage.draws {
            let mut keeps = *draw;
            if draw.payer != Payer::Allowance || self.unit() == Unit::Credits {
                keeps.amount = draw.amount.min(rest);
                keeps.worth = keeps.amount;
            } else if self.unit() == Unit::Requests {
                // It pays for the whole request, at any price.
                keeps.worth = rest;
            } else {
                (keeps.amount, keeps.worth) = units_paid(usage.price.parts(tokens), rest, draw.amount);
            }
            rest -= keeps.worth;
            back.push(Draw { amount: draw.amount - keeps.amount, ..*draw });
            if keeps.amount > 0 {
                kept.push(keeps);
            }
        }
        (kept, back, rest)
    }

    /// A use turns out to be of so many tokens, and of so many in its second part.
    fn becomes(
        &mut self,
        place: usize,
        (tokens, second): (i64, Option<i64>),
        at: i64,
        now: i64,
    ) -> Result<(), Refused> {
        let held = self.uses[place].price;
        self.uses[place].price = held.turned_out(self.policy(), tokens, second);
        let (kept, back, rest) = self.front(place, tokens);
        let was_hold = self.uses[place].state == State::Open;
        // A hold keeps its rule. A correction has that of today.
        let rule = if was_hold { self.uses[place].overshoot } else { self.policy().overshoot };
        let more = if rest > 0 && was_hold && rule == Overshoot::Goodwill {
            Ok(vec![Draw { payer: Payer::Goodwill, layer: 0, at, amount: rest, worth: rest }])
        } else if rest > 0 {
            self.happened(&self.growth(place, (tokens, rest), at, now), rule)
        } else {
            Ok(Vec::new())
        };
        let more = more.inspect_err(|_| self.uses[place].price = held)?;
        self.uses[place].draws = kept;
        self.give_back(back, now, was_hold);
        self.pay(place, more, at, now);
        self.uses[place].tokens = tokens;
        Ok(())
    }

    /// A hold ends as a charge of what it held.
    pub(super) fn charge_held(&mut self, place: usize, at: i64) {
        let (mut kept, back, rest) = self.front(place, self.uses[place].tokens);
        // It is never charged beyond what it set aside.
        let good = Draw { payer: Payer::Goodwill, layer: 0, at, amount: rest, worth: rest };
        kept.extend((rest > 0).then_some(good));
        self.uses[place].draws = kept;
        self.give_back(back, at, true);
        self.uses[place].state = State::Charged;
        self.uses[place].at = at;
        self.note_bill(at);
    }

    pub(super) fn pay(&mut self, place: usize, draws: Vec<Draw>, at: i64, now: i64) {
        for draw in draws {
            if draw.payer == Payer::Allowance && draw.amount > 0 {
                self.draws_allowance(draw.layer, self.uses[place].path, at, now);
            }
            self.uses[place].draws.push(draw);
        }
    }

    pub(super) fn settle(
        &mut self,
        place: usize,
        (tokens, second): (i64, Option<i64>),
        now: i64,
    ) -> Result<(), Refused> {
        let held = self.uses[place].tokens + self.uses[place].price.second_tokens().unwrap_or(0);
        self.becomes(place, (tokens, second), now, now)?;
        self.uses[place].state = State::Charged;
        self.uses[place].at = now;
        self.recount(place, tokens + second.unwrap_or(0) - held, now);
        Ok(())
    }

    /// More is counted now, less where it was counted, the last first.
    pub(super) fn recount(&mut self, place: usize, more: i64, now: i64) {
        if more > 0 {
            let usage = &self.uses[place];
            let cost =
                Cost { feature: usage.feature, path: usage.path, tokens: more, requests: 0, holds: false };
            let count = self.count(&cost, now, now);
            self.uses[place].counts.push(count);
            return;
        }
        let mut less = -more;
        for count in self.uses[place].counts.iter_mut().rev() {
            let n = count.tokens.min(less);
            count.tokens -= n;
            less -= n;
        }
    }

    pub(super) fn correct(
        &mut self,
        place: usize,
        (tokens, second): (i64, Option<i64>),
        now: i64,
    ) -> Result<(), Refused> {
        let Use { at, price, .. } = self.uses[place];
        if price.lacks(price.turned_out(self.policy(), tokens, second)) {
            return Err(Refused);
        }
        self.becomes(place, (tokens, second), at, now)
    }

    /// A part of a charge, or what is left of it.
    pub(super) fn refund(&mut self, place: usize, amount: Option<i64>, now: i64) {
        let unit = self.unit();
        let all = self.uses[place].divisible(unit);
        let mut rest = amount.unwrap_or(all);
        self.uses[place].refunds += 1;
        let is_last = rest == all;
        let mut back = Vec::new();
        let usage = &mut self.uses[place];
        for draw in usage.draws.iter_mut().rev() {
            let n = draw.divisible(unit).min(rest);
            rest -= n;
            if draw.payer == Payer::Allowance && unit == Unit::Credits {
                draw.amount -= n;
            } else if draw.payer != Payer::Allowance {
                back.push(Draw { amount: n, ..*draw });
                draw.amount -= n;
            } else if is_last {
                draw.amount = 0;
            }
        }
        usage.draws.retain(|d| d.amount > 0);
        usage.is_refunded = is_last;
        back.reverse();
        self.give_back(back, now, false);
    }
}
