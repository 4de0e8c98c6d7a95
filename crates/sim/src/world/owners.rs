//! The engines of a simulation: one on a store of its own, or two that share one. Two know nothing of each other; appends are in doubt now
//! and then, and arrive late or never.

use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format};
use headworks_engine::{Clock, Engine, Limits};
use headworks_store::suite::{Fault, Faults, Faulty};
use headworks_store::{Embedded, MemoryIndex, Options, Store};

use super::{Broken, World};
use crate::disk::SimDisk;
use crate::random::Random;

/// An engine, and the way to the store that it shares.
pub(super) struct Owner {
    pub(super) engine: Arc<Engine>,
    way: Option<Arc<Faulty<Doubts>>>,
}

/// Appends whose outcome is in doubt.
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
    // Small, so that segments roll and checkpoints are due within a simulation.
    Options { segment_bytes_max: 20_000, records_per_checkpoint: 40, readers: 0 }
}

fn start(store: Arc<dyn Store>, clock: &Arc<Clock>, waiting_max: usize) -> Result<Arc<Engine>, Broken> {
    let none = "version = \"none\"\nmeters = {}\nfeatures = {}\nplans = {}\n";
    let initial = Catalog::parse(none, Format::Toml).map_err(|e| Broken(e.to_string()))?;
    let limits = Limits { accounts_max: 64, waiting_max, ..Limits::default() };
    let engine = Engine::standing(store, initial, Arc::clone(clock), limits);
    engine.map_err(|e| Broken(format!("the engine does not start: {e}")))
}

/// A store with one engine.
pub(super) fn open(
    disk: &SimDisk,
    index: &Arc<MemoryIndex>,
    clock: &Arc<Clock>,
    waiting_max: usize,
) -> Result<(Arc<Embedded>, Arc<Engine>), Broken> {
    let store = Embedded::on(Arc::new(disk.clone()), Arc::clone(index) as Arc<_>, options());
    let store = Arc::new(store.map_err(|e| Broken(format!("the store does not open: {e}")))?);
    let engine = start(Arc::clone(&store) as Arc<_>, clock, waiting_max)?;
    Ok((store, engine))
}

/// A store with as many engines.
pub(super) fn open_all(
    disk: &SimDisk,
    index: &Arc<MemoryIndex>,
    clock: &Arc<Clock>,
    (waiting_max, owners): (usize, usize),
    random: &Arc<Random>,
) -> Result<(Arc<Embedded>, Vec<Owner>), Broken> {
    if owners == 1 {
        let (store, engine) = open(disk, index, clock, waiting_max)?;
        return Ok((store, vec![Owner { engine, way: None }]));
    }
    let store = Embedded::on(Arc::new(disk.clone()), Arc::clone(index) as Arc<_>, options());
    let store = Arc::new(store.map_err(|e| Broken(format!("the store does not open: {e}")))?);
    let doubts = || Doubts { random: Arc::clone(random) };
    let first = Arc::new(Faulty::new(Arc::clone(&store) as Arc<_>, doubts()));
    let mut engines = Vec::new();
    for _ in 0..owners {
        let way = Arc::new(first.beside(doubts()));
        let engine = start(Arc::clone(&way) as Arc<_>, clock, waiting_max)?;
        engines.push(Owner { engine, way: Some(way) });
    }
    Ok((store, engines))
}

impl World {
    /// One engine dies with everything that it has not stored; the other does not hear of it.
    pub(super) fn restart_one(&mut self) -> Result<(), Broken> {
        let turn = self.turn;
        let Some(way) = self.engines.get(turn).and_then(|owner| owner.way.clone()) else { return Ok(()) };
        self.coverage.fault("one of two restarted");
        self.say(|| format!("engine {turn} restarts"));
        self.flying.retain(|flying| flying.of != turn);
        let engine = start(Arc::clone(&way) as Arc<_>, &self.clock, self.swarm.waiting_max)?;
        engine.maintain_once(false);
        if let Some(owner) = self.engines.get_mut(turn) {
            owner.engine = engine;
        }
        self.turn_to(turn);
        if turn == 0 {
            self.deliveries.begin_again();
        }
        self.restart_if_stopped()
    }
}
