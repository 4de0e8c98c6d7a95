//! The tree of a queue: nodes with the service each has received and its children that have work.
//!
//! Knows waiting requests by name only, and counts nothing by itself. Units: cost; service in cost for a node's weight.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::waiter::WaiterId;
use crate::capacity::Sharer;
use crate::catalog::SupplyTerms;
use crate::record::Instant;

pub(super) type NodeId = usize;
pub(super) const ROOT: NodeId = 0;

/// Service is counted in shares of this weight, so that dividing by a weight keeps its precision.
pub(super) const SCALE: u128 = 1 << 20;

/// A band, class, cluster, account or key.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    id: u64,
    pub(super) weight: u128,
    /// Service received, for its weight.
    pub(super) served: u128,
    /// Virtual time: the service of the last served child before that. A child that comes back begins here, so that a newcomer
    /// in a queue with one flooder is next.
    pub(super) clock: u128,
    pub(super) children: BTreeMap<u64, NodeId>,
    /// Children with work, by service.
    pub(super) backlog: BTreeSet<(u128, NodeId)>,
    /// At a key: the waiting requests.
    pub(super) waiting: BTreeSet<(Instant, WaiterId)>,
    /// At a key: its own bound holds it back, so it holds up nobody.
    pub(super) parked: bool,
    /// Cost waiting here and below.
    pub(super) cost: u64,
    /// Requests waiting here and below.
    pub(super) count: usize,
}

impl Node {
    fn new(parent: NodeId, id: u64, weight: u32, served: u128) -> Self {
        Self {
            parent,
            id,
            weight: u128::from(weight.max(1)),
            served,
            clock: 0,
            children: BTreeMap::new(),
            backlog: BTreeSet::new(),
            waiting: BTreeSet::new(),
            parked: false,
            cost: 0,
            count: 0,
        }
    }

    /// Whether it has work that may run.
    pub(super) fn is_backlogged(&self) -> bool {
        !self.backlog.is_empty() || !(self.waiting.is_empty() || self.parked)
    }

    /// The cost that brings it from its service to another.
    pub(super) fn cost_until(&self, served: u128) -> u64 {
        let cost = served.saturating_sub(self.served).saturating_mul(self.weight).div_ceil(SCALE);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// The nodes, by their number.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Option<Node>>,
    free: Vec<NodeId>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: alloc::vec![Some(Node::new(ROOT, 0, 1, 0))], free: Vec::new() }
    }
}

impl Tree {
    /// The number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    pub(super) fn get(&self, at: NodeId) -> Option<&Node> {
        self.nodes.get(at).and_then(Option::as_ref)
    }

    pub(super) fn get_mut(&mut self, at: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(at).and_then(Option::as_mut)
    }

    /// The way down to a sharer's key: the id and the weight at each level.
    pub(super) fn way(terms: &SupplyTerms, sharer: Sharer, account_weight: u32) -> [(u64, u32); 5] {
        let class = terms.class_at(sharer.class).copied().unwrap_or_default();
        [
            (u64::from(class.priority), 1),
            (u64::from(sharer.class), class.weight),
            (sharer.cluster, account_weight),
            (sharer.account, account_weight),
            (sharer.key, 1),
        ]
    }

    /// The node of a sharer's key, made with all above it when it is new.
    pub(super) fn find(&mut self, terms: &SupplyTerms, sharer: Sharer, account_weight: u32) -> NodeId {
        let way = Self::way(terms, sharer, account_weight);
        way.into_iter().fold(ROOT, |parent, (id, weight)| self.child(parent, id, weight))
    }

    /// The nodes of a sharer's account and of its key, as far as they are there.
    pub(super) fn known(&self, terms: &SupplyTerms, sharer: Sharer) -> (Option<NodeId>, Option<NodeId>) {
        let down = |at: NodeId, id: u64| self.get(at)?.children.get(&id).copied();
        let [band, class, cluster, account, key] = Self::way(terms, sharer, 1).map(|(id, _)| id);
        let account = [band, class, cluster, account].into_iter().try_fold(ROOT, down);
        (account, account.and_then(|at| down(at, key)))
    }

    fn child(&mut self, parent: NodeId, id: u64, weight: u32) -> NodeId {
        let known = self.get(parent).and_then(|n| n.children.get(&id)).copied();
        if let Some(at) = known {
            if let Some(node) = self.get_mut(at) {
                node.weight = u128::from(weight.max(1));
            }
            return at;
        }
        let clock = self.get(parent).map_or(0, |n| n.clock);
        let node = Node::new(parent, id, weight, clock);
        let at = self.free.pop().unwrap_or(self.nodes.len());
        match self.nodes.get_mut(at) {
            Some(slot) => *slot = Some(node),
            None => self.nodes.push(Some(node)),
        }
        if let Some(parent) = self.get_mut(parent) {
            parent.children.insert(id, at);
        }
        at
    }

    /// A node has work again: it saved nothing up while it had none.
    pub(super) fn wake(&mut self, mut at: NodeId) {
        while at != ROOT {
            let Some(parent) = self.get(at).map(|n| n.parent) else { return };
            let was_backlogged = self.get(parent).is_some_and(Node::is_backlogged);
            let Some(clock) = self.get(parent).map(|n| n.clock) else { return };
            let Some(node) = self.get_mut(at) else { return };
            node.served = node.served.max(clock);
            let served = node.served;
            if let Some(parent_node) = self.get_mut(parent) {
                parent_node.backlog.insert((served, at));
            }
            if was_backlogged {
                return;
            }
            at = parent;
        }
    }

    /// A node may have no work left.
    pub(super) fn rest(&mut self, mut at: NodeId) {
        while at != ROOT {
            let Some(node) = self.get(at) else { return };
            if node.is_backlogged() {
                return;
            }
            let (parent, served) = (node.parent, node.served);
            if let Some(parent_node) = self.get_mut(parent) {
                parent_node.backlog.remove(&(served, at));
            }
            at = parent;
        }
    }

    /// A request of this cost waits at a key, or no longer does.
    pub(super) fn count(&mut self, mut at: NodeId, cost: u64, more: bool) {
        loop {
            let Some(node) = self.get_mut(at) else { return };
            node.cost = if more { node.cost.saturating_add(cost) } else { node.cost.saturating_sub(cost) };
            node.count = if more { node.count + 1 } else { node.count.saturating_sub(1) };
            if at == ROOT {
                return;
            }
            at = node.parent;
        }
    }

    /// Forgets idle nodes that would come back at the same place: nothing is lost with them.
    pub(super) fn forget(&mut self) {
        for at in (1..self.nodes.len()).rev() {
            let Some(node) = self.get(at) else { continue };
            let (parent, id) = (node.parent, node.id);
            let clock = self.get(parent).map_or(0, |p| p.clock);
            if node.count > 0 || !node.children.is_empty() || node.served > clock {
                continue;
            }
            if let Some(parent) = self.get_mut(parent) {
                parent.children.remove(&id);
            }
            if let Some(slot) = self.nodes.get_mut(at) {
                *slot = None;
            }
            self.free.push(at);
        }
    }
}
