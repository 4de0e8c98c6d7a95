//! The pools in force, and the room that requests of an account find in them.
//!
//! Never decides: it tells the core what a pool offers, takes the room of what was granted, and gives back what ends.
//! S1 cost in flight is what open holds take, whatever a process went through: a state that is loaded brings its holds'
//! room with it, and leaves memory only when it holds none (`capacity_survives_a_restart`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::account::Account;
use headworks_core::capacity::queue::WaiterId;
use headworks_core::capacity::{ClassTerms, Offer, PoolTerms, Seat, Standing};
use headworks_core::catalog::{Catalog, changed};
use headworks_core::decision::Outcome;
use headworks_core::ledger::{Event, HeldCapacity, PoolChange, REQUESTS, Record};
use headworks_core::name::{Level, Name, Path};
use headworks_core::operation::{Context, Decided, Quantities, Refusal};
use headworks_core::time::{Instant, Span};
use smallvec::{SmallVec, smallvec};
use tokio::sync::oneshot;

pub mod pool;

use pool::{Cost, Leaf, NoWait, Pool, PoolView, Room};

/// Keys of one account that have a seat of their own; the others share one.
const KEYS_MAX: usize = 64;
/// The seat of keys past that many, and of requests whose path names none.
const OTHER_KEYS: &str = "other";

/// A pool whose waiters are requests.
pub(crate) type EnginePool = Pool<oneshot::Sender<Taken>>;

/// Room that was taken for a request that has not been granted yet. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    pool: Arc<EnginePool>,
    leaf: Arc<Leaf>,
    class: Name,
    cost: Cost,
    room: Room,
    used: u64,
    kept: bool,
}

impl Taken {
    fn offer(&self) -> Offer {
        Offer {
            pool: self.pool.name.clone(),
            class: self.class.clone(),
            fits: true,
            used: self.used,
            cost: self.cost.rate,
            in_flight: self.cost.in_flight,
            revocable: self.room == Room::Borrowed,
            at: None,
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.kept {
            self.pool.undo(&self.leaf, self.cost);
        }
    }
}

/// A seat that an account has taken.
#[derive(Debug)]
struct Taking {
    pool: Arc<EnginePool>,
    class: Name,
    cluster: Option<Name>,
    key: Option<Name>,
    leaf: Arc<Leaf>,
}

/// The seats of an account in memory.
#[derive(Debug, Default)]
pub(crate) struct Seats(Vec<Taking>);

impl Seats {
    /// Whether nothing of the account is in flight: it can leave memory.
    pub(crate) fn are_empty(&self) -> bool {
        self.0.iter().all(|s| s.leaf.in_flight() == 0)
    }

    fn find(
        &mut self,
        pool: &Arc<EnginePool>,
        class: &Name,
        account: &Account,
        key: Option<&Name>,
    ) -> Arc<Leaf> {
        let rank = account.settings.rank.as_deref();
        let cluster = rank.and_then(|r| r.cluster.as_ref());
        let same = |s: &&Taking| {
            Arc::ptr_eq(&s.pool, pool)
                && s.class == *class
                && s.cluster.as_ref() == cluster
                && s.key.as_ref() == key
        };
        if let Some(seat) = self.0.iter().find(same) {
            return Arc::clone(&seat.leaf);
        }
        if self.0.len() >= KEYS_MAX {
            self.0.retain(|s| s.leaf.in_flight() > 0 || s.leaf.is_active());
            if key.is_some() && self.0.len() >= KEYS_MAX {
                return self.find(pool, class, account, None);
            }
        }
        let at = pool.terms().class(class.as_str()).unwrap_or(0);
        let name = key.map_or(OTHER_KEYS, Name::as_str);
        let leaf = Arc::new(Leaf::new(Seat::new(at, cluster, &account.id, Some(name)), standing_of(account)));
        self.0.push(Taking {
            pool: Arc::clone(pool),
            class: class.clone(),
            cluster: cluster.cloned(),
            key: key.cloned(),
            leaf: Arc::clone(&leaf),
        });
        leaf
    }

    /// The seat that a hold took its room with: one that has so much in flight.
    fn of_hold(&self, held: &HeldCapacity, key: Option<&Name>) -> Option<&Taking> {
        let fits = |s: &&Taking| s.pool.name == held.pool && s.class == held.class;
        let seats = || self.0.iter().filter(fits).filter(|s| s.leaf.in_flight() >= held.in_flight);
        seats()
            .find(|s| s.key.as_ref() == key)
            .or_else(|| seats().find(|s| s.key.is_none()))
            .or_else(|| seats().next())
    }

    /// Takes over what the operator says of the account now.
    fn set_rank(&self, account: &Account) {
        let standing = standing_of(account);
        self.0.iter().for_each(|seat| seat.leaf.set_standing(standing));
    }
}

/// What the operator says of an account in every pool.
fn standing_of(account: &Account) -> Standing {
    let rank = account.settings.rank.as_deref();
    rank.map_or_else(Standing::default, |r| Standing { weight: r.weight, floor: r.floor, max: r.max })
}

/// What a request wants of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pool: Arc<EnginePool>,
    leaf: Arc<Leaf>,
    class: Name,
    cost: Cost,
    used: u64,
}

impl Wish {
    /// How long the class lets a request wait that says nothing itself.
    pub(crate) fn wait_max(&self) -> Span {
        self.pool.terms().class_at(self.leaf.seat.class).map_or(Span::ZERO, |c| c.wait_max)
    }

    fn offer(&self, room: Result<Room, pool::Busy>, now: Instant) -> Offer {
        Offer {
            pool: self.pool.name.clone(),
            class: self.class.clone(),
            fits: room.is_ok(),
            used: self.used,
            cost: self.cost.rate,
            in_flight: self.cost.in_flight,
            revocable: room == Ok(Room::Borrowed),
            at: room.err().map(|busy| now.after(busy.after)),
        }
    }
}

/// The room a request finds, while it is being decided.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What to tell the core.
    pub(crate) offers: SmallVec<[Offer; 1]>,
    taken: Option<Taken>,
    wishes: SmallVec<[Wish; 1]>,
}

impl Found {
    /// Takes what was granted; gives back what was not, and counts what capacity was asked for.
    pub(crate) fn close(mut self, decided: &Decided, account: &Account) -> Option<Wish> {
        let denied = match decided {
            // What would take the account's books out of their range is refused after all.
            Decided::Granted(draft) if !draft.fits(account) => return None,
            Decided::Granted(_) | Decided::Counted(..) => None,
            Decided::Denied(_, decision) => Some(decision),
        };
        if denied.is_none_or(|decision| decision.outcome == Outcome::Wait) {
            for wish in self.wishes.iter().take(self.offers.len()) {
                wish.pool.note(&wish.leaf, wish.cost);
            }
        }
        if denied.is_none()
            && let Some(taken) = &mut self.taken
        {
            taken.kept = true;
        }
        self.wishes.into_iter().next()
    }
}

/// The pools in force.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    by_name: ArcSwap<BTreeMap<Name, Arc<EnginePool>>>,
    changes: Mutex<BTreeMap<Name, PoolChange>>,
}

/// What a request asks a pool about.
pub(crate) struct Asked<'a> {
    pub(crate) feature: &'a Name,
    pub(crate) path: &'a Path,
    pub(crate) quantities: &'a Quantities,
    pub(crate) purpose: Purpose,
}

/// What room is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A hold.
    Hold,
    /// A charge at once: nothing stays in flight.
    Charge,
    /// More of a hold: the request itself is counted already.
    Grow,
}

impl Pools {
    /// Puts the pools of a catalog in force, live changes over them. What is in flight stays counted.
    pub(crate) fn set(&self, catalog: &Catalog) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.by_name.load();
        let pools = catalog.pools.iter().map(|(name, terms)| {
            let terms = in_force(terms, changes.get(name));
            let pool = match before.get(name) {
                Some(pool) => {
                    pool.set_terms(Arc::new(keeping_classes(&pool.terms(), &terms)));
                    Arc::clone(pool)
                }
                None => Arc::new(Pool::new(name.clone(), terms)),
            };
            (name.clone(), pool)
        });
        self.by_name.store(Arc::new(pools.collect()));
    }

    /// Puts a live change in force.
    pub(crate) fn change(&self, catalog: &Catalog, change: &PoolChange) {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(change.pool.clone(), change.clone());
        self.set(catalog);
    }

    pub(crate) fn all(&self) -> Arc<BTreeMap<Name, Arc<EnginePool>>> {
        self.by_name.load_full()
    }

    pub(crate) fn change_of(&self, pool: &Name) -> Option<PoolChange> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).get(pool).cloned()
    }

    /// Computes everybody's share and lets in who waits.
    pub(crate) fn tick(&self, now: Instant) {
        for pool in self.by_name.load().values() {
            pool.tick(now);
            let _ = pump(pool, now);
        }
    }

    /// What a request wants: a seat and a cost in its feature's pool and in those that stand in for it.
    fn wishes(&self, ctx: Context<'_>, seats: &mut Seats, asked: &Asked<'_>) -> SmallVec<[Wish; 1]> {
        let own = ctx.catalog.feature(asked.feature.as_str()).and_then(|f| f.pool.as_ref());
        let Some(own) = own.and_then(|name| ctx.catalog.pools.get_key_value(name)) else {
            return SmallVec::new();
        };
        let pools = self.by_name.load();
        let names = std::iter::once(own.0).chain(&own.1.fallback);
        let wish = |name: &Name| {
            let pool = Arc::clone(pools.get(name)?);
            let terms = pool.terms();
            let class = class_of(ctx, &terms)?;
            let leaf = seats.find(&pool, &class, ctx.account, asked.path.at(Level::Key));
            Some(Wish { used: leaf.in_flight(), cost: cost_of(&terms, asked), pool, leaf, class })
        };
        names.filter_map(wish).collect()
    }

    /// Takes room for a request, unless somebody took it for it already.
    pub(crate) fn take(
        &self,
        ctx: Context<'_>,
        seats: &mut Seats,
        asked: &Asked<'_>,
        before: Option<Taken>,
    ) -> Found {
        if let Some(taken) = before {
            return Found { offers: smallvec![taken.offer()], taken: Some(taken), wishes: SmallVec::new() };
        }
        let mut found = Found { wishes: self.wishes(ctx, seats, asked), ..Found::default() };
        for wish in &found.wishes {
            let room = wish.pool.take(&wish.leaf, wish.cost);
            found.offers.push(wish.offer(room, ctx.now));
            if let Ok(room) = room {
                let Wish { pool, leaf, class, cost, used } = wish.clone();
                found.taken = Some(Taken { pool, leaf, class, cost, room, used, kept: false });
                break;
            }
        }
        found
    }

    /// What pools have for a request, without taking it.
    pub(crate) fn look(&self, ctx: Context<'_>, asked: &Asked<'_>) -> Vec<Offer> {
        let wishes = self.wishes(ctx, &mut Seats::default(), asked);
        wishes.iter().map(|wish| wish.offer(wish.pool.look(&wish.leaf, wish.cost), ctx.now)).collect()
    }

    /// Room for more of a hold, in the pool it has room in. Work inside its share grows; what was let in beyond it grows
    /// only while there is room.
    pub(crate) fn grow(
        &self,
        ctx: Context<'_>,
        seats: &Seats,
        held: &HeldCapacity,
        asked: &Asked<'_>,
    ) -> Found {
        let Some(seat) = seats.of_hold(held, asked.path.at(Level::Key)) else { return Found::default() };
        let terms = seat.pool.terms();
        let wish = Wish {
            pool: Arc::clone(&seat.pool),
            leaf: Arc::clone(&seat.leaf),
            class: seat.class.clone(),
            cost: cost_of(&terms, asked),
            used: seat.leaf.in_flight(),
        };
        let room = if held.revocable {
            wish.pool.take(&wish.leaf, wish.cost)
        } else {
            wish.pool.grow(&wish.leaf, wish.cost);
            Ok(Room::Share)
        };
        let mut found = Found { offers: smallvec![wish.offer(room, ctx.now)], ..Found::default() };
        if let Ok(room) = room {
            let Wish { pool, leaf, class, cost, used } = wish.clone();
            found.taken = Some(Taken { pool, leaf, class, cost, room, used, kept: false });
        }
        found.wishes.push(wish);
        found
    }

    /// Counts the room that the holds of a state have taken before it came into memory.
    pub(crate) fn restore(&self, account: &Account, seats: &mut Seats) {
        let pools = self.by_name.load();
        for hold in &account.holds {
            let Some(held) = hold.terms.capacity.as_deref() else { continue };
            let Some(pool) = pools.get(&held.pool) else { continue };
            let leaf = seats.find(pool, &held.class, account, hold.usage.path.at(Level::Key));
            pool.restore(&leaf, held.in_flight);
        }
    }

    /// A state leaves memory while its holds are open: what it took is counted again when it comes back.
    pub(crate) fn forget(account: &Account, seats: &Seats) {
        for hold in &account.holds {
            let Some(held) = hold.terms.capacity.as_deref() else { continue };
            if let Some(seat) = seats.of_hold(held, hold.usage.path.at(Level::Key)) {
                seat.pool.end(&seat.leaf, Cost { rate: 0, in_flight: held.in_flight }, None);
            }
        }
    }

    /// What a record about to be applied ends or changes in pools.
    pub(crate) fn ending(account: &Account, record: &Record) -> Option<Ending> {
        let (hold, actual) = if let Event::Settled(hold, charge, false) = &record.event {
            (hold, Some(&charge.usage))
        } else if let Event::Expired(hold, charge) = &record.event {
            (hold, charge.as_ref().map(|c| &c.usage))
        } else if let Event::Released(hold) = &record.event {
            (hold, None)
        } else {
            return None;
        };
        let hold = account.hold(*hold)?;
        let held = hold.terms.capacity.clone()?;
        let quantities = actual.map(|u| u.lines.iter().map(|l| (l.meter.clone(), l.quantity)).collect());
        Some(Ending { held, key: hold.usage.path.at(Level::Key).cloned(), actual: quantities })
    }

    /// Gives back what has ended, and lets in who waits for it.
    pub(crate) fn end(seats: &Seats, ending: &Ending, now: Instant) {
        let Some(seat) = seats.of_hold(&ending.held, ending.key.as_ref()) else { return };
        let formula = &seat.pool.terms().rate.formula;
        let cost = |q: &Quantities| formula.cost(q.iter().map(|(m, n)| (m.as_str(), *n)));
        let estimate = Cost { rate: ending.held.cost, in_flight: ending.held.in_flight };
        seat.pool.end(&seat.leaf, estimate, ending.actual.as_ref().map(cost));
        let _ = pump(&seat.pool, now);
    }

    /// New settings are in force at the next tick.
    pub(crate) fn changed(account: &Account, seats: &Seats, record: &Record) {
        if let Event::Changed(..) | Event::Periodic(_) = &record.event {
            seats.set_rank(account);
        }
    }
}

/// A hold that ends.
pub(crate) struct Ending {
    held: Box<HeldCapacity>,
    key: Option<Name>,
    actual: Option<Quantities>,
}

fn in_force(terms: &Arc<PoolTerms>, change: Option<&PoolChange>) -> Arc<PoolTerms> {
    // A change that a new catalog does not fit (its class is gone) is passed over; it is still in the log.
    change.and_then(|c| changed(terms, c).ok()).map_or_else(|| Arc::clone(terms), Arc::new)
}

/// New terms with the classes where they were: seats name a class by its place. One that is gone keeps its place and its
/// terms for as long as the process runs, for holds that were let in by it.
fn keeping_classes(before: &PoolTerms, terms: &PoolTerms) -> PoolTerms {
    let stays = |(name, old): &(Name, ClassTerms)| {
        let new = terms.class(name.as_str()).and_then(|at| terms.class_at(at));
        (name.clone(), new.copied().unwrap_or(*old))
    };
    let is_new = |(name, _): &&(Name, ClassTerms)| before.class(name.as_str()).is_none();
    let classes = before.classes.iter().map(stays).chain(terms.classes.iter().filter(is_new).cloned());
    PoolTerms { classes: classes.collect(), ..terms.clone() }
}

/// The class a request counts in: the account's, else the plan's, else `default`.
fn class_of(ctx: Context<'_>, terms: &PoolTerms) -> Option<Name> {
    let own = ctx.account.settings.rank.as_ref().and_then(|r| r.class.as_ref());
    let plan = ctx.catalog.plan(ctx.account.settings.plan.as_str()).and_then(|p| p.class.as_ref());
    let wanted = own.into_iter().chain(plan).find(|name| terms.class(name.as_str()).is_some());
    let at = wanted.map_or_else(|| terms.class("default"), |name| terms.class(name.as_str())).unwrap_or(0);
    terms.classes.get(usize::from(at)).map(|(name, _)| name.clone())
}

fn cost_of(terms: &PoolTerms, asked: &Asked<'_>) -> Cost {
    let counted = (asked.purpose == Purpose::Grow).then_some((REQUESTS, 0));
    let named = || counted.into_iter().chain(asked.quantities.iter().map(|(m, n)| (m.as_str(), *n)));
    let in_flight = match asked.purpose {
        Purpose::Charge => 0,
        Purpose::Hold | Purpose::Grow => terms.in_flight.formula.cost(named()),
    };
    Cost { rate: terms.rate.formula.cost(named()), in_flight }
}

/// Lets in who is next. Whoever went away meanwhile gives its room to the one after it.
fn pump(pool: &Arc<EnginePool>, now: Instant) -> usize {
    let mut let_in = 0;
    loop {
        let pumped = pool.pump(now);
        let mut gone = false;
        for (leaf, cost, who) in pumped.admitted {
            let (class, used) = (class_name(pool, &leaf), leaf.in_flight() - cost.in_flight);
            let taken =
                Taken { pool: Arc::clone(pool), leaf, class, cost, room: Room::Share, used, kept: false };
            let_in += 1;
            // What cannot be handed over is dropped, which gives it back.
            gone |= who.send(taken).is_err();
        }
        if !gone {
            return let_in;
        }
    }
}

fn class_name(pool: &EnginePool, leaf: &Leaf) -> Name {
    let terms = pool.terms();
    let named = terms.classes.get(usize::from(leaf.seat.class)).map(|(name, _)| name.clone());
    named.unwrap_or_else(|| pool.name.clone())
}

/// A place in a queue; left when it is dropped, whatever became of the caller.
struct Waiting<'a>(&'a EnginePool, WaiterId);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.0.leave(self.1));
    }
}

impl Wish {
    /// Waits for room, at most so long. `None`: there was none, or the wait would be longer.
    pub(crate) async fn wait(&self, now: Instant, most: Span) -> Option<Taken> {
        let (sender, receiver) = oneshot::channel();
        let id = match self.pool.wait(&self.leaf, self.cost, now, most, sender) {
            Ok(id) => id,
            Err((NoWait::TooLong(_) | NoWait::Full(..), _)) => return None,
        };
        let place = Waiting(&self.pool, id);
        let _ = pump(&self.pool, now);
        // A deadline that passes drops the sender.
        let taken = receiver.await.ok();
        drop(place);
        taken
    }
}

impl crate::engine::Engine {
    /// The pools in force, as an operator sees them.
    #[must_use]
    pub fn pools(&self) -> Vec<(Name, Arc<PoolTerms>, PoolView, Option<PoolChange>)> {
        let pools = self.in_force.pools.all();
        let view = |(name, pool): (&Name, &Arc<EnginePool>)| {
            (name.clone(), pool.terms(), pool.view(), self.in_force.pools.change_of(name))
        };
        pools.iter().map(view).collect()
    }

    /// For each pool: the cost in flight that it counts, and the cost that the open holds in memory take. They differ only
    /// while a request is being decided.
    #[must_use]
    pub fn capacity_in_flight(&self) -> Vec<(Name, u64, u64)> {
        let mut held: BTreeMap<Name, u64> = BTreeMap::new();
        for shard in self.cache.shards() {
            let holds = shard.slots.values().flat_map(|slot| &slot.account.holds);
            for capacity in holds.filter_map(|hold| hold.terms.capacity.as_deref()) {
                *held.entry(capacity.pool.clone()).or_default() += capacity.in_flight;
            }
        }
        let pools = self.in_force.pools.all();
        let count = |(name, pool): (&Name, &Arc<EnginePool>)| {
            (name.clone(), pool.view().in_flight, held.get(name).copied().unwrap_or(0))
        };
        pools.iter().map(count).collect()
    }

    /// Changes a pool live: what the change does not name is as the catalog says. In force within a tick.
    ///
    /// # Errors
    /// When there is no such pool, a figure is out of range, or the store fails.
    pub async fn change_pool(
        &self,
        change: PoolChange,
        keyed: crate::operations::Keyed<'_>,
    ) -> Result<crate::answer::Answer, crate::answer::EngineError> {
        use crate::answer::EngineError;
        let catalog = self.catalog();
        let terms =
            catalog.pools.get(&change.pool).ok_or_else(|| EngineError::UnknownPool(change.pool.clone()))?;
        changed(terms, &change).map_err(|what| EngineError::Refused(Refusal::BadPool(what)))?;
        self.administer(
            Event::Server(Box::new(headworks_core::ledger::Server::PoolChanged(change))),
            Some(keyed),
        )
        .await
    }

    /// Takes note of what the supply behind a pool answered.
    ///
    /// # Errors
    /// When there is no such pool.
    pub fn pool_feedback(
        &self,
        pool: &Name,
        feedback: headworks_core::capacity::controller::Feedback,
    ) -> Result<(), crate::answer::EngineError> {
        let pools = self.in_force.pools.all();
        let found = pools.get(pool).ok_or_else(|| crate::answer::EngineError::UnknownPool(pool.clone()))?;
        found.feedback(feedback, self.clock().now());
        Ok(())
    }
}
