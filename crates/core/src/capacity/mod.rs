//! Capacity: shared supply behind features, and who may use how much of it now.
//!
//! Money says how long, capacity says how fast: nothing here looks at a balance. Never reads a clock and never holds a lock:
//! the engine owns the pools, ticks the allocator and asks the queue; a simulation does the same in its own time.
//! Units: cost, a linear formula over meters; rates in cost a second.

use alloc::vec::Vec;

use crate::account::Settings;
use crate::catalog::{Catalog, DEFAULT_CLASS};
use crate::decision::{Basis, Decision, Place, Verdict, Visit};
use crate::ledger::{HeldCapacity, REQUESTS};
use crate::name::Name;
use crate::reason::Reason;
use crate::time::{Instant, Span};

pub mod allocator;
pub mod controller;
pub mod fair;
pub mod points;
pub mod queue;

/// How often shares are computed anew.
pub const TICK: Span = Span::from_micros(100_000);

/// Most cost of one request; more is refused, so that sums stay exact.
pub const COST_MAX: u64 = 1_000_000_000_000;

/// A linear formula over meters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula(pub Vec<(Name, u32)>);

impl Formula {
    /// The cost of these quantities, `requests` counting 1 where it is not given; never more than [`COST_MAX`].
    pub fn cost<'a>(&self, quantities: impl Iterator<Item = (&'a str, u64)> + Clone) -> u64 {
        let of = |(meter, factor): &(Name, u32)| {
            let unnamed = if meter.as_str() == REQUESTS { 1 } else { 0 };
            let quantity = quantities.clone().find(|(m, _)| *m == meter.as_str()).map_or(unnamed, |(_, n)| n);
            quantity.saturating_mul(u64::from(*factor))
        };
        self.0.iter().map(of).fold(0, u64::saturating_add).min(COST_MAX)
    }
}

/// One of a pool's two dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// What there is: cost a second, or cost in flight. `None`: this dimension does not limit.
    pub limit: Option<u64>,
    /// What a request costs in it.
    pub formula: Formula,
}

/// A pool as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTerms {
    /// Cost a second.
    pub rate: Dimension,
    /// Cost in flight: held, not ended.
    pub in_flight: Dimension,
    /// How the rate is learned; its `limit` is then the first guess.
    pub learn: Option<Learn>,
    /// Pools that take a request for which this one has no room, in order.
    pub fallback: Vec<Name>,
    /// Points for guaranteed share left unused: at most this many seconds of it.
    pub points_s_max: Option<u32>,
    /// Most cost that may wait: of one account, and in all. In the unit of the rate.
    pub waiting_max: (u64, u64),
    /// The classes, by name.
    pub classes: Vec<(Name, ClassTerms)>,
}

impl PoolTerms {
    /// The place of a class in the list.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<u16> {
        self.classes.iter().position(|(n, _)| n.as_str() == name).and_then(|at| u16::try_from(at).ok())
    }

    /// The class that an account's requests count in, with its place: the account's, else its plan's, else `default`, whichever
    /// the pool has first; else the first of the pool. One class lower when it is demoted.
    #[must_use]
    pub fn class_of(&self, settings: &Settings, catalog: &Catalog, demoted: bool) -> Option<(u16, &Name)> {
        let own = settings.rank.as_ref().and_then(|r| r.class.as_ref());
        let plan = catalog.plan(settings.plan.as_str()).and_then(|p| p.class.as_ref());
        let wanted = own.into_iter().chain(plan).map(Name::as_str).chain([DEFAULT_CLASS]);
        let own = wanted.into_iter().find_map(|name| self.class(name)).unwrap_or(0);
        let at = if demoted { self.below(own) } else { own };
        self.classes.get(usize::from(at)).map(|(name, _)| (at, name))
    }

    /// The class one lower than another: the next band, or a smaller weight in its own; itself where there is none.
    #[must_use]
    pub fn below(&self, at: u16) -> u16 {
        let rank = |terms: &ClassTerms| (terms.priority, core::cmp::Reverse(terms.weight));
        let Some(own) = self.class_at(at).map(rank) else { return at };
        let lower = self.classes.iter().enumerate().filter(|(_, (_, terms))| rank(terms) > own);
        let next = lower.min_by_key(|(at, (_, terms))| (rank(terms), *at)).map(|(at, _)| at);
        next.and_then(|at| u16::try_from(at).ok()).unwrap_or(at)
    }

    /// The terms of a class.
    #[must_use]
    pub fn class_at(&self, at: u16) -> Option<&ClassTerms> {
        self.classes.get(usize::from(at)).map(|(_, terms)| terms)
    }
}

/// Bounds of a learned rate, in cost a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learn {
    /// Never below.
    pub floor: u64,
    /// Never above.
    pub ceiling: u64,
}

/// A class of requests in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassTerms {
    /// Its band: smaller is served first.
    pub priority: u8,
    /// Its part among the classes of its band.
    pub weight: u32,
    /// What it is sure of when it asks for it, in percent of the capacity.
    pub floor_percent: u8,
    /// How much of an unused floor others may use, in percent of the floor.
    pub lend_percent: u8,
    /// How much it may take beyond its floor, in percent of the capacity.
    pub borrow_percent: u8,
    /// What its band keeps while work is waiting in it, in percent of the capacity.
    pub starvation_percent: u8,
    /// How long a request that says nothing waits at most.
    pub wait_max: Span,
}

impl Default for ClassTerms {
    fn default() -> Self {
        Self {
            priority: 0,
            weight: 1,
            floor_percent: 0,
            lend_percent: 100,
            borrow_percent: 100,
            starvation_percent: 2,
            wait_max: Span::ZERO,
        }
    }
}

/// `n * by / of`, rounded down; the ends of the range where it leaves it. Fast for the usual sizes.
#[must_use]
pub fn scaled(n: u64, by: u64, of: u64) -> u64 {
    match n.checked_mul(by) {
        Some(product) => product / of.max(1),
        None => {
            let part = u128::from(n) * u128::from(by) / u128::from(of.max(1));
            u64::try_from(part).unwrap_or(u64::MAX)
        }
    }
}

/// A part of an amount, in percent, rounded down.
#[must_use]
pub fn percent(of: u64, percent: u8) -> u64 {
    scaled(of, u64::from(percent), 100)
}

/// Where in a pool's tree a request comes from: class, identity cluster, account, key. The order is the order of the tree.
///
/// Cluster, account and key are digests of names, so that the tree needs no text and nobody can find a name that collides with
/// another's. They are short because a tick reads all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// The place of the class in the pool's list.
    pub class: u16,
    /// The accounts of one identity share one weight.
    pub cluster: u64,
    /// The account.
    pub account: u64,
    /// The key inside the account.
    pub key: u64,
}

impl Seat {
    /// A seat by names; an account without a cluster is its own.
    #[must_use]
    pub fn new(class: u16, cluster: Option<&Name>, account: &Name, key: Option<&str>) -> Self {
        let of = |kind: u8, name: &str| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[kind]).update(name.as_bytes());
            u64::from_be_bytes(*hasher.finalize().as_bytes().first_chunk().unwrap_or(&[0; 8]))
        };
        let own = of(0, account.as_str());
        Self {
            class,
            cluster: cluster.map_or(own, |c| of(1, c.as_str())),
            account: own,
            key: key.map_or(0, |k| of(2, k)),
        }
    }
}

/// What a pool has for one request, looked up just before it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The pool.
    pub pool: Name,
    /// The class that counts.
    pub class: Name,
    /// Whether there is room.
    pub fits: bool,
    /// Cost in flight of the account's seat before.
    pub used: u64,
    /// What the request costs in the unit of the rate.
    pub cost: u64,
    /// What it costs in flight.
    pub in_flight: u64,
    /// Whether the room is beyond the account's share.
    pub revocable: bool,
    /// Whether the request is larger than all there is.
    pub too_large: bool,
    /// When there is room, as far as is known.
    pub at: Option<Instant>,
}

impl Offer {
    /// What a hold takes of the pool.
    #[must_use]
    pub fn held(&self) -> HeldCapacity {
        HeldCapacity {
            pool: self.pool.clone(),
            class: self.class.clone(),
            cost: self.cost,
            in_flight: self.in_flight,
            revocable: self.revocable,
        }
    }

    /// The offers that a stored decision rested on.
    #[must_use]
    pub fn recorded(decision: &Decision, held: Option<&HeldCapacity>) -> Vec<Self> {
        let visits = decision.visits.iter().filter(|v| v.place == Place::Pool);
        let offer = |v: &Visit| Self {
            pool: v.name.clone(),
            class: held.map_or_else(|| v.name.clone(), |h| h.class.clone()),
            fits: v.verdict == Verdict::Passed,
            used: v.before.unsigned_abs(),
            cost: v.cost.unsigned_abs(),
            in_flight: if let Basis::InFlight(n) = v.basis { n } else { 0 },
            revocable: held.is_some_and(|h| h.revocable),
            too_large: v.verdict == Verdict::Refused(Reason::ExceedsCapacity),
            at: decision.unblock.and_then(|u| u.at),
        };
        visits.map(offer).collect()
    }
}

/// What the operator says of one account in every pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its part among the accounts of its class.
    pub weight: u32,
    /// What it is sure of when it asks for it, in cost a second.
    pub floor: u64,
    /// Most it may use, in cost a second.
    pub max: Option<u64>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { weight: 1, floor: 0, max: None }
    }
}
