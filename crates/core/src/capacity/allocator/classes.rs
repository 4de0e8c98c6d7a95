//! The classes of a supply: floors first, then band by band.
//!
//! Units: those of the shared amount.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::capacity::fair::{Claim, max_min};
use crate::capacity::percent;
use crate::catalog::{ClassTerms, SupplyTerms};
use crate::record::Name;

/// Floors, then starvation floors of the bands, then band by band.
pub(super) fn share_among(capacity: u64, terms: &SupplyTerms, wanted: &[(u16, u64)]) -> Vec<u64> {
    let mut classes: Vec<Claimant> = wanted
        .iter()
        .map(|(class, wanted)| {
            let terms = terms.class_at(*class).copied().unwrap_or_default();
            let most = percent(capacity, terms.floor_percent)
                .saturating_add(percent(capacity, terms.borrow_percent));
            Claimant { terms, demand: (*wanted).min(most), got: 0 }
        })
        .collect();
    let unlent = unlent_floors(capacity, terms, wanted);
    let left = capacity.saturating_sub(unlent);
    let floor = |c: &Claimant| percent(capacity, c.terms.floor_percent).min(c.demand);
    let mut left = give(left, &mut classes, |c| Some(floor(c)));
    let bands: BTreeSet<u8> = classes.iter().map(|c| c.terms.priority).collect();
    // A backlogged band's starvation floor is split among its classes by weight.
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

/// Gives some classes up to `most` more each; returns the remainder.
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
fn unlent_floors(capacity: u64, terms: &SupplyTerms, wanted: &[(u16, u64)]) -> u64 {
    let demands: BTreeMap<u16, u64> = wanted.iter().copied().collect();
    let kept = |(at, (_, class)): (usize, &(Name, ClassTerms))| {
        let demand = u16::try_from(at).ok().and_then(|at| demands.get(&at)).copied().unwrap_or(0);
        let unused = percent(capacity, class.floor_percent).saturating_sub(demand);
        percent(unused, 100 - class.lend_percent.min(100))
    };
    terms.classes.iter().enumerate().map(kept).fold(0, u64::saturating_add)
}
