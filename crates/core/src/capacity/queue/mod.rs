//! The fair queue: the waiting requests, and the next one.
//!
//! A tree like the allocator's: band, class, identity cluster, account, key. At every level the child that has been served
//! least for its weight is next; under one key the earliest deadline.
//! Q1 a higher band is served first, the others keep their starvation floor (`bands_keep_their_floor`).
//! Q2 a backlogged child is never behind another by more than one request each (`queue_is_fair`).
//! Q3 idleness saves nothing up. Q4 bounded by cost and by number, of one account and in all. Q5 who is held back by its own
//! bound is passed over, however much of it waits (`a_bounded_account_does_not_hold_up_the_queue`).
//! Units: cost. Source: virtual token counters, Sheng et al., OSDI 2024, here in a hierarchy (H-PFQ, Bennett and Zhang 1996).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Sharer, percent};
use crate::catalog::SupplyTerms;
use crate::record::Instant;

mod ahead;
mod tree;
mod waiter;

use tree::{Node, NodeId, ROOT, SCALE, Tree};
pub use waiter::{QueueFull, Waiter, WaiterId};

/// Requests that wait at most, in all and of one account.
const WAITERS_MAX: usize = 65_536;
const WAITERS_PER_ACCOUNT_MAX: usize = 4_096;

/// This many nodes are kept before idle ones without a debt are forgotten.
const NODES_KEPT: usize = 4_096;

/// The queue of one supply.
#[derive(Debug)]
pub struct FairQueue<W> {
    tree: Tree,
    waiters: BTreeMap<WaiterId, (Waiter<W>, NodeId)>,
    deadlines: BTreeSet<(Instant, WaiterId)>,
    last: u64,
    parked: Vec<NodeId>,
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
            parked: Vec::new(),
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
        let has_room = |at: NodeId, cost_max: u64, count_max: usize| {
            let (cost, count) = self.tree.get(at).map_or((0, 0), |n| (n.cost, n.count));
            cost.saturating_add(waiter.cost) <= cost_max && count < count_max
        };
        if !has_room(ROOT, terms.waiting_max, WAITERS_MAX) {
            return Err((QueueFull::InAll, waiter));
        }
        let (account, _) = self.tree.known(terms, waiter.sharer);
        let most = terms.waiting_max_per_account;
        if !account.map_or(waiter.cost <= most, |at| has_room(at, most, WAITERS_PER_ACCOUNT_MAX)) {
            return Err((QueueFull::OfAccount, waiter));
        }
        let key = self.tree.find(terms, waiter.sharer, weight);
        self.last += 1;
        let id = WaiterId(self.last);
        let node = self.tree.get(key);
        if !node.is_some_and(|node| node.parked || node.is_backlogged()) {
            self.tree.wake(key);
        }
        if let Some(node) = self.tree.get_mut(key) {
            node.waiting.insert((waiter.deadline, id));
        }
        self.deadlines.insert((waiter.deadline, id));
        self.tree.count(key, waiter.cost, true);
        self.waiters.insert(id, (waiter, key));
        Ok(id)
    }

    /// The sharer of a waiting request may not go on for now: all that waits there is passed over.
    pub fn park(&mut self, id: WaiterId) {
        let Some((_, key)) = self.waiters.get(&id) else { return };
        let key = *key;
        if let Some(node) = self.tree.get_mut(key).filter(|node| !node.parked) {
            node.parked = true;
            self.parked.push(key);
            self.tree.rest(key);
        }
    }

    /// Everybody is asked again.
    pub fn unpark(&mut self) {
        for key in core::mem::take(&mut self.parked) {
            let Some(node) = self.tree.get_mut(key) else { continue };
            node.parked = false;
            if node.is_backlogged() {
                self.tree.wake(key);
            }
        }
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

    /// The next request of one sharer.
    #[must_use]
    pub fn first_of(&self, terms: &SupplyTerms, sharer: Sharer) -> Option<(WaiterId, &Waiter<W>)> {
        let key = self.tree.known(terms, sharer).1?;
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
        self.tree.count(key, waiter.cost, false);
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
    pub fn charge(&mut self, terms: &SupplyTerms, sharer: Sharer, weight: u32, cost: i64) {
        let band = terms.class_at(sharer.class).map_or(0, |c| c.priority);
        self.owe(terms, band, cost);
        if self.tree.len() >= self.forgets_at {
            self.tree.forget();
            self.forgets_at = NODES_KEPT.max(self.tree.len() * 2);
        }
        let mut at = self.tree.find(terms, sharer, weight);
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
}
