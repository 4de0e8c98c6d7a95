//! The simulated world: accounts that decide with the real core, supplies that are the real ones, an upstream with slots and a
//! rate, and a clock that jumps from event to event. The same trace and policy give the same run.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use headworks_core::capacity::controller::DRIP;
use headworks_core::capacity::{Offer, Sharer, TICK};
use headworks_core::catalog::{Catalog, Feature};
use headworks_core::command::Step;
use headworks_core::record::{Category, Credits, HoldId, Instant, Name, Reason, Span};
use headworks_core::waterfall::{Authorize, Quantities, Request};
use headworks_engine::capacity::supply::{Cost, Leaf, Room, Supply};
use headworks_terminal::Failed;

use super::fates::{Fate, Run, Sample};
use super::member::Member;
use super::traffic::{Traced, Traffic};
use super::upstream::Upstream;

mod serving;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Finish(usize),
    Tick,
    Arrival(usize),
}

struct Admitted {
    hold: Option<HoldId>,
    at: u64,
    supply: Option<(usize, Arc<Leaf>, Cost)>,
}

struct World<'a> {
    catalog: &'a Catalog,
    feature: &'a Feature,
    traffic: &'a Traffic,
    upstream: &'a Upstream,
    estimate: Option<Estimate>,
    members: Vec<Member>,
    supplies: Vec<Arc<Supply<usize>>>,
    /// By client, supply and whether it is served one class lower.
    leaves: HashMap<(usize, usize, bool), Arc<Leaf>>,
    running: HashMap<usize, Admitted>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    /// At the upstream, with no free slot.
    line: VecDeque<usize>,
    busy: usize,
    /// Cost the upstream may still serve, in millionths, and when it was refilled.
    tokens: (i128, u64),
    run: Run,
}

/// The output tokens that a request is estimated at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Estimate {
    /// So many.
    Tokens(u64),
    /// So many times what it takes, or of every other client that part of it.
    Off(u64),
}

/// Replays a trace against a policy. `estimate`: output tokens held instead of the actual ones. `credits`: the credits that
/// each account has bought before.
pub(crate) fn run(
    catalog: &Catalog,
    feature: Option<&Name>,
    traffic: &Traffic,
    upstream: &Upstream,
    estimate: Option<Estimate>,
    credits: Credits,
) -> Result<Run, Failed> {
    let mut world = World::new(catalog, feature, traffic, upstream, estimate)?;
    if credits.is_positive() {
        for member in &mut world.members {
            member.grant(catalog, credits, Category::Purchased, instant(0))?;
        }
    }
    for (i, request) in traffic.requests.iter().enumerate() {
        world.events.push(Reverse((request.at, Event::Arrival(i))));
    }
    world.events.push(Reverse((0, Event::Tick)));
    let last = traffic.requests.last().map_or(0, |r| r.at);
    let mut now = 0;
    while let Some(Reverse((at, event))) = world.events.pop() {
        world.note_idle(at - now);
        now = at;
        match event {
            Event::Arrival(i) => world.arrive(i, now)?,
            Event::Finish(i) => world.finish(i, now)?,
            Event::Tick => {
                let step = world.tick(now)?;
                let open = now < last
                    || !world.running.is_empty()
                    || world.supplies.iter().any(|p| p.is_waited_for());
                if open && !world.supplies.is_empty() {
                    world.events.push(Reverse((now + step.micros(), Event::Tick)));
                }
            }
        }
    }
    let begun = world.members.iter().map(|m| m.effects.len()).sum::<usize>();
    world.run.effects = u64::try_from(begun).unwrap_or(u64::MAX);
    Ok(world.run)
}

/// An instant of a simulation, by microseconds from its beginning.
pub(crate) fn instant(micros: u64) -> Instant {
    // The simulation begins on a Monday, 2030-01-07 in UTC, when all prices of a catalog are in force except those planned for
    // later.
    Instant::from_micros(1_893_974_400_000_000 + i64::try_from(micros).unwrap_or(i64::MAX / 2))
}

impl<'a> World<'a> {
    fn new(
        catalog: &'a Catalog,
        feature: Option<&Name>,
        traffic: &'a Traffic,
        upstream: &'a Upstream,
        estimate: Option<Estimate>,
    ) -> Result<Self, Failed> {
        let names = catalog.feature_names();
        let name = match (feature, names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => only,
            (None, _) => return Err("the catalog has several features; name one with --feature".into()),
        };
        let feature =
            catalog.feature(name.as_str()).ok_or_else(|| format!("the catalog has no feature `{name}`"))?;
        let mut supplies = Vec::new();
        if let Some(own) = feature.supply.as_ref().and_then(|supply| catalog.supplies.get_key_value(supply)) {
            let fallbacks = own.1.fallback.iter().filter_map(|name| catalog.supplies.get_key_value(name));
            for (name, terms) in std::iter::once(own).chain(fallbacks) {
                supplies.push(Arc::new(Supply::new(name.clone(), Arc::clone(terms))));
            }
        }
        let open = |client| Member::open(catalog, client, instant(0));
        let members = traffic.clients.iter().map(open).collect::<Result<_, Failed>>()?;
        Ok(Self {
            catalog,
            feature,
            traffic,
            upstream,
            estimate,
            members,
            supplies,
            leaves: HashMap::new(),
            running: HashMap::new(),
            events: BinaryHeap::new(),
            line: VecDeque::new(),
            busy: 0,
            tokens: (0, 0),
            run: Run { fates: vec![Fate::Pending; traffic.requests.len()], ..Run::default() },
        })
    }

    fn request(&self, i: usize) -> Result<Traced, Failed> {
        self.traffic.requests.get(i).copied().ok_or_else(|| "no such request".into())
    }

    fn settle_fate(&mut self, i: usize, fate: Fate) {
        if let Some(slot) = self.run.fates.get_mut(i) {
            *slot = fate;
        }
    }

    fn quantities(&self, traced: &Traced, estimated: bool) -> Quantities {
        let output = match self.estimate.filter(|_| estimated) {
            None => traced.output_tokens,
            Some(Estimate::Tokens(tokens)) => tokens,
            Some(Estimate::Off(times)) if traced.client.is_multiple_of(2) => traced.output_tokens * times,
            Some(Estimate::Off(times)) => traced.output_tokens / times,
        };
        let of = |meter: &Name| match meter.as_str() {
            "input_tokens" => Some((meter.clone(), traced.input_tokens)),
            "output_tokens" => Some((meter.clone(), output)),
            _ => None,
        };
        self.feature.meters.iter().filter_map(of).collect()
    }

    fn cost(&self, supply: usize, traced: &Traced, estimated: bool) -> Option<Cost> {
        let terms = self.supplies.get(supply)?.terms();
        let quantities = self.quantities(traced, estimated);
        let named = || quantities.iter().map(|(m, n)| (m.as_str(), *n));
        Some(Cost {
            rate: terms.rate.formula.cost(named()),
            in_flight: terms.in_flight.formula.cost(named()),
        })
    }

    /// The cost of a request as a supply expects it of its account.
    fn expected(&self, supply: usize, traced: &Traced, leaf: &Leaf) -> Option<Cost> {
        let cost = self.cost(supply, traced, true)?;
        let quantities = self.quantities(traced, true);
        let named = quantities.iter().map(|(m, n)| (m.as_str(), *n));
        let rate = self.supplies.get(supply)?.expected(leaf, self.feature.name.as_str(), named);
        Some(Cost { rate, ..cost })
    }

    fn member(&mut self, client: usize) -> Result<&mut Member, Failed> {
        self.members.get_mut(client).ok_or_else(|| "no such client".into())
    }

    fn leaf(&mut self, client: usize, supply: usize, demoted: bool) -> Result<Arc<Leaf>, Failed> {
        if let Some(leaf) = self.leaves.get(&(client, supply, demoted)) {
            return Ok(Arc::clone(leaf));
        }
        let terms = self.supplies.get(supply).map(|p| p.terms()).ok_or("no such supply")?;
        let account = &self.members.get(client).ok_or("no such client")?.account;
        let class = self.catalog.class_of(&terms, account, demoted);
        let (class, _) = class.ok_or("a supply without classes")?;
        let cluster = account.settings.rank.as_ref().and_then(|r| r.cluster.as_ref());
        let sharer = Sharer::new(class, cluster, &account.id, None);
        // The account has one maximum, demoted or not.
        let other = self.leaves.get(&(client, supply, !demoted));
        let (lengths, maximum) =
            other.map(|o| (Arc::clone(&o.lengths), Arc::clone(&o.maximum))).unwrap_or_default();
        let leaf = Arc::new(Leaf::knowing(sharer, account.settings.account_terms(), lengths, maximum));
        self.leaves.insert((client, supply, demoted), Arc::clone(&leaf));
        Ok(leaf)
    }

    fn arrive(&mut self, i: usize, now: u64) -> Result<(), Failed> {
        let traced = self.request(i)?;
        let mut offers = Vec::new();
        let mut taken = None;
        let ask = self.ask(&traced);
        let member = self.members.get(traced.client).ok_or("no such client")?;
        let demoted = member.is_demoted(self.catalog, &ask, instant(now))?;
        self.run.demoted += u64::from(demoted && !self.supplies.is_empty());
        for at in 0..self.supplies.len() {
            let leaf = self.leaf(traced.client, at, demoted)?;
            let Some(cost) = self.expected(at, &traced, &leaf) else { continue };
            let Some(supply) = self.supplies.get(at).map(Arc::clone) else { continue };
            supply.note(&leaf, cost);
            let used = leaf.in_flight();
            let room = supply.take(&leaf, cost);
            offers.push(supply.offer(supply.class_of(&leaf), cost, used, room, instant(now)));
            if room.is_ok() {
                self.run.fell_back += u64::from(at > 0);
                taken = Some((at, leaf, cost));
                break;
            }
        }
        let outcome = self.decide(traced.client, &ask, &offers, now)?;
        match outcome {
            Step::Deny(_, decision) => {
                self.give_back(taken, now)?;
                if decision.reason == Reason::Capacity && self.queue(i, demoted, now)? {
                    return Ok(());
                }
                self.settle_fate(i, Fate::Refused(decision.reason, now));
                Ok(())
            }
            granted @ (Step::Append(_) | Step::Count(..) | Step::Needs(_)) => {
                self.admit(i, granted, taken, now)
            }
        }
    }

    fn ask(&self, traced: &Traced) -> Authorize {
        Authorize {
            life: Some(self.feature.hold_life_max),
            settle_now: !self.feature.ledger,
            ..Authorize::new(Request {
                consented: true,
                ..Request::new(self.feature.name.clone(), self.quantities(traced, true))
            })
        }
    }

    fn decide(&mut self, client: usize, ask: &Authorize, offers: &[Offer], now: u64) -> Result<Step, Failed> {
        let catalog = self.catalog;
        self.member(client)?.decide(catalog, ask, offers, instant(now))
    }

    /// Waits in the queue of the first supply, when its class lets it.
    fn queue(&mut self, i: usize, demoted: bool, now: u64) -> Result<bool, Failed> {
        let traced = self.request(i)?;
        let leaf = self.leaf(traced.client, 0, demoted)?;
        let Some(cost) = self.expected(0, &traced, &leaf) else { return Ok(false) };
        let Some(supply) = self.supplies.first() else { return Ok(false) };
        let wait_max = supply.wait_max(&leaf);
        if wait_max == Span::ZERO {
            return Ok(false);
        }
        Ok(supply.wait(&leaf, cost, instant(now), wait_max, i).is_ok())
    }

    fn admit(
        &mut self,
        i: usize,
        granted: Step,
        taken: Option<(usize, Arc<Leaf>, Cost)>,
        now: u64,
    ) -> Result<(), Failed> {
        let (client, catalog) = (self.request(i)?.client, self.catalog);
        let member = self.member(client)?;
        let hold = match granted {
            Step::Append(draft) => Some(HoldId(member.append(catalog, *draft, instant(now))?)),
            Step::Count(usage, decision) => {
                let at = member.account.tick(instant(now));
                member.account.count_volatile(&usage, &decision, at);
                None
            }
            Step::Deny(..) | Step::Needs(_) => return Err("only granted requests are admitted".into()),
        };
        self.running.insert(i, Admitted { hold, at: now, supply: taken });
        if self.upstream.slots.is_some_and(|slots| self.busy >= slots) {
            self.line.push_back(i);
            return Ok(());
        }
        self.start(i, now)
    }

    fn give_back(&mut self, taken: Option<(usize, Arc<Leaf>, Cost)>, now: u64) -> Result<(), Failed> {
        let Some((at, leaf, cost)) = taken else { return Ok(()) };
        if let Some(supply) = self.supplies.get(at) {
            supply.undo(&leaf, cost);
        }
        self.pump(now)
    }

    /// Ticks, or refills learned rates between two ticks; returns the time until the next.
    fn tick(&mut self, now: u64) -> Result<Span, Failed> {
        let mut step = TICK;
        for supply in &self.supplies {
            if supply.drip(instant(now)) {
                step = DRIP;
            }
        }
        if now.is_multiple_of(TICK.micros()) {
            self.allot(now);
        }
        self.pump(now)?;
        Ok(step)
    }

    fn allot(&mut self, now: u64) {
        for supply in &self.supplies {
            supply.tick(instant(now));
        }
        if let Some(view) = self.supplies.first().map(|p| p.view()) {
            let rate = view.rate.unwrap_or(0);
            self.run.samples.push(Sample { at: now, rate, waiting: view.waiting, in_flight: view.in_flight });
        }
    }

    fn pump(&mut self, now: u64) -> Result<(), Failed> {
        for at in 0..self.supplies.len() {
            let Some(supply) = self.supplies.get(at).map(Arc::clone) else { continue };
            let pumped = supply.pump(instant(now));
            for i in pumped.late {
                self.settle_fate(i, Fate::Refused(Reason::Capacity, now));
            }
            for (leaf, mut cost, i) in pumped.admitted {
                let traced = self.request(i)?;
                if let Some(known) = self.expected(at, &traced, &leaf) {
                    supply.reprice(&leaf, &mut cost, known.rate);
                }
                let class = supply.class_of(&leaf);
                let used = leaf.in_flight().saturating_sub(cost.in_flight);
                let offer = supply.offer(class, cost, used, Ok(Room::Share), instant(now));
                match self.decide(traced.client, &self.ask(&traced), &[offer], now)? {
                    Step::Deny(_, decision) => {
                        supply.undo(&leaf, cost);
                        self.settle_fate(i, Fate::Refused(decision.reason, now));
                    }
                    granted @ (Step::Append(_) | Step::Count(..) | Step::Needs(_)) => {
                        self.admit(i, granted, Some((at, leaf, cost)), now)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn note_idle(&mut self, span: u64) {
        let Some(slots) = self.upstream.slots else { return };
        let waits = self.supplies.iter().any(|p| p.is_waited_for());
        if waits && self.busy < slots {
            self.run.idle_while_waiting += span * u64::try_from(slots - self.busy).unwrap_or(0);
        }
    }
}
