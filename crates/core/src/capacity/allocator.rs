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
use super::{ClassTerms, PoolTerms, Seat, Standing, percent};
use crate::time::Span;

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
    standing: Standing,
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
    points: Points,
}

impl Allocator {
    /// Adds a seat; it has a share from the next tick on.
    pub fn add(&mut self, seat: Seat, place: Place, standing: Standing) {
        self.fresh.push(Member { seat, place, standing, rate: 0, in_flight: 0 });
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
    pub fn points(&self, cluster: u128) -> i64 {
        self.points.of(cluster)
    }

    /// Computes everybody's share. `load` says what a seat did in the last `span`, with what the operator says of it now;
    /// `None` for one that is gone.
    pub fn tick(
        &mut self,
        terms: &PoolTerms,
        capacity: Capacity,
        span: Span,
        mut load: impl FnMut(Place) -> Option<(Load, Standing)>,
    ) -> Table {
        self.take_in_fresh();
        let mut places = 0;
        self.members.retain_mut(|member| {
            let Some((load, standing)) = load(member.place) else { return false };
            member.standing = standing;
            member.note(load, span);
            places = places.max(member.place + 1);
            true
        });
        let (rates, bursts) = self.share_out(terms, capacity.rate, Aspect::Rate, span);
        let (in_flight, _) = self.share_out(terms, capacity.in_flight, Aspect::InFlight, span);
        let mut table = Table::default();
        table.shares.resize(usize::try_from(places).unwrap_or(usize::MAX), Share::default());
        table.classes.resize(terms.classes.len(), (0, 0));
        let shares = rates.iter().zip(&in_flight).zip(&bursts);
        for (member, ((rate, in_flight), burst)) in self.members.iter().zip(shares) {
            if let Some((r, f)) = table.classes.get_mut(usize::from(member.seat.class)) {
                (*r, *f) = (r.saturating_add(*rate), f.saturating_add(*in_flight));
            }
            let place = usize::try_from(member.place).ok().and_then(|at| table.shares.get_mut(at));
            if let Some(share) = place {
                *share = Share { burst: *burst, ..member.share(terms, *rate, *in_flight) };
            }
        }
        table
    }

    /// Merges newcomers into the order of the tree.
    fn take_in_fresh(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        self.members.append(&mut self.fresh);
        // Two sorted runs: a stable sort merges them.
        self.members.sort_by_key(|m| m.seat);
    }

    fn share_out(
        &mut self,
        terms: &PoolTerms,
        capacity: Option<u64>,
        aspect: Aspect,
        span: Span,
    ) -> (Vec<u64>, Vec<u64>) {
        let demands: Vec<u64> = self.members.iter().map(|m| m.demand(aspect)).collect();
        let Some(capacity) = capacity else {
            return (demands, alloc::vec![u64::MAX; self.members.len()]);
        };
        let capacity = match aspect {
            Aspect::Rate => capacity,
            Aspect::InFlight => capacity.saturating_mul(MILLI),
        };
        let tree = Tree { members: &self.members, demands: &demands, aspect };
        let points = (terms.points_s_max, aspect == Aspect::Rate);
        let classes = tree.groups(0..self.members.len(), |seat| u128::from(seat.class));
        let shares = share_among_classes(capacity, terms, &classes, |i| tree.class(&self.members, i));
        let mut out = alloc::vec![0; self.members.len()];
        let mut bursts = alloc::vec![1; self.members.len()];
        let left = capacity.saturating_sub(shares.iter().sum());
        for (group, share) in classes.iter().zip(shares) {
            match points {
                (Some(seconds), true) => {
                    let clusters = tree.clusters(group.clone());
                    let claims: Vec<_> = clusters.iter().map(|c| tree.claim(c.clone())).collect();
                    let ids: Vec<u128> = clusters.iter().map(|c| tree.seat(c.start).cluster).collect();
                    let shares = self.points.share(share, &ids, &claims, seconds, span);
                    for (cluster, share) in clusters.iter().zip(shares) {
                        tree.descend(cluster.clone(), share, Depth::Accounts, &mut out);
                    }
                }
                _ => tree.descend(group.clone(), share, Depth::Clusters, &mut out),
            }
            if aspect == Aspect::Rate {
                tree.bursts(group.clone(), share.saturating_add(left), &out, &mut bursts);
            }
        }
        (out, bursts)
    }
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
        let a_second = u128::from(asked) * 1_000_000 / u128::from(span.micros().max(1));
        let a_second = u64::try_from(a_second).unwrap_or(u64::MAX);
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
        } else if self.standing.max.is_some_and(|max| rate >= max) {
            Why::AccountMax
        } else {
            Why::FairShare
        };
        Share { rate, burst: (rate / 4).max(1), in_flight_milli, band: class.priority, why }
    }
}

type Range = core::ops::Range<usize>;

/// The members as a tree.
#[derive(Clone, Copy)]
struct Tree<'a> {
    members: &'a [Member],
    demands: &'a [u64],
    aspect: Aspect,
}

/// Seconds of its share that a seat may save up.
const BURST_S: u128 = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Clusters,
    Accounts,
    Keys,
}

impl Tree<'_> {
    fn seat(&self, at: usize) -> Seat {
        let none = Seat { class: 0, cluster: 0, account: 0, key: 0 };
        self.members.get(at).map_or(none, |m| m.seat)
    }

    /// Runs of members that agree in `key`.
    fn groups(&self, range: Range, key: impl Fn(Seat) -> u128) -> Vec<Range> {
        let mut out: Vec<Range> = Vec::new();
        for at in range {
            match out.last_mut() {
                Some(last) if key(self.seat(last.start)) == key(self.seat(at)) => last.end = at + 1,
                _ => out.push(at..at + 1),
            }
        }
        out
    }

    fn clusters(&self, class: Range) -> Vec<Range> {
        self.groups(class, |seat| seat.cluster)
    }

    /// What an account, or a cluster of them, asks for, and its weight: the largest of the accounts', never their sum.
    fn claim(&self, range: Range) -> Claim {
        let (mut demand, mut weight) = (0_u64, 1);
        for account in self.groups(range, |seat| seat.account) {
            let Some(first) = self.members.get(account.start) else { continue };
            let wanted =
                self.demands.get(account).map_or(0, |d| d.iter().fold(0, |a: u64, b| a.saturating_add(*b)));
            let most = first.standing.max.filter(|_| self.aspect == Aspect::Rate).unwrap_or(u64::MAX);
            demand = demand.saturating_add(wanted.min(most));
            weight = weight.max(first.standing.weight);
        }
        Claim { demand, weight }
    }

    /// What the accounts of a range are sure of.
    fn floor(&self, range: Range) -> u64 {
        if self.aspect == Aspect::InFlight {
            return 0;
        }
        let accounts = self.groups(range, |seat| seat.account);
        let floor = |a: &Range| self.members.get(a.start).map_or(0, |m| m.standing.floor);
        accounts.iter().map(floor).fold(0, u64::saturating_add)
    }

    fn class(&self, members: &[Member], range: &Range) -> (u16, u64) {
        let class = members.get(range.start).map_or(0, |m| m.seat.class);
        let mut demand = 0_u64;
        for cluster in self.clusters(range.clone()) {
            demand = demand.saturating_add(self.claim(cluster).demand);
        }
        (class, demand)
    }

    /// What may be saved up: by weight at the level that the class's unmet identities are filled to; when all are met, at the
    /// level that everything the class could have would fill them to.
    fn bursts(&self, class: Range, available: u64, shares: &[u64], out: &mut [u64]) {
        let clusters = self.clusters(class);
        let (mut unmet, mut weights) = (None, 0_u128);
        for cluster in &clusters {
            let claim = self.claim(cluster.clone());
            let got: u64 = shares.get(cluster.clone()).map_or(0, |s| s.iter().sum());
            weights += u128::from(claim.weight);
            if got < claim.demand {
                let level = u128::from(got) * 1_000 / u128::from(claim.weight);
                unmet = Some(unmet.map_or(level, |u: u128| u.max(level)));
            }
        }
        let level = unmet.unwrap_or(u128::from(available) * 1_000 / weights.max(1));
        for cluster in clusters {
            let weight = u128::from(self.claim(cluster.clone()).weight);
            let seats = u128::try_from(cluster.len()).unwrap_or(1);
            let burst = level * weight * BURST_S / 1_000 / seats;
            let burst = u64::try_from(burst).unwrap_or(u64::MAX).max(1);
            out.get_mut(cluster).into_iter().flatten().for_each(|slot| *slot = burst);
        }
    }

    /// Shares out what a node has among its children, down to the keys.
    fn descend(&self, range: Range, share: u64, depth: Depth, out: &mut [u64]) {
        if range.len() == 1 {
            let demand = self.claim(range.clone()).demand;
            if let Some(slot) = out.get_mut(range.start) {
                *slot = share.min(demand);
            }
            return;
        }
        let (children, below) = match depth {
            Depth::Clusters => (self.clusters(range), Depth::Accounts),
            Depth::Accounts => (self.groups(range, |seat| seat.account), Depth::Keys),
            Depth::Keys => {
                let claims = range.clone().map(|at| Claim { demand: self.demand(at), weight: 1 });
                let shares = max_min(share, &claims.collect::<Vec<_>>());
                for (slot, share) in out.get_mut(range).into_iter().flatten().zip(shares) {
                    *slot = share;
                }
                return;
            }
        };
        let claims: Vec<_> = children.iter().map(|c| self.claim(c.clone())).collect();
        let floors: Vec<_> = children.iter().map(|c| self.floor(c.clone())).collect();
        for (child, share) in children.into_iter().zip(with_floors(share, &claims, &floors)) {
            self.descend(child, share, below, out);
        }
    }

    fn demand(&self, at: usize) -> u64 {
        self.demands.get(at).copied().unwrap_or(0)
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
fn share_among_classes(
    capacity: u64,
    terms: &PoolTerms,
    groups: &[Range],
    of: impl Fn(&Range) -> (u16, u64),
) -> Vec<u64> {
    let mut classes: Vec<Claimant> = groups
        .iter()
        .map(|group| {
            let (class, wanted) = of(group);
            let terms = terms.class_at(class).copied().unwrap_or_default();
            let most = percent(capacity, terms.floor_percent)
                .saturating_add(percent(capacity, terms.borrow_percent));
            Claimant { terms, demand: wanted.min(most), got: 0 }
        })
        .collect();
    let reserved = reserve(capacity, terms, groups, &of);
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
fn reserve(capacity: u64, terms: &PoolTerms, groups: &[Range], of: &impl Fn(&Range) -> (u16, u64)) -> u64 {
    let demands: BTreeMap<u16, u64> = groups.iter().map(of).collect();
    let kept = |(at, (_, class)): (usize, &(crate::name::Name, ClassTerms))| {
        let demand = u16::try_from(at).ok().and_then(|at| demands.get(&at)).copied().unwrap_or(0);
        let unused = percent(capacity, class.floor_percent).saturating_sub(demand);
        percent(unused, 100 - class.lend_percent.min(100))
    };
    terms.classes.iter().enumerate().map(kept).fold(0, u64::saturating_add)
}
