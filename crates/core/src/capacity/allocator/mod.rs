//! The allocator: once a tick, it turns everybody's demand into everybody's share.
//!
//! Never on the path of a request: it publishes one table, which the path reads by index.
//! L1 the shares never exceed the capacity, nor anybody's demand (`a_whole_tree_is_within_a_unit_of_the_rule`).
//! L2 a band is served before the bands below it, which keep their starvation floor (`bands_keep_their_floor`).
//! L3 n accounts of one cluster, and n keys of one account, get what one would (`a_cluster_has_one_weight`).
//! Units: cost per second; cost in flight in thousandths, so that a share below one whole slot is still distinct from none.

use alloc::vec::Vec;

use super::Sharer;
use super::fair::Split;
use super::points::{Points, Present, Turn};
use crate::catalog::SupplyTerms;
use crate::record::{AccountTerms, Span};

mod classes;
mod member;
mod tree;

use member::{Aspect, Member};
pub use member::{BURST_S, Load, MILLI, Share, SharerIndex, Why};
use tree::{Claims, Down, Tree};

/// The capacity at this tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Cost per second; `None`: no limit.
    pub rate: Option<u64>,
    /// Cost in flight; `None`: no limit.
    pub in_flight: Option<u64>,
}

/// Everybody's share until the next tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// By index.
    pub shares: Vec<Share>,
    /// By class: its share of the rate, and of cost in flight in thousandths.
    pub classes: Vec<(u64, u64)>,
}

/// The allocator of one supply.
#[derive(Debug, Default)]
pub struct Allocator {
    /// In the order of the tree.
    members: Vec<Member>,
    /// Came since the last tick.
    fresh: Vec<Member>,
    tree: Tree,
    /// Memory of the last tick, used again: a tick over many sharers would spend a fifth of its time on new pages.
    rates: Shared,
    in_flight: Shared,
    points: Points,
}

impl Allocator {
    /// Adds a sharer; it has a share from the next tick on.
    pub fn add(&mut self, sharer: Sharer, index: SharerIndex, terms: AccountTerms) {
        self.fresh.push(Member { sharer, index, terms, rate: 0, in_flight: 0 });
    }

    /// The number of sharers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len() + self.fresh.len()
    }

    /// Whether there are no sharers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Computes everybody's share. `load` gives the load of a sharer in the last `span`, with its present terms;
    /// `None` for a sharer that is gone. `table` is an earlier table, reused for its memory.
    pub fn tick(
        &mut self,
        terms: &SupplyTerms,
        capacity: Capacity,
        span: Span,
        mut table: Table,
        mut load: impl FnMut(SharerIndex) -> Option<(Load, AccountTerms)>,
    ) -> Table {
        let mut is_other = self.take_in_fresh();
        let (mut places, before) = (0, self.members.len());
        self.members.retain_mut(|member| {
            let Some((load, terms)) = load(member.index) else { return false };
            member.terms = terms;
            member.note(load, span);
            places = places.max(member.index + 1);
            true
        });
        is_other |= self.members.len() != before;
        if is_other {
            self.tree = Tree::of(&self.members);
        }
        match terms.points_s_max {
            Some(_) => self.points.pass(span),
            None => self.points = Points::default(),
        }
        let (mut rates, mut in_flight) =
            (core::mem::take(&mut self.rates), core::mem::take(&mut self.in_flight));
        self.share_out(terms, capacity.rate, Aspect::Rate, span, &mut rates);
        self.share_out(terms, capacity.in_flight, Aspect::InFlight, span, &mut in_flight);
        table.shares.clear();
        table.classes.clear();
        table.shares.resize(usize::try_from(places).unwrap_or(usize::MAX), Share::default());
        table.classes.resize(terms.classes.len(), (0, 0));
        let shares = rates.shares.iter().zip(&in_flight.shares).zip(&rates.bursts);
        for (member, ((rate, in_flight), burst)) in self.members.iter().zip(shares) {
            if let Some((r, f)) = table.classes.get_mut(usize::from(member.sharer.class)) {
                (*r, *f) = (r.saturating_add(*rate), f.saturating_add(*in_flight));
            }
            let slot = usize::try_from(member.index).ok().and_then(|at| table.shares.get_mut(at));
            if let Some(share) = slot {
                *share = member.share(terms, *rate, *burst, *in_flight);
            }
        }
        for member in self.tree.at_maxima(&self.members, &rates.shares) {
            let slot = usize::try_from(member.index).ok().and_then(|at| table.shares.get_mut(at));
            if let Some(share) = slot.filter(|share| share.why == Why::FairShare) {
                share.why = Why::AccountMax;
            }
        }
        (self.rates, self.in_flight) = (rates, in_flight);
        table
    }

    /// Merges newcomers into the order of the tree; whether there were any.
    fn take_in_fresh(&mut self) -> bool {
        if self.fresh.is_empty() {
            return false;
        }
        self.members.append(&mut self.fresh);
        // Two runs, the first of them sorted: a stable sort merges them.
        self.members.sort_by_key(|m| m.sharer);
        true
    }

    fn share_out(
        &mut self,
        terms: &SupplyTerms,
        capacity: Option<u64>,
        aspect: Aspect,
        span: Span,
        out: &mut Shared,
    ) {
        let Shared { demands, claims, shares: parts, bursts, by_class, by_cluster, down } = out;
        demands.clear();
        demands.extend(self.members.iter().map(|m| m.demand(aspect)));
        let Some(capacity) = capacity else {
            parts.clone_from(demands);
            bursts.clear();
            bursts.resize(demands.len(), u64::MAX);
            if aspect == Aspect::Rate {
                self.tree.within_maxima(&self.members, demands, down, parts);
            }
            return;
        };
        let capacity = match aspect {
            Aspect::Rate => capacity,
            Aspect::InFlight => capacity.saturating_mul(MILLI),
        };
        let tree = &self.tree;
        claims.set(tree, &self.members, demands, aspect);
        classes::share_among(capacity, terms, &claims.classes, by_class);
        let left = capacity.saturating_sub(by_class.units.iter().sum());
        for list in [&mut *parts, &mut *bursts] {
            list.clear();
            list.resize(demands.len(), 0);
        }
        let given = by_class.units.iter().copied().zip(by_class.exact.iter().copied());
        for (class, (whole, exact)) in tree.classes.iter().zip(given) {
            let wanted = claims.clusters.get(class.clone()).unwrap_or_default();
            let floors = claims.cluster_floors.get(class.clone()).unwrap_or_default();
            match terms.points_s_max.filter(|_| aspect == Aspect::Rate) {
                Some(seconds_max) => {
                    let clusters = tree.clusters.get(class.clone()).unwrap_or_default();
                    let ids: Vec<u64> = clusters.iter().map(|c| tree.cluster_id(&self.members, c)).collect();
                    let present = Present { ids: &ids, claims: wanted, floors };
                    let turn = Turn { seconds_max, span };
                    self.points.share(whole, exact, present, turn, by_cluster);
                }
                None => by_cluster.among(whole, exact, wanted, floors),
            }
            let parts_of = by_cluster.units.iter().copied().zip(by_cluster.exact.iter().copied());
            for (cluster, part) in class.clone().zip(parts_of) {
                tree.descend(cluster, part, claims, demands, down, parts);
            }
            if aspect == Aspect::Rate {
                tree.bursts(class.clone(), whole.saturating_add(left), wanted, &by_cluster.units, bursts);
            }
        }
    }
}

/// The demands and shares of one dimension, by member.
#[derive(Debug, Default)]
struct Shared {
    demands: Vec<u64>,
    claims: Claims,
    shares: Vec<u64>,
    bursts: Vec<u64>,
    by_class: Split,
    by_cluster: Split,
    down: Down,
}
