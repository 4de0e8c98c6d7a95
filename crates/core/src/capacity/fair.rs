//! Weighted max-min shares: nobody gets more than requested, and nobody can get more without taking it from one who has less
//! for its weight.
//!
//! W1 exact to one unit against water-filling in rational numbers, for whole trees (`tests/core/shares.rs`:
//! `a_whole_tree_is_within_a_unit_of_the_rule`). W2 the parts add up to the smaller of capacity and demand. W3 the same claims
//! give the same shares.
//! Units: cost. Source: water-filling, Bertsekas and Gallager, Data Networks, 6.5.2; largest remainders, ties to the first.

use alloc::vec::Vec;

/// A claim to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Most it can use.
    pub demand: u64,
    /// Its weight against the others'; 0 counts as 1.
    pub weight: u32,
}

/// Units with 64 binary places: a part before it is rounded. Each division drops less than 2⁻⁶⁴, and nothing is rounded
/// to whole units on the way down a tree, so a share at the bottom is still off by less than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fine(pub(crate) u128);

impl Fine {
    pub(crate) const PLACES: u32 = 64;

    pub(crate) fn units(n: u64) -> Self {
        Self(u128::from(n) << Self::PLACES)
    }

    pub(crate) fn percent(self, percent: u8) -> Self {
        let percent = u128::from(percent.min(100));
        Self(self.0 / 100 * percent + self.0 % 100 * percent / 100)
    }

    pub(crate) fn whole(self) -> u64 {
        u64::try_from(self.0 >> Self::PLACES).unwrap_or(u64::MAX)
    }

    fn places(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(u64::MAX)
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(crate) fn more(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether this many times a weight covers a demand. The product may be larger than any amount.
    fn covers(self, demand: Self, weight: u32) -> bool {
        let weight = u128::from(weight);
        let low = u128::from(self.places()) * weight;
        let whole = u128::from(self.whole()) * weight + (low >> Self::PLACES);
        let (wanted, places) = (u128::from(demand.whole()), demand.places());
        whole > wanted || (whole == wanted && low & u128::from(u64::MAX) >= u128::from(places))
    }

    /// The remainder to order by: to the nearest of 2⁴⁰ steps, so that equal remainders are equal.
    fn remainder(self) -> u64 {
        self.places().saturating_add(1 << 23) >> 24
    }
}

/// One claim among several, as far as a level goes: what it has already, what it wants more, its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) has: Fine,
    pub(crate) more: Fine,
    pub(crate) weight: u32,
}

/// The level that fills claims with a capacity: each gets the smaller of what it wants more and its weight times the level.
/// `None`: all are met.
///
/// Raises the level until nobody new is met. Each round, those newly met hold half of the open weight, or they leave at most
/// half as much over as those before: the rounds are bounded by the digits, and a few in practice.
fn level(capacity: Fine, wants: impl Iterator<Item = Want> + Clone) -> Option<Fine> {
    let add = |sum: u128, want: Want| sum.checked_add(want.more.0).filter(|sum| *sum <= capacity.0);
    if wants.clone().try_fold(0_u128, add).is_some() {
        return None;
    }
    let (mut level, mut before) = (Fine::default(), usize::MAX);
    loop {
        let (mut left, mut weight, mut open) = (capacity, 0_u128, 0);
        for want in wants.clone() {
            if level.covers(want.more, want.weight) {
                left = left.less(want.more);
            } else {
                (weight, open) = (weight + u128::from(want.weight), open + 1);
            }
        }
        if open == before {
            return Some(level);
        }
        before = open;
        level = Fine(left.0 / weight.max(1));
    }
}

impl Want {
    /// What it has once it is filled to a level, `None` being all it wants.
    fn filled(self, level: Option<Fine>) -> Fine {
        match level {
            Some(level) if !level.covers(self.more, self.weight) => {
                self.has.more(Fine(level.0 * u128::from(self.weight)))
            }
            _ => self.has.more(self.more),
        }
    }
}

/// Fills claims with a capacity; what each has then.
pub(crate) fn fill(capacity: Fine, wants: impl Iterator<Item = Want> + Clone) -> impl Iterator<Item = Fine> {
    let level = level(capacity, wants.clone());
    wants.map(move |want| want.filled(level))
}

/// The parts of the children of one node, exact and in whole units. Its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Split {
    pub(crate) exact: Vec<Fine>,
    pub(crate) units: Vec<u64>,
    /// Remainders, largest first, and whose they are.
    remainders: Vec<(u64, usize)>,
}

impl Split {
    /// Floors first, then the rest by weight. `whole` is `exact` in whole units, rounded down or up.
    pub(crate) fn among(&mut self, whole: u64, exact: Fine, claims: &[Claim], floors: &[u64]) {
        self.exact.clear();
        self.units.clear();
        let wanted = claims.iter().try_fold(0_u64, |sum, claim| sum.checked_add(claim.demand));
        if wanted.is_some_and(|wanted| Fine::units(wanted) <= exact) {
            self.units.extend(claims.iter().map(|claim| claim.demand));
            self.exact.extend(claims.iter().map(|claim| Fine::units(claim.demand)));
            return;
        }
        let claims = claims.iter().map(|c| (Fine::units(c.demand), c.weight.max(1)));
        if floors.iter().all(|floor| *floor == 0) {
            let wants = claims.map(|(more, weight)| Want { has: Fine::default(), more, weight });
            self.exact.extend(fill(exact, wants));
        } else {
            let floored = claims.clone().zip(floors).map(|((demand, weight), floor)| Want {
                has: Fine::default(),
                more: demand.min(Fine::units(*floor)),
                weight,
            });
            self.exact.extend(fill(exact, floored));
            let left = self.exact.iter().copied().fold(exact, Fine::less);
            let rest = |((demand, weight), has): ((Fine, u32), &Fine)| Want {
                has: *has,
                more: demand.less(*has),
                weight,
            };
            let level = level(left, claims.clone().zip(&self.exact).map(rest));
            for (part, claim) in self.exact.iter_mut().zip(claims) {
                *part = rest((claim, part)).filled(level);
            }
        }
        self.round(whole);
    }

    /// Rounds the exact parts so that they add up to `whole`: down, and the units left go to the largest remainders.
    pub(crate) fn round(&mut self, whole: u64) {
        self.units.clear();
        self.units.extend(self.exact.iter().map(|part| part.whole()));
        let left = u128::from(whole).saturating_sub(self.units.iter().map(|n| u128::from(*n)).sum());
        if left == 0 {
            return;
        }
        let remainders = self.exact.iter().enumerate().filter(|(_, part)| part.places() > 0);
        self.remainders.clear();
        self.remainders.extend(remainders.map(|(at, part)| (part.remainder(), at)));
        let left = usize::try_from(left).unwrap_or(usize::MAX).min(self.remainders.len());
        if left < self.remainders.len() {
            self.remainders.select_nth_unstable_by(left, |a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        for (_, at) in self.remainders.iter().take(left) {
            if let Some(units) = self.units.get_mut(*at) {
                *units += 1;
            }
        }
    }
}

/// Shares out `capacity`: one part for each claim, in their order. Linear in the number of claims.
#[must_use]
pub fn max_min(capacity: u64, claims: &[Claim]) -> Vec<u64> {
    let wanted = claims.iter().fold(0_u64, |sum, claim| sum.saturating_add(claim.demand));
    let mut split = Split::default();
    split.among(capacity.min(wanted), Fine::units(capacity), claims, &[]);
    split.units
}
