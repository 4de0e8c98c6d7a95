//! The tree of a queue: nodes with the service each has received and its children that have work.
//!
//! Knows waiting requests by name only, and counts nothing by itself. Units: cost; service in cost for a node's weight.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::waiter::WaiterId;
use crate::capacity::Seat;
use crate::catalog::SupplyTerms;
use crate::record::Instant;

pub(super) type NodeId = usize;
pub(super) const ROOT: NodeId = 0;

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
    /// Cost waiting here and below.
    pub(super) cost: u64,
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
            cost: 0,
        }
    }

    pub(super) fn is_backlogged(&self) -> bool {
        !self.backlog.is_empty() || !self.waiting.is_empty()
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

    /// The node of a seat's key, made with all above it when it is new.
    pub(super) fn find(&mut self, terms: &SupplyTerms, seat: Seat, account_weight: u32) -> NodeId {
        let class = terms.class_at(seat.class).copied().unwrap_or_default();
        let steps = [
            (u64::from(class.priority), 1),
            (u64::from(seat.class), class.weight),
            (seat.cluster, account_weight),
            (seat.account, account_weight),
            (seat.key, 1),
        ];
        steps.into_iter().fold(ROOT, |parent, (id, weight)| self.child(parent, id, weight))
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

    pub(super) fn add_cost(&mut self, mut at: NodeId, cost: u64, more: bool) {
        loop {
            let Some(node) = self.get_mut(at) else { return };
            node.cost = if more { node.cost.saturating_add(cost) } else { node.cost.saturating_sub(cost) };
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
            if node.is_backlogged() || !node.children.is_empty() || node.served > clock {
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
