//! The tree of a supply's sharers: classes, clusters, accounts, keys; their demands, and how shares are handed down.
//!
//! Units: cost per second; cost in flight in thousandths.

use alloc::vec::Vec;

use super::member::{Aspect, BURST_S, Member};
use crate::capacity::Sharer;
use crate::capacity::fair::{Claim, Fine, Split};

pub(super) type Range = core::ops::Range<usize>;

/// The members as a tree: each level as ranges of the one below. Rebuilt only when members come or go.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Of members: an account's keys.
    accounts: Vec<Range>,
    /// Of accounts.
    pub(super) clusters: Vec<Range>,
    /// Of clusters.
    pub(super) classes: Vec<Range>,
}

/// The demand of every account, cluster and class in one dimension.
#[derive(Debug, Default)]
pub(super) struct Claims {
    accounts: Vec<Claim>,
    /// The part of each account's floor that it asks for.
    account_floors: Vec<u64>,
    pub(super) clusters: Vec<Claim>,
    /// Those of its accounts together.
    pub(super) cluster_floors: Vec<u64>,
    /// The place in the supply's list, and the demand.
    pub(super) classes: Vec<(u16, u64)>,
}

fn grow(ranges: &mut Vec<Range>, at: usize, is_new: bool) {
    match ranges.last_mut() {
        Some(last) if !is_new => last.end = at + 1,
        _ => ranges.push(at..at + 1),
    }
}

fn sum(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |a: u64, b| a.saturating_add(*b))
}

impl Tree {
    pub(super) fn of(members: &[Member]) -> Self {
        let mut tree = Self::default();
        let mut before: Option<Sharer> = None;
        for (at, sharer) in members.iter().map(|m| m.sharer).enumerate() {
            let same = |differs: fn(Sharer, Sharer) -> bool| before.is_none_or(|b| differs(b, sharer));
            let class = same(|a, b| a.class != b.class);
            let cluster = class || same(|a, b| a.cluster != b.cluster);
            let account = cluster || same(|a, b| a.account != b.account);
            grow(&mut tree.accounts, at, account);
            if account {
                grow(&mut tree.clusters, tree.accounts.len() - 1, cluster);
            }
            if cluster {
                grow(&mut tree.classes, tree.clusters.len() - 1, class);
            }
            before = Some(sharer);
        }
        tree
    }

    pub(super) fn cluster_id(&self, members: &[Member], cluster: &Range) -> u64 {
        let first = self.accounts.get(cluster.start).and_then(|account| members.get(account.start));
        first.map_or(0, |m| m.sharer.cluster)
    }

    /// The cost that may be saved up: by weight at the level that the class's unmet identities are filled to; when all are met,
    /// at the level that the class's whole possible share would fill them to.
    pub(super) fn bursts(
        &self,
        class: Range,
        available: u64,
        claims: &[Claim],
        given: &[u64],
        out: &mut [u64],
    ) {
        let (mut unmet, mut weights) = (None, 0_u128);
        for (claim, got) in claims.iter().zip(given) {
            weights += u128::from(claim.weight);
            if *got < claim.demand {
                let level = u128::from(*got) * 1_000 / u128::from(claim.weight.max(1));
                unmet = Some(unmet.map_or(level, |u: u128| u.max(level)));
            }
        }
        let level = unmet.unwrap_or(u128::from(available) * 1_000 / weights.max(1));
        for (cluster, claim) in class.zip(claims) {
            let Some(accounts) = self.clusters.get(cluster) else { continue };
            let first = self.accounts.get(accounts.start).map_or(0, |a| a.start);
            let end = self.accounts.get(accounts.end - 1).map_or(first, |a| a.end);
            let sharers = u128::try_from((end - first).max(1)).unwrap_or(1);
            let burst = level * u128::from(claim.weight) * u128::from(BURST_S) / 1_000 / sharers;
            let burst = u64::try_from(burst).unwrap_or(u64::MAX).max(1);
            out.get_mut(first..end).into_iter().flatten().for_each(|slot| *slot = burst);
        }
    }

    /// Shares out a cluster's part among its accounts, and theirs among their keys.
    pub(super) fn descend(
        &self,
        cluster: usize,
        (whole, exact): (u64, Fine),
        claims: &Claims,
        demands: &[u64],
        down: &mut Down,
        out: &mut [u64],
    ) {
        let Some(accounts) = self.clusters.get(cluster).cloned() else { return };
        if accounts.len() == 1 {
            self.to_keys(accounts.start, (whole, exact), demands, &mut down.keys, out);
            return;
        }
        let wanted = claims.accounts.get(accounts.clone()).unwrap_or_default();
        let floors = claims.account_floors.get(accounts.clone()).unwrap_or_default();
        down.accounts.among(whole, exact, wanted, floors);
        let parts = down.accounts.units.iter().copied().zip(down.accounts.exact.iter().copied());
        for (account, part) in accounts.zip(parts) {
            self.to_keys(account, part, demands, &mut down.keys, out);
        }
    }

    /// Without a capacity everybody gets what it asks for, up to its account's maximum.
    pub(super) fn within_maxima(
        &self,
        members: &[Member],
        demands: &[u64],
        down: &mut Down,
        out: &mut [u64],
    ) {
        for (at, keys) in self.accounts.iter().enumerate() {
            let Some(max) = members.get(keys.start).and_then(|m| m.terms.max) else { continue };
            if demands.get(keys.clone()).map_or(0, sum) > max {
                self.to_keys(at, (max, Fine::units(max)), demands, &mut down.keys, out);
            }
        }
    }

    /// The keys of accounts with several that get their maximum together.
    pub(super) fn at_maxima<'a>(
        &'a self,
        members: &'a [Member],
        shares: &'a [u64],
    ) -> impl Iterator<Item = &'a Member> {
        self.accounts.iter().filter(|keys| keys.len() > 1).flat_map(|keys| {
            let of_account: &[Member] = members.get(keys.clone()).unwrap_or_default();
            let max = of_account.first().and_then(|m| m.terms.max).unwrap_or(u64::MAX);
            let is_reached = shares.get(keys.clone()).map_or(0, sum) >= max;
            of_account.iter().filter(move |_| is_reached)
        })
    }

    fn to_keys(
        &self,
        account: usize,
        (whole, exact): (u64, Fine),
        demands: &[u64],
        split: &mut Split,
        out: &mut [u64],
    ) {
        let Some(keys) = self.accounts.get(account).cloned() else { return };
        let wanted = demands.get(keys.clone()).unwrap_or_default();
        let Some(slots) = out.get_mut(keys) else { return };
        if let ([slot], [demand]) = (&mut *slots, wanted) {
            *slot = whole.min(*demand);
            return;
        }
        let claims: Vec<Claim> = wanted.iter().map(|demand| Claim { demand: *demand, weight: 1 }).collect();
        split.among(whole, exact, &claims, &[]);
        slots.copy_from_slice(&split.units);
    }
}

/// Memory of the way down, used again for each cluster.
#[derive(Debug, Default)]
pub(super) struct Down {
    accounts: Split,
    keys: Split,
}

impl Claims {
    /// Bottom up. A cluster has the weight of its heaviest account, never their sum.
    pub(super) fn set(&mut self, tree: &Tree, members: &[Member], demands: &[u64], aspect: Aspect) {
        let Self { accounts, account_floors, clusters, cluster_floors, classes } = self;
        for list in [&mut *accounts, &mut *clusters] {
            list.clear();
        }
        for list in [&mut *account_floors, &mut *cluster_floors] {
            list.clear();
        }
        let is_rate = aspect == Aspect::Rate;
        for keys in &tree.accounts {
            let terms = members.get(keys.start).map(|m| m.terms).unwrap_or_default();
            let most = terms.max.filter(|_| is_rate).unwrap_or(u64::MAX);
            let demand = demands.get(keys.clone()).map_or(0, sum).min(most);
            accounts.push(Claim { demand, weight: terms.weight.max(1) });
            account_floors.push(if is_rate { terms.floor.min(demand) } else { 0 });
        }
        for range in &tree.clusters {
            let own: &[Claim] = accounts.get(range.clone()).unwrap_or_default();
            let demand = own.iter().fold(0, |a: u64, c| a.saturating_add(c.demand));
            clusters.push(Claim { demand, weight: own.iter().map(|c| c.weight).max().unwrap_or(1) });
            cluster_floors.push(account_floors.get(range.clone()).map_or(0, sum));
        }
        let class = |range: &Range| {
            let own: &[Claim] = clusters.get(range.clone()).unwrap_or_default();
            let first = tree.clusters.get(range.start).and_then(|c| tree.accounts.get(c.start));
            let place = first.and_then(|a| members.get(a.start)).map_or(0, |m| m.sharer.class);
            (place, own.iter().fold(0, |a: u64, c| a.saturating_add(c.demand)))
        };
        *classes = tree.classes.iter().map(class).collect();
    }
}
