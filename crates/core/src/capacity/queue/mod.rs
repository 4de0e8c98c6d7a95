//! The fair queue: the waiting requests, and the next one.
//!
//! A tree like the allocator's: band, class, identity cluster, account, key. At every level the child that has been served
//! least for its weight is next; under one key the earliest deadline.
//! Q1 a higher band is served first, the others keep their starvation floor (`bands_keep_their_floor`).
//! Q2 a backlogged child is never behind another by more than one request each (`queue_is_fair`).
//! Q3 idleness saves nothing up. Q4 bounded by cost, of one account and in all.
//! Units: cost. Source: virtual token counters, Sheng et al., OSDI 2024, here in a hierarchy (H-PFQ, Bennett and Zhang 1996).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Seat, percent};
use crate::catalog::SupplyTerms;
use crate::record::{Instant, Span, scaled};

mod tree;
mod waiter;

use tree::{Node, NodeId, ROOT, Tree};
pub use waiter::{QueueFull, Waiter, WaiterId};

/// Service is counted in shares of this weight, so that dividing by a weight keeps its precision.
const SCALE: u128 = 1 << 20;

/// This many nodes are kept before idle ones without a debt are forgotten.
const NODES_KEPT: usize = 4_096;

/// The queue of one supply.
#[derive(Debug)]
pub struct FairQueue<W> {
    tree: Tree,
    waiters: BTreeMap<WaiterId, (Waiter<W>, NodeId)>,
    deadlines: BTreeSet<(Instant, WaiterId)>,
    last: u64,
    /// By band: service it is owed while bands above it are served.
    owed: BTreeMap<u8, u64>,
    /// At this many nodes idle ones are forgotten: twice as many as were left the last time.
    forgets_at: usize,
}

impl<W> Default for FairQueue<W> {
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            waiters: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
            owed: BTreeMap::new(),
            forgets_at: NODES_KEPT,
        }
    }
}

impl<W> FairQueue<W> {
    /// How many requests wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether no request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Cost waiting in all.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.tree.get(ROOT).map_or(0, |n| n.cost)
    }

    /// Adds a waiting request. `weight` is the account's.
    ///
    /// # Errors
    /// When too much waits already; the queue stays as it is.
    pub fn push(
        &mut self,
        terms: &SupplyTerms,
        weight: u32,
        waiter: Waiter<W>,
    ) -> Result<WaiterId, (QueueFull, Waiter<W>)> {
        if self.cost().saturating_add(waiter.cost) > terms.waiting_max {
            return Err((QueueFull::InAll, waiter));
        }
        let key = self.tree.find(terms, waiter.seat, weight);
        let account = self.tree.get(key).map_or(ROOT, |n| n.parent);
        if self.tree.get(account).map_or(0, |n| n.cost).saturating_add(waiter.cost)
            > terms.waiting_max_per_account
        {
            return Err((QueueFull::OfAccount, waiter));
        }
        self.last += 1;
        let id = WaiterId(self.last);
        self.insert(id, waiter, key);
        Ok(id)
    }

    /// Puts back a request that was taken out a moment ago, under its name and in its place.
    pub fn put_back(&mut self, terms: &SupplyTerms, weight: u32, id: WaiterId, waiter: Waiter<W>) {
        let key = self.tree.find(terms, waiter.seat, weight);
        self.insert(id, waiter, key);
    }

    fn insert(&mut self, id: WaiterId, waiter: Waiter<W>, key: NodeId) {
        if !self.tree.get(key).is_some_and(Node::is_backlogged) {
            self.tree.wake(key);
        }
        if let Some(node) = self.tree.get_mut(key) {
            node.waiting.insert((waiter.deadline, id));
        }
        self.deadlines.insert((waiter.deadline, id));
        self.tree.add_cost(key, waiter.cost, true);
        self.waiters.insert(id, (waiter, key));
    }

    /// The next request.
    #[must_use]
    pub fn head(&self, terms: &SupplyTerms) -> Option<(WaiterId, &Waiter<W>)> {
        let mut at = self.next_band(terms)?;
        loop {
            let node = self.tree.get(at)?;
            if let Some((_, id)) = node.waiting.first() {
                return self.waiters.get(id).map(|(waiter, _)| (*id, waiter));
            }
            at = node.backlog.first()?.1;
        }
    }

    /// The highest band that has work, unless one below it is owed a request.
    fn next_band(&self, terms: &SupplyTerms) -> Option<NodeId> {
        let root = self.tree.get(ROOT)?;
        let mut first = None;
        for (band, at) in &root.children {
            let Some(node) = self.tree.get(*at).filter(|n| n.is_backlogged()) else { continue };
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
        node.backlog.first().and_then(|(_, at)| self.tree.get(*at)).map_or(0, |child| self.head_cost(child))
    }

    /// The next request of one seat.
    #[must_use]
    pub fn first_of(&self, terms: &SupplyTerms, seat: Seat) -> Option<(WaiterId, &Waiter<W>)> {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        let steps = [u64::from(band), u64::from(seat.class), seat.cluster, seat.account, seat.key];
        let down = |at: NodeId, id: &u64| self.tree.get(at)?.children.get(id).copied();
        let key = steps.iter().try_fold(ROOT, down)?;
        let (_, id) = self.tree.get(key)?.waiting.first()?;
        self.waiters.get(id).map(|(waiter, _)| (*id, waiter))
    }

    /// Takes a request out: it was admitted, gave up or disconnected.
    pub fn take(&mut self, id: WaiterId) -> Option<Waiter<W>> {
        let (waiter, key) = self.waiters.remove(&id)?;
        self.deadlines.remove(&(waiter.deadline, id));
        if let Some(node) = self.tree.get_mut(key) {
            node.waiting.remove(&(waiter.deadline, id));
        }
        self.tree.add_cost(key, waiter.cost, false);
        self.tree.rest(key);
        Some(waiter)
    }

    /// Takes out all requests whose deadline has passed.
    pub fn take_late(&mut self, now: Instant) -> Vec<Waiter<W>> {
        let mut late = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now
        {
            late.extend(self.take(id));
        }
        late
    }

    /// When the next request gives up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Counts service, whether the request waited or not; a negative cost corrects an estimate.
    pub fn charge(&mut self, terms: &SupplyTerms, seat: Seat, weight: u32, cost: i64) {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        self.owe(terms, band, cost);
        if self.tree.len() >= self.forgets_at {
            self.tree.forget();
            self.forgets_at = NODES_KEPT.max(self.tree.len() * 2);
        }
        let mut at = self.tree.find(terms, seat, weight);
        while at != ROOT {
            let Some(node) = self.tree.get_mut(at) else { return };
            let before = node.served;
            let part = u128::from(cost.unsigned_abs()) * SCALE / node.weight;
            node.served = if cost < 0 { before.saturating_sub(part) } else { before.saturating_add(part) };
            let (after, parent) = (node.served, node.parent);
            let Some(parent_node) = self.tree.get_mut(parent) else { return };
            if parent_node.backlog.remove(&(before, at)) {
                parent_node.backlog.insert((after, at));
            }
            let least = parent_node.backlog.first().map_or(before, |(least, _)| *least);
            parent_node.clock = parent_node.clock.max(before.min(least));
            at = parent;
        }
    }

    /// Bands that wait while another is served are owed their starvation floor.
    fn owe(&mut self, terms: &SupplyTerms, served: u8, cost: i64) {
        let Ok(cost) = u64::try_from(cost) else { return };
        let paid = self.owed.entry(served).or_default();
        *paid = paid.saturating_sub(cost);
        for (_, class) in &terms.classes {
            let band = class.priority;
            let node = self.tree.get(ROOT).and_then(|root| root.children.get(&u64::from(band)));
            let waits = node.and_then(|at| self.tree.get(*at)).is_some_and(Node::is_backlogged);
            if band == served {
                continue;
            }
            let owed = self.owed.entry(band).or_default();
            *owed = if waits { owed.saturating_add(percent(cost, class.starvation_percent)) } else { 0 };
        }
    }

    /// How long one more request would wait at most, if `rate` cost were served per second: the bands above, and its own band's
    /// accounts as far as they are served alternately.
    #[must_use]
    pub fn predict(&self, terms: &SupplyTerms, seat: Seat, cost: u64, rate: u64) -> Option<Span> {
        let band = terms.class_at(seat.class).map_or(0, |c| c.priority);
        let root = self.tree.get(ROOT)?;
        let mut ahead = 0_u64;
        for (priority, at) in root.children.iter().filter(|(priority, _)| **priority <= u64::from(band)) {
            let Some(node) = self.tree.get(*at) else { continue };
            ahead = ahead.saturating_add(if *priority == u64::from(band) {
                self.ahead_in(node, seat, cost)
            } else {
                node.cost
            });
        }
        Some(Span::from_micros(scaled(ahead, 1_000_000, rate)))
    }

    fn ahead_in(&self, band: &Node, seat: Seat, cost: u64) -> u64 {
        let child = |node: &Node, id: u64| node.children.get(&id).and_then(|at| self.tree.get(*at));
        let class = child(band, u64::from(seat.class));
        let Some(class) = class else { return band.cost };
        let own = child(class, seat.cluster).map_or(0, |n| n.cost);
        let others = u64::try_from(class.backlog.len()).unwrap_or(u64::MAX);
        // Each other identity is served about as much as this one until its turn has come.
        let turns = own.saturating_add(cost).saturating_mul(others.max(1));
        own.saturating_add(band.cost.saturating_sub(own).min(turns))
    }
}
