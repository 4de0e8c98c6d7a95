//! The supplies in force, and the room in them for an account's requests.
//!
//! Never decides: it reports a supply's offer to the core, takes the room of granted
//! requests, and returns the room of ended ones.
//! S1 cost in flight equals the room of open holds, after any crash or restart: a loaded state brings its holds' room
//! with it, and leaves memory only without holds (`capacity_survives_a_restart`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::account::Account;
use headworks_core::capacity::Offer;
use headworks_core::catalog::{Catalog, ClassTerms, SupplyTerms, changed};
use headworks_core::record::{Event, HeldCapacity, Instant, Name, REQUESTS, Record, SupplyChange, Use};
use headworks_core::waterfall::{Context, Purpose, Wanted};
use smallvec::{SmallVec, smallvec};

mod room;
mod sharers;
pub mod supply;

use room::pump;
pub(crate) use room::{EngineSupply, RequestRoom, Taken, Wish};
pub(crate) use sharers::Sharers;
use supply::{Cost, Kind, Leaf, Room, Supply};

/// The supplies in force.
#[derive(Debug)]
pub(crate) struct Supplies {
    by_name: ArcSwap<BTreeMap<Name, Arc<EngineSupply>>>,
    changes: Mutex<BTreeMap<Name, SupplyChange>>,
}

impl Supplies {
    /// The supplies of a catalog, changed live by `changes`, with nothing in flight.
    pub(crate) fn new(catalog: &Catalog, changes: BTreeMap<Name, SupplyChange>) -> Self {
        let supplies = Self { by_name: ArcSwap::default(), changes: Mutex::new(changes) };
        supplies.set(catalog);
        supplies
    }

    /// Puts the supplies of a catalog in force, with the live changes. Cost in flight stays counted.
    pub(crate) fn set(&self, catalog: &Catalog) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.by_name.load();
        let supplies = catalog.supplies.iter().map(|(name, terms)| {
            let terms = in_force(terms, changes.get(name));
            let supply = match before.get(name) {
                Some(supply) => {
                    supply.set_terms(Arc::new(keeping_classes(&supply.terms(), &terms)));
                    Arc::clone(supply)
                }
                None => Arc::new(Supply::new(name.clone(), terms)),
            };
            (name.clone(), supply)
        });
        self.by_name.store(Arc::new(supplies.collect()));
    }

    /// Puts a live change in force.
    pub(crate) fn change(&self, catalog: &Catalog, change: &SupplyChange) {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(change.supply.clone(), change.clone());
        self.set(catalog);
    }

    pub(crate) fn all(&self) -> Arc<BTreeMap<Name, Arc<EngineSupply>>> {
        self.by_name.load_full()
    }

    pub(crate) fn change_of(&self, supply: &Name) -> Option<SupplyChange> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).get(supply).cloned()
    }

    /// Whether there are no supplies.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.load().is_empty()
    }

    /// Computes all shares and admits waiting requests.
    pub(crate) fn tick(&self, now: Instant) {
        for supply in self.by_name.load().values() {
            supply.tick(now);
            pump(supply, now);
        }
    }

    /// Refills learned rates between two ticks, and admits waiting requests; returns whether any rate is learned.
    pub(crate) fn drip(&self, now: Instant) -> bool {
        let mut learns = false;
        for supply in self.by_name.load().values() {
            if supply.drip(now) {
                learns = true;
                pump(supply, now);
            }
        }
        learns
    }

    /// The wishes of a request, one supply after the other: a sharer and a cost in
    /// its feature's supply and in each fallback.
    fn wishes(&self, ctx: Context<'_>, sharers: &mut Sharers, wanted: &Wanted) -> impl Iterator<Item = Wish> {
        let own = ctx.catalog.feature(wanted.feature.as_str()).and_then(|f| f.supply.as_ref());
        let own = own.and_then(|name| ctx.catalog.supplies.get_key_value(name));
        let names = own.into_iter().flat_map(|(name, terms)| std::iter::once(name).chain(&terms.fallback));
        let supplies = self.by_name.load();
        names.filter_map(move |name| {
            let supply = Arc::clone(supplies.get(name)?);
            let terms = supply.terms();
            let class = ctx.catalog.class_of(&terms, ctx.account, wanted.is_demoted)?;
            let leaf = sharers.find(&supply, class, ctx.account, wanted.path.at(terms.share_by));
            let (used, mut cost, class) = (leaf.in_flight(), cost_of(&terms, wanted), class.1.clone());
            if wanted.purpose == Purpose::Hold {
                cost.rate = expected(&supply, &leaf, wanted);
            }
            Some(Wish { used, cost, supply, leaf, class })
        })
    }

    /// Takes room for a request, unless room was already taken for it.
    pub(crate) fn take(
        &self,
        ctx: Context<'_>,
        sharers: &mut Sharers,
        wanted: &Wanted,
        before: Option<Taken>,
    ) -> RequestRoom {
        if let Some(mut taken) = before {
            let Wish { supply, leaf, cost, .. } = &mut taken.wish;
            if wanted.purpose == Purpose::Hold {
                supply.reprice(leaf, cost, expected(supply, leaf, wanted));
            }
            let key = wanted.path.at(taken.wish.supply.terms().share_by);
            sharers.adopt(&taken.wish, ctx.account, key);
            return RequestRoom {
                offers: smallvec![taken.offer(ctx.now)],
                taken: Some(taken),
                wishes: SmallVec::new(),
            };
        }
        let mut found = RequestRoom::default();
        for wish in self.wishes(ctx, sharers, wanted) {
            let room = wish.supply.take(&wish.leaf, wish.cost);
            if found.add(wish, room, ctx.now) {
                break;
            }
        }
        found
    }

    /// The offers of supplies for a request; takes nothing.
    pub(crate) fn look(&self, ctx: Context<'_>, wanted: &Wanted) -> Vec<Offer> {
        let mut sharers = Sharers::default();
        let wishes = self.wishes(ctx, &mut sharers, wanted);
        wishes.map(|wish| wish.offer(wish.supply.look(&wish.leaf, wish.cost), ctx.now)).collect()
    }

    /// Room for more of a hold, in the supply where it has room. Work inside its share grows; borrowed room grows
    /// only while there is room.
    pub(crate) fn grow(
        &self,
        ctx: Context<'_>,
        sharers: &Sharers,
        held: &HeldCapacity,
        wanted: &Wanted,
    ) -> RequestRoom {
        let Some(sharer) = sharers.of_hold(held, &wanted.path) else {
            return RequestRoom::default();
        };
        let terms = sharer.supply.terms();
        let wish = Wish {
            supply: Arc::clone(&sharer.supply),
            leaf: Arc::clone(&sharer.leaf),
            class: sharer.class.clone(),
            cost: cost_of(&terms, wanted),
            used: sharer.leaf.in_flight(),
        };
        let room = if held.revocable {
            wish.supply.take(&wish.leaf, wish.cost)
        } else {
            wish.supply.grow(&wish.leaf, wish.cost);
            Ok(Room::Share)
        };
        let mut found = RequestRoom::default();
        found.add(wish, room, ctx.now);
        found
    }

    /// Counts the room that a state's holds took before the state came into memory.
    pub(crate) fn restore(&self, account: &Account, sharers: &mut Sharers) {
        let supplies = self.by_name.load();
        for hold in &account.holds {
            let Some(held) = hold.terms.capacity.as_deref() else { continue };
            let Some(supply) = supplies.get(&held.supply) else { continue };
            let terms = supply.terms();
            let at = terms.class(held.class.as_str()).unwrap_or(0);
            let leaf = sharers.find(supply, (at, &held.class), account, hold.usage.path.at(terms.share_by));
            supply.restore(&leaf, held.in_flight);
        }
    }

    /// A state leaves memory while its holds are open: their room is counted again when it comes back.
    pub(crate) fn forget(account: &Account, sharers: &Sharers) {
        for hold in &account.holds {
            let Some(held) = hold.terms.capacity.as_deref() else { continue };
            if let Some(sharer) = sharers.of_hold(held, &hold.usage.path) {
                sharer.supply.end(
                    &sharer.leaf,
                    Cost { rate: 0, in_flight: held.in_flight },
                    None,
                    hold.opened_at,
                );
            }
        }
    }

    /// The room that a record, about to be applied, ends or changes in supplies.
    pub(crate) fn ending(account: &Account, sharers: &Sharers, record: &Record) -> Option<Ending> {
        let (id, actual) = if let Event::Settled { hold, charge, is_late: false } = &record.event {
            (hold, Some(&charge.usage))
        } else if let Event::Expired { hold, charge } = &record.event {
            (hold, charge.as_ref().map(|c| &c.usage))
        } else if let Event::Released(hold) = &record.event {
            (hold, None)
        } else {
            return None;
        };
        let hold = account.hold(*id)?;
        let held = hold.terms.capacity.as_deref()?;
        let sharer = sharers.of_hold(held, &hold.usage.path)?;
        let terms = sharer.supply.terms();
        let cost =
            |usage: &Use| terms.rate.formula.cost(usage.lines.iter().map(|l| (l.meter.as_str(), l.quantity)));
        let learned = actual.into_iter().flat_map(|actual| {
            let feature = hold.usage.feature.as_str();
            terms.rate.formula.0.iter().map(move |(meter, _)| {
                let meter = meter.as_str();
                (Kind::new(feature, meter), hold.usage.quantity(meter), actual.quantity(meter))
            })
        });
        Some(Ending {
            supply: Arc::clone(&sharer.supply),
            leaf: Arc::clone(&sharer.leaf),
            held: Cost { rate: held.cost, in_flight: held.in_flight },
            begun: hold.opened_at,
            learned: learned.collect(),
            actual: actual.map(cost),
        })
    }

    /// Returns the room of an ended hold, and admits requests that wait for it.
    pub(crate) fn end(ending: &Ending, now: Instant) {
        let Ending { supply, leaf, held, begun, learned, actual } = ending;
        for (kind, estimate, actual) in learned {
            supply.came_to(leaf, *kind, *estimate, *actual);
        }
        supply.end(leaf, *held, *actual, *begun);
        pump(supply, now);
    }

    /// Changed settings of an account, in force at the next tick.
    pub(crate) fn changed(account: &Account, sharers: &Sharers) {
        sharers.set_rank(account);
    }
}

/// A hold that ends.
pub(crate) struct Ending {
    supply: Arc<EngineSupply>,
    leaf: Arc<Leaf>,
    /// The room that it took.
    held: Cost,
    begun: Instant,
    /// Its quantities, as they were held and as they turned out.
    learned: SmallVec<[(Kind, u64, u64); 2]>,
    /// What those cost.
    actual: Option<u64>,
}

fn in_force(terms: &Arc<SupplyTerms>, change: Option<&SupplyChange>) -> Arc<SupplyTerms> {
    // A change that no longer fits the catalog (its class is gone) is skipped; it is still in the log.
    change.and_then(|c| changed(terms, c).ok()).map_or_else(|| Arc::clone(terms), Arc::new)
}

/// New terms with each class in its old position: sharers name a class by position. A removed class keeps its position
/// and its terms while the process runs, for the holds it let in.
fn keeping_classes(before: &SupplyTerms, terms: &SupplyTerms) -> SupplyTerms {
    let stays = |(name, old): &(Name, ClassTerms)| {
        let new = terms.class(name.as_str()).and_then(|at| terms.class_at(at));
        (name.clone(), new.copied().unwrap_or(*old))
    };
    let is_new = |(name, _): &&(Name, ClassTerms)| before.class(name.as_str()).is_none();
    let classes = before.classes.iter().map(stays).chain(terms.classes.iter().filter(is_new).cloned());
    SupplyTerms { classes: classes.collect(), ..terms.clone() }
}

/// The cost of a hold's quantities, as far as is known what such come to.
fn expected(supply: &EngineSupply, leaf: &Leaf, wanted: &Wanted) -> u64 {
    let quantities = wanted.quantities.iter().map(|(meter, n)| (meter.as_str(), *n));
    supply.expected(leaf, wanted.feature.as_str(), quantities)
}

fn cost_of(terms: &SupplyTerms, wanted: &Wanted) -> Cost {
    let counted = (wanted.purpose == Purpose::Grow).then_some((REQUESTS, 0));
    let named = || counted.into_iter().chain(wanted.quantities.iter().map(|(m, n)| (m.as_str(), *n)));
    let in_flight = match wanted.purpose {
        Purpose::Charge => 0,
        Purpose::Hold | Purpose::Grow => terms.in_flight.formula.cost(named()),
    };
    Cost { rate: terms.rate.formula.cost(named()), in_flight }
}
