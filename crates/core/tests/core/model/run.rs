//! Does each step in the engine and in the model, and compares.

use headworks_core::catalog::Catalog;
use headworks_core::command::Command;
use headworks_core::record::{Event, HoldId, Instant, Segment, SegmentSettings, Span};
use headworks_core::waterfall::{AskedPart, Authorize};

use super::bills::Bills;
use super::book::{Book, State, Use};
use super::calendar::SECOND;
use super::compare::Compared;
use super::dice::Dice;
use super::grants::Given;
use super::policy::{FEATURES, NANO, Policy};
use super::seats::Seats;
use super::steps::{Ask, LEVELS, Path, Step};
use super::text;
use crate::common::{self, AskExt as _, World, at, catalog};

/// An account in the engine and in the model.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) book: Book,
    /// Every catalog, and the number of the first record under each.
    pub(super) catalogs: Vec<Catalog>,
    pub(super) since: Vec<u64>,
}

pub(super) fn seconds(n: i64) -> Span {
    Span::from_secs(u64::try_from(n).expect("positive"))
}

pub(super) fn number(n: i64) -> u64 {
    u64::try_from(n).expect("positive")
}

impl Path {
    pub(super) fn text(&self) -> String {
        let named = LEVELS.into_iter().filter_map(|level| Some(text::segment((level, self.member(level)?))));
        named.collect::<Vec<_>>().join("/")
    }
}

impl Ask {
    pub(super) fn request(&self) -> Authorize {
        let mut list = vec![("tokens", number(self.tokens))];
        if self.requests > 1 {
            list.push(("requests", number(self.requests)));
        }
        let mut asked = common::ask(FEATURES[self.feature], &list);
        let path = Path { seat: None, ..self.path }.text();
        if !path.is_empty() {
            asked = asked.on_path(&path);
        }
        if let Some(least) = self.least {
            asked = asked.at_least("tokens", number(least));
        }
        asked.request.more = parts(self.second);
        asked.request.consented = self.consents;
        asked.settle_now = self.at_once;
        asked.life = Some(seconds(self.life)).filter(|_| !self.at_once);
        asked
    }
}

/// The parts of a use after the first.
pub(super) fn parts(second: Option<i64>) -> Vec<AskedPart> {
    let part = |n| AskedPart { dimensions: None, quantities: common::quantities(&[("tokens", number(n))]) };
    second.map(part).into_iter().collect()
}

impl Run {
    /// What is asked, with the seat of who asks.
    fn possible(&self, ask: &Ask) -> Ask {
        Ask { path: self.book.seated(ask.path), ..*ask }
    }

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
            bills: Bills::default(),
            pause: None,
            overrides: Vec::new(),
            seats: Seats::new(),
            closed: Vec::new(),
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

    pub(super) fn number_grants(&mut self) -> Compared {
        for record in &self.world.log {
            if let Event::Expired { hold, charge: Some(_) } = &record.event {
                let usage = self.book.uses.iter_mut().find(|u| u.id == hold.0 && u.charge == u.id);
                usage.into_iter().for_each(|u| u.charge = record.seq);
            }
        }
        let known: Vec<u64> = self.book.grants.iter().map(|g| g.id).filter(|id| *id > 0).collect();
        let opened = self.world.log.iter().filter_map(|r| Some((r, r.opens.as_ref()?)));
        let new: Vec<_> = opened.filter(|(r, _)| !known.contains(&r.seq)).collect();
        for (record, terms) in new {
            let seq = record.seq;
            // The record of a grant that is given in a pause has its life as if there were none.
            let expires = self.book.moved(terms.expires_at.micros(), record.recorded_at.micros());
            let same = |g: &&mut Given| {
                // What a hold gives back at its deadline is made good a microsecond before.
                let off = g.expires - expires;
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
            (given.from, given.expires) = (terms.effective_from.micros(), expires);
        }
        let left = self.book.grants.iter().find(|g| g.id == 0);
        left.map_or(Ok(()), |g| Err(format!("the model opened {g:?}, the engine nothing")))
    }

    pub(super) fn step(&mut self, step: &Step) -> Compared {
        self.due()?;
        let now = self.now();
        self.act(step)?;
        self.book.note_bill(now);
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
            Step::Ask { ask, looks_ahead } => return self.ask(&self.possible(ask), *looks_ahead, now),
            Step::Settle { which, percent, second } => {
                let Some(place) = self.pick(*which, |u| u.state == State::Open) else { return Ok(()) };
                let usage = &self.book.uses[place];
                let tokens = usage.tokens * percent / 100;
                // A part that is not named did not happen; one that was not asked for may have.
                let second = second.map(|of| usage.price.second_tokens().map_or(of / 10, |n| n * of / 100));
                let command = Command::Settle {
                    hold: HoldId(usage.id),
                    quantities: common::quantities(&[("tokens", number(tokens))]),
                    dimensions: None,
                    more: parts(second),
                };
                return self
                    .charge(place, command, |book, now| book.settle(place, (tokens, second), now).is_ok());
            }
            Step::Release { which } => {
                let Some(place) = self.pick(*which, |u| u.state == State::Open) else { return Ok(()) };
                self.world.apply(common::release(self.book.uses[place].id)).map_err(|e| e.to_string())?;
                self.book.give_all_back(place, now, false);
            }
            Step::Extend { which, tokens, second, consents, life } => {
                return self.extend(*which, (*tokens, *second), *consents, *life, now);
            }
            Step::Record { ask, ago } => return self.record(&self.possible(ask), *ago, now),
            Step::SettleLate { which, tokens } => return self.settle_late(*which, *tokens, now),
            Step::Refund { which, percent } => return self.refund(*which, *percent, now),
            Step::Correct { which, tokens, second } => return self.correct(*which, *tokens, *second),
            Step::Adjust { which, by, as_debt } => return self.adjust(*which, by * NANO, *as_debt),
            Step::Void { which } => self.void(*which)?,
            Step::Consent(consent) => {
                self.world.settings(|s| s.consent = *consent);
                self.book.consent = *consent;
            }
            Step::Segment { level, member, consent, cap } => {
                let segment: Segment = text::segment((*level, *member)).parse().expect("a segment");
                let pool_cap = cap.map(headworks_core::record::Credits::from_nano).map(Into::into);
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
                self.book.segments.insert((*level, *member), (*consent, *cap));
            }
            Step::Pause { seconds } => self.pause(*seconds)?,
            Step::Resume => self.resume()?,
            Step::Seat(set) => self.set_seat(set)?,
            Step::RemoveSeat(seat) => self.remove_seat(*seat)?,
            Step::Close { which, all, from } => self.close(*which, *all, *from)?,
            Step::PayBill { which } => self.pay_bill(*which)?,
            Step::Override { which, place, figure, lives } => {
                self.set_override(*which, *place, *figure, lives.map(|s| self.now() + s * SECOND))?;
            }
            Step::RemoveOverride { which } => {
                let now = self.now();
                let open: Vec<u64> =
                    self.book.overrides.iter().filter(|o| now < o.until).map(|o| o.record).collect();
                if !open.is_empty() {
                    let id = open[which % open.len()];
                    self.world
                        .apply(Command::RemoveOverride { id, reason: None })
                        .map_err(|e| format!("removing an override: {e}"))?;
                    self.book.overrides.retain(|o| o.record != id);
                }
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

    pub(super) fn pick(&self, which: usize, of: impl Fn(&Use) -> bool) -> Option<usize> {
        let all: Vec<usize> = (0..self.book.uses.len()).filter(|u| of(&self.book.uses[*u])).collect();
        all.get(which % all.len().max(1)).copied()
    }
}
