//! One simulation: callers, an engine that is stepped, a disk that fails, and
//! invariants after every crash and at the end.
//!
//! Z1 every acknowledged record is there, byte for byte, after every crash. Z2 the same key and body gets the same
//! answer, another body gets none. Z3 after the faults stop, every request is answered and every due event is
//! processed. Z4 the ledger reconciles and replays to the same bytes. Z5 after every step, the cost in flight of
//! supplies equals that of open holds and is never above their limit, and no request of a departed caller waits. Z6 a
//! denial or a shown state is answered only after the records that it depends on are stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use headworks_core::record::{Instant, Name, Seq, Span};
use headworks_core::waterfall::Refusal;
use headworks_engine::{Answer, Clock, Effect, Engine, EngineError};
use headworks_store::{Embedded, MemoryIndex, wait};

use crate::catalog::{ACCOUNTS, STARTS};
use crate::coverage::Coverage;
use crate::disk::{Faults, SimDisk};
use crate::op::{self, Asked, Body, Kind, Op};
use crate::random::Random;

mod asking;
mod checks;
mod copies;
mod deliveries;
mod imports;
mod incidents;
mod known;
mod owners;
mod receivers;
mod requests;
mod restarts;
mod rows;
mod swarm;
mod waiting;

use known::{Incidents, Known, note};
use owners::{Owner, open, open_all};
use receivers::Deliveries;
use rows::Import;
use swarm::Swarm;

/// The fault that a simulation found.
pub(crate) struct Broken(pub(crate) String);

struct Flying {
    /// The engine that was asked.
    of: usize,
    op: Op,
    asked: Asked,
}

struct Acknowledged {
    op: Op,
    seq: Seq,
    bytes: Vec<u8>,
}

/// Faults of the disk can stop a start, but not this many in a row.
const STOPPED_MAX: u32 = 100;

pub(crate) struct World {
    random: Arc<Random>,
    coverage: Arc<Coverage>,
    disk: SimDisk,
    /// A backup of it, updated now and then.
    kept: SimDisk,
    index: Arc<MemoryIndex>,
    clock: Arc<Clock>,
    store: Arc<Embedded>,
    /// Engines on the store: one, or two that do not know each other.
    engines: Vec<Owner>,
    /// The index of the active engine.
    turn: usize,
    engine: Arc<Engine>,
    swarm: Swarm,
    flying: Vec<Flying>,
    acknowledged: Vec<Acknowledged>,
    /// Denials answered since the last start: the instant of the decision, and the end of the log at the answer.
    rested: Vec<(Name, Instant, Seq)>,
    /// The ends of logs, as read since the last start.
    stored: BTreeMap<Name, Seq>,
    known: BTreeMap<usize, Known>,
    deliveries: Deliveries,
    import: Import,
    incidents: Incidents,
    /// When the simulation began.
    begins: Instant,
    keys: u64,
    version: usize,
    /// Consecutive starts that stopped at once.
    stopped: u32,
    pub(crate) trace: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64, owners: usize, coverage: &Arc<Coverage>) -> Result<Self, Broken> {
        let random = Arc::new(Random::new(seed));
        let swarm = Swarm::new(&random);
        let disk = |faults| SimDisk::new(Arc::clone(&random), Arc::clone(coverage), faults);
        let (disk, kept) = (disk(swarm.faults), disk(Faults::default()));
        let index = Arc::new(MemoryIndex::default());
        let start = random.pick(&STARTS).copied().unwrap_or_default();
        let start: Instant = start.parse().map_err(|e| Broken(format!("{e}")))?;
        let clock = Arc::new(Clock::standing(start));
        // The disk has no faults while the ledger is created.
        disk.set_faults(Faults::default());
        let (store, engines) = open_all(&disk, &index, &clock, (64, owners), &random).map_err(Broken)?;
        let (gone, faults) = (swarm.gone, swarm.faults);
        let mut world = Self {
            random,
            coverage: Arc::clone(coverage),
            disk,
            kept,
            index,
            clock,
            store,
            engine: Arc::clone(&engines[0].engine),
            engines,
            turn: 0,
            swarm: Swarm { gone: 0, faults: Faults::default(), ..swarm },
            flying: Vec::new(),
            acknowledged: Vec::new(),
            rested: Vec::new(),
            stored: BTreeMap::new(),
            known: BTreeMap::new(),
            deliveries: Deliveries::default(),
            import: Import::default(),
            incidents: Incidents::default(),
            begins: start,
            stopped: 0,
            keys: 0,
            version: 0,
            trace: Vec::new(),
        };
        world.submit(0, Body::Catalog(0))?;
        world.commit()?;
        for owner in &world.engines {
            wait(owner.engine.follow()).map_err(|e| Broken(e.to_string()))?;
        }
        for account in 0..ACCOUNTS.len() {
            world.submit(account, op::open(account))?;
            world.submit(account, op::grant(60, Kind { category: 2, ..Kind::default() }).into())?;
            world.commit()?;
        }
        world.set_webhook("all", true)?;
        world.set_webhook("stripe", true)?;
        (world.swarm.gone, world.swarm.faults) = (gone, faults);
        world.disk.set_faults(faults);
        Ok(world)
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        let what = what();
        let of = if self.is_shared() { format!(" engine {}", self.turn) } else { String::new() };
        self.trace.push(format!("{}{of} {what}", self.clock.now()));
    }

    /// One step of the simulation.
    pub(crate) fn step(&mut self) -> Result<(), Broken> {
        if self.is_shared() {
            let which = self.random.below(self.engines.len());
            self.turn_to(which);
            self.note_shared();
            if self.random.chance(8) {
                return self.restart_one();
            }
        }
        let weights = [
            self.swarm.crash,
            self.swarm.clock,
            self.swarm.maintain,
            self.swarm.commit,
            self.swarm.retry,
            self.swarm.flip,
            self.swarm.index,
            self.swarm.reprice,
            self.swarm.look,
            self.swarm.copy,
            self.swarm.deliver,
            self.swarm.import,
            self.swarm.incident,
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
                    7 => self.reprice(),
                    8 => self.look(),
                    9 => self.copy(),
                    10 => {
                        // One of the engines sends.
                        self.turn_to(0);
                        self.deliver()
                    }
                    11 => self.import(),
                    12 => self.incident(),
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

    fn submit(&mut self, account: usize, body: Body) -> Result<(), Broken> {
        self.keys += 1;
        self.send(Op { key: self.keys, account, body })
    }

    fn send(&mut self, op: Op) -> Result<(), Broken> {
        self.say(|| format!("{op:?}"));
        let asked = op.clone().send(Arc::clone(&self.engine));
        self.flying.push(Flying { of: self.turn, op, asked });
        self.poll()
    }

    /// Polls every request in flight, in order, until no request holds room that it was given but has not used.
    fn poll(&mut self) -> Result<(), Broken> {
        self.poll_once()?;
        for _ in 0..80 {
            let is_level = |owner: &Owner| owner.engine.capacity_in_flight().iter().all(|(_, a, b)| a == b);
            if self.stopped().is_some() || self.engines.iter().all(is_level) {
                break;
            }
            self.poll_once()?;
        }
        self.check_capacity()
    }

    fn poll_once(&mut self) -> Result<(), Broken> {
        let mut context = Context::from_waker(Waker::noop());
        let mut still = Vec::new();
        for mut flying in std::mem::take(&mut self.flying) {
            if self.random.chance(self.swarm.gone) {
                // The caller does not wait for the answer; the outcome is unknown to it.
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
        self.import.answered(&op, &answer);
        let answer = match answer {
            Ok(answer) => answer,
            // The process ends and starts again.
            Err(EngineError::Stopped) => return Ok(()),
            Err(EngineError::Store(e)) => return Err(Broken(format!("{op:?}: the store failed: {e}"))),
            Err(e) => {
                if matches!(e, EngineError::Overloaded) {
                    self.coverage.fault("overload");
                }
                if let EngineError::Refused(refusal) = &e {
                    match refusal {
                        Refusal::IncreaseAnswered(..) => self.coverage.fault("increase answered again"),
                        Refusal::OverrideEnded(..) => self.coverage.fault("override removed again"),
                        _ => {}
                    }
                }
                self.say(|| format!("  k{}: {e}", op.key));
                return Ok(());
            }
        };
        match &answer.effect {
            Effect::Denied(denial) => {
                self.coverage.reason(denial.decision.reason.as_str());
                self.rests(&op.account(), denial.at)?;
            }
            Effect::Unrecorded(parts) => self.coverage.reason(parts.2.reason.as_str()),
            Effect::Recorded(record) => {
                let known = self.known.entry(op.account).or_default();
                note(known, record);
                if let Some(decision) = record.event.decision() {
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
        if self.stopped().is_some() { self.crash() } else { Ok(()) }
    }

    fn move_clock(&mut self) -> Result<(), Broken> {
        let spans =
            [1_000, 61_000, 1_800_000, 3_600_000, 7_200_000, 18_000_000, 86_400_000, 90_000_000, 400_000_000];
        let millis = spans.get(self.random.below(9)).copied().unwrap_or(1_000);
        let millis = self.swarm.pace.unwrap_or(millis);
        if self.random.chance(if self.swarm.pace.is_some() { 10 } else { 150 }) {
            self.coverage.fault("clock back");
            self.clock.rewind(Span::from_micros(millis * 100));
        } else {
            self.coverage.fault("clock ahead");
            self.clock.advance(Span::from_micros(millis * 1_000));
        }
        self.say(|| "the clock moves".into());
        Ok(())
    }

    /// The process dies and starts again on the disk's surviving data.
    fn crash(&mut self) -> Result<(), Broken> {
        // A killed process loses nothing that it has written, synced or not.
        let killed = self.random.chance(300);
        let how = if killed { "kill" } else { "crash" };
        self.check_rested()?;
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
        // The start reads, and may cut a torn tail. It succeeds, or fails without harm and succeeds the next time.
        let waiting_max = self.swarm.waiting_max;
        let bounds = (waiting_max, self.engines.len());
        let start = |world: &Self| open_all(&world.disk, &world.index, &world.clock, bounds, &world.random);
        let started = match start(self) {
            Ok(started) => started,
            Err(_) => {
                self.coverage.fault("failed start");
                if self.random.chance(500) {
                    self.disk.crash();
                }
                self.disk.set_faults(Faults { full: 0, sync_fails: 0, ..self.swarm.faults });
                start(self).map_err(Broken)?
            }
        };
        (self.store, self.engines) = started;
        self.turn_to(0);
        self.deliveries.begin_again();
        self.import.begin_again(self.random.chance(500));
        self.disk.set_faults(self.swarm.faults);
        self.engines.iter().for_each(|owner| owner.engine.maintain_once(false));
        let Some(why) = self.stopped() else {
            self.stopped = 0;
            return Ok(());
        };
        self.stopped += 1;
        if self.stopped > STOPPED_MAX {
            self.tell_logs();
            return Err(Broken(format!("every start stops: {why}")));
        }
        self.crash()
    }
}
