//! Capacity: what the supplies behind features have, and who may use how much of it now.
//!
//! Money decides how long, capacity decides how fast: nothing here looks at a balance. Never reads a clock and never holds a
//! lock: the engine owns the supplies, ticks the allocator and asks the queue; a simulation does the same in its own time.
//! Units: cost, a linear formula over meters; rates in cost per second.

use alloc::vec::Vec;

use crate::record::{
    Basis, Decision, HeldCapacity, Instant, Name, Reason, Span, Unblock, Verdict, Visit, VisitKind, scaled,
};

pub mod allocator;
pub mod controller;
pub mod fair;
mod points;
pub mod queue;

/// How often shares are computed again.
pub const TICK: Span = Span::from_micros(100_000);

/// A part of an amount, in percent, rounded down.
#[must_use]
pub fn percent(of: u64, percent: u8) -> u64 {
    scaled(of, u64::from(percent), 100)
}

/// The place in a supply's tree that a request comes from: class, identity cluster, account, key. The order is the order of the
/// tree.
///
/// Cluster, account and key are digests of names, so that the tree needs no text and nobody can find a name that collides with
/// another's. They are short because a tick reads all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sharer {
    /// The place of the class in the supply's list.
    pub class: u16,
    /// The accounts of one identity share one weight.
    pub cluster: u64,
    /// The account.
    pub account: u64,
    /// The key inside the account.
    pub key: u64,
}

impl Sharer {
    /// A sharer by names; an account without a cluster is its own.
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

/// A supply's offer for one request, looked up just before the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The supply.
    pub supply: Name,
    /// The class that applies.
    pub class: Name,
    /// Whether there is room.
    pub fits: bool,
    /// Cost in flight of the account's sharer before.
    pub used: u64,
    /// The cost of the request in the unit of the rate.
    pub cost: u64,
    /// Its cost in flight.
    pub in_flight: u64,
    /// Whether the room is beyond the account's share.
    pub revocable: bool,
    /// Whether the request is larger than the whole supply.
    pub too_large: bool,
    /// When there is room, as far as is known.
    pub at: Option<Instant>,
}

impl Offer {
    /// The room that a hold takes in the supply.
    #[must_use]
    pub fn held(&self) -> HeldCapacity {
        HeldCapacity {
            supply: self.supply.clone(),
            class: self.class.clone(),
            cost: self.cost,
            in_flight: self.in_flight,
            revocable: self.revocable,
        }
    }

    /// The offers that a stored decision was based on.
    #[must_use]
    pub(crate) fn recorded(decision: &Decision, held: Option<&HeldCapacity>) -> Vec<Self> {
        let visits = decision.visits.iter().filter(|v| v.kind == VisitKind::Supply);
        let offer = |v: &Visit| Self {
            supply: v.name.clone(),
            class: held.map_or_else(|| v.name.clone(), |h| h.class.clone()),
            fits: v.verdict == Verdict::Passed,
            used: v.before.unsigned_abs(),
            cost: v.cost.unsigned_abs(),
            in_flight: if let Basis::InFlight(n) = v.basis { n } else { 0 },
            revocable: held.is_some_and(|h| h.revocable),
            too_large: v.verdict == Verdict::Refused(Reason::ExceedsCapacity),
            at: decision.unblock.as_ref().and_then(Unblock::at),
        };
        visits.map(offer).collect()
    }
}
