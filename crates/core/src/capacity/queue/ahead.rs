//! What is served before one more request, by the queue's own order.
//!
//! Looks only at those who come before it: siblings that have been served less. Requests that come later, and floors, are not
//! known here.

use super::tree::{NodeId, ROOT, SCALE, Tree};
use super::{FairQueue, WaiterId};
use crate::capacity::Sharer;
use crate::catalog::SupplyTerms;
use crate::record::Instant;

/// The most siblings and waiters that are looked at for one answer; what is beyond them counts as if it came first.
const LOOKED_AT_MAX: usize = 4_096;

impl<W> FairQueue<W> {
    /// The cost that is served before one more request of a sharer that gives up at `deadline`.
    #[must_use]
    pub fn ahead(&self, terms: &SupplyTerms, sharer: Sharer, weight: u32, deadline: Instant) -> u64 {
        let way = Tree::way(terms, sharer, weight);
        let mut path: [Option<NodeId>; 6] = [Some(ROOT), None, None, None, None, None];
        for (level, (id, _)) in way.iter().enumerate() {
            let below = path
                .get(level)
                .copied()
                .flatten()
                .and_then(|at| self.tree.get(at)?.children.get(id).copied());
            if let Some(slot) = path.get_mut(level + 1) {
                *slot = below;
            }
        }
        let mut ahead = path[5].map_or(0, |key| self.ahead_at_key(key, deadline));
        // Key, account, cluster and class take turns; bands go before one another.
        for level in (1..5).rev() {
            let (parent, child) =
                (path.get(level).copied().flatten(), path.get(level + 1).copied().flatten());
            let weight = way.get(level).map_or(1, |(_, weight)| *weight);
            ahead = parent.map_or(ahead, |parent| self.ahead_at(parent, child, weight, ahead));
        }
        let (band, _) = way[0];
        let bands = self.tree.get(ROOT).map(|root| root.children.range(..band));
        let above =
            bands.into_iter().flatten().filter_map(|(_, at)| self.tree.get(*at)).map(|node| node.cost);
        above.fold(ahead, u64::saturating_add)
    }

    /// The cost that waits at a sharer and is served before one more request of it that gives up at `deadline`.
    #[must_use]
    pub fn before(&self, terms: &SupplyTerms, sharer: Sharer, deadline: Instant) -> u64 {
        self.tree.known(terms, sharer).1.map_or(0, |key| self.ahead_at_key(key, deadline))
    }

    /// All that waits there, but for those that may wait longer.
    fn ahead_at_key(&self, key: NodeId, deadline: Instant) -> u64 {
        let Some(node) = self.tree.get(key) else { return 0 };
        let later = node.waiting.iter().rev().take_while(|(until, _)| *until > deadline).take(LOOKED_AT_MAX);
        let cost = |(_, id): &(Instant, WaiterId)| self.waiters.get(id).map_or(0, |(waiter, _)| waiter.cost);
        node.cost.saturating_sub(later.map(cost).fold(0, u64::saturating_add))
    }

    /// What is served below a node until one of its children has got so much and is next again.
    fn ahead_at(&self, parent: NodeId, child: Option<NodeId>, weight: u32, own: u64) -> u64 {
        let Some(node) = self.tree.get(parent) else { return own };
        let known = child.and_then(|at| self.tree.get(at));
        let served = match known {
            Some(child) if child.is_backlogged() => child.served,
            Some(child) => child.served.max(node.clock),
            None => node.clock,
        };
        let until = served.saturating_add(u128::from(own) * SCALE / u128::from(weight.max(1)));
        let mut ahead = own;
        for (n, (less, at)) in node.backlog.iter().enumerate() {
            if *less > until {
                break;
            }
            if n >= LOOKED_AT_MAX {
                return node.cost.max(ahead);
            }
            let Some(other) = self.tree.get(*at).filter(|_| Some(*at) != child) else { continue };
            // It is passed by whole requests.
            let each = (other.cost / u64::try_from(other.count.max(1)).unwrap_or(1)).max(1);
            let until = other.cost_until(until).max(1).div_ceil(each).saturating_mul(each);
            ahead = ahead.saturating_add(until.min(other.cost));
        }
        ahead
    }
}
