//! Agents and a prefix cache: tasks of several calls, each call's input beginning with all that came before it.
//!
//! The model: 19 slots. A call takes 0.5 ms for each input token that is not cached, and 20 ms for each output token. The cache holds
//! the prefixes of the tasks used last, up to a number of tokens; a call that follows one whose prefix was dropped pays for
//! all of its input again. A task's next call comes half a second after the last. First come and VTC (by account) are the core's
//! queue; ours is a whole supply with `share_by = "session"`.
//! Units: service in tenths of a token: uncached input 10, cached input 1, output 20.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use headworks_core::capacity::queue::{FairQueue, Waiter};
use headworks_core::capacity::{Sharer, TICK};
use headworks_core::catalog::{COST_MAX, ClassTerms, Formula, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Level, Name, Span};
use headworks_engine::capacity::supply::{Cost, Kind, Leaf, Supply};
use headworks_terminal::Failed;

use super::scenario::{MINUTE, Random, SLOTS};
use super::yardstick::{Measured, yardstick};
use crate::simulate::fates::{Fate, Run};
use crate::simulate::measure::{quantile, report};
use crate::simulate::traffic::{Client, Traced, Traffic};
use crate::simulate::upstream::Upstream;
use crate::simulate::world::instant;

const CACHE_TOKENS: u64 = 150_000;
const UNCACHED_MICROS: u64 = 500;
const OUTPUT_MICROS: u64 = 20_000;
const THINKS_MICROS: u64 = 500_000;
/// Calls of an agent's task, and of a short one.
const LONG: u32 = 20;
const SHORT: u32 = 2;
/// Of each account: tasks of agents, and short tasks, a minute.
const ACCOUNTS: [(f64, f64); 6] =
    [(10.0, 0.0), (3.0, 10.0), (3.0, 10.0), (0.0, 10.0), (0.0, 10.0), (0.0, 10.0)];
const FEATURE: &str = "agent";
const METERS: [(&str, u32); 3] = [("input_tokens", 10), ("cached_input_tokens", 1), ("output_tokens", 20)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    FirstCome,
    Vtc,
    Ours,
}

#[derive(Clone)]
struct Task {
    account: usize,
    calls: u32,
    done: u32,
    begun: u64,
    ended: u64,
    /// Tokens that the next call's input begins with.
    prefix: u64,
    /// New input and output of each call.
    tokens: Vec<(u64, u64)>,
}

/// A call on its way.
#[derive(Clone, Copy)]
struct Call {
    task: usize,
    /// Input that is cached, that is not, and output.
    estimate: [u64; 3],
    actual: [u64; 3],
    cost: Cost,
    at: u64,
    begun: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ends(usize),
    Tick,
    Asks(usize),
}

fn tasks(seed: u64) -> Vec<Task> {
    let mut all = Vec::new();
    for (account, (long, short)) in ACCOUNTS.into_iter().enumerate() {
        for (calls, rate) in [(LONG, long), (SHORT, short)].into_iter().filter(|(_, rate)| *rate > 0.0) {
            let mut random = Random(seed * 1_000 + account as u64 * 10 + u64::from(calls));
            let mean = MINUTE as f64 / rate;
            let mut at = random.exponential(mean);
            while at < (10 * MINUTE) as f64 {
                let drawn = |random: &mut Random, mean| (random.exponential(mean) as u64).max(1);
                let tokens = (0..calls).map(|_| (drawn(&mut random, 300.0), drawn(&mut random, 150.0)));
                let (begun, tokens) = (at as u64, tokens.collect());
                // A system prompt that no two tasks share.
                all.push(Task { account, calls, done: 0, begun, ended: 0, prefix: 2_000, tokens });
                at += random.exponential(mean);
            }
        }
    }
    all
}

fn named([uncached, cached, output]: [u64; 3]) -> [(&'static str, u64); 3] {
    let [(input, _), (of_cache, _), (out, _)] = METERS;
    [(input, uncached), (of_cache, cached), (out, output)]
}

fn terms() -> Result<SupplyTerms, Failed> {
    let formula = METERS.map(|(meter, factor)| Name::new(meter).map(|meter| (meter, factor)));
    let formula = formula.into_iter().collect::<Result<Vec<_>, _>>()?;
    let slots = Formula(vec![(Name::new("requests")?, 1)]);
    let class = ClassTerms { wait_max: Span::from_secs(36_000), ..ClassTerms::default() };
    Ok(SupplyTerms {
        rate: SupplyDimension { limit: None, formula: Formula(formula) },
        in_flight: SupplyDimension { limit: Some(SLOTS as u64), formula: slots },
        per: Span::from_secs(1),
        share_by: Level::Session,
        learn: None,
        fallback: Vec::new(),
        points_s_max: None,
        waiting_max_per_account: COST_MAX,
        waiting_max: COST_MAX,
        classes: vec![(Name::new("default")?, class)],
    })
}

struct World {
    policy: Policy,
    terms: SupplyTerms,
    tasks: Vec<Task>,
    calls: Vec<Call>,
    /// By task.
    leaves: Vec<Arc<Leaf>>,
    supply: Supply<usize>,
    queue: FairQueue<usize>,
    busy: usize,
    /// Tasks whose prefixes are cached, those used last at the end.
    cache: VecDeque<usize>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
}

impl World {
    fn new(policy: Policy) -> Result<Self, Failed> {
        let terms = terms()?;
        let tasks = tasks(11);
        let leaf = |(session, task): (usize, &Task)| -> Result<Arc<Leaf>, Failed> {
            let account = Name::new(&format!("a{}", task.account))?;
            let session = (policy == Policy::Ours).then(|| session.to_string());
            let account = if policy == Policy::FirstCome { Name::new("all")? } else { account };
            let sharer = Sharer::new(0, None, &account, session.as_deref());
            Ok(Arc::new(Leaf::new(sharer, AccountTerms::default())))
        };
        let leaves = tasks.iter().enumerate().map(leaf).collect::<Result<_, _>>()?;
        let asks = tasks.iter().enumerate().map(|(i, task)| Reverse((task.begun, Event::Asks(i))));
        let events = asks.chain([Reverse((0, Event::Tick))]).collect();
        Ok(Self {
            policy,
            supply: Supply::new(Name::new("model")?, Arc::new(terms.clone())),
            terms,
            tasks,
            calls: Vec::new(),
            leaves,
            queue: FairQueue::default(),
            busy: 0,
            cache: VecDeque::new(),
            events,
        })
    }

    fn run(mut self) -> Result<Self, Failed> {
        while let Some(Reverse((now, event))) = self.events.pop() {
            match event {
                Event::Asks(task) => self.ask(task, now)?,
                Event::Ends(call) => self.end(call, now)?,
                Event::Tick => {
                    if self.policy == Policy::Ours {
                        self.supply.tick(instant(now));
                    }
                    if !self.events.is_empty() {
                        self.events.push(Reverse((now + TICK.micros(), Event::Tick)));
                    }
                }
            }
            self.admit(now)?;
        }
        Ok(self)
    }

    fn ask(&mut self, task: usize, now: u64) -> Result<(), Failed> {
        let (Some(of), Some(leaf)) = (self.tasks.get(task), self.leaves.get(task)) else {
            return Err("no such task".into());
        };
        let (input, output) = of.tokens.get(of.done as usize).copied().ok_or("no such call")?;
        // Estimated as if all that was seen before were cached; output is not known.
        let (cached, new) = if of.done > 0 { (of.prefix, input) } else { (0, of.prefix + input) };
        let estimate = [new, cached, 150];
        let rate = self.supply.expected(leaf, FEATURE, named(estimate).into_iter());
        let cost = Cost { rate, in_flight: 1 };
        let call = Call { task, estimate, actual: [new, cached, output], cost, at: now, begun: 0 };
        let (i, leaf) = (self.calls.len(), Arc::clone(leaf));
        self.calls.push(call);
        if self.policy == Policy::Ours {
            self.supply.note(&leaf, cost);
            if self.supply.take(&leaf, cost).is_ok() {
                return self.start(i, cost, now);
            }
            let wait = self.supply.wait(&leaf, cost, instant(now), Span::from_secs(36_000), i);
            return wait.map(drop).map_err(|_| "the queue is full".into());
        }
        let deadline = instant(now).after(Span::from_secs(36_000));
        let waiter = Waiter { sharer: leaf.sharer, cost: rate, in_flight: 1, deadline, who: i };
        self.queue.push(&self.terms, 1, waiter).map(drop).map_err(|_| "the queue is full".into())
    }

    fn admit(&mut self, now: u64) -> Result<(), Failed> {
        if self.policy == Policy::Ours {
            for (leaf, mut cost, i) in self.supply.pump(instant(now)).admitted {
                let estimate = self.calls.get(i).ok_or("no such call")?.estimate;
                let rate = self.supply.expected(&leaf, FEATURE, named(estimate).into_iter());
                self.supply.reprice(&leaf, &mut cost, rate);
                self.start(i, cost, now)?;
            }
            return Ok(());
        }
        while self.busy < SLOTS {
            let Some((id, _)) = self.queue.head(&self.terms) else { break };
            let Some(waiter) = self.queue.take(id) else { break };
            self.queue.charge(&self.terms, waiter.sharer, 1, i64::try_from(waiter.cost)?);
            self.start(waiter.who, Cost { rate: waiter.cost, in_flight: 1 }, now)?;
        }
        Ok(())
    }

    fn start(&mut self, i: usize, cost: Cost, now: u64) -> Result<(), Failed> {
        let call = self.calls.get_mut(i).ok_or("no such call")?;
        (call.begun, call.cost) = (now, cost);
        let [uncached, cached, output] = &mut call.actual;
        if !self.cache.contains(&call.task) {
            (*uncached, *cached) = (*uncached + *cached, 0);
        }
        let end = now + *uncached * UNCACHED_MICROS + *output * OUTPUT_MICROS;
        self.busy += 1;
        self.events.push(Reverse((end, Event::Ends(i))));
        Ok(())
    }

    fn end(&mut self, i: usize, now: u64) -> Result<(), Failed> {
        let call = *self.calls.get(i).ok_or("no such call")?;
        let (Some(task), Some(leaf)) = (self.tasks.get_mut(call.task), self.leaves.get(call.task)) else {
            return Err("no such task".into());
        };
        self.busy -= 1;
        task.done += 1;
        task.prefix = call.actual.iter().sum();
        task.ended = now;
        if task.done < task.calls {
            self.events.push(Reverse((now + THINKS_MICROS, Event::Asks(call.task))));
        }
        let actual = self.terms.rate.formula.cost(named(call.actual).into_iter());
        if self.policy == Policy::Ours {
            for ((meter, estimate), (_, actual)) in named(call.estimate).into_iter().zip(named(call.actual)) {
                self.supply.came_to(leaf, Kind::new(FEATURE, meter), estimate, actual);
            }
            self.supply.end(leaf, call.cost, Some(actual), instant(call.begun));
        } else {
            let more = i64::try_from(actual)? - i64::try_from(call.cost.rate)?;
            self.queue.charge(&self.terms, leaf.sharer, 1, more);
        }
        self.keep(call.task);
        Ok(())
    }

    /// Caches what a task may go on with, and drops what was not used for longest.
    fn keep(&mut self, task: usize) {
        self.cache.retain(|cached| *cached != task);
        self.cache.push_back(task);
        let tokens = |cached: &usize| self.tasks.get(*cached).map_or(0, |task| task.prefix);
        let mut all: u64 = self.cache.iter().map(tokens).sum();
        while all > CACHE_TOKENS {
            let Some(dropped) = self.cache.pop_front() else { return };
            all -= self.tasks.get(dropped).map_or(0, |task| task.prefix);
        }
    }
}

/// What came of a policy.
struct Figures {
    hits: f64,
    gap: u64,
    short_s: f64,
    short_p99_s: f64,
    long_s: f64,
}

fn figures(world: &World) -> Result<Figures, Failed> {
    let mut traffic = Traffic::default();
    for i in 0..ACCOUNTS.len() {
        traffic.clients.push(Client::new(Name::new(&format!("a{i}"))?));
    }
    let mut run = Run::default();
    let mut calls: Vec<&Call> = world.calls.iter().collect();
    calls.sort_by_key(|call| call.at);
    let (mut cached, mut could) = (0, 0);
    for call in calls {
        let [uncached, of_cache, output] = call.actual;
        (cached, could) = (cached + of_cache, could + call.estimate[1]);
        let client = world.tasks.get(call.task).map_or(0, |task| task.account);
        // Cached input is a tenth of the service.
        let input_tokens = uncached + of_cache / 10;
        traffic.requests.push(Traced { at: call.at, client, input_tokens, output_tokens: output });
        run.fates.push(Fate::Served { start: call.begun, end: call.begun });
    }
    let took = |calls: u32| {
        let also_long = |task: &&Task| ACCOUNTS.get(task.account).is_some_and(|(long, _)| *long > 0.0);
        let tasks = world.tasks.iter().filter(|task| task.calls == calls).filter(also_long);
        let mut took: Vec<u64> = tasks.map(|task| task.ended - task.begun).collect();
        took.sort_unstable();
        took
    };
    let mean = |took: &[u64]| took.iter().sum::<u64>() as f64 / took.len().max(1) as f64 / 1e6;
    let (short, long) = (took(SHORT), took(LONG));
    Ok(Figures {
        hits: cached as f64 / could as f64,
        gap: report("", &traffic, &Upstream::default(), &run).service_gap,
        short_s: mean(&short),
        short_p99_s: quantile(&short, 990) as f64 / 1e6,
        long_s: mean(&long),
    })
}

/// First come, VTC and ours side by side. Turns of short and long tasks cost long ones time, and the cache hits: those have no bar.
pub(super) fn tasks_and_prefixes() -> Measured {
    let of = |policy| figures(&World::new(policy)?.run()?);
    let (first, vtc, ours) = (of(Policy::FirstCome)?, of(Policy::Vtc)?, of(Policy::Ours)?);
    let row = |what: &str, of: fn(&Figures) -> f64, places: usize, has_bar: bool| {
        let [a, b, c] = [&first, &vtc, &ours].map(|f| format!("{:.places$}", of(f)));
        let wanted = if has_bar { "below first come" } else { "no bar" };
        let holds = !has_bar || of(&ours) < of(&first);
        yardstick("tasks", format!("{what}: first come {a}, VTC {b}"), wanted, c, holds)
    };
    Ok(vec![
        row("prefixes found of those there could be", |f| f.hits, 3, false),
        row("service gap of accounts, tokens", |f| f.gap as f64, 0, true),
        row("tasks of 2 calls, of accounts with long ones too: mean, s", |f| f.short_s, 1, true),
        row("the same: p99, s", |f| f.short_p99_s, 1, true),
        row("tasks of 20 calls: mean, s", |f| f.long_s, 1, false),
    ])
}
