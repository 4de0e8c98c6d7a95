//! A supply of unknown rate in simulated time: the real supply and its controller before an upstream that saves up 0.1 s of
//! its rate, refuses when it has nothing, states no limits, and answers after the service time.

#![allow(clippy::float_arithmetic, clippy::as_conversions, reason = "arrivals and times drawn at random")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use headworks_core::capacity::controller::{Answered, DRIP, Feedback};
use headworks_core::capacity::{Sharer, TICK};
use headworks_core::catalog::{COST_MAX, ClassTerms, Formula, Learn, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Level, Name, Span};
use headworks_engine::capacity::supply::{Cost, Leaf, Supply};
use headworks_terminal::Failed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::{Distribution as _, Exp, LogNormal, StandardUniform};

use crate::simulate::world::instant;

/// What the figures are counted in.
pub(super) const BIN_MICROS: u64 = 100_000;
const SECOND: f64 = 1e6;
const ACCOUNTS: usize = 10;
/// How long a request waits at most.
pub(super) const WAIT_S: u64 = 5;
const FIRST_OUTPUT_S: f64 = 0.1;

/// One case of the sweep.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The rate of the upstream in whole, in cost per second.
    pub(crate) rate: u64,
    /// The cost of a request.
    pub(crate) cost: u64,
    /// The mean service time in seconds; each takes half of it to half as much again.
    pub(crate) service_s: f64,
    /// The spread of first-output times: sigma of a lognormal distribution.
    pub(crate) sigma: f64,
    /// Offered, against the whole rate.
    pub(crate) load: f64,
    /// Whether requests wait for room; otherwise they are refused.
    pub(crate) waits: bool,
    /// Whether the upstream refuses only after the service time.
    pub(crate) refuses_late: bool,
    /// Whether the upstream states its rate at every change, as if the supply knew it.
    pub(crate) is_stated: bool,
    pub(crate) seed: u64,
    /// The part of the rate that the upstream has from each second on.
    pub(crate) parts: Vec<(u64, f64)>,
    pub(crate) seconds: u64,
}

/// The figures of a run, in bins of 0.1 s.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(super) offered: Vec<u64>,
    pub(super) accepted: Vec<u64>,
    pub(super) refused: Vec<u64>,
    /// The rate in force, and when.
    pub(super) rates: Vec<(u64, u64)>,
    /// Requests refused in the supply itself.
    pub(super) held_back: u64,
}

/// An upstream that saves up 0.1 s of its rate.
pub(super) struct Upstream<'a> {
    case: &'a Case,
    /// In millionths of a cost unit.
    saved: i128,
    at: u64,
}

impl<'a> Upstream<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        Self { case, saved: i128::from(case.rate_at(0)) * 100_000, at: 0 }
    }

    pub(super) fn accepts(&mut self, now: u64) -> bool {
        let rate = i128::from(self.case.rate_at(now));
        self.saved = (self.saved + rate * i128::from(now - self.at)).min(rate * 100_000);
        self.at = now;
        let accepts = self.saved > 0;
        if accepts {
            self.saved -= i128::from(self.case.cost) * 1_000_000;
        }
        accepts
    }
}

impl Case {
    /// The upstream's rate at a time.
    pub(super) fn rate_at(&self, micros: u64) -> u64 {
        let part =
            self.parts.iter().rev().find(|(from, _)| from * 1_000_000 <= micros).map_or(1.0, |(_, p)| *p);
        (self.rate as f64 * part) as u64
    }

    /// The instants of all requests.
    pub(super) fn arrivals(&self) -> Result<Vec<u64>, Failed> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let gap = Exp::new(self.load * self.rate as f64 / self.cost as f64)?;
        let mut at = 0.0;
        let mut all = Vec::new();
        loop {
            at += gap.sample(&mut random);
            if at >= self.seconds as f64 {
                return Ok(all);
            }
            all.push((at * SECOND) as u64);
        }
    }

    fn terms(&self) -> Result<SupplyTerms, Failed> {
        let formula = Formula(vec![(Name::new("requests")?, u32::try_from(self.cost)?)]);
        Ok(SupplyTerms {
            rate: SupplyDimension { limit: Some(self.rate), formula: formula.clone() },
            in_flight: SupplyDimension { limit: None, formula },
            per: Span::from_secs(1),
            share_by: Level::Key,
            learn: Some(Learn { floor: (self.rate / 50).max(1), ceiling: self.rate * 10 }),
            fallback: Vec::new(),
            points_s_max: None,
            waiting_max_per_account: COST_MAX,
            waiting_max: COST_MAX,
            classes: vec![(Name::new("default")?, ClassTerms::default())],
        })
    }
}

pub(super) fn bins(seconds: u64) -> usize {
    usize::try_from(seconds * 1_000_000 / BIN_MICROS).unwrap_or(0)
}

pub(super) fn count(into: &mut [u64], at: u64, cost: u64) {
    if let Some(bin) = usize::try_from(at / BIN_MICROS).ok().and_then(|bin| into.get_mut(bin)) {
        *bin += cost;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Answer(usize, bool),
    Drip,
    Arrival(usize),
}

struct World<'a> {
    case: &'a Case,
    upstream: Upstream<'a>,
    supply: Supply<usize>,
    leaves: Vec<Arc<Leaf>>,
    /// The account of each request in flight.
    sent: HashMap<usize, Arc<Leaf>>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    random: ChaCha8Rng,
    first_output: LogNormal<f64>,
    /// What the upstream has stated last.
    stated: Option<u64>,
    run: Run,
}

fn told(answered: Answered, cost: u64, first_output: Option<Span>) -> Feedback {
    Feedback { answered, cost, first_output, input: None, limit: None, retry_after: None }
}

/// Runs a case.
pub(crate) fn run(case: &Case) -> Result<Run, Failed> {
    let account = |i: usize| -> Result<_, Failed> {
        let sharer = Sharer::new(0, None, &Name::new(&format!("a{i}"))?, None);
        Ok(Arc::new(Leaf::new(sharer, AccountTerms::default())))
    };
    let zeros = vec![0; bins(case.seconds)];
    let mut world = World {
        case,
        upstream: Upstream::new(case),
        supply: Supply::new(Name::new("model")?, Arc::new(case.terms()?)),
        leaves: (0..ACCOUNTS).map(account).collect::<Result<_, _>>()?,
        sent: HashMap::new(),
        events: BinaryHeap::new(),
        random: ChaCha8Rng::seed_from_u64(case.seed.wrapping_add(1_000)),
        first_output: LogNormal::new(FIRST_OUTPUT_S.ln(), case.sigma)?,
        stated: None,
        run: Run { offered: zeros.clone(), accepted: zeros.clone(), refused: zeros, ..Run::default() },
    };
    let arrivals = case.arrivals()?;
    for (i, at) in arrivals.iter().enumerate() {
        count(&mut world.run.offered, *at, case.cost);
        world.events.push(Reverse((*at, Event::Arrival(i))));
    }
    world.events.push(Reverse((0, Event::Drip)));
    while let Some(Reverse((now, event))) = world.events.pop() {
        if now >= case.seconds * 1_000_000 {
            break;
        }
        match event {
            Event::Arrival(i) => world.arrive(i, now),
            Event::Answer(i, served) => world.answer(i, served, now),
            Event::Drip => world.drip(now),
        }
    }
    Ok(world.run)
}

impl World<'_> {
    fn cost(&self) -> Cost {
        Cost { rate: self.case.cost, in_flight: self.case.cost }
    }

    fn drip(&mut self, now: u64) {
        let rate = self.case.rate_at(now);
        if self.case.is_stated && self.stated.replace(rate) != Some(rate) {
            let limit = Feedback { limit: Some(rate), ..told(Answered::Other, 0, None) };
            self.supply.feedback(limit, instant(now));
        }
        if now.is_multiple_of(TICK.micros()) {
            self.supply.tick(instant(now));
        } else {
            self.supply.drip(instant(now));
        }
        self.run.rates.push((now, self.supply.view().rate.unwrap_or(0)));
        self.events.push(Reverse((now + DRIP.micros(), Event::Drip)));
        self.pump(now);
    }

    fn arrive(&mut self, i: usize, now: u64) {
        let drawn: u32 = StandardUniform.sample(&mut self.random);
        let account = drawn as usize % ACCOUNTS;
        let Some(leaf) = self.leaves.get(account).map(Arc::clone) else { return };
        self.supply.note(&leaf, self.cost());
        if self.supply.take(&leaf, self.cost()).is_ok() {
            self.send(i, leaf, now);
        } else if !self.case.waits
            || self.supply.wait(&leaf, self.cost(), instant(now), Span::from_secs(WAIT_S), i).is_err()
        {
            self.run.held_back += 1;
        }
    }

    fn pump(&mut self, now: u64) {
        for (leaf, _, i) in self.supply.pump(instant(now)).admitted {
            self.send(i, leaf, now);
        }
    }

    fn send(&mut self, i: usize, leaf: Arc<Leaf>, now: u64) {
        let served = self.upstream.accepts(now);
        count(if served { &mut self.run.accepted } else { &mut self.run.refused }, now, self.case.cost);
        self.sent.insert(i, leaf);
        let uniform: f64 = StandardUniform.sample(&mut self.random);
        let took = self.case.service_s * (0.5 + uniform) * SECOND;
        let after = if served || self.case.refuses_late { took as u64 } else { 0 };
        self.events.push(Reverse((now + after, Event::Answer(i, served))));
    }

    fn answer(&mut self, i: usize, served: bool, now: u64) {
        let Some(leaf) = self.sent.remove(&i) else { return };
        let first = self.first_output.sample(&mut self.random) * SECOND;
        let answered = if served { Answered::Served } else { Answered::Congested };
        let first_output = served.then(|| Span::from_micros(first as u64));
        self.supply.feedback(told(answered, self.case.cost, first_output), instant(now));
        self.supply.end(&leaf, self.cost(), served.then_some(self.case.cost), instant(now));
        self.pump(now);
    }
}
