//! Fairness points: identities that got less than others for their weight come first when capacity is shared out that nobody is
//! guaranteed.
//!
//! Not money: never sold, never in a ledger, forgotten at a restart.
//! G1 floors and guaranteed parts are as without points (`points_leave_floors_and_guaranteed_parts_alone`).
//! G2 the parts add up to the smaller of capacity and demand. G3 what was served counts half after a week
//! (`service_counts_half_after_a_week`). G4 a claim is bounded, and a newcomer is neither ahead nor behind
//! (`a_claim_is_bounded`, `newcomers_begin_in_the_middle`).
//! Units: cost times microseconds. Source: Karma, Vuppalapati et al., OSDI 2023; service that fades: Kay and Lauder, A Fair Share
//! Scheduler, CACM 1988.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::fair::{Claim, Fine, Split, Want, fill};
use crate::record::Span;

/// Service counts half after this long: habits repeat by the day and by the week.
const HALF_LIFE: u64 = 7 * 86_400 * 1_000_000;

/// The part of its fair share that each identity is guaranteed, in percent. Less evens more out: docs/fairness.md has figures.
const GUARANTEED_PERCENT: u8 = 25;

/// Most clusters remembered.
const CLUSTERS_MAX: usize = 1 << 17;

/// Levels have this many binary places.
const PLACES: u32 = 16;

/// The service of every identity cluster that has been seen.
///
/// Instead of fading what is old, what is new counts more: up to twice as much at the end of a half-life, when all is halved.
#[derive(Debug, Default)]
pub(crate) struct Points {
    served: HashMap<u64, Served>,
    /// Microseconds since all was halved.
    age: u64,
}

/// What one cluster was served beyond its floors.
#[derive(Clone, Copy, Debug)]
struct Served {
    cost_micros: u128,
    weight: u32,
}

impl Served {
    fn level(self) -> u128 {
        (self.cost_micros << PLACES) / u128::from(self.weight.max(1))
    }
}

/// The clusters of a class: who they are, and what they want.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    pub(crate) ids: &'a [u64],
    pub(crate) claims: &'a [Claim],
    pub(crate) floors: &'a [u64],
}

/// Terms of one tick.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// Nobody is ahead or behind by more than this many seconds of its fair share.
    pub(crate) seconds_max: u32,
    /// How long the shares are in force.
    pub(crate) span: Span,
}

impl Points {
    /// Time passes; once in each tick.
    pub(crate) fn pass(&mut self, span: Span) {
        self.age = self.age.saturating_add(span.micros());
        let halvings = u32::try_from(self.age / HALF_LIFE).unwrap_or(u32::MAX);
        if halvings > 0 {
            self.age %= HALF_LIFE;
            for served in self.served.values_mut() {
                served.cost_micros = served.cost_micros.checked_shr(halvings).unwrap_or(0);
            }
        }
    }

    /// Floors and guaranteed parts first; the rest to those that were served least for their weight.
    pub(crate) fn share(&mut self, whole: u64, exact: Fine, of: Present<'_>, turn: Turn, into: &mut Split) {
        let mut served = self.recall(of);
        into.exact.clear();
        let floors = of.claims.iter().zip(of.floors).map(|(claim, floor)| Want {
            has: Fine::default(),
            more: Fine::units(claim.demand.min(*floor)),
            weight: claim.weight.max(1),
        });
        into.exact.extend(fill(exact, floors));
        let left = into.exact.iter().copied().fold(exact, Fine::less);
        let weights: u128 =
            of.claims.iter().filter(|c| c.demand > 0).map(|c| u128::from(c.weight.max(1))).sum();
        let level = left.0 / weights.max(1);
        let guaranteed = Fine(level).percent(GUARANTEED_PERCENT).0;
        let mut left = left;
        for (part, claim) in into.exact.iter_mut().zip(of.claims) {
            let more = Fine::units(claim.demand).less(*part);
            // The weight is one of those that the level was divided by.
            let more = more.min(Fine(guaranteed * u128::from(claim.weight.max(1))));
            (*part, left) = (part.more(more), left.less(more));
        }
        let counts =
            u128::from(turn.span.micros()) * u128::from(HALF_LIFE + self.age) / u128::from(HALF_LIFE);
        let counts = counts.max(1);
        lend(left, of, &served, counts, into);
        into.round(whole);
        charge(&mut served, of, counts, &into.units);
        let seconds = u128::from(turn.seconds_max) * 1_000_000;
        // A fair share for a weight of 1, over the seconds, in the places of a level.
        bound(&mut served, of, (level >> (Fine::PLACES - PLACES)).saturating_mul(seconds));
        self.served.extend(of.ids.iter().copied().zip(served));
    }

    /// What each was served. Newcomers begin at the median, so that leaving and coming back gains nothing.
    fn recall(&mut self, of: Present<'_>) -> Vec<Served> {
        let known: Vec<Option<Served>> = of.ids.iter().map(|id| self.served.get(id).copied()).collect();
        let news = known.iter().filter(|served| served.is_none()).count();
        let mut median = 0;
        if news > 0 {
            let mut levels: Vec<u128> = self.served.values().map(|s| s.level()).collect();
            let middle = levels.len() / 2;
            if !levels.is_empty() {
                median = *levels.select_nth_unstable(middle).1 >> PLACES;
            }
            if self.served.len() + news > CLUSTERS_MAX {
                // Those that are here are remembered again at the end of the turn.
                self.served.clear();
            }
        }
        let served = |(claim, known): (&Claim, Option<Served>)| {
            let weight = claim.weight.max(1);
            let middle = || median.saturating_mul(u128::from(weight));
            Served { cost_micros: known.map_or_else(middle, |served| served.cost_micros), weight }
        };
        of.claims.iter().zip(known).map(served).collect()
    }
}

/// Raises those that were served least for their weight to one level, as far as `left` goes.
fn lend(left: Fine, of: Present<'_>, served: &[Served], counts: u128, into: &mut Split) {
    let shift = Fine::PLACES - PLACES;
    let over = |rate: Fine| (rate.0 >> shift).saturating_mul(counts);
    let borrower = |(((served, claim), floor), part): (((&Served, &Claim), &u64), &Fine)| {
        let weight = u128::from(served.weight);
        let now = part.less(Fine::units(claim.demand.min(*floor)));
        let from = (served.cost_micros << PLACES).saturating_add(over(now)) / weight;
        let want = over(Fine::units(claim.demand).less(*part));
        Borrower { from, until: from.saturating_add(want / weight), weight: served.weight }
    };
    let borrowers: Vec<Borrower> =
        served.iter().zip(of.claims).zip(of.floors).zip(&into.exact).map(borrower).collect();
    let level = level(over(left), &borrowers);
    for ((part, claim), borrower) in into.exact.iter_mut().zip(of.claims).zip(&borrowers) {
        if level >= borrower.until {
            *part = Fine::units(claim.demand);
        } else if level > borrower.from {
            let more = (level - borrower.from) * u128::from(borrower.weight);
            *part = part.more(Fine((more / counts) << shift)).more(Fine(((more % counts) << shift) / counts));
        }
    }
}

fn charge(served: &mut [Served], of: Present<'_>, counts: u128, units: &[u64]) {
    for (((served, claim), floor), units) in served.iter_mut().zip(of.claims).zip(of.floors).zip(units) {
        let beyond = units.saturating_sub(claim.demand.min(*floor));
        served.cost_micros = served.cost_micros.saturating_add(u128::from(beyond) * counts);
    }
}

/// Nobody that wants something is further than `most` from the level of all of them.
fn bound(served: &mut [Served], of: Present<'_>, most: u128) {
    let (mut cost, mut weights) = (0_u128, 0_u128);
    for (served, _) in served.iter().zip(of.claims).filter(|(_, claim)| claim.demand > 0) {
        cost = cost.saturating_add(served.cost_micros);
        weights += u128::from(served.weight);
    }
    let middle = (cost << PLACES) / weights.max(1);
    let (low, high) = (middle.saturating_sub(most), middle.saturating_add(most));
    for (served, _) in served.iter_mut().zip(of.claims).filter(|(_, claim)| claim.demand > 0) {
        let level = served.level();
        if level < low || level > high {
            let bounded = level.clamp(low, high) >> PLACES;
            served.cost_micros = bounded.saturating_mul(u128::from(served.weight));
        }
    }
}

/// One that would borrow: from the level it is at, until the one at which it is satisfied.
struct Borrower {
    from: u128,
    until: u128,
    weight: u32,
}

/// The level that `left` raises the borrowers to.
fn level(left: u128, borrowers: &[Borrower]) -> u128 {
    let mut steps: Vec<(u128, i64)> = Vec::with_capacity(2 * borrowers.len());
    for borrower in borrowers.iter().filter(|b| b.from < b.until) {
        steps.push((borrower.from, borrower.weight.into()));
        steps.push((borrower.until, -i64::from(borrower.weight)));
    }
    steps.sort_unstable();
    let (mut level, mut slope, mut left) = (0, 0_u128, left);
    for (at, change) in steps {
        if let Some(reach) = left.checked_div(slope) {
            if reach < at - level {
                return level + reach;
            }
            left -= slope * (at - level);
        }
        level = at;
        slope = slope.saturating_add_signed(change.into());
    }
    u128::MAX
}
