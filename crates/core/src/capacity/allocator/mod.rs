//! The allocator: once a tick, from what everybody asked for to what everybody may use.
//!
//! Never on the path of a request: it publishes one table, which the path reads by index.
//! L1 what is shared out never exceeds the capacity, nor anybody's demand (`shares_are_max_min`).
//! L2 a band is served before the bands below it, which keep their starvation floor (`bands_keep_their_floor`).
//! L3 n accounts of one cluster, and n keys of one account, get what one would (`a_cluster_has_one_weight`).
//! Units: cost a second; cost in flight in thousandths, so that a share below one whole slot is still told apart from none.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::fair::{Claim, max_min, with_floors};
use super::points::Points;
use super::{Seat, percent};
use crate::catalog::{ClassTerms, PoolTerms};
use crate::record::{AccountTerms, Span, scaled};

/// Cost in flight is shared out in thousandths.
pub const MILLI: u64 = 1_000;

/// What one seat did since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Cost asked for, refused work included.
    pub offered: u64,
    /// Cost that waits.
    pub waiting: u64,
    /// Cost that was let in ahead of its share and is not yet made up for.
    pub owed: u64,
    /// Most cost in flight that was asked for at once: what is in flight, waits, or was refused.
    pub in_flight: u64,
}

/// What there is at this tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Cost a second; `None`: no limit.
    pub rate: Option<u64>,
    /// Cost in flight; `None`: no limit.
    pub in_flight: Option<u64>,
}

/// Why a seat gets what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// It gets all it asks for.
    #[default]
    Demand,
    /// Others want the rest: its fair share.
    FairShare,
    /// The most that is set for the account.
    AccountMax,
}

/// What one seat may use until the next tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Cost a second.
    pub rate: u64,
    /// Cost that may be saved up for requests that come together: ten seconds of what its weight would bring it now.
    pub burst: u64,
    /// Cost in flight, in thousandths.
    pub in_flight_milli: u64,
    /// Its class's band.
    pub band: u8,
    /// Why it is what it is.
    pub why: Why,
}

/// What everybody may use until the next tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// By place.
    pub shares: Vec<Share>,
    /// By class: what it may use of the rate, and of cost in flight in thousandths.
    pub classes: Vec<(u64, u64)>,
}

/// A seat's place in the table.
pub type Place = u32;

#[derive(Clone, Copy, Debug)]
struct Member {
    seat: Seat,
    place: Place,
    terms: AccountTerms,
    rate: u64,
    in_flight: u64,
}

/// The allocator of one pool.
#[derive(Debug, Default)]
pub struct Allocator {
    /// In the order of the tree.
    members: Vec<Member>,
    /// Came since the last tick.
    fresh: Vec<Member>,
    tree: Tree,
    /// Memory of the last tick, used again: a tick over many seats would spend a fifth of its time on new pages.
    rates: Shared,
    in_flight: Shared,
    points: Points,
}

impl Allocator {
    /// Adds a seat; it has a share from the next tick on.
    pub fn add(&mut self, seat: Seat, place: Place, terms: AccountTerms) {
        self.fresh.push(Member { seat, place, terms, rate: 0, in_flight: 0 });
    }

    /// How many seats there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len() + self.fresh.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The points of an identity cluster.
    #[must_use]
    pub fn points(&self, cluster: u64) -> i64 {
        self.points.of(cluster)
    }

    /// Computes everybody's share. `load` says what a seat did in the last `span`, with what the operator says of it now;
    /// `None` for one that is gone. `table` is one of before, for its memory.
    pub fn tick(
        &mut self,
        terms: &PoolTerms,
        capacity: Capacity,
        span: Span,
        mut table: Table,
        mut load: impl FnMut(Place) -> Option<(Load, AccountTerms)>,
    ) -> Table {
        let mut is_other = self.take_in_fresh();
        let (mut places, before) = (0, self.members.len());
        self.members.retain_mut(|member| {
            let Some((load, terms)) = load(member.place) else { return false };
            member.terms = terms;
            member.note(load, span);
            places = places.max(member.place + 1);
            true
        });
        is_other |= self.members.len() != before;
        if is_other {
            self.tree = Tree::of(&self.members);
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
            if let Some((r, f)) = table.classes.get_mut(usize::from(member.seat.class)) {
                (*r, *f) = (r.saturating_add(*rate), f.saturating_add(*in_flight));
            }
            let place = usize::try_from(member.place).ok().and_then(|at| table.shares.get_mut(at));
            if let Some(share) = place {
                *share = Share { burst: *burst, ..member.share(terms, *rate, *in_flight) };
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
        self.members.sort_by_key(|m| m.seat);
        true
    }

    fn share_out(
        &mut self,
        terms: &PoolTerms,
        capacity: Option<u64>,
        aspect: Aspect,
        span: Span,
        out: &mut Shared,
    ) {
        let Shared { demands, claims, shares: parts, bursts } = out;
        demands.clear();
        demands.extend(self.members.iter().map(|m| m.demand(aspect)));
        let Some(capacity) = capacity else {
            parts.clone_from(demands);
            bursts.clear();
            bursts.resize(demands.len(), u64::MAX);
            return;
        };
        let capacity = match aspect {
            Aspect::Rate => capacity,
            Aspect::InFlight => capacity.saturating_mul(MILLI),
        };
        let tree = &self.tree;
        claims.set(tree, &self.members, demands, aspect);
        let shares = share_among_classes(capacity, terms, &claims.classes);
        let left = capacity.saturating_sub(shares.iter().sum());
        for list in [&mut *parts, &mut *bursts] {
            list.clear();
            list.resize(demands.len(), 0);
        }
        for (class, share) in tree.classes.iter().zip(shares) {
            let wanted = claims.clusters.get(class.clone()).unwrap_or_default();
            let given = match terms.points_s_max.filter(|_| aspect == Aspect::Rate) {
                Some(seconds) => {
                    let clusters = tree.clusters.get(class.clone()).unwrap_or_default();
                    let ids: Vec<u64> = clusters.iter().map(|c| tree.cluster_id(&self.members, c)).collect();
                    self.points.share(share, &ids, wanted, seconds, span)
                }
                None => {
                    with_floors(share, wanted, claims.cluster_floors.get(class.clone()).unwrap_or_default())
                }
            };
            for (cluster, share) in class.clone().zip(&given) {
                tree.descend(cluster, *share, claims, demands, parts);
            }
            if aspect == Aspect::Rate {
                tree.bursts(class.clone(), share.saturating_add(left), wanted, &given, bursts);
            }
        }
    }
}

/// What one dimension was asked for and came to, by member.
#[derive(Debug, Default)]
struct Shared {
    demands: Vec<u64>,
    claims: Claims,
    shares: Vec<u64>,
    bursts: Vec<u64>,
}

/// Which dimension is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aspect {
    Rate,
    InFlight,
}

impl Member {
    /// Demand is up at once and down slowly: an eighth a tick.
    fn note(&mut self, load: Load, span: Span) {
        let asked = load.offered.max(load.waiting);
        let a_second = scaled(asked, 1_000_000, span.micros());
        let eases = |before: u64| before - before.div_ceil(8);
        self.rate = a_second.max(eases(self.rate)).max(load.owed);
        self.in_flight = load.in_flight.saturating_mul(MILLI).max(eases(self.in_flight));
    }

    fn demand(&self, aspect: Aspect) -> u64 {
        match aspect {
            Aspect::Rate => self.rate,
            Aspect::InFlight => self.in_flight,
        }
    }

    fn share(&self, terms: &PoolTerms, rate: u64, in_flight_milli: u64) -> Share {
        let class = terms.class_at(self.seat.class).copied().unwrap_or_default();
        let why = if rate >= self.rate && in_flight_milli >= self.in_flight {
            Why::Demand
        } else if self.terms.max.is_some_and(|max| rate >= max) {
            Why::AccountMax
        } else {
            Why::FairShare
        };
        Share { rate, burst: (rate / 4).max(1), in_flight_milli, band: class.priority, why }
    }
}

type Range = core::ops::Range<usize>;

/// Seconds of its share that a seat may save up.
const BURST_S: u128 = 10;

/// The members as a tree: each level as ranges of the one below. Made anew only when members come or go.
#[derive(Debug, Default)]
struct Tree {
    /// Of members: an account's keys.
    accounts: Vec<Range>,
    /// Of accounts.
    clusters: Vec<Range>,
    /// Of clusters.
    classes: Vec<Range>,
}

/// What every account, cluster and class asks for in one dimension.
#[derive(Debug, Default)]
struct Claims {
    accounts: Vec<Claim>,
    account_floors: Vec<u64>,
    clusters: Vec<Claim>,
    cluster_floors: Vec<u64>,
    /// The place in the pool's list, and the demand.
    classes: Vec<(u16, u64)>,
}

fn grow(ranges: &mut Vec<Range>, at: usize, is_new: bool) {
    match ranges.last_mut() {
        Some(last) if !is_new => last.end = at + 1,
        _ => ranges.push(at..at + 1),
    }
}

impl Tree {
    fn of(members: &[Member]) -> Self {
        let mut tree = Self::default();
        let mut before: Option<Seat> = None;
        for (at, seat) in members.iter().map(|m| m.seat).enumerate() {
            let same = |differs: fn(Seat, Seat) -> bool| before.is_none_or(|b| differs(b, seat));
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
            before = Some(seat);
        }
        tree
    }

    fn cluster_id(&self, members: &[Member], cluster: &Range) -> u64 {
        let first = self.accounts.get(cluster.start).and_then(|account| members.get(account.start));
        first.map_or(0, |m| m.seat.cluster)
    }

    /// What may be saved up: by weight at the level that the class's unmet identities are filled to; when all are met, at the
    /// level that everything the class could have would fill them to.
    fn bursts(&self, class: Range, available: u64, claims: &[Claim], given: &[u64], out: &mut [u64]) {
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
            let seats = u128::try_from((end - first).max(1)).unwrap_or(1);
            let burst = level * u128::from(claim.weight) * BURST_S / 1_000 / seats;
            let burst = u64::try_from(burst).unwrap_or(u64::MAX).max(1);
            out.get_mut(first..end).into_iter().flatten().for_each(|slot| *slot = burst);
        }
    }

    /// Shares out what a cluster has among its accounts, and what they have among their keys.
    fn descend(&self, cluster: usize, share: u64, claims: &Claims, demands: &[u64], out: &mut [u64]) {
        let Some(accounts) = self.clusters.get(cluster).cloned() else { return };
        if accounts.len() == 1 {
            self.to_keys(accounts.start, share, demands, out);
            return;
        }
        let wanted = claims.accounts.get(accounts.clone()).unwrap_or_default();
        let floors = claims.account_floors.get(accounts.clone()).unwrap_or_default();
        for (account, share) in accounts.zip(with_floors(share, wanted, floors)) {
            self.to_keys(account, share, demands, out);
        }
    }

    fn to_keys(&self, account: usize, share: u64, demands: &[u64], out: &mut [u64]) {
        let Some(keys) = self.accounts.get(account).cloned() else { return };
        let wanted = demands.get(keys.clone()).unwrap_or_default();
        let Some(slots) = out.get_mut(keys) else { return };
        if let ([slot], [demand]) = (&mut *slots, wanted) {
            *slot = share.min(*demand);
            return;
        }
        let claims: Vec<Claim> = wanted.iter().map(|demand| Claim { demand: *demand, weight: 1 }).collect();
        for (slot, share) in slots.iter_mut().zip(max_min(share, &claims)) {
            *slot = share;
        }
    }
}

impl Claims {
    /// Bottom up. A cluster weighs what its heaviest account does, never their sum.
    fn set(&mut self, tree: &Tree, members: &[Member], demands: &[u64], aspect: Aspect) {
        let Self { accounts, account_floors, clusters, cluster_floors, classes } = self;
        for list in [&mut *accounts, &mut *clusters] {
            list.clear();
        }
        for list in [&mut *account_floors, &mut *cluster_floors] {
            list.clear();
        }
        let sum = |parts: &[u64]| parts.iter().fold(0, |a: u64, b| a.saturating_add(*b));
        let is_rate = aspect == Aspect::Rate;
        for keys in &tree.accounts {
            let terms = members.get(keys.start).map(|m| m.terms).unwrap_or_default();
            let most = terms.max.filter(|_| is_rate).unwrap_or(u64::MAX);
            let demand = demands.get(keys.clone()).map_or(0, sum).min(most);
            accounts.push(Claim { demand, weight: terms.weight.max(1) });
            account_floors.push(if is_rate { terms.floor } else { 0 });
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
            let place = first.and_then(|a| members.get(a.start)).map_or(0, |m| m.seat.class);
            (place, own.iter().fold(0, |a: u64, c| a.saturating_add(c.demand)))
        };
        *classes = tree.classes.iter().map(class).collect();
    }
}

/// A class while capacity is shared out among them.
struct Claimant {
    terms: ClassTerms,
    demand: u64,
    got: u64,
}

impl Claimant {
    fn rest(&self) -> Claim {
        Claim { demand: self.demand - self.got, weight: self.terms.weight }
    }
}

/// Floors, then starvation floors of the bands, then band by band.
fn share_among_classes(capacity: u64, terms: &PoolTerms, wanted: &[(u16, u64)]) -> Vec<u64> {
    let mut classes: Vec<Claimant> = wanted
        .iter()
        .map(|(class, wanted)| {
            let terms = terms.class_at(*class).copied().unwrap_or_default();
            let most = percent(capacity, terms.floor_percent)
                .saturating_add(percent(capacity, terms.borrow_percent));
            Claimant { terms, demand: (*wanted).min(most), got: 0 }
        })
        .collect();
    let reserved = reserve(capacity, terms, wanted);
    let left = capacity.saturating_sub(reserved);
    let floor = |c: &Claimant| percent(capacity, c.terms.floor_percent).min(c.demand);
    let mut left = give(left, &mut classes, |c| Some(floor(c)));
    let bands: BTreeSet<u8> = classes.iter().map(|c| c.terms.priority).collect();
    // What a backlogged band keeps is split among its classes by weight.
    let mut kept: BTreeMap<u8, u64> = BTreeMap::new();
    for class in classes.iter().filter(|c| c.rest().demand > 0) {
        let keeps = percent(capacity, class.terms.starvation_percent);
        let band = kept.entry(class.terms.priority).or_default();
        *band = (*band).max(keeps);
    }
    for (band, keeps) in kept {
        let budget = keeps.min(left);
        left -= budget - give(budget, &mut classes, |c| (c.terms.priority == band).then_some(u64::MAX));
    }
    for band in bands {
        left = give(left, &mut classes, |c| (c.terms.priority == band).then_some(u64::MAX));
    }
    classes.into_iter().map(|c| c.got).collect()
}

/// Gives some classes up to `most` more each; says what is left.
fn give(left: u64, classes: &mut [Claimant], most: impl Fn(&Claimant) -> Option<u64>) -> u64 {
    let claim = |c: &Claimant| match most(c) {
        Some(most) => Claim { demand: c.rest().demand.min(most), ..c.rest() },
        None => Claim { demand: 0, weight: 1 },
    };
    let shares = max_min(left, &classes.iter().map(claim).collect::<Vec<_>>());
    for (class, share) in classes.iter_mut().zip(&shares) {
        class.got += share;
    }
    left - shares.iter().sum::<u64>()
}

/// Unused floors that are not lent: kept free so that their class finds room at once.
fn reserve(capacity: u64, terms: &PoolTerms, wanted: &[(u16, u64)]) -> u64 {
    let demands: BTreeMap<u16, u64> = wanted.iter().copied().collect();
    let kept = |(at, (_, class)): (usize, &(crate::record::Name, ClassTerms))| {
        let demand = u16::try_from(at).ok().and_then(|at| demands.get(&at)).copied().unwrap_or(0);
        let unused = percent(capacity, class.floor_percent).saturating_sub(demand);
        percent(unused, 100 - class.lend_percent.min(100))
    };
    terms.classes.iter().enumerate().map(kept).fold(0, u64::saturating_add)
}
