//! The seats with work, each in its place, and the allocator that computes all shares.
//!
//! Under the supply's lock: a request takes it only to report that its seat has work.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::capacity::controller::Controller;
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{AccountTerms, Instant, Span};

use super::cost::{NO_INDEX, over, signed};
use super::leaf::Leaf;

/// Ticks without work after which a seat leaves the allocator.
const IDLE_TICKS: u32 = 100;

/// The seats, their loads, and the learned limits of the upstream.
pub(super) struct Inner {
    pub(super) allocator: Allocator,
    /// By index.
    pub(super) leaves: Vec<Option<Arc<Leaf>>>,
    pub(super) free: Vec<u32>,
    pub(super) fresh: Vec<Arc<Leaf>>,
    pub(super) controller: Option<Controller>,
    pub(super) last_tick: Option<Instant>,
    pub(super) busy_ticks: u64,
    pub(super) loads: Vec<Option<(Load, AccountTerms)>>,
    pub(super) spare: Table,
}

impl Inner {
    /// Publishes new shares and refills the cost that may start; returns the seats that wait inside their share.
    pub(super) fn allot(
        &mut self,
        terms: &SupplyTerms,
        capacity: Capacity,
        span: Span,
        published: &ArcSwap<Table>,
    ) -> Vec<Arc<Leaf>> {
        let mut placed = Vec::new();
        for leaf in std::mem::take(&mut self.fresh) {
            let index = self.free.pop().unwrap_or_else(|| {
                self.leaves.push(None);
                u32::try_from(self.leaves.len() - 1).unwrap_or(NO_INDEX)
            });
            self.allocator.add(leaf.seat, index, leaf.terms());
            if let Some(slot) = usize::try_from(index).ok().and_then(|at| self.leaves.get_mut(at)) {
                // Savings do not outlive a time without work; debt does.
                leaf.refill(0, 0);
                placed.push((Arc::clone(&leaf), index));
                *slot = Some(leaf);
            }
        }
        let Self { allocator, leaves, free, loads, spare, .. } = self;
        // Gathered in memory order; the allocator looks them up in the order of its tree.
        loads.clear();
        for (index, slot) in (0_u32..).zip(leaves.iter_mut()) {
            let load = slot.as_ref().map(|leaf| (leaf.take_load(), leaf.terms()));
            let rests = |l: &Load| l.offered == 0 && l.waiting == 0 && l.in_flight == 0;
            let gone =
                slot.take_if(|leaf| load.is_some_and(|(l, _)| rests(&l)) && leaf.has_rested(IDLE_TICKS));
            if let Some(leaf) = &gone {
                leaf.index.store(NO_INDEX, Relaxed);
                leaf.active.store(false, Relaxed);
                free.push(index);
            }
            loads.push(load.filter(|_| gone.is_none()));
        }
        let table = allocator.tick(terms, capacity, span, std::mem::take(spare), |index| {
            usize::try_from(index).ok().and_then(|at| loads.get(at).copied().flatten())
        });
        let mut owed = Vec::new();
        for (share, leaf) in table.shares.iter().zip(&*leaves) {
            let Some(leaf) = leaf else { continue };
            if leaf.refill(over(share.rate, span), signed(share.burst)) > 0 && leaf.waiting.load(Relaxed) > 0
            {
                owed.push(Arc::clone(leaf));
            }
        }
        // The last table's memory is reused, unless a reader still holds it.
        *spare = Arc::into_inner(published.swap(Arc::new(table))).unwrap_or_default();
        for (leaf, index) in placed {
            leaf.index.store(index, Relaxed);
        }
        owed
    }
}
