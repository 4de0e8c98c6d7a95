//! The fair queue: who waits, and who is next.
//!
//! A tree like the allocator's: band, class, identity cluster, account, key. At every level the child that has been served
//! least for its weight is next; under one key the earliest deadline.
//! Q1 a higher band is served first, the others keep their starvation floor (`bands_keep_their_floor`).
//! Q2 a backlogged child is never behind another by more than one request each (`queue_is_fair`).
//! Q3 whoever comes back from idleness has saved nothing up. Q4 bounded by cost, of one account and in all.
//! Units: cost. Source: virtual token counters, Sheng et al., OSDI 2024, here in a hierarchy (H-PFQ, Bennett and Zhang 1996).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Seat, percent};
use crate::catalog::PoolTerms;
use crate::record::{Instant, Span, scaled};

/// One that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter<W> {
    /// Where it comes from.
    pub seat: Seat,
    /// Its cost in the unit of the rate; what fairness counts.
    pub cost: u64,
    /// Its cost in flight.
    pub in_flight: u64,
    /// When it gives up.
    pub deadline: Instant,
    /// Whoever is to be told.
    pub who: W,
}

/// Why a request cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// As much of the account waits as may.
    AccountFull,
    /// As much waits in all as may.
    Full,
}

/// The name of one that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(u64);

/// Service is counted in shares of this weight, so that dividing by a weight keeps its precision.
const SCALE: u128 = 1 << 20;

/// So many nodes are kept before idle ones without a debt are forgotten.
const NODES_KEPT: usize = 4_096;

type NodeId = usize;
const ROOT: NodeId = 0;

#[derive(Debug)]
struct Node {
    parent: NodeId,
    id: u64,
    weight: u128,
    /// Service received, for its weight.
    served: u128,
    /// Virtual time: where the child that was served last stood before. Those who come back begin here, so that whoever comes
    /// to a queue with one flooder in it is next.
    clock: u128,
    children: BTreeMap<u64, NodeId>,
    /// Children with work, by service.
    backlog: BTreeSet<(u128, NodeId)>,
    /// At a key: who waits.
    waiting: BTreeSet<(Instant, WaiterId)>,
    /// Cost waiting here and below.
    cost: u64,
}

impl Node {
    fn is_backlogged(&self) -> bool {
        !self.backlog.is_empty() || !self.waiting.is_empty()
    }
}

/// The queue of one pool.
#[derive(Debug)]
pub struct FairQueue<W> {
    nodes: Vec<Option<Node>>,
    free: Vec<NodeId>,
    waiters: BTreeMap<WaiterId, (Waiter<W>, NodeId)>,
    deadlines: BTreeSet<(Instant, WaiterId)>,
    last: u64,
    /// By band: service it is owed while bands above it are served.
    owed: BTreeMap<u8, u64>,
    /// At so many nodes idle ones are forgotten: twice as many as were left the last time.
    forgets_at: usize,
}

impl<W> Default for FairQueue<W> {
    fn default() -> Self {
        let root = Node::new(ROOT, 0, 1, 0);
        Self {
            nodes: alloc::vec![Some(root)],
            free: Vec::new(),
            waiters: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
            owed: BTreeMap::new(),
            forgets_at: NODES_KEPT,
        }
    }
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
}

impl<W> FairQueue<W> {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Cost waiting in all.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.node(ROOT).map_or(0, |n| n.cost)
    }

    /// Adds one that waits. `weight` is the account's.
    ///
    /// # Errors
    /// When too much waits already; what waits stays as it is.
    pub fn push(
        &mut self,
        terms: &PoolTerms,
        weight: u32,
        waiter: Waiter<W>,
    ) -> Result<WaiterId, (NoPlace, Waiter<W>)> {
        if self.cost().saturating_add(waiter.cost) > terms.waiting_max {
            return Err((NoPlace::Full, waiter));
        }
        let key = self.find(terms, waiter.seat, weight);
        let account = self.node(key).map_or(ROOT, |n| n.parent);
        if self.node(account).map_or(0, |n| n.cost).saturating_add(waiter.cost)
            > terms.waiting_max_per_account
        {
            return Err((NoPlace::AccountFull, waiter));
        }
        self.last += 1;
        let id = WaiterId(self.last);
        self.insert(id, waiter, key);
        Ok(id)
    }

    /// Puts back one that was taken out a moment ago, under its name and where it was.
    pub fn put_back(&mut self, terms: &PoolTerms, weight: u32, id: WaiterId, waiter: Waiter<W>) {
        let key = self.find(terms, waiter.seat, weight);
        self.insert(id, waiter, key);
    }

    fn insert(&mut self, id: WaiterId, waiter: Waiter<W>, key: NodeId) {
        if !self.node(key).is_some_and(Node::is_backlogged) {
            self.wake(key);
        }
        if let Some(node) = self.node_mut(key) {
            node.waiting.insert((waiter.deadline, id));
        }
        self.deadlines.insert((waiter.deadline, id));
        self.add_cost(key, waiter.cost, true);
        self.waiters.insert(id, (waiter, key));
    }

    /// Who is next.
    #[must_use]
    pub fn head(&self, terms: &PoolTerms) -> Option<(WaiterId, &Waiter<W>)> {
        let mut at = self.next_band(terms)?;
        loop {
            let node = self.node(at)?;
            if let Some((_, id)) = node.waiting.first() {
                return self.waiters.get(id).map(|(waiter, _)| (*id, waiter));
            }
            at = node.backlog.first()?.1;
        }
    }

    /// The highest band that has work, unless one below it is owed a request.
    fn next_band(&self, terms: &PoolTerms) -> Option<NodeId> {
        let root = self.node(ROOT)?;
        let mut first = None;
        for (band, at) in &root.children {
            let Some(node) = self.node(*at).filter(|n| n.is_backlogged()) else { continue };
            if first.is_none() {
                first = Some(*at);
                continue;
            }
            let band = u8::try_from(*band).unwrap_or(u8::MAX);
            let keeps = terms.classes.iter().any(|(_, c)| c.priority == band && c.starvation_percent > 0);
            let owed = self.owed.get(&band).copied().unwrap_or(0);
            if keeps && owed > 0 && owed >= self.head_cost(node) {
                return Some(*at);
            }
        }
        first
    }

    fn head_cost(&self, node: &Node) -> u64 {
        if let Some((_, id)) = node.waiting.first() {
            return self.waiters.get(id).map_or(0, |(w, _)| w.cost);
        }
        node.backlog.first().and_then(|(_, at)| self.node(*at)).map_or(0, |child| self.head_cost(child))
    }

    /// Who is next of one seat.
    #[must_use]
    pub fn first_of(&self, terms: &PoolTerms, seat: Seat) -> Option<(WaiterId, &Waiter<W>)> {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        let steps = [u64::from(band), u64::from(seat.class), seat.cluster, seat.account, seat.key];
        let down = |at: NodeId, id: &u64| self.node(at)?.children.get(id).copied();
        let key = steps.iter().try_fold(ROOT, down)?;
        let (_, id) = self.node(key)?.waiting.first()?;
        self.waiters.get(id).map(|(waiter, _)| (*id, waiter))
    }

    /// Takes one out: it was admitted, gave up or went away.
    pub fn take(&mut self, id: WaiterId) -> Option<Waiter<W>> {
        let (waiter, key) = self.waiters.remove(&id)?;
        self.deadlines.remove(&(waiter.deadline, id));
        if let Some(node) = self.node_mut(key) {
            node.waiting.remove(&(waiter.deadline, id));
        }
        self.add_cost(key, waiter.cost, false);
        self.rest(key);
        Some(waiter)
    }

    /// Takes out everyone whose deadline has passed.
    pub fn take_late(&mut self, now: Instant) -> Vec<Waiter<W>> {
        let mut late = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now
        {
            late.extend(self.take(id));
        }
        late
    }

    /// When the next one gives up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Counts service, whether it waited or not; a negative cost corrects an estimate.
    pub fn charge(&mut self, terms: &PoolTerms, seat: Seat, weight: u32, cost: i64) {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        self.owe(terms, band, cost);
        if self.nodes.len() - self.free.len() >= self.forgets_at {
            self.forget();
            self.forgets_at = NODES_KEPT.max((self.nodes.len() - self.free.len()) * 2);
        }
        let mut at = self.find(terms, seat, weight);
        while at != ROOT {
            let Some(node) = self.node_mut(at) else { return };
            let before = node.served;
            let part = u128::from(cost.unsigned_abs()) * SCALE / node.weight;
            node.served = if cost < 0 { before.saturating_sub(part) } else { before.saturating_add(part) };
            let (after, parent) = (node.served, node.parent);
            let Some(parent_node) = self.node_mut(parent) else { return };
            if parent_node.backlog.remove(&(before, at)) {
                parent_node.backlog.insert((after, at));
            }
            let least = parent_node.backlog.first().map_or(before, |(least, _)| *least);
            parent_node.clock = parent_node.clock.max(before.min(least));
            at = parent;
        }
    }

    /// Bands that wait while another is served are owed their starvation floor.
    fn owe(&mut self, terms: &PoolTerms, served: u8, cost: i64) {
        let Ok(cost) = u64::try_from(cost) else { return };
        let paid = self.owed.entry(served).or_default();
        *paid = paid.saturating_sub(cost);
        for (_, class) in &terms.classes {
            let band = class.priority;
            let node = self.node(ROOT).and_then(|root| root.children.get(&u64::from(band)));
            let waits = node.and_then(|at| self.node(*at)).is_some_and(Node::is_backlogged);
            if band == served {
                continue;
            }
            let owed = self.owed.entry(band).or_default();
            *owed = if waits { owed.saturating_add(percent(cost, class.starvation_percent)) } else { 0 };
        }
    }

    /// How long one more would wait at most, were `rate` cost served a second: the bands above, and its own band's accounts
    /// as far as they are served alternately.
    #[must_use]
    pub fn predict(&self, terms: &PoolTerms, seat: Seat, cost: u64, rate: u64) -> Option<Span> {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        let root = self.node(ROOT)?;
        let mut ahead = 0_u64;
        for (priority, at) in root.children.iter().filter(|(priority, _)| **priority <= u64::from(band)) {
            let Some(node) = self.node(*at) else { continue };
            ahead = ahead.saturating_add(if *priority == u64::from(band) {
                self.ahead_in(node, seat, cost)
            } else {
                node.cost
            });
        }
        Some(Span::from_micros(scaled(ahead, 1_000_000, rate)))
    }

    fn ahead_in(&self, band: &Node, seat: Seat, cost: u64) -> u64 {
        let child = |node: &Node, id: u64| node.children.get(&id).and_then(|at| self.node(*at));
        let class = child(band, u64::from(seat.class));
        let Some(class) = class else { return band.cost };
        let own = child(class, seat.cluster).map_or(0, |n| n.cost);
        let others = u64::try_from(class.backlog.len()).unwrap_or(u64::MAX);
        // Each other identity is served about as much as this one until its turn has come.
        let turns = own.saturating_add(cost).saturating_mul(others.max(1));
        own.saturating_add(band.cost.saturating_sub(own).min(turns))
    }

    fn node(&self, at: NodeId) -> Option<&Node> {
        self.nodes.get(at).and_then(Option::as_ref)
    }

    fn node_mut(&mut self, at: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(at).and_then(Option::as_mut)
    }

    /// The node of a seat's key, made with all above it when it is new.
    fn find(&mut self, terms: &PoolTerms, seat: Seat, account_weight: u32) -> NodeId {
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
        let known = self.node(parent).and_then(|n| n.children.get(&id)).copied();
        if let Some(at) = known {
            if let Some(node) = self.node_mut(at) {
                node.weight = u128::from(weight.max(1));
            }
            return at;
        }
        let clock = self.node(parent).map_or(0, |n| n.clock);
        let node = Node::new(parent, id, weight, clock);
        let at = self.free.pop().unwrap_or(self.nodes.len());
        match self.nodes.get_mut(at) {
            Some(slot) => *slot = Some(node),
            None => self.nodes.push(Some(node)),
        }
        if let Some(parent) = self.node_mut(parent) {
            parent.children.insert(id, at);
        }
        at
    }

    /// A node has work again: it saved nothing up while it had none.
    fn wake(&mut self, mut at: NodeId) {
        while at != ROOT {
            let Some(parent) = self.node(at).map(|n| n.parent) else { return };
            let was_backlogged = self.node(parent).is_some_and(Node::is_backlogged);
            let Some(clock) = self.node(parent).map(|n| n.clock) else { return };
            let Some(node) = self.node_mut(at) else { return };
            node.served = node.served.max(clock);
            let served = node.served;
            if let Some(parent_node) = self.node_mut(parent) {
                parent_node.backlog.insert((served, at));
            }
            if was_backlogged {
                return;
            }
            at = parent;
        }
    }

    /// A node may have no work left.
    fn rest(&mut self, mut at: NodeId) {
        while at != ROOT {
            let Some(node) = self.node(at) else { return };
            if node.is_backlogged() {
                return;
            }
            let (parent, served) = (node.parent, node.served);
            if let Some(parent_node) = self.node_mut(parent) {
                parent_node.backlog.remove(&(served, at));
            }
            at = parent;
        }
    }

    fn add_cost(&mut self, mut at: NodeId, cost: u64, more: bool) {
        loop {
            let Some(node) = self.node_mut(at) else { return };
            node.cost = if more { node.cost.saturating_add(cost) } else { node.cost.saturating_sub(cost) };
            if at == ROOT {
                return;
            }
            at = node.parent;
        }
    }

    /// Forgets idle nodes that would come back where they are: nothing is lost with them.
    fn forget(&mut self) {
        for at in (1..self.nodes.len()).rev() {
            let Some(node) = self.node(at) else { continue };
            let (parent, id) = (node.parent, node.id);
            let clock = self.node(parent).map_or(0, |p| p.clock);
            if node.is_backlogged() || !node.children.is_empty() || node.served > clock {
                continue;
            }
            if let Some(parent) = self.node_mut(parent) {
                parent.children.remove(&id);
            }
            if let Some(slot) = self.nodes.get_mut(at) {
                *slot = None;
            }
            self.free.push(at);
        }
    }
}
