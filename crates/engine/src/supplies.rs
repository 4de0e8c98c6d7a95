//! Supplies as an operator sees and changes them, and the answers of their upstreams.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::capacity::allocator::Share;
use headworks_core::capacity::controller::Feedback;
use headworks_core::catalog::{SupplyTerms, changed};
use headworks_core::record::{AccountTerms, Event, Name, Server, SupplyChange};
use headworks_core::waterfall::Refusal;

use crate::answer::{Answer, EngineError, Keyed};
use crate::cache::Slot;
use crate::capacity::EngineSupply;
use crate::capacity::supply::SupplyView;
use crate::engine::Engine;

/// A supply's name, its terms in force, its present use, and the live change over the catalog.
pub type SupplyState = (Name, Arc<SupplyTerms>, SupplyView, Option<SupplyChange>);

/// A user of a supply: one key of an account, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharerState {
    /// The account.
    pub account: Name,
    /// Its key; `None`: requests without one, and keys beyond the number with their own sharers.
    pub key: Option<Name>,
    /// The class in force.
    pub class: Name,
    /// The identity that it shares a weight with.
    pub cluster: Option<Name>,
    /// The operator's terms for the account.
    pub terms: AccountTerms,
    /// Cost in flight.
    pub in_flight: u64,
    /// Waiting cost.
    pub waiting: u64,
    /// Its share until the next tick.
    pub share: Share,
}

/// The sharers of one account in a supply that have work.
fn sharers_of(account: &Name, slot: &Slot, supply: &Arc<EngineSupply>) -> impl Iterator<Item = SharerState> {
    let uses = slot.sharers.in_supply(supply).filter(|s| s.leaf.is_active() || s.leaf.in_flight() > 0);
    uses.map(|sharer| SharerState {
        account: account.clone(),
        key: sharer.key.clone(),
        class: sharer.class.clone(),
        cluster: sharer.cluster.clone(),
        terms: sharer.leaf.terms(),
        in_flight: sharer.leaf.in_flight(),
        waiting: sharer.leaf.waiting(),
        share: supply.share_of(&sharer.leaf),
    })
}

impl Engine {
    /// The present users of a supply, most cost in flight and waiting first: at most
    /// `max` sharers, of one account if one is named.
    ///
    /// # Errors
    /// When there is no such supply.
    pub fn sharers(
        &self,
        supply: &Name,
        account: Option<&Name>,
        max: usize,
    ) -> Result<Vec<SharerState>, EngineError> {
        let supply = self.find_supply(supply)?;
        let mut sharers = Vec::new();
        let sort = |sharers: &mut Vec<SharerState>| {
            let rank = |s: &SharerState| Reverse((s.in_flight.saturating_add(s.waiting), s.share.rate));
            sharers.sort_by(|a, b| (rank(a), &a.account, &a.key).cmp(&(rank(b), &b.account, &b.key)));
            sharers.truncate(max);
        };
        if let Some(account) = account {
            let shard = self.cache.lock(account);
            sharers
                .extend(shard.slots.get(account).into_iter().flat_map(|s| sharers_of(account, s, &supply)));
            drop(shard);
            sort(&mut sharers);
            return Ok(sharers);
        }
        for shard in self.cache.shards() {
            sharers.extend(shard.slots.iter().flat_map(|(name, slot)| sharers_of(name, slot, &supply)));
            drop(shard);
            sort(&mut sharers);
        }
        Ok(sharers)
    }

    /// The supplies in force, as an operator sees them.
    #[must_use]
    pub fn supplies(&self) -> Vec<SupplyState> {
        self.in_force.supplies.all().values().map(|supply| self.state_of(supply)).collect()
    }

    /// One supply, as an operator sees it.
    ///
    /// # Errors
    /// When there is no such supply.
    pub fn supply(&self, name: &Name) -> Result<SupplyState, EngineError> {
        self.find_supply(name).map(|supply| self.state_of(&supply))
    }

    fn find_supply(&self, name: &Name) -> Result<Arc<EngineSupply>, EngineError> {
        let supplies = self.in_force.supplies.all();
        supplies.get(name).cloned().ok_or_else(|| EngineError::UnknownSupply(name.clone()))
    }

    fn state_of(&self, supply: &EngineSupply) -> SupplyState {
        (supply.name.clone(), supply.terms(), supply.view(), self.in_force.supplies.change_of(&supply.name))
    }

    /// For each supply: the cost in flight that it counts, and the cost of the open holds in memory. They differ only
    /// while a request is being decided.
    #[must_use]
    pub fn capacity_in_flight(&self) -> Vec<(Name, u64, u64)> {
        let mut held: BTreeMap<Name, u64> = BTreeMap::new();
        for shard in self.cache.shards() {
            let holds = shard.slots.values().flat_map(|slot| &slot.account.holds);
            for capacity in holds.filter_map(|hold| hold.terms.capacity.as_deref()) {
                *held.entry(capacity.supply.clone()).or_default() += capacity.in_flight;
            }
        }
        let supplies = self.in_force.supplies.all();
        let count = |(name, supply): (&Name, &Arc<EngineSupply>)| {
            (name.clone(), supply.in_flight(), held.get(name).copied().unwrap_or(0))
        };
        supplies.iter().map(count).collect()
    }

    /// Changes a supply live; fields that the change leaves out follow the catalog. In force within a tick.
    ///
    /// # Errors
    /// When there is no such supply, a figure is out of range, or the store fails.
    pub async fn change_supply(&self, change: SupplyChange, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let catalog = self.catalog();
        let terms = catalog
            .supplies
            .get(&change.supply)
            .ok_or_else(|| EngineError::UnknownSupply(change.supply.clone()))?;
        changed(terms, &change).map_err(|what| EngineError::Refused(Refusal::BadSupply(what)))?;
        self.administer(Event::Server(Box::new(Server::SupplyChanged(change))), Some(keyed)).await
    }

    /// Notes an answer of a supply's upstream.
    ///
    /// # Errors
    /// When there is no such supply.
    pub fn supply_feedback(&self, supply: &Name, feedback: Feedback) -> Result<(), EngineError> {
        self.find_supply(supply)?.feedback(feedback, self.clock().now());
        Ok(())
    }
}
