//! One simulation: callers, an engine that is stepped, a disk that fails, and what must hold after every crash and at the end.
//!
//! Z1 what was acknowledged is there, byte for byte, after every crash. Z2 the same key and body gets the same answer, another
//! body none. Z3 after the faults stop everything that was asked is answered and everything due is done. Z4 the ledger
//! reconciles and replays to the same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use headworks_core::catalog::{Catalog, Format};
use headworks_core::ledger::{Event, Record, Seq};
use headworks_core::name::Name;
use headworks_core::operation::charge_of;
use headworks_core::time::{Instant, Span};
use headworks_engine::{Answer, Clock, Effect, Engine, EngineError, Limits};
use headworks_store::reconcile::{Progress, reconcile};
use headworks_store::replay::replay;
use headworks_store::{Embedded, MemoryIndex, Options, Store, StoreError};

use crate::catalog::ACCOUNTS;
use crate::coverage::Coverage;
use crate::disk::{Faults, SimDisk};
use crate::history;
use crate::op::{Asked, Body, Op, name};
use crate::random::Random;

/// What a simulation found wrong.
pub(crate) struct Broken(pub(crate) String);

/// Swarm testing: what this seed does at all, and how often, in thousandths of its steps.
struct Swarm {
    crash: u32,
    clock: u32,
    maintain: u32,
    commit: u32,
    retry: u32,
    flip: u32,
    gone: u32,
    index: u32,
    /// Most requests that wait for one write.
    waiting_max: usize,
    faults: Faults,
}

struct Flying {
    op: Op,
    asked: Asked,
}

struct Acknowledged {
    op: Op,
    seq: Seq,
    bytes: Vec<u8>,
}

/// Records of one account that operations can refer to.
#[derive(Default)]
struct Known {
    holds: Vec<Seq>,
    grants: Vec<Seq>,
    recurring: Vec<Seq>,
    charges: Vec<Seq>,
    kept: Vec<Seq>,
}

pub(crate) struct World<'a> {
    random: Arc<Random>,
    coverage: Arc<Coverage>,
    disk: SimDisk,
    index: Arc<MemoryIndex>,
    dir: &'a Path,
    clock: Arc<Clock>,
    store: Arc<Embedded>,
    engine: Arc<Engine>,
    swarm: Swarm,
    flying: Vec<Flying>,
    acknowledged: Vec<Acknowledged>,
    known: BTreeMap<usize, Known>,
    keys: u64,
    version: usize,
    pub(crate) trace: Vec<String>,
}

fn options() -> Options {
    // Small, so that segments roll and checkpoints are due within a simulation.
    Options { segment_bytes_max: 20_000, records_per_checkpoint: 40 }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, coverage: &Arc<Coverage>, dir: &'a Path) -> Result<Self, Broken> {
        let random = Arc::new(Random::new(seed));
        // Each seed enables a random half of everything.
        let rate = |most: usize| {
            if random.chance(500) { u32::try_from(random.below(most)).unwrap_or(0) } else { 0 }
        };
        let swarm = Swarm {
            crash: rate(40),
            clock: rate(120),
            maintain: 20 + rate(80),
            commit: 100 + rate(300),
            retry: rate(120),
            flip: rate(8),
            gone: rate(100),
            index: rate(30),
            waiting_max: if random.chance(200) { 1 + random.below(6) } else { 64 },
            faults: Faults {
                full: rate(16),
                sync_fails: rate(30),
                short_reads: rate(200),
                keeps: u32::try_from(random.below(1_001)).unwrap_or(0),
            },
        };
        let disk = SimDisk::new(Arc::clone(&random), Arc::clone(coverage), swarm.faults);
        let index = Arc::new(MemoryIndex::default());
        let start: Instant = "2026-06-01T12:00:00Z".parse().map_err(|e| Broken(format!("{e}")))?;
        let clock = Arc::new(Clock::standing(start));
        // The disk is whole while the ledger is made.
        disk.set_faults(Faults::default());
        let (store, engine) = open(&disk, &index, dir, &clock, 64)?;
        let (gone, faults) = (swarm.gone, swarm.faults);
        let mut world = Self {
            random,
            coverage: Arc::clone(coverage),
            disk,
            index,
            dir,
            clock,
            store,
            engine,
            swarm: Swarm { gone: 0, faults: Faults::default(), ..swarm },
            flying: Vec::new(),
            acknowledged: Vec::new(),
            known: BTreeMap::new(),
            keys: 0,
            version: 0,
            trace: Vec::new(),
        };
        world.submit(0, Body::Catalog(0))?;
        world.commit()?;
        for account in 0..ACCOUNTS.len() {
            world.submit(account, Body::Open)?;
            world.submit(
                account,
                Body::Grant { amount: 60, kind: 2, hours: None, recurs: false, stamps: false },
            )?;
            world.commit()?;
        }
        (world.swarm.gone, world.swarm.faults) = (gone, faults);
        world.disk.set_faults(faults);
        Ok(world)
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        let what = what();
        self.trace.push(format!("{} {what}", self.clock.now()));
    }

    /// One step of the simulation.
    pub(crate) fn step(&mut self) -> Result<(), Broken> {
        let weights = [
            self.swarm.crash,
            self.swarm.clock,
            self.swarm.maintain,
            self.swarm.commit,
            self.swarm.retry,
            self.swarm.flip,
            self.swarm.index,
        ];
        let mut at = u32::try_from(self.random.below(1_000)).unwrap_or(0);
        for (kind, weight) in weights.into_iter().enumerate() {
            if at < weight {
                return match kind {
                    0 => self.crash(),
                    1 => self.move_clock(),
                    2 => self.maintain(),
                    3 => self.commit(),
                    4 => self.retry(),
                    5 => self.flip(),
                    _ => {
                        self.index.fail_after(Some(self.random.below(8)));
                        Ok(())
                    }
                };
            }
            at -= weight;
        }
        let account = self.random.below(ACCOUNTS.len());
        let body = self.body(account);
        self.submit(account, body)
    }

    /// A request, weighted to boundaries: amounts that are just all there is, holds that are about to end.
    fn body(&mut self, account: usize) -> Body {
        let r = Arc::clone(&self.random);
        let known = self.known.entry(account).or_default();
        let some = |list: &[Seq]| r.pick(list).copied().unwrap_or(3);
        let amount = |r: &Random| [1, 5, 10, 30, 60, 61, 100].get(r.below(7)).copied().unwrap_or(1);
        match r.below(34) {
            0..=9 => {
                let feature = ["chat", "chat", "gift", "gift", "draw", "task", "task", "fast", "secret"];
                let feature = feature.get(r.below(9)).copied().unwrap_or("chat");
                Body::Authorize {
                    feature,
                    user: if r.chance(150) { None } else { Some(r.below(2)) },
                    amount: if feature == "gift" || feature == "chat" { amount(&r) } else { 1 },
                    now: feature == "fast" || r.chance(400),
                    least: (feature == "chat" && r.chance(150)).then_some(1),
                    consent: r.chance(300),
                }
            }
            10..=13 => Body::Settle { hold: some(&known.holds), used: amount(&r) },
            14 => {
                Body::Extend { hold: some(&known.holds), more: amount(&r), life: r.chance(500).then_some(90) }
            }
            15 => Body::Release { hold: some(&known.holds) },
            16 | 17 => {
                let hours = [-1, 0, 1, 47, 49].get(r.below(5)).copied().unwrap_or(0);
                Body::Record { amount: amount(&r), hours_ago: hours }
            }
            18..=20 => Body::Grant {
                amount: amount(&r),
                kind: r.below(4),
                hours: r.chance(400).then(|| 1 + r.next() % 40),
                recurs: r.chance(250),
                stamps: r.chance(200),
            },
            21 => Body::Void { grant: some(&known.grants) },
            22 => Body::Adjust { grant: some(&known.grants), by: if r.chance(500) { 3 } else { -3 } },
            23 => Body::Refund { charge: some(&known.charges), amount: r.chance(400).then_some(1) },
            24 | 25 => Body::Correct {
                charge: some(&known.charges),
                to: r.chance(700).then(|| if r.chance(300) { 0 } else { amount(&r) }),
            },
            26 => Body::ChangePlan {
                moves: r.chance(400),
                grant: r.chance(700).then(|| some(&known.recurring)),
                amount: amount(&r),
            },
            27 => Body::Settings {
                suspended: r.chance(150),
                consent: r.below(4),
                alerts: r.chance(600),
                plan: r.below(5),
            },
            28 => Body::Bank,
            29 => Body::Redeem,
            30 => Body::Late { kept: some(&known.kept), accept: r.chance(500) },
            31 => Body::TopUp { number: 1 + r.next() % 6, paid: r.chance(600) },
            32 if r.chance(300) => {
                self.coverage.fault("catalog changed");
                self.version += 1;
                Body::Catalog(self.version)
            }
            _ => Body::Authorize {
                feature: "chat",
                user: Some(0),
                amount: amount(&r),
                now: false,
                least: None,
                consent: true,
            },
        }
    }

    fn submit(&mut self, account: usize, body: Body) -> Result<(), Broken> {
        self.keys += 1;
        let op = Op { key: self.keys, account, body };
        self.say(|| format!("{op:?}"));
        let asked = op.clone().send(Arc::clone(&self.engine));
        self.flying.push(Flying { op, asked });
        self.poll()
    }

    /// Looks at every request in flight once, in order.
    fn poll(&mut self) -> Result<(), Broken> {
        let mut context = Context::from_waker(Waker::noop());
        let mut still = Vec::new();
        for mut flying in std::mem::take(&mut self.flying) {
            if self.random.chance(self.swarm.gone) {
                // Its caller does not wait for the answer; what became of it is not known.
                self.coverage.fault("caller gone");
                continue;
            }
            match flying.asked.as_mut().poll(&mut context) {
                Poll::Pending => still.push(flying),
                Poll::Ready(answer) => self.answered(flying.op, answer)?,
            }
        }
        self.flying = still;
        Ok(())
    }

    fn answered(&mut self, op: Op, answer: Result<Answer, EngineError>) -> Result<(), Broken> {
        let answer = match answer {
            Ok(answer) => answer,
            // The process ends, and begins again.
            Err(EngineError::Stopped) => return Ok(()),
            Err(EngineError::Store(e)) => return Err(Broken(format!("{op:?}: the store failed: {e}"))),
            Err(e) => {
                if matches!(e, EngineError::Overloaded) {
                    self.coverage.fault("overload");
                }
                self.say(|| format!("  k{}: {e}", op.key));
                return Ok(());
            }
        };
        match &answer.effect {
            Effect::Denied(denial) => self.coverage.reason(denial.decision.reason.as_str()),
            Effect::Unrecorded(parts) => self.coverage.reason(parts.2.reason.as_str()),
            Effect::Recorded(record) => {
                let known = self.known.entry(op.account).or_default();
                note(known, record);
                if let Some(decision) = headworks_core::replay::decision_of(&record.event) {
                    self.coverage.reason(decision.reason.as_str());
                }
                let (seq, bytes) = (record.seq, record.to_bytes());
                self.say(|| format!("  k{}: record {seq}", op.key));
                self.acknowledged.push(Acknowledged { op, seq, bytes });
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Broken> {
        self.engine.commit_once();
        self.poll()?;
        self.restart_if_stopped()
    }

    fn maintain(&mut self) -> Result<(), Broken> {
        self.engine.maintain_once(self.random.chance(300));
        self.poll()?;
        self.restart_if_stopped()
    }

    fn restart_if_stopped(&mut self) -> Result<(), Broken> {
        if self.engine.stopped().is_some() { self.crash() } else { Ok(()) }
    }

    fn move_clock(&mut self) -> Result<(), Broken> {
        let spans = [1_000, 61_000, 3_600_000, 7_200_000, 18_000_000, 86_400_000, 90_000_000];
        let millis = spans.get(self.random.below(7)).copied().unwrap_or(1_000);
        if self.random.chance(150) {
            self.coverage.fault("clock back");
            self.clock.rewind(Span::from_micros(millis * 100));
        } else {
            self.coverage.fault("clock ahead");
            self.clock.advance(Span::from_micros(millis * 1_000));
        }
        self.say(|| "the clock moves".into());
        Ok(())
    }

    /// The process dies and starts again on what the disk has kept.
    fn crash(&mut self) -> Result<(), Broken> {
        // A killed process loses nothing that it has written, whether or not that was synced.
        let killed = self.random.chance(300);
        let how = if killed { "kill" } else { "crash" };
        self.coverage.fault(how);
        self.say(|| how.into());
        if self.index.is_failing() {
            self.coverage.fault("index cut off");
        }
        self.flying.clear();
        if !killed {
            self.disk.crash();
        }
        self.index.fail_after(None);
        if self.random.chance(250) {
            self.coverage.fault("index thrown away");
            self.index = Arc::new(MemoryIndex::default());
        }
        self.open()?;
        self.check_acknowledged()
    }

    fn open(&mut self) -> Result<(), Broken> {
        // Starting reads, and may cut a torn tail; that works, or fails without harm and works the next time.
        let waiting_max = self.swarm.waiting_max;
        let start = |world: &Self| open(&world.disk, &world.index, world.dir, &world.clock, waiting_max);
        let started = match start(self) {
            Ok(started) => started,
            Err(_) => {
                self.coverage.fault("failed start");
                if self.random.chance(500) {
                    self.disk.crash();
                }
                self.disk.set_faults(Faults { full: 0, sync_fails: 0, ..self.swarm.faults });
                start(self)?
            }
        };
        (self.store, self.engine) = started;
        self.disk.set_faults(self.swarm.faults);
        self.engine.maintain_once(false);
        if self.engine.stopped().is_some() {
            return self.crash();
        }
        Ok(())
    }

    /// Z1.
    fn check_acknowledged(&mut self) -> Result<(), Broken> {
        for acknowledged in &self.acknowledged {
            let Acknowledged { op, seq, bytes } = acknowledged;
            let account = if let Body::Catalog(_) = op.body { name("_system") } else { op.account() };
            let found = self.store.read(&account, *seq, 1).map_err(|e| Broken(e.to_string()))?;
            if found.first().map(|r| &r.bytes) != Some(bytes) {
                return Err(Broken(format!(
                    "k{} of {account} was answered with record {seq}, which is gone",
                    op.key
                )));
            }
        }
        Ok(())
    }

    /// Z2.
    fn retry(&mut self) -> Result<(), Broken> {
        let at = self.random.below(self.acknowledged.len());
        let Some(Acknowledged { op, seq, bytes }) = self.acknowledged.get(at) else { return Ok(()) };
        let (op, seq, bytes) = (op.clone(), *seq, bytes.clone());
        let other = self.random.chance(300);
        self.coverage.fault(if other { "retry with another body" } else { "retry" });
        let mut sent = op.clone();
        if other {
            sent.body = match &op.body {
                Body::Settle { hold, used } => Body::Settle { hold: *hold, used: used + 1 },
                Body::Grant { amount, kind, hours, recurs, stamps } => {
                    let (kind, hours, recurs, stamps) = (*kind, *hours, *recurs, *stamps);
                    Body::Grant { amount: amount + 1, kind, hours, recurs, stamps }
                }
                _ => return Ok(()),
            };
        }
        self.say(|| format!("again {sent:?}"));
        let mut asked = sent.clone().send(Arc::clone(&self.engine));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..20 {
            match asked.as_mut().poll(&mut context) {
                Poll::Pending => {
                    self.engine.commit_once();
                }
                Poll::Ready(Err(EngineError::KeyReused(..))) if other => return Ok(()),
                Poll::Ready(Ok(answer)) if !other && answer.replayed => {
                    let same = matches!(&answer.effect, Effect::Recorded(r) if r.seq == seq && r.to_bytes() == bytes);
                    return if same { Ok(()) } else { Err(Broken(format!("{op:?} got another answer"))) };
                }
                Poll::Ready(Err(EngineError::Stopped)) => return self.restart_if_stopped(),
                Poll::Ready(Err(EngineError::Overloaded)) => {
                    self.engine.commit_once();
                    asked = sent.clone().send(Arc::clone(&self.engine));
                }
                Poll::Ready(answer) => {
                    return Err(Broken(format!("{op:?} sent again: {:?}", answer.map(|a| a.effect))));
                }
            }
        }
        Err(Broken(format!("{op:?} sent again is not answered")))
    }

    /// A flipped bit is found, by the start or by reconciliation; mended, everything goes on.
    fn flip(&mut self) -> Result<(), Broken> {
        while self.engine.commit_once() {}
        self.poll()?;
        if self.engine.stopped().is_some() {
            return self.crash();
        }
        self.flying.clear();
        let Some(flipped) = self.disk.flip() else { return Ok(()) };
        self.say(|| format!("bit flip in {flipped:?}"));
        let index = Arc::new(MemoryIndex::default());
        let found = match open(&self.disk, &index, self.dir, &self.clock, 64) {
            Err(_) => true,
            Ok((store, _)) => reconcile(&*store, 1, &Progress::default()).map_or(true, |r| r.found > 0),
        };
        self.disk.mend(&flipped);
        if !found {
            return Err(Broken(format!("nobody found the flipped bit in {flipped:?}")));
        }
        self.index = Arc::new(MemoryIndex::default());
        self.open()?;
        self.check_acknowledged()
    }

    /// Z3, Z4.
    pub(crate) fn finish(&mut self) -> Result<(), Broken> {
        self.swarm.faults = Faults { keeps: self.swarm.faults.keeps, ..Faults::default() };
        (self.swarm.gone, self.swarm.index) = (0, 0);
        self.disk.set_faults(self.swarm.faults);
        self.index.fail_after(None);
        for _ in 0..50 {
            self.commit()?;
        }
        if let Some(flying) = self.flying.first() {
            return Err(Broken(format!("{:?} is never answered", flying.op)));
        }
        let system = self.log(&name("_system"))?;
        let loaded = system.iter().rev().find_map(|record| match &record.event {
            Event::CatalogLoaded(version, _) => Some(version),
            _ => None,
        });
        let in_force = &self.engine.catalog().version;
        if loaded != Some(in_force) {
            return Err(Broken(format!("catalog {in_force} is in force, {loaded:?} was stored last")));
        }
        // Nobody asks for anything any more: what is due is known from what was stored alone.
        if self.random.chance(500) {
            self.engine.maintain_once(true);
            self.crash()?;
        }
        // Past every deadline of a hold, and past a boundary.
        self.clock.advance(Span::from_micros(3 * 86_400_000_000 + 500_000));
        for _ in 0..4 {
            self.engine.maintain_once(true);
            while self.engine.commit_once() {}
        }
        for account in ACCOUNTS {
            let account = name(account);
            let view = self.engine.view(&account, |ctx| {
                let of = |unit| i128::from(ctx.account.available(ctx.now, unit).nano());
                Ok((ctx.account.holds.len(), ctx.account.check(), of(None), of(Some(&name("stamps")))))
            });
            let (credits, stamps) = match poll_until(&self.engine, view) {
                Some(Ok((0, Ok(()), credits, stamps))) => (credits, stamps),
                Some(Err(EngineError::UnknownAccount(_))) => continue,
                other => return Err(Broken(format!("{account} does not settle: {other:?}"))),
            };
            while self.engine.commit_once() {}
            let log = self.log(&account)?;
            for (unit, told) in [(None, credits), (Some(name("stamps")), stamps)] {
                let counted = history::available(&log, unit.as_ref()).map_err(Broken)?;
                if counted != told {
                    self.tell_log(&account);
                    return Err(Broken(format!(
                        "{account} has {counted} of {unit:?} by its movements and says {told}"
                    )));
                }
            }
        }
        self.crash()?;
        self.check_ledger()
    }

    fn log(&self, account: &Name) -> Result<Vec<Record>, Broken> {
        let stored = self.store.read(account, 1, usize::MAX).map_err(|e| Broken(e.to_string()))?;
        let read =
            |s: &headworks_store::Stored| Record::from_bytes(&s.bytes).map_err(|e| Broken(e.to_string()));
        stored.iter().map(read).collect()
    }

    /// Puts an account's log into the trace.
    fn tell_log(&mut self, account: &Name) {
        for r in self.log(account).unwrap_or_default() {
            let (kind, at, on) = (r.event.kind(), r.recorded_at, &r.parents);
            self.trace.push(format!(
                "{account} {} {kind} {at} on {on:?} {:?} {:?} {:?}",
                r.seq, r.unit, r.movements, r.opens
            ));
        }
    }

    fn check_ledger(&mut self) -> Result<(), Broken> {
        let fail = |e: StoreError| Broken(e.to_string());
        let report = reconcile(&*self.store, 1, &Progress::default()).map_err(fail)?;
        if !report.is_clean() {
            report.findings.first().iter().for_each(|(account, _)| self.tell_log(account));
            return Err(Broken(format!("the ledger does not reconcile: {:?}", report.findings)));
        }
        let report = replay(&*self.store, 1, &Progress::default()).map_err(fail)?;
        if report.found > 0 {
            report.differing.first().iter().for_each(|(account, ..)| self.tell_log(account));
            return Err(Broken(format!("the ledger does not replay: {:?}", report.differing)));
        }
        for account in self.store.accounts(None, 100).map_err(fail)? {
            let log = self.log(&account)?;
            log.iter().for_each(|r| self.coverage.record(r.event.kind()));
            if let Err(what) = history::check(&log) {
                self.tell_log(&account);
                return Err(Broken(format!("{account}: {what}")));
            }
        }
        Ok(())
    }
}

fn note(known: &mut Known, record: &Record) {
    let seq = record.seq;
    if let Event::Authorized(..) = record.event {
        known.holds.push(seq);
    }
    if let Some(terms) = &record.opens {
        known.grants.push(seq);
        if terms.recurrence.is_some() {
            known.recurring.push(seq);
        }
    }
    if charge_of(record).is_some() {
        known.charges.push(seq);
    }
    if record.quarantined().is_some() {
        known.kept.push(seq);
    }
    // Old ones are asked for now and then, new ones mostly.
    for list in [&mut known.holds, &mut known.grants, &mut known.charges, &mut known.recurring] {
        if list.len() > 8 {
            list.remove(0);
        }
    }
}

fn open(
    disk: &SimDisk,
    index: &Arc<MemoryIndex>,
    dir: &Path,
    clock: &Arc<Clock>,
    waiting_max: usize,
) -> Result<(Arc<Embedded>, Arc<Engine>), Broken> {
    let index = Arc::clone(index);
    let store = Embedded::on(Arc::new(disk.clone()), index, dir, None, options());
    let store = Arc::new(store.map_err(|e| Broken(format!("the store does not open: {e}")))?);
    let none = "version = \"none\"\nmeters = {}\nfeatures = {}\nplans = {}\n";
    let initial = Catalog::parse(none, Format::Toml).map_err(|e| Broken(e.to_string()))?;
    let limits = Limits { accounts_max: 64, waiting_max };
    let engine = Engine::standing(store.clone(), initial, Arc::clone(clock), limits);
    let engine = engine.map_err(|e| Broken(format!("the engine does not start: {e}")))?;
    Ok((store, engine))
}

/// Polls until an answer, committing in between.
fn poll_until<T>(engine: &Engine, asked: impl Future<Output = T>) -> Option<T> {
    let mut asked = Box::pin(asked);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..20 {
        match asked.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return Some(answer),
            Poll::Pending => {
                engine.commit_once();
            }
        }
    }
    None
}
