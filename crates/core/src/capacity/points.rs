//! Fairness points: an identity that left guaranteed share to others has a claim when it borrows later.
//!
//! Not money: never sold, never in a ledger, forgotten at a restart.
//! G1 points affect only the capacity beyond everybody's guaranteed part (`points_serve_the_richest_borrower`).
//! G2 the parts add up to the smaller of capacity and demand.
//! Units: cost. Source: Karma, Vuppalapati et al., OSDI 2023.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::fair::{Claim, max_min};
use crate::record::{Span, scaled};

/// The points of every identity cluster that has been seen.
#[derive(Debug, Default)]
pub struct Points(BTreeMap<u64, i64>);

/// Most clusters remembered.
const CLUSTERS_MAX: usize = 1 << 17;

impl Points {
    /// The points of a cluster.
    #[must_use]
    pub fn of(&self, cluster: u64) -> i64 {
        self.0.get(&cluster).copied().unwrap_or(0)
    }

    /// Guaranteed parts first; the rest goes to the borrowers with the most points. Lenders earn the amount taken from
    /// their part in `span`, borrowers pay it; nobody has more than `seconds_max` of its guaranteed part.
    pub fn share(
        &mut self,
        capacity: u64,
        ids: &[u64],
        claims: &[Claim],
        seconds_max: u32,
        span: Span,
    ) -> Vec<u64> {
        self.welcome(ids);
        let everything = |c: &Claim| Claim { demand: capacity, ..*c };
        let guaranteed = max_min(capacity, &claims.iter().map(everything).collect::<Vec<_>>());
        let mut shares: Vec<u64> = claims.iter().zip(&guaranteed).map(|(c, g)| c.demand.min(*g)).collect();
        let lent: u64 = guaranteed.iter().zip(&shares).map(|(g, s)| g - s).sum();
        let wants: Vec<u64> = claims.iter().zip(&shares).map(|(c, s)| c.demand - s).collect();
        // The rate that the points buy in this span.
        let as_rate = |points: i64| {
            let rate = i128::from(points) * 1_000_000 / i128::from(span.micros().max(1));
            i64::try_from(rate).unwrap_or(if rate < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
        };
        let points: Vec<i64> = ids.iter().map(|id| as_rate(self.of(*id))).collect();
        let borrowed = richest_first(lent, &wants, &points);
        let taken: u64 = borrowed.iter().sum();
        for (i, id) in ids.iter().enumerate() {
            let (guaranteed, got) =
                (guaranteed.get(i).copied().unwrap_or(0), shares.get(i).copied().unwrap_or(0));
            let borrowed = borrowed.get(i).copied().unwrap_or(0);
            let earned = scaled(guaranteed - got, taken, lent);
            let moved = over(earned, span) - over(borrowed, span);
            let most = i64::try_from(u128::from(guaranteed) * u128::from(seconds_max)).unwrap_or(i64::MAX);
            let points = self.0.entry(*id).or_default();
            // A thousandth fades at each tick.
            *points = (*points - *points / 1_000).saturating_add(moved).clamp(-most, most);
        }
        for (share, more) in shares.iter_mut().zip(borrowed) {
            *share += more;
        }
        shares
    }

    /// Newcomers begin at the median, so that leaving and coming back gains nothing.
    fn welcome(&mut self, ids: &[u64]) {
        if ids.iter().all(|id| self.0.contains_key(id)) {
            return;
        }
        if self.0.len() + ids.len() > CLUSTERS_MAX {
            let here: alloc::collections::BTreeSet<u64> = ids.iter().copied().collect();
            self.0.retain(|id, _| here.contains(id));
        }
        let mut known: Vec<i64> = self.0.values().copied().collect();
        let middle = known.len() / 2;
        let median = if known.is_empty() { 0 } else { *known.select_nth_unstable(middle).1 };
        for id in ids {
            self.0.entry(*id).or_insert(median);
        }
    }
}

/// Cost over a span, from cost per second.
fn over(rate: u64, span: Span) -> i64 {
    i64::try_from(scaled(rate, span.micros(), 1_000_000)).unwrap_or(i64::MAX)
}

/// Serves the account with the most points until it is level with the next, and so on.
fn richest_first(left: u64, wants: &[u64], points: &[i64]) -> Vec<u64> {
    let wanted: u128 = wants.iter().map(|w| u128::from(*w)).sum();
    if wanted <= u128::from(left) {
        return wants.to_vec();
    }
    let down_to = |level: i64| {
        let part =
            |(want, points): (&u64, &i64)| points.saturating_sub(level).max(0).unsigned_abs().min(*want);
        wants.iter().zip(points).map(part).collect::<Vec<u64>>()
    };
    // The lowest level at which the total taken still fits.
    let (mut low, mut high) = (i64::MIN / 2, i64::MAX / 2);
    while low < high {
        let middle = low + (high - low) / 2;
        let taken: u128 = down_to(middle).iter().map(|n| u128::from(*n)).sum();
        if taken <= u128::from(left) { high = middle } else { low = middle + 1 }
    }
    let mut parts = down_to(low);
    // Less than one unit each is left at this level: to the first ones.
    let mut spare = left - parts.iter().sum::<u64>();
    for ((part, want), points) in parts.iter_mut().zip(wants).zip(points) {
        if spare > 0 && *part < *want && *points >= low {
            *part += 1;
            spare -= 1;
        }
    }
    parts
}
