//! What is done, in the engine and in the model.

use headworks_core::command::{Adjust, Command, Correct, Extend, NewGrant, Step as Done};
use headworks_core::record::{
    Credits, GrantId, HoldId, Instant, Label, Outcome, Overage, Overshoot, Reason, Recurrence,
    Rollover as Terms,
};

use super::book::{Book, Payer, State, Use};
use super::calendar::{Calendar, SECOND};
use super::compare::{Compared, denied, same};
use super::decide::{Answer, Need, Side};
use super::grants::{Given, Rollover, Schedule};
use super::limits::Cost;
use super::policy::{FEATURES, Unit};
use super::price::{Price, Round};
use super::run::{Run, number, parts, seconds};
use super::steps::{Ask, Gift, Second};
use crate::common::{self, name, quantities};
use crate::unblock::{Buys, check_ways};

impl Run {
    pub(super) fn grant(&mut self, gift: &Gift, now: i64) -> Compared {
        let from = gift.begins.map_or(now, |s| now + s * SECOND);
        let until = gift.lives.map_or(i64::MAX, |s| from + s * SECOND);
        let amount = Credits::from_nano(gift.amount);
        let mut new = NewGrant::new(amount, gift.category);
        new.priority = gift.priority;
        new.effective_from = gift.begins.map(|_| Instant::from_micros(from));
        new.expires_at = gift.lives.map(|_| Instant::from_micros(until));
        new.features = gift.feature.map(|f| name(FEATURES[f])).into_iter().collect();
        let mut given = Given::new(gift.amount, gift.category, from, self.book.moved(until, now));
        (given.priority, given.feature) = (gift.priority, gift.feature);
        // What follows the billing anchor is left out after a pause.
        if let Some(again) = gift.again.filter(|_| self.book.pause.is_none()) {
            // One record opens one grant: what is carried of two, or carried and made good, is left out.
            let rolls = self.book.grants.iter().any(|g| g.again.is_some_and(|a| a.rollover.is_some()));
            let rollover = again.rollover.filter(|_| !rolls && !self.book.policy().goodwill);
            let rollover =
                rollover.map(|(min, max, billionths, life)| Rollover { min, max, billionths, life });
            let calendar = Calendar { from_anchor: true, ..Calendar::new(again.every, again.zone) };
            new.recurrence = Some(Box::new(Recurrence {
                every: again.every,
                zone: Label::new(again.zone).expect("a label"),
                anchor: None,
                until: Instant::NEVER,
                rollover: rollover.map(|r| Terms {
                    min: Credits::from_nano(r.min),
                    max: Credits::from_nano(r.max),
                    fraction: u32::try_from(r.billionths).expect("small"),
                    life: r.life.map(seconds),
                }),
                overage: if again.forgives { Overage::Forgive } else { Overage::Keep },
                prorated: None,
            }));
            given.expires = calendar.period(from, self.book.anchor).1;
            given.again = Some(Schedule {
                calendar,
                amount: gift.amount,
                until,
                rollover,
                forgives: again.forgives,
                first: self.book.grants.len(),
            });
        }
        given.id = self.world.apply(Command::Grant(new)).map_err(|e| e.to_string())?;
        self.book.open(given, now);
        Ok(())
    }

    pub(super) fn ask(&mut self, ask: &Ask, looks_ahead: bool, now: i64) -> Compared {
        let price = self.book.price(ask, (now, now));
        let answer = self.book.decide(ask, price, now);
        let asked = ask.request();
        // What begins within microseconds would begin while it is tried.
        let is_far = self.book.instants(now).first().is_none_or(|next| *next > now + SECOND);
        if looks_ahead && is_far {
            check_ways(&mut self.world, &asked, Buys::Then).map_err(|e| e.to_string())?;
        }
        let before = self.world.account.clone();
        let done = self.world.bare(&Command::Authorize(asked)).map_err(|e| e.to_string())?;
        let decision = self.world.fold(done);
        if !decision.outcome.is_granted() && self.world.account != before {
            return Err("a denial changed the account".to_owned());
        }
        let (tokens, draws) = match answer {
            Answer::Deny(reason) => return denied(&decision, reason),
            Answer::NeedsConsent => return same("outcome", decision.outcome, Outcome::NeedsConsent),
            Answer::Grant(tokens, draws) => (tokens, draws),
        };
        let outcome = if tokens == ask.tokens { Outcome::Allow } else { Outcome::Partial };
        if decision.outcome != outcome {
            return Err(format!(
                "outcome: the engine has {decision:?}, the model {outcome:?} {tokens} {draws:?}"
            ));
        }
        let cost = Cost {
            feature: ask.feature,
            path: ask.path,
            tokens: tokens + ask.second.unwrap_or(0),
            requests: ask.requests,
            holds: !ask.at_once,
        };
        let place = self.opens(ask, price, &cost, now, now);
        self.book.pay(place, draws, now, now);
        self.same_draws(place, &decision.draws)
    }

    /// A use without draws.
    fn opens(&mut self, ask: &Ask, price: Price, cost: &Cost, at: i64, now: i64) -> usize {
        let counts = vec![self.book.count(cost, at, now)];
        let id = self.world.account.seq;
        self.book.uses.push(Use {
            id,
            charge: id,
            feature: ask.feature,
            path: ask.path,
            price,
            tokens: cost.tokens - price.second_tokens().unwrap_or(0),
            requests: cost.requests,
            draws: Vec::new(),
            counts,
            state: if cost.holds { State::Open } else { State::Charged },
            deadline: now + ask.life * SECOND,
            at,
            consented: ask.consents,
            longer: 0,
            refunds: 0,
            is_refunded: false,
            overshoot: self.book.policy().overshoot,
            expiry_charges: self.book.policy().expiry_charges,
        });
        self.book.uses.len() - 1
    }

    /// A command that makes a charge, or is refused by both.
    pub(super) fn charge(
        &mut self,
        place: usize,
        command: Command,
        model: impl FnOnce(&mut Book, i64) -> bool,
    ) -> Compared {
        let now = self.now();
        let done = self.world.apply(command);
        let is_done = model(&mut self.book, now);
        if done.is_ok() != is_done {
            return Err(format!("the engine answers {done:?}, the model {is_done}"));
        }
        let Ok(seq) = done else { return Ok(()) };
        self.book.uses[place].charge = seq;
        self.number_grants()?;
        let draws =
            self.world.log.last().and_then(|r| r.charge()).map(|c| c.draws.clone()).unwrap_or_default();
        self.same_draws(place, &draws)
    }

    pub(super) fn extend(
        &mut self,
        which: usize,
        (tokens, second): (i64, i64),
        consents: bool,
        life: Option<i64>,
        now: i64,
    ) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Open && u.longer < 10) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let second = usage.price.second_tokens().map_or(0, |_| second);
        let grows = tokens + second;
        if grows == 0 && life.is_none() {
            return Ok(());
        }
        let by_allowance =
            self.book.unit() == Unit::Requests && usage.draws.iter().any(|d| d.payer == Payer::Allowance);
        let cost =
            Cost { feature: usage.feature, path: usage.path, tokens: grows, requests: 0, holds: false };
        let grown = usage.price.grown(second);
        let need = Need {
            feature: usage.feature,
            path: usage.path,
            price: usage.grows(tokens, second),
            parts: grown.beyond(usage.tokens + tokens, (usage.price, usage.tokens)),
            requests: 0,
            at: now,
            now,
            consents,
            has_happened: false,
            only: (self.book.unit() == Unit::Requests).then_some(Side::Credits),
        };
        // A longer life is no new use.
        let paused = (self.book.is_paused(now) && grows > 0).then_some(Reason::Paused);
        let refused = paused.or(self.book.refused(&cost, now));
        let pays = if by_allowance { Some(Some(Vec::new())) } else { self.book.pays(&need, consents) };
        let more = Extend {
            hold: HoldId(usage.id),
            quantities: quantities(&[("tokens", number(tokens))]),
            more: parts((second > 0).then_some(second)),
            minimum: None,
            life: life.map(seconds),
            progress: None,
            consented: consents,
        };
        let done = self.world.bare(&Command::Extend(more)).map_err(|e| e.to_string())?;
        let decision = match done {
            Done::Append(draft) if draft.event.decision().is_none() => {
                self.world.append(*draft);
                None
            }
            done @ (Done::Append(_) | Done::Count(..) | Done::Deny(..) | Done::Needs(_)) => {
                Some(self.world.fold(done))
            }
        };
        let outcome = decision.as_ref().map_or(Outcome::Allow, |d| d.outcome);
        match (refused, pays) {
            (refused @ Some(_), _) | (refused, None) => {
                let decision = decision.ok_or("an extension that the model denies is no decision")?;
                return denied(&decision, refused.or(self.book.too_dear(&need)));
            }
            (None, Some(None)) => return same("outcome of an extension", outcome, Outcome::NeedsConsent),
            (None, Some(Some(draws))) => {
                if outcome != Outcome::Allow {
                    return Err(format!("the engine refuses an extension, {decision:?}"));
                }
                self.book.pay(place, draws, now, now);
            }
        }
        if by_allowance {
            let usage = &self.book.uses[place];
            let worth = usage.grows(tokens, second);
            self.book.uses[place].draws[0].worth += worth;
        }
        self.book.recount(place, grows, now);
        let usage = &mut self.book.uses[place];
        usage.tokens += tokens;
        usage.price = grown;
        if let Some(life) = life {
            usage.deadline = now + life * SECOND;
            usage.longer += 1;
        }
        Ok(())
    }

    pub(super) fn correct(&mut self, which: usize, tokens: i64, second: Second) -> Compared {
        let becomes = |was: Option<i64>| match second {
            Second::Stays => was,
            Second::DidNotHappen => None,
            Second::Was(tokens) => Some(tokens),
        };
        let differs = |u: &Use| {
            let was = u.price.second_tokens();
            (u.tokens, was) != (tokens, becomes(was))
        };
        let Some(place) = self.pick(which, |u| u.state == State::Charged && u.refunds == 0 && differs(u))
        else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let is = becomes(usage.price.second_tokens());
        // One that names no parts is about the first.
        let more = (!matches!(second, Second::Stays)).then(|| parts(is));
        let to = Correct::To {
            quantities: quantities(&[("tokens", number(tokens))]),
            dimensions: None,
            more,
            reprice: false,
        };
        let command = common::correct(usage.charge, &to);
        self.charge(place, command, |book, now| book.correct(place, (tokens, is), now).is_ok())
    }

    /// Use without a hold, of now or of an earlier instant.
    pub(super) fn record(&mut self, ask: &Ask, ago: Option<i64>, now: i64) -> Compared {
        let at = ago.map_or(now, |s| (now - s * SECOND).min(now));
        let request = ask.request().request;
        let command = Command::Record { request, at: ago.map(|_| Instant::from_micros(at)) };
        let price = self.book.price(ask, (at, now));
        let overshoot = self.book.policy().overshoot;
        self.direct(&Ask { at_once: true, ..*ask }, command, (price, overshoot), (at, now))
    }

    fn direct(
        &mut self,
        ask: &Ask,
        command: Command,
        (price, overshoot): (Price, Overshoot),
        (at, now): (i64, i64),
    ) -> Compared {
        let need = Need {
            feature: ask.feature,
            path: ask.path,
            price: price.of(ask.tokens, Round::Even),
            parts: price.parts(ask.tokens),
            requests: ask.requests,
            at,
            now,
            consents: ask.consents,
            has_happened: true,
            only: None,
        };
        let pays = self.book.happened(&need, overshoot);
        let done = self.world.apply(command);
        let Ok(draws) = pays else {
            return if done.is_err() { Ok(()) } else { Err("the model refuses what happened".to_owned()) };
        };
        let seq = done.map_err(|e| format!("the engine refuses what happened: {e}"))?;
        let cost = Cost {
            feature: ask.feature,
            path: ask.path,
            tokens: ask.tokens + ask.second.unwrap_or(0),
            requests: ask.requests,
            holds: false,
        };
        let place = self.opens(ask, price, &cost, at, now);
        self.book.pay(place, draws, at, now);
        let record = self.world.log.iter().find(|r| r.seq == seq).expect("just written");
        let drawn = record.charge().expect("a charge").draws.clone();
        self.same_draws(place, &drawn)
    }

    pub(super) fn settle_late(&mut self, which: usize, tokens: i64, now: i64) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Gone { expired: true }) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let (hold, price) = (usage.id, usage.price.turned_out(self.book.policy(), tokens, None));
        let ask = Ask {
            feature: usage.feature,
            path: usage.path,
            tokens,
            second: None,
            requests: usage.requests,
            consents: usage.consented,
            least: None,
            at_once: true,
            life: 0,
        };
        let before = self.book.uses.len();
        let ask = Ask { consents: false, ..ask };
        let command = common::settle(hold, &[("tokens", number(tokens))]);
        self.direct(&ask, command, (price, usage.overshoot), (now, now))?;
        if self.book.uses.len() > before {
            self.book.uses[place].state = State::Gone { expired: false };
        }
        Ok(())
    }

    pub(super) fn refund(&mut self, which: usize, percent: Option<i64>, now: i64) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Charged && !u.is_refunded) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let part = percent.map(|p| usage.divisible(self.book.unit()) * p / 100).filter(|n| *n > 0);
        let amount = part.map(Credits::from_nano);
        let command = Command::Refund { charge: usage.charge, amount, reason: None };
        self.world.apply(command).map_err(|e| format!("refund: {e}"))?;
        self.book.refund(place, part, now);
        self.number_grants()
    }

    pub(super) fn adjust(&mut self, which: usize, by: i64, as_debt: bool) -> Compared {
        let Some(grant) = self.pick_grant(which) else { return Ok(()) };
        if by == 0 {
            return Ok(());
        }
        let id = GrantId(self.book.grants[grant].id);
        let change = Adjust { grant: id, by: Credits::from_nano(by), as_debt, reason: None };
        let done = self.world.apply(Command::Adjust(change));
        let left = self.book.left(grant);
        let takes = (-by).min(left);
        same("an adjustment", done.is_ok(), as_debt || by > 0 || -by <= left)?;
        if done.is_err() {
            return Ok(());
        }
        self.book.issued += by;
        if by > 0 {
            self.book.grants[grant].amount += by;
        } else {
            self.book.grants[grant].gone += takes;
            self.book.owed += -by - takes;
        }
        Ok(())
    }

    fn pick_grant(&self, which: usize) -> Option<usize> {
        let all: Vec<usize> = (0..self.book.grants.len())
            .filter(|g| {
                !self.book.grants[*g].has_ended && !self.book.grants[*g].is_void && self.book.left(*g) > 0
            })
            .collect();
        all.get(which % all.len().max(1)).copied()
    }

    pub(super) fn void(&mut self, which: usize) -> Compared {
        let Some(grant) = self.pick_grant(which) else { return Ok(()) };
        self.world.apply(common::void(self.book.grants[grant].id)).map_err(|e| e.to_string())?;
        let left = self.book.left(grant);
        self.book.issued -= left;
        self.book.grants[grant].gone += left;
        self.book.grants[grant].is_void = true;
        Ok(())
    }
}
