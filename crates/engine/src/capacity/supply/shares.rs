//! The sharers with work, each in its place, and the allocator that computes all shares.
//!
//! Under the supply's lock: a request takes it only to report that its sharer has work.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Share, Table, Why};
use headworks_core::capacity::controller::Controller;
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{AccountTerms, Instant, Span, scaled};

use super::cost::{NO_INDEX, micro_of, micro_rate, milli, milli_of, over};
use super::leaf::Leaf;

/// Ticks without work after which a sharer leaves the allocator.
const IDLE_TICKS: u32 = 100;

/// The sharers, their loads, and the learned limits of the upstream.
pub(super) struct Inner {
    pub(super) allocator: Allocator,
    /// By index.
    pub(super) leaves: Vec<Option<Arc<Leaf>>>,
    pub(super) free: Vec<u32>,
    pub(super) fresh: Vec<Arc<Leaf>>,
    pub(super) controller: Option<Controller>,
    pub(super) last_tick: Option<Instant>,
    /// Thousandths of cost admitted since then that the controller knows of.
    pub(super) admitted: u64,
    pub(super) refilled: Option<Instant>,
    /// Millionths of the supply's yield that are not yet a thousandth.
    pub(super) level_rest: u64,
    pub(super) busy_ticks: u64,
    pub(super) loads: Vec<Option<(Load, AccountTerms)>>,
    pub(super) spare: Table,
    /// Thousandths of cost that sharers had saved up before the last tick.
    pub(super) saved: i64,
    /// Thousandths of the supply's level that no sharer was credited with.
    pub(super) unclaimed: i64,
}

/// What came out of a tick.
pub(super) struct Allotted {
    /// Sharers that wait inside their share.
    pub(super) waiting: Vec<Arc<Leaf>>,
    /// Thousandths of cost that sharers owe, each by itself.
    pub(super) owed: i64,
    /// Of all sharers: what they have saved up, less what they owe.
    pub(super) levels: i64,
    /// Some sharer gets less than it asks for because others ask for as much.
    pub(super) is_contended: bool,
}

impl Inner {
    /// Publishes new shares and refills the cost that may start.
    pub(super) fn allot(
        &mut self,
        terms: &SupplyTerms,
        capacity: Capacity,
        span: Span,
        level: i64,
        published: &ArcSwap<Table>,
    ) -> Allotted {
        let per_second = |own: AccountTerms| AccountTerms {
            floor: micro_rate(own.floor, terms.per),
            max: own.max.map(|max| micro_rate(max, terms.per)),
            ..own
        };
        let mut placed = Vec::new();
        for leaf in std::mem::take(&mut self.fresh) {
            let index = self.free.pop().unwrap_or_else(|| {
                self.leaves.push(None);
                u32::try_from(self.leaves.len() - 1).unwrap_or(NO_INDEX)
            });
            self.allocator.add(leaf.sharer, index, per_second(leaf.terms()));
            if let Some(slot) = usize::try_from(index).ok().and_then(|at| self.leaves.get_mut(at)) {
                placed.push((Arc::clone(&leaf), index));
                *slot = Some(leaf);
            }
        }
        let now = self.last_tick.unwrap_or_default();
        let Self { allocator, leaves, free, loads, spare, saved, unclaimed, .. } = self;
        // Gathered in memory order; the allocator looks them up in the order of its tree.
        loads.clear();
        for (index, slot) in (0_u32..).zip(leaves.iter_mut()) {
            let load = slot.as_ref().map(|leaf| {
                let (load, own) = (leaf.take_load(), per_second(leaf.terms()));
                if let Some(max) = own.max {
                    leaf.maximum.refill(max, now, span);
                }
                (load, own)
            });
            let rests = |l: &Load| l.offered == 0 && l.waiting == 0 && l.in_flight == 0;
            let gone =
                slot.take_if(|leaf| load.is_some_and(|(l, _)| rests(&l)) && leaf.has_rested(IDLE_TICKS));
            if let Some(leaf) = &gone {
                // Savings do not outlive a time without work; debt does.
                leaf.rest_at(1);
                free.push(index);
            }
            loads.push(load.filter(|_| gone.is_none()));
        }
        let table = allocator.tick(terms, capacity, span, std::mem::take(spare), |index| {
            usize::try_from(index).ok().and_then(|at| loads.get(at).copied().flatten())
        });
        let mut allotted = Allotted { waiting: Vec::new(), owed: 0, levels: 0, is_contended: false };
        // What is left and nobody has saved up goes to all who get less than they ask for, once.
        let left = level.saturating_sub(std::mem::take(saved)).min(*unclaimed).max(0);
        let left = micro_of(left.unsigned_abs());
        let is_short = |share: &Share| share.why == Why::FairShare;
        let all_short = table.shares.iter().filter(|share| is_short(share)).map(|share| share.rate);
        let all_short = all_short.fold(0, u64::saturating_add).max(1);
        for (share, leaf) in table.shares.iter().zip(&*leaves) {
            let Some(leaf) = leaf else { continue };
            let is_short = is_short(share);
            // Of a small share, one request can always be saved up.
            let burst = milli_of(share.burst).max(milli(1));
            let more = if is_short { scaled(left, share.rate, all_short) } else { 0 };
            let credit = over(share.rate, span).saturating_add(more);
            let level = leaf.refill(credit, burst);
            allotted.owed = allotted.owed.saturating_sub(level.min(0));
            allotted.levels = allotted.levels.saturating_add(level);
            allotted.is_contended |= is_short;
            *saved = saved.saturating_add(level.saturating_sub(milli_of(credit)).max(0));
            if level > 0 && leaf.waiting.load(Relaxed) > 0 {
                allotted.waiting.push(Arc::clone(leaf));
            }
        }
        // The last table's memory is reused, unless a reader still holds it.
        *spare = Arc::into_inner(published.swap(Arc::new(table))).unwrap_or_default();
        for (leaf, index) in placed {
            leaf.index.store(index, Relaxed);
        }
        allotted
    }
}
