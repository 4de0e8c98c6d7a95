//! The engines of a simulation: one with its own store, or two that share one and do not know each other. Appends are
//! in doubt now and then, and arrive late or never.

use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format};
use headworks_engine::{Clock, Engine, Limits};
use headworks_store::suite::{Fault, Faults, Faulty};
use headworks_store::{Embedded, MemoryIndex, Options, Store};

use crate::disk::SimDisk;
use crate::random::Random;

/// An engine, and its access to the shared store.
pub(super) struct Owner {
    pub(super) engine: Arc<Engine>,
    way: Option<Arc<Faulty<Doubts>>>,
}

impl Owner {
    /// The engine dies with everything unstored, and another takes its place. An engine that shares no store stays.
    pub(super) fn restart(&mut self, clock: &Arc<Clock>, waiting_max: usize) -> Result<(), String> {
        if let Some(way) = self.way.clone() {
            self.engine = start(way, clock, waiting_max)?;
            self.engine.maintain_once(false);
        }
        Ok(())
    }
}

/// Appends with an outcome in doubt.
struct Doubts {
    random: Arc<Random>,
}

impl Faults for Doubts {
    fn append(&self) -> Fault {
        match self.random.below(40) {
            0 => Fault::LostAnswer,
            1 => Fault::LostBatch,
            2 => Fault::Late,
            _ => Fault::None,
        }
    }
}

pub(super) fn options() -> Options {
    // Small, so that segments roll and checkpoints become due within a simulation.
    Options { segment_bytes_max: 20_000, records_per_checkpoint: 40, readers: 0 }
}

fn start(store: Arc<dyn Store>, clock: &Arc<Clock>, waiting_max: usize) -> Result<Arc<Engine>, String> {
    let none = "version = \"none\"\nmeters = {}\nfeatures = {}\nplans = {}\n";
    let initial = Catalog::parse(none, Format::Toml).map_err(|e| e.to_string())?;
    let limits = Limits { accounts_max: 64, waiting_max, ..Limits::default() };
    let engine = Engine::standing(store, initial, Arc::clone(clock), limits);
    engine.map_err(|e| format!("the engine does not start: {e}"))
}

fn store(disk: &SimDisk, index: &Arc<MemoryIndex>) -> Result<Arc<Embedded>, String> {
    let index = Arc::clone(index);
    let store = Embedded::on(Arc::new(disk.clone()), index, options());
    Ok(Arc::new(store.map_err(|e| format!("the store does not open: {e}"))?))
}

/// A store with one engine.
pub(super) fn open(
    disk: &SimDisk,
    index: &Arc<MemoryIndex>,
    clock: &Arc<Clock>,
    waiting_max: usize,
) -> Result<(Arc<Embedded>, Arc<Engine>), String> {
    let store = store(disk, index)?;
    let engine = start(store.clone(), clock, waiting_max)?;
    Ok((store, engine))
}

/// A store with this many engines.
pub(super) fn open_all(
    disk: &SimDisk,
    index: &Arc<MemoryIndex>,
    clock: &Arc<Clock>,
    (waiting_max, owners): (usize, usize),
    random: &Arc<Random>,
) -> Result<(Arc<Embedded>, Vec<Owner>), String> {
    if owners == 1 {
        let (store, engine) = open(disk, index, clock, waiting_max)?;
        return Ok((store, vec![Owner { engine, way: None }]));
    }
    let store = store(disk, index)?;
    let doubts = || Doubts { random: Arc::clone(random) };
    let first = Arc::new(Faulty::new(store.clone(), doubts()));
    let mut engines = Vec::new();
    for _ in 0..owners {
        let way = Arc::new(first.beside(doubts()));
        let engine = start(way.clone(), clock, waiting_max)?;
        engines.push(Owner { engine, way: Some(way) });
    }
    Ok((store, engines))
}
