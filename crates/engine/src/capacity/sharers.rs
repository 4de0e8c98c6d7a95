//! The sharers of one account: its places in the trees of the supplies.

use std::sync::Arc;

use headworks_core::account::Account;
use headworks_core::capacity::Sharer;
use headworks_core::record::{HeldCapacity, Name, Path};

use super::room::{EngineSupply, Wish};
use super::supply::{Leaf, Lengths};

/// The number of keys of one account with their own sharers; the others share one.
const KEYS_MAX: usize = 64;
/// The sharer of keys beyond that number, and of requests whose path names none.
const OTHER_KEYS: &str = "other";

/// A sharer that an account has taken.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) supply: Arc<EngineSupply>,
    pub(crate) class: Name,
    pub(crate) cluster: Option<Name>,
    pub(crate) key: Option<Name>,
    pub(crate) leaf: Arc<Leaf>,
}

/// The sharers of an account in memory.
#[derive(Debug, Default)]
pub(crate) struct Sharers {
    taken: Vec<Taking>,
    /// What the account's requests come to.
    lengths: Arc<Lengths>,
}

impl Sharers {
    /// Whether nothing of the account is in flight, so it can leave memory.
    pub(crate) fn are_empty(&self) -> bool {
        self.taken.iter().all(|s| s.leaf.in_flight() == 0)
    }

    pub(super) fn find(
        &mut self,
        supply: &Arc<EngineSupply>,
        (at, class): (u16, &Name),
        account: &Account,
        key: Option<&Name>,
    ) -> Arc<Leaf> {
        let rank = account.settings.rank.as_deref();
        let cluster = rank.and_then(|r| r.cluster.as_ref());
        let same = |s: &&Taking| {
            Arc::ptr_eq(&s.supply, supply)
                && s.class == *class
                && s.cluster.as_ref() == cluster
                && s.key.as_ref() == key
        };
        if let Some(sharer) = self.taken.iter().find(same) {
            return Arc::clone(&sharer.leaf);
        }
        let maximum = self.in_supply(supply).next().map(|sharer| Arc::clone(&sharer.leaf.maximum));
        if self.taken.len() >= KEYS_MAX {
            self.taken.retain(|s| s.leaf.in_flight() > 0 || s.leaf.is_active());
            if key.is_some() && self.taken.len() >= KEYS_MAX {
                return self.find(supply, (at, class), account, None);
            }
        }
        let name = key.map_or(OTHER_KEYS, Name::as_str);
        let leaf = Arc::new(Leaf::knowing(
            Sharer::new(at, cluster, &account.id, Some(name)),
            account.settings.account_terms(),
            Arc::clone(&self.lengths),
            maximum.unwrap_or_default(),
        ));
        self.taken.push(Taking {
            supply: Arc::clone(supply),
            class: class.clone(),
            cluster: cluster.cloned(),
            key: key.cloned(),
            leaf: Arc::clone(&leaf),
        });
        leaf
    }

    /// Adds the sharer that room was taken with: the account may have left memory while the request waited.
    pub(super) fn adopt(&mut self, wish: &Wish, account: &Account, key: Option<&Name>) {
        if self.taken.iter().any(|sharer| Arc::ptr_eq(&sharer.leaf, &wish.leaf)) {
            return;
        }
        let rank = account.settings.rank.as_deref();
        self.taken.push(Taking {
            supply: Arc::clone(&wish.supply),
            class: wish.class.clone(),
            cluster: rank.and_then(|r| r.cluster.clone()),
            key: key.cloned(),
            leaf: Arc::clone(&wish.leaf),
        });
    }

    /// The sharers in one supply.
    pub(crate) fn in_supply(&self, supply: &Arc<EngineSupply>) -> impl Iterator<Item = &Taking> {
        self.taken.iter().filter(|sharer| Arc::ptr_eq(&sharer.supply, supply))
    }

    /// The sharer that a hold took its room with: one with at least that much in flight.
    pub(super) fn of_hold(&self, held: &HeldCapacity, path: &Path) -> Option<&Taking> {
        let fits = |s: &&Taking| s.supply.name == held.supply && s.class == held.class;
        let sharers = || self.taken.iter().filter(fits).filter(|s| s.leaf.in_flight() >= held.in_flight);
        sharers()
            .find(|s| s.key.as_ref() == path.at(s.supply.terms().share_by))
            .or_else(|| sharers().find(|s| s.key.is_none()))
            .or_else(|| sharers().next())
            // The account may have changed its cluster since, and its holds may be spread over several sharers. The
            // supply counts its cost in flight by itself.
            .or_else(|| self.taken.iter().find(fits))
    }

    /// Applies the operator's present terms for the account.
    pub(super) fn set_rank(&self, account: &Account) {
        let terms = account.settings.account_terms();
        self.taken.iter().for_each(|sharer| sharer.leaf.set_terms(terms));
    }
}
