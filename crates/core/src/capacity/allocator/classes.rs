//! The classes of a supply: floors first, then band by band.
//!
//! Units: those of the shared amount.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::capacity::fair::{Fine, Split, Want, fill};
use crate::catalog::{ClassTerms, SupplyTerms};
use crate::record::Name;

/// Floors, then starvation floors of the bands, then band by band. `wanted` has the demand of each class with sharers.
pub(super) fn share_among(capacity: u64, terms: &SupplyTerms, wanted: &[(u16, u64)], into: &mut Split) {
    let whole = Fine::units(capacity);
    let mut classes: Vec<Claimant> = wanted
        .iter()
        .map(|(class, wanted)| {
            let terms = terms.class_at(*class).copied().unwrap_or_default();
            let most = whole.percent(terms.floor_percent).more(whole.percent(terms.borrow_percent));
            Claimant { terms, demand: Fine::units(*wanted).min(most), got: Fine::default() }
        })
        .collect();
    let left = kept_free(whole, terms, wanted).fold(whole, Fine::less);
    let mut left = give(left, &mut classes, |c| whole.percent(c.terms.floor_percent));
    let bands: BTreeSet<u8> = classes.iter().map(|c| c.terms.priority).collect();
    // A backlogged band's starvation floor is split among its classes by weight.
    let mut kept: BTreeMap<u8, Fine> = BTreeMap::new();
    for class in classes.iter().filter(|c| c.got < c.demand) {
        let keeps = whole.percent(class.terms.starvation_percent);
        let band = kept.entry(class.terms.priority).or_default();
        *band = (*band).max(keeps);
    }
    let whole_band = |c: &Claimant, band| if c.terms.priority == band { c.demand } else { Fine::default() };
    for (band, keeps) in kept {
        let budget = keeps.min(left);
        left = left.less(budget.less(give(budget, &mut classes, |c| whole_band(c, band))));
    }
    for band in bands {
        left = give(left, &mut classes, |c| whole_band(c, band));
    }
    into.exact.clear();
    into.exact.extend(classes.iter().map(|c| c.got));
    into.round(all(&into.exact));
}

/// A class while capacity is shared out among them.
struct Claimant {
    terms: ClassTerms,
    demand: Fine,
    got: Fine,
}

/// Gives each class up to `most` more; returns the remainder.
fn give(left: Fine, classes: &mut [Claimant], most: impl Fn(&Claimant) -> Fine) -> Fine {
    let want = |c: &Claimant| Want {
        has: Fine::default(),
        more: c.demand.less(c.got).min(most(c)),
        weight: c.terms.weight.max(1),
    };
    let parts: Vec<Fine> = fill(left, classes.iter().map(want)).collect();
    for (class, part) in classes.iter_mut().zip(&parts) {
        class.got = class.got.more(*part);
    }
    parts.into_iter().fold(left, Fine::less)
}

/// All parts in whole units. The last places are lost in divisions: a sum that is just below a whole number is that number.
fn all(parts: &[Fine]) -> u64 {
    let sum = parts.iter().fold(Fine(1 << (Fine::PLACES / 2)), |sum, part| sum.more(*part));
    sum.whole()
}

/// Of each class: the part of its unused floor that is not lent. It stays free, so that the class finds room at once.
fn kept_free(capacity: Fine, terms: &SupplyTerms, wanted: &[(u16, u64)]) -> impl Iterator<Item = Fine> {
    let demands: BTreeMap<u16, u64> = wanted.iter().copied().collect();
    let kept = move |(at, (_, class)): (usize, &(Name, ClassTerms))| {
        let demand = u16::try_from(at).ok().and_then(|at| demands.get(&at)).copied().unwrap_or(0);
        let floor = capacity.percent(class.floor_percent);
        // Of F with demand d, others use at most the smaller of F - d and F x lend_percent.
        floor.less(Fine::units(demand)).less(floor.percent(class.lend_percent))
    };
    terms.classes.iter().enumerate().map(kept)
}
