//! Weighted max-min shares: nobody gets more than requested, and nobody can get more without taking it from one who has less
//! for its weight.
//!
//! W1 exact to one unit against water-filling in rational numbers, for whole trees (`tests/capacity.rs`: `shares_are_max_min`).
//! W2 the parts add up to the smaller of capacity and demand. W3 the same claims give the same shares.
//! Units: cost. Source: water-filling, Bertsekas and Gallager, Data Networks, 6.5.2; largest remainders, ties to the first.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// A claim to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Most it can use.
    pub demand: u64,
    /// Its weight against the others'; 0 counts as 1.
    pub weight: u32,
}

impl Claim {
    fn weight(self) -> u128 {
        u128::from(self.weight.max(1))
    }

    /// Whether it is satisfied at a lower level than another: demand over weight, without dividing.
    fn cmp_level(self, other: Self) -> Ordering {
        if self.weight == other.weight {
            return self.demand.cmp(&other.demand);
        }
        (u128::from(self.demand) * other.weight()).cmp(&(u128::from(other.demand) * self.weight()))
    }
}

/// Shares out `capacity`: one part for each claim, in their order. Linear in the number of claims.
#[must_use]
pub fn max_min(capacity: u64, claims: &[Claim]) -> Vec<u64> {
    let wanted: u128 = claims.iter().map(|c| u128::from(c.demand)).sum();
    let mut shares: Vec<u64> = claims.iter().map(|c| c.demand).collect();
    if wanted <= u128::from(capacity) {
        return shares;
    }
    let mut open: Vec<(usize, Claim)> = claims.iter().copied().enumerate().collect();
    let mut unmet: Vec<(usize, Claim)> = Vec::new();
    let (mut left, mut unmet_weight) = (u128::from(capacity), 0_u128);
    // The claim that asks least for its weight is satisfied first. Bisection finds the last claim that is satisfied whole.
    while !open.is_empty() {
        let middle = open.len() / 2;
        let (_, pivot, _) =
            open.select_nth_unstable_by(middle, |a, b| a.1.cmp_level(b.1).then(a.0.cmp(&b.0)));
        let pivot = pivot.1;
        let met: u128 = open.iter().take(middle + 1).map(|(_, c)| u128::from(c.demand)).sum();
        let above: u128 = open.iter().skip(middle + 1).map(|(_, c)| c.weight()).sum::<u128>() + unmet_weight;
        let reaches = |rest: u128| u128::from(pivot.demand) * above <= rest * pivot.weight();
        if left.checked_sub(met).is_some_and(reaches) {
            left -= met;
            open.drain(..=middle);
        } else {
            unmet_weight += open.iter().skip(middle).map(|(_, c)| c.weight()).sum::<u128>();
            unmet.extend(open.drain(middle..));
        }
    }
    split(left, unmet_weight, &mut unmet, &mut shares);
    shares
}

/// Splits the rest by weight among claims that would take more: whole units, the rest by largest remainder.
fn split(left: u128, weight: u128, unmet: &mut [(usize, Claim)], shares: &mut [u64]) {
    if weight == 0 {
        return;
    }
    let mut rounded_off = left;
    for (at, claim) in unmet.iter() {
        let part = left * claim.weight() / weight;
        rounded_off -= part;
        if let Some(share) = shares.get_mut(*at) {
            // A part is below the claim's demand, which fits.
            *share = u64::try_from(part).unwrap_or(u64::MAX);
        }
    }
    let units = usize::try_from(rounded_off).unwrap_or(unmet.len()).min(unmet.len());
    if units == 0 {
        return;
    }
    let remainder = |claim: &Claim| left * claim.weight() % weight;
    let order =
        |a: &(usize, Claim), b: &(usize, Claim)| remainder(&b.1).cmp(&remainder(&a.1)).then(a.0.cmp(&b.0));
    if units < unmet.len() {
        unmet.select_nth_unstable_by(units, order);
    }
    for (at, _) in unmet.iter().take(units) {
        if let Some(share) = shares.get_mut(*at) {
            *share += 1;
        }
    }
}

/// Floors first, then the rest by weight: the parts of the children of one node.
#[must_use]
pub(crate) fn with_floors(capacity: u64, claims: &[Claim], floors: &[u64]) -> Vec<u64> {
    if floors.iter().all(|floor| *floor == 0) {
        return max_min(capacity, claims);
    }
    let floored = |(claim, floor): (&Claim, &u64)| Claim { demand: claim.demand.min(*floor), ..*claim };
    let mut shares = max_min(capacity, &claims.iter().zip(floors).map(floored).collect::<Vec<_>>());
    let left = capacity.saturating_sub(shares.iter().sum());
    let rest = |(claim, got): (&Claim, &u64)| Claim { demand: claim.demand - got, ..*claim };
    let more = max_min(left, &claims.iter().zip(&shares).map(rest).collect::<Vec<_>>());
    for (share, more) in shares.iter_mut().zip(more) {
        *share += more;
    }
    shares
}
