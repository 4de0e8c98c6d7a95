//! Pools as an operator sees and changes them, and what their supply reports.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::capacity::allocator::Share;
use headworks_core::capacity::controller::Feedback;
use headworks_core::catalog::{PoolTerms, changed};
use headworks_core::record::{AccountTerms, Event, Name, PoolChange, Server};
use headworks_core::waterfall::Refusal;

use crate::answer::{Answer, EngineError, Keyed};
use crate::cache::Slot;
use crate::capacity::EnginePool;
use crate::capacity::pool::PoolView;
use crate::engine::Engine;

/// A pool's name, its terms in force, what it has and who uses it, and the live change over the catalog.
pub type PoolState = (Name, Arc<PoolTerms>, PoolView, Option<PoolChange>);

/// Who uses a pool: one key of an account, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatState {
    /// The account.
    pub account: Name,
    /// Its key; `None`: requests without one, and keys past the number that are told apart.
    pub key: Option<Name>,
    /// The class that counts.
    pub class: Name,
    /// The identity it shares a weight with.
    pub cluster: Option<Name>,
    /// What the operator says of the account.
    pub terms: AccountTerms,
    /// Cost in flight.
    pub in_flight: u64,
    /// Cost that waits.
    pub waiting: u64,
    /// What it may use until the next tick.
    pub share: Share,
}

/// The seats of one account in a pool that have work.
fn seats_of(account: &Name, slot: &Slot, pool: &Arc<EnginePool>) -> impl Iterator<Item = SeatState> {
    let uses = slot.seats.in_pool(pool).filter(|s| s.leaf.is_active() || s.leaf.in_flight() > 0);
    uses.map(|seat| SeatState {
        account: account.clone(),
        key: seat.key.clone(),
        class: seat.class.clone(),
        cluster: seat.cluster.clone(),
        terms: seat.leaf.terms(),
        in_flight: seat.leaf.in_flight(),
        waiting: seat.leaf.waiting(),
        share: pool.share_of(&seat.leaf),
    })
}

impl Engine {
    /// Who uses a pool now, most cost in flight and waiting first: at most `max` seats, of one account where one is named.
    ///
    /// # Errors
    /// When there is no such pool.
    pub fn seats(
        &self,
        pool: &Name,
        account: Option<&Name>,
        max: usize,
    ) -> Result<Vec<SeatState>, EngineError> {
        let pool = self.find_pool(pool)?;
        let mut seats = Vec::new();
        let sort = |seats: &mut Vec<SeatState>| {
            let rank = |s: &SeatState| Reverse((s.in_flight.saturating_add(s.waiting), s.share.rate));
            seats.sort_by(|a, b| (rank(a), &a.account, &a.key).cmp(&(rank(b), &b.account, &b.key)));
            seats.truncate(max);
        };
        if let Some(account) = account {
            let shard = self.cache.lock(account);
            seats.extend(shard.slots.get(account).into_iter().flat_map(|s| seats_of(account, s, &pool)));
            drop(shard);
            sort(&mut seats);
            return Ok(seats);
        }
        for shard in self.cache.shards() {
            seats.extend(shard.slots.iter().flat_map(|(name, slot)| seats_of(name, slot, &pool)));
            drop(shard);
            sort(&mut seats);
        }
        Ok(seats)
    }

    /// The pools in force, as an operator sees them.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolState> {
        self.in_force.pools.all().values().map(|pool| self.state_of(pool)).collect()
    }

    /// One pool, as an operator sees it.
    ///
    /// # Errors
    /// When there is no such pool.
    pub fn pool(&self, name: &Name) -> Result<PoolState, EngineError> {
        self.find_pool(name).map(|pool| self.state_of(&pool))
    }

    fn find_pool(&self, name: &Name) -> Result<Arc<EnginePool>, EngineError> {
        let pools = self.in_force.pools.all();
        pools.get(name).cloned().ok_or_else(|| EngineError::UnknownPool(name.clone()))
    }

    fn state_of(&self, pool: &EnginePool) -> PoolState {
        (pool.name.clone(), pool.terms(), pool.view(), self.in_force.pools.change_of(&pool.name))
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
            (name.clone(), pool.in_flight(), held.get(name).copied().unwrap_or(0))
        };
        pools.iter().map(count).collect()
    }

    /// Changes a pool live: what the change does not name is as the catalog says. In force within a tick.
    ///
    /// # Errors
    /// When there is no such pool, a figure is out of range, or the store fails.
    pub async fn change_pool(&self, change: PoolChange, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let catalog = self.catalog();
        let terms =
            catalog.pools.get(&change.pool).ok_or_else(|| EngineError::UnknownPool(change.pool.clone()))?;
        changed(terms, &change).map_err(|what| EngineError::Refused(Refusal::BadPool(what)))?;
        self.administer(Event::Server(Box::new(Server::PoolChanged(change))), Some(keyed)).await
    }

    /// Takes note of what the supply behind a pool answered.
    ///
    /// # Errors
    /// When there is no such pool.
    pub fn pool_feedback(&self, pool: &Name, feedback: Feedback) -> Result<(), EngineError> {
        self.find_pool(pool)?.feedback(feedback, self.clock().now());
        Ok(())
    }
}
