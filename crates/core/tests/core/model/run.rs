//! Does each step in the engine and in the model, and compares.

use headworks_core::catalog::Catalog;
use headworks_core::command::{Adjust, Command, Extend, NewGrant, Step as Done};
use headworks_core::record::Rollover as Terms;
use headworks_core::record::{
    Decision, Draw as Drawn, Event, GrantId, HoldId, Instant, Label, Level, Outcome, Overage, Reason,
    Recurrence, Segment, SegmentSettings, Source, Span,
};
use headworks_core::waterfall::Authorize;

use super::book::{Book, Draw, Given, Payer, Rollover, Schedule, State, Use};
use super::calendar::{Calendar, SECOND};
use super::decide::{Answer, Need, Side};
use super::dice::Dice;
use super::limits::Cost;
use super::policy::{FEATURES, NANO, Policy, Unit};
use super::steps::{Ask, Gift, Path, Step};
use super::text::layer_name;
use crate::common::{self, AskExt as _, World, at, catalog, credits, name, quantities};
use crate::unblock::{Buys, check_ways};

/// Where the two differ.
pub(super) type Compared = Result<(), String>;

pub(super) struct Run {
    pub(super) world: World,
    pub(super) book: Book,
    /// Every catalog, and the number of the first record under each.
    pub(super) catalogs: Vec<Catalog>,
    pub(super) since: Vec<u64>,
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Compared {
    if engine == model {
        Ok(())
    } else {
        Err(format!("{what}: the engine has {engine:?}, the model {model:?}"))
    }
}

fn seconds(n: i64) -> Span {
    Span::from_secs(u64::try_from(n).expect("positive"))
}

fn number(n: i64) -> u64 {
    u64::try_from(n).expect("positive")
}

impl Path {
    fn text(&self) -> String {
        let one = |what: &str, n: Option<u8>| n.map(|n| format!("{what}:{}{n}", &what[..1]));
        let all = [one("team", self.team), one("user", self.user), one("key", self.key)];
        all.into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

impl Ask {
    fn request(&self) -> Authorize {
        let mut list = vec![("tokens", number(self.tokens))];
        if self.requests > 1 {
            list.push(("requests", number(self.requests)));
        }
        let mut asked = common::ask(FEATURES[self.feature], &list);
        let path = self.path.text();
        if !path.is_empty() {
            asked = asked.on_path(&path);
        }
        if let Some(least) = self.least {
            asked = asked.at_least("tokens", number(least));
        }
        asked.request.consented = self.consents;
        asked.settle_now = self.at_once;
        asked.life = Some(seconds(self.life)).filter(|_| !self.at_once);
        asked
    }
}

impl Run {
    pub(super) fn new(policy: &Policy, start: &str, anchor: &str) -> Self {
        let mut world = World::new(&policy.text(), "p");
        world.now = at(start);
        world.settings(|s| s.billing_anchor = at(anchor));
        let book = Book {
            catalogs: vec![policy.clone()],
            dearer_from: at(policy.dearer_from).micros(),
            anchor: at(anchor).micros(),
            uses: Vec::new(),
            grants: Vec::new(),
            settled: 0,
            renewals: Vec::new(),
            opened: Vec::new(),
            consent: None,
            segments: std::collections::BTreeMap::new(),
            issued: 0,
            breakage: 0,
            given: 0,
            owed: 0,
            overdraft_repaid: 0,
        };
        Self { world, book, catalogs: vec![catalog(&policy.text())], since: vec![0] }
    }

    pub(super) fn now(&self) -> i64 {
        self.world.account.tick(self.world.now).micros()
    }

    /// Does what is due in both, and finds out the numbers of grants that opened by themselves.
    fn due(&mut self) -> Compared {
        self.world.due();
        self.book.pass(self.now());
        self.number_grants()
    }

    fn number_grants(&mut self) -> Compared {
        for record in &self.world.log {
            if let Event::Expired { hold, charge: Some(_) } = &record.event {
                let usage = self.book.uses.iter_mut().find(|u| u.id == hold.0 && u.charge == u.id);
                usage.into_iter().for_each(|u| u.charge = record.seq);
            }
        }
        let known: Vec<u64> = self.book.grants.iter().map(|g| g.id).filter(|id| *id > 0).collect();
        let opened = self.world.log.iter().filter_map(|r| Some((r.seq, r.opens.as_ref()?)));
        let new: Vec<_> = opened.filter(|(seq, _)| !known.contains(seq)).collect();
        for (seq, terms) in new {
            let same = |g: &&mut Given| {
                // What a hold gives back at its deadline is made good a microsecond before.
                let off = g.expires - terms.expires_at.micros();
                g.id == 0
                    && g.amount == terms.amount.nano()
                    && (off == 0 || off == 1)
                    && g.priority == terms.priority
            };
            let Some(given) = self.book.grants.iter_mut().find(same) else {
                let waiting: Vec<_> = self.book.grants.iter().filter(|g| g.id == 0).collect();
                return Err(format!("record {seq} of the engine opened {terms:?}, the model {waiting:?}"));
            };
            given.id = seq;
            given.category = terms.category;
            (given.from, given.expires) = (terms.effective_from.micros(), terms.expires_at.micros());
        }
        let left = self.book.grants.iter().find(|g| g.id == 0);
        left.map_or(Ok(()), |g| Err(format!("the model opened {g:?}, the engine nothing")))
    }

    pub(super) fn step(&mut self, step: &Step) -> Compared {
        self.due()?;
        self.act(step)?;
        self.due()?;
        self.compare()
    }

    fn act(&mut self, step: &Step) -> Compared {
        let now = self.now();
        match step {
            Step::Pass(n) => {
                self.world.now = Instant::from_micros(self.world.now.micros() + n * SECOND);
            }
            Step::PassTo { which, early } => {
                let all = self.book.instants(now);
                let to = all[which % all.len().min(3)] - i64::from(*early);
                self.world.now = Instant::from_micros(to.max(self.world.now.micros()));
            }
            Step::Grant(gift) => return self.grant(gift, now),
            Step::Ask { ask, looks_ahead } => return self.ask(ask, *looks_ahead, now),
            Step::Settle { which, percent } => {
                let Some(place) = self.pick(*which, |u| u.state == State::Open) else { return Ok(()) };
                let tokens = self.book.uses[place].tokens * percent / 100;
                let command = common::settle(self.book.uses[place].id, &[("tokens", number(tokens))]);
                return self.charge(place, command, |book, now| book.settle(place, tokens, now).is_ok());
            }
            Step::Release { which } => {
                let Some(place) = self.pick(*which, |u| u.state == State::Open) else { return Ok(()) };
                self.world.apply(common::release(self.book.uses[place].id)).map_err(|e| e.to_string())?;
                self.book.give_all_back(place, now, false);
            }
            Step::Extend { which, tokens, consents, life } => {
                return self.extend(*which, *tokens, *consents, *life, now);
            }
            Step::Record { ask, ago } => return self.record(ask, *ago, now),
            Step::SettleLate { which, tokens } => return self.settle_late(*which, *tokens, now),
            Step::Refund { which, percent } => return self.refund(*which, *percent, now),
            Step::Correct { which, tokens } => {
                let Some(place) =
                    self.pick(*which, |u| u.state == State::Charged && u.refunds == 0 && u.tokens != *tokens)
                else {
                    return Ok(());
                };
                let command = common::correct(
                    self.book.uses[place].charge,
                    &common::to(&[("tokens", number(*tokens))]),
                );
                return self.charge(place, command, |book, now| book.correct(place, *tokens, now).is_ok());
            }
            Step::Adjust { which, by, as_debt } => return self.adjust(*which, by * NANO, *as_debt),
            Step::Void { which } => self.void(*which)?,
            Step::Consent(consent) => {
                self.world.settings(|s| s.consent = *consent);
                self.book.consent = *consent;
            }
            Step::Segment { is_team, member, consent, cap } => {
                let level = if *is_team { Level::Team } else { Level::User };
                let word = if *is_team { "team:t" } else { "user:u" };
                let segment: Segment = format!("{word}{member}").parse().expect("a segment");
                let pool_cap = cap.map(headworks_core::record::Credits::from_nano);
                self.world.settings(|s| {
                    s.segments.retain(|x| x.segment != segment);
                    s.segments.push(SegmentSettings {
                        segment,
                        suspended: false,
                        consent: *consent,
                        pool_cap,
                        hourly_cap: None,
                    });
                });
                self.book.segments.insert((level, *member), (*consent, *cap));
            }
            Step::Catalog(seed) => {
                let next = self.book.policy().changed(&mut Dice::new(*seed));
                let next = Policy { version: self.book.catalogs.len(), ..next };
                self.world.catalog = catalog(&next.text());
                self.catalogs.push(catalog(&next.text()));
                self.since.push(self.world.account.seq + 1);
                self.book.catalogs.push(next);
            }
        }
        Ok(())
    }

    fn pick(&self, which: usize, of: impl Fn(&Use) -> bool) -> Option<usize> {
        let all: Vec<usize> = (0..self.book.uses.len()).filter(|u| of(&self.book.uses[*u])).collect();
        all.get(which % all.len().max(1)).copied()
    }

    fn grant(&mut self, gift: &Gift, now: i64) -> Compared {
        let from = gift.begins.map_or(now, |s| now + s * SECOND);
        let until = gift.lives.map_or(i64::MAX, |s| from + s * SECOND);
        let amount = headworks_core::record::Credits::from_nano(gift.amount);
        let mut new = NewGrant::new(amount, gift.category);
        new.priority = gift.priority;
        new.effective_from = gift.begins.map(|_| Instant::from_micros(from));
        new.expires_at = gift.lives.map(|_| Instant::from_micros(until));
        new.features = gift.feature.map(|f| name(FEATURES[f])).into_iter().collect();
        let mut given = Given::new(gift.amount, gift.category, from, until);
        (given.priority, given.feature) = (gift.priority, gift.feature);
        if let Some(again) = gift.again {
            // One record opens one grant: what is carried of two, or carried and made good, is left out.
            let rolls = self.book.grants.iter().any(|g| g.again.is_some_and(|a| a.rollover.is_some()));
            let rollover = again.rollover.filter(|_| !rolls && !self.book.policy().goodwill);
            let rollover =
                rollover.map(|(min, max, billionths, life)| Rollover { min, max, billionths, life });
            let calendar = Calendar { every: again.every, zone: again.zone, from_anchor: true };
            new.recurrence = Some(Box::new(Recurrence {
                every: again.every,
                zone: Label::new(again.zone).expect("a label"),
                anchor: None,
                until: Instant::NEVER,
                rollover: rollover.map(|r| Terms {
                    min: headworks_core::record::Credits::from_nano(r.min),
                    max: headworks_core::record::Credits::from_nano(r.max),
                    fraction: u32::try_from(r.billionths).expect("small"),
                    life: r.life.map(seconds),
                }),
                overage: if again.forgives { Overage::Forgive } else { Overage::Keep },
                prorated: None,
            }));
            given.expires = calendar.period(from, self.book.anchor).1;
            given.again =
                Some(Schedule { calendar, amount: gift.amount, until, rollover, forgives: again.forgives });
        }
        given.id = self.world.apply(Command::Grant(new)).map_err(|e| e.to_string())?;
        self.book.open(given, now);
        Ok(())
    }

    fn ask(&mut self, ask: &Ask, looks_ahead: bool, now: i64) -> Compared {
        let each = self.book.price(ask.feature, now);
        let answer = self.book.decide(ask, each, now);
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
        let granted = if outcome == Outcome::Allow { decision.price } else { decision.paid_price };
        let _ = granted;
        let cost = Cost {
            feature: ask.feature,
            path: ask.path,
            tokens,
            requests: ask.requests,
            holds: !ask.at_once,
        };
        let place = self.opens(ask, each, &cost, now, now);
        self.book.pay(place, draws, now, now);
        self.same_draws(place, &decision.draws)
    }

    /// A use without draws.
    fn opens(&mut self, ask: &Ask, each: i64, cost: &Cost, at: i64, now: i64) -> usize {
        let counts = vec![self.book.count(cost, at, now)];
        let id = self.world.account.seq;
        self.book.uses.push(Use {
            id,
            charge: id,
            feature: ask.feature,
            path: ask.path,
            price: each,
            tokens: cost.tokens,
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
        });
        self.book.uses.len() - 1
    }

    /// A command that makes a charge, or is refused by both.
    fn charge(
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

    fn extend(&mut self, which: usize, tokens: i64, consents: bool, life: Option<i64>, now: i64) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Open && u.longer < 10) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        if tokens == 0 && life.is_none() {
            return Ok(());
        }
        let by_allowance =
            self.book.unit() == Unit::Requests && usage.draws.iter().any(|d| d.payer == Payer::Allowance);
        let cost = Cost { feature: usage.feature, path: usage.path, tokens, requests: 0, holds: false };
        let need = Need {
            feature: usage.feature,
            path: usage.path,
            price: tokens * usage.price,
            each: usage.price,
            requests: 0,
            at: now,
            now,
            consents,
            has_happened: false,
            only: (self.book.unit() == Unit::Requests).then_some(Side::Credits),
        };
        let refused = self.book.refused(&cost, now);
        let pays = if by_allowance { Some(Some(Vec::new())) } else { self.book.pays(&need, consents) };
        let more = Extend {
            hold: HoldId(usage.id),
            quantities: quantities(&[("tokens", number(tokens))]),
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
            done => Some(self.world.fold(done)),
        };
        let outcome = decision.as_ref().map_or(Outcome::Allow, |d| d.outcome);
        match (refused, pays) {
            (Some(_), _) | (None, None) => return same("outcome of an extension", outcome, Outcome::Deny),
            (None, Some(None)) => return same("outcome of an extension", outcome, Outcome::NeedsConsent),
            (None, Some(Some(draws))) => {
                if outcome != Outcome::Allow {
                    return Err(format!("the engine refuses an extension, {decision:?}"));
                }
                let by = Book::pay;
                by(&mut self.book, place, draws, now, now);
            }
        }
        if by_allowance {
            let worth = tokens * self.book.uses[place].price;
            self.book.uses[place].draws[0].worth += worth;
        }
        self.book.recount(place, tokens, now);
        let usage = &mut self.book.uses[place];
        usage.tokens += tokens;
        if let Some(life) = life {
            usage.deadline = now + life * SECOND;
            usage.longer += 1;
        }
        Ok(())
    }

    /// Use without a hold, of now or of an earlier instant.
    fn record(&mut self, ask: &Ask, ago: Option<i64>, now: i64) -> Compared {
        let at = ago.map_or(now, |s| (now - s * SECOND).min(now));
        let request = ask.request().request;
        let command = Command::Record { request, at: ago.map(|_| Instant::from_micros(at)) };
        let each = self.book.price(ask.feature, at);
        self.direct(&Ask { at_once: true, ..*ask }, command, each, at, now)
    }

    fn direct(&mut self, ask: &Ask, command: Command, each: i64, at: i64, now: i64) -> Compared {
        let need = Need {
            feature: ask.feature,
            path: ask.path,
            price: ask.tokens * each,
            each,
            requests: ask.requests,
            at,
            now,
            consents: ask.consents,
            has_happened: true,
            only: None,
        };
        let pays = self.book.happened(&need);
        let done = self.world.apply(command);
        let Ok(draws) = pays else {
            return if done.is_err() { Ok(()) } else { Err("the model refuses what happened".to_owned()) };
        };
        let seq = done.map_err(|e| format!("the engine refuses what happened: {e}"))?;
        let cost = Cost {
            feature: ask.feature,
            path: ask.path,
            tokens: ask.tokens,
            requests: ask.requests,
            holds: false,
        };
        let place = self.opens(ask, each, &cost, at, now);
        self.book.pay(place, draws, at, now);
        let record = self.world.log.iter().find(|r| r.seq == seq).expect("just written");
        let drawn = record.charge().expect("a charge").draws.clone();
        self.same_draws(place, &drawn)
    }

    fn settle_late(&mut self, which: usize, tokens: i64, now: i64) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Gone { expired: true }) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let (hold, each) = (usage.id, usage.price);
        let ask = Ask {
            feature: usage.feature,
            path: usage.path,
            tokens,
            requests: usage.requests,
            consents: usage.consented,
            least: None,
            at_once: true,
            life: 0,
        };
        let before = self.book.uses.len();
        let ask = Ask { consents: false, ..ask };
        self.direct(&ask, common::settle(hold, &[("tokens", number(tokens))]), each, now, now)?;
        if self.book.uses.len() > before {
            self.book.uses[place].state = State::Gone { expired: false };
        }
        Ok(())
    }

    fn refund(&mut self, which: usize, percent: Option<i64>, now: i64) -> Compared {
        let Some(place) = self.pick(which, |u| u.state == State::Charged && !u.is_refunded) else {
            return Ok(());
        };
        let usage = &self.book.uses[place];
        let part = percent.map(|p| usage.credits() * p / 100).filter(|n| *n > 0);
        let amount = part.map(headworks_core::record::Credits::from_nano);
        let command = Command::Refund { charge: usage.charge, amount, reason: None };
        self.world.apply(command).map_err(|e| format!("refund: {e}"))?;
        self.book.refund(place, part, now);
        self.number_grants()
    }

    fn adjust(&mut self, which: usize, by: i64, as_debt: bool) -> Compared {
        let Some(grant) = self.pick_grant(which) else { return Ok(()) };
        if by == 0 {
            return Ok(());
        }
        let id = GrantId(self.book.grants[grant].id);
        let change =
            Adjust { grant: id, by: headworks_core::record::Credits::from_nano(by), as_debt, reason: None };
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

    fn void(&mut self, which: usize) -> Compared {
        let Some(grant) = self.pick_grant(which) else { return Ok(()) };
        self.world.apply(common::void(self.book.grants[grant].id)).map_err(|e| e.to_string())?;
        let left = self.book.left(grant);
        self.book.issued -= left;
        self.book.grants[grant].gone += left;
        self.book.grants[grant].is_void = true;
        Ok(())
    }

    /// The receipt of a use: who pays how much, in the order in which each came first.
    fn same_draws(&self, place: usize, engine: &[Drawn]) -> Compared {
        let mut ours: Vec<(Option<Source>, String, i64, i64)> = Vec::new();
        for draw in &self.book.uses[place].draws {
            add(&mut ours, self.payer(draw), layer_name(draw.layer), draw.amount, draw.worth);
        }
        let mut theirs = Vec::new();
        for draw in engine {
            add(&mut theirs, Some(draw.source), draw.layer.to_string(), draw.amount, draw.worth);
        }
        same("draws", theirs, ours)
    }

    fn payer(&self, draw: &Draw) -> Option<Source> {
        Some(match draw.payer {
            Payer::Allowance => Source::Allowance,
            Payer::Grant(g) => Source::Grant(GrantId(self.book.grants[g].id), self.book.grants[g].category),
            Payer::Overdraft => Source::Overdraft,
            Payer::Debt => Source::Debt,
            Payer::Goodwill => Source::Goodwill,
        })
    }
}

fn add(
    list: &mut Vec<(Option<Source>, String, i64, i64)>,
    source: Option<Source>,
    layer: String,
    amount: i64,
    worth: i64,
) {
    let layer = if matches!(source, Some(Source::Debt | Source::Goodwill)) { String::new() } else { layer };
    if let Some(known) = list.iter_mut().find(|k| k.0 == source && k.1 == layer) {
        known.2 += amount;
        known.3 += worth;
        return;
    }
    list.push((source, layer, amount, worth));
}

fn denied(decision: &Decision, reason: Option<Reason>) -> Compared {
    if decision.outcome != Outcome::Deny {
        return Err(format!("the model denies for {reason:?}, the engine {decision:?}"));
    }
    let of_sources = [
        Reason::ExceedsCapacity,
        Reason::SpendCap,
        Reason::MemberCap,
        Reason::MemberMissing,
        Reason::ConsentNever,
        Reason::AllowanceUsed,
        Reason::InsufficientCredits,
        Reason::InDebt,
    ];
    match reason {
        Some(reason) => same("reason", decision.reason, reason),
        None if of_sources.contains(&decision.reason) => Ok(()),
        None => Err(format!("the model denies for want of sources, the engine for {:?}", decision.reason)),
    }
}

impl Run {
    /// Every figure that is shown.
    fn compare(&self) -> Compared {
        let (account, book, now) = (&self.world.account, &self.book, self.now());
        let at = Instant::from_micros(now);
        same("available", account.available(at, None).nano(), book.available(now))?;
        same("held", account.held(None).nano(), book.held())?;
        let books = account.books;
        let figures =
            [books.issued, books.spent, books.breakage, books.goodwill, books.debt, books.overdraft];
        same(
            "issued, spent, breakage, goodwill, debt, overdraft",
            figures.map(headworks_core::record::Credits::nano),
            [book.issued, book.spent(), book.breakage, book.goodwill(), book.debt(), book.overdraft()],
        )?;
        let views = headworks_core::view::windows(self.world.ctx()).map_err(|e| e.to_string())?;
        for view in &views {
            let member = view.member.as_ref().and_then(|m| m.as_str()[1..].parse().ok());
            let used = self.shown(view.name.as_str(), member, now);
            if let Some(used) = used {
                same(&format!("used of {} of {:?}", view.name, view.member), view.used, used)?;
            }
        }
        let _ = credits;
        Ok(())
    }

    fn shown(&self, name: &str, member: Option<u8>, now: i64) -> Option<i64> {
        let policy = self.book.policy();
        if let Some(index) = name.strip_prefix('g') {
            let index: usize = index.parse().expect("a number");
            return self.book.counted(index, &policy.guards[index], member, now);
        }
        let (layer, window) = name.split_once('.').map_or((name, None), |(l, w)| (l, Some(w)));
        let layer: usize = layer[1..].parse().expect("a number");
        if let Some(window) = window {
            let windows = self.book.included(layer, member, now, false);
            let window: usize = window[1..].parse().expect("a number");
            return Some(windows[window].1);
        }
        let super::policy::Layer::Pool { calendar, .. } = &policy.layers[layer] else { return None };
        Some(self.book.pooled(layer, member?, calendar.period(now, self.book.anchor)))
    }
}
