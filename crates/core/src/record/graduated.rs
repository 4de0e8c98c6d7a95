//! Graduated prices: what a unit costs depends on how many were used in the period before it.
//!
//! G1 a use of q units after u others costs T(u + q) − T(u), T being the price of the first units of the period
//! (`uses_add_up_to_the_price_of_the_period`). G2 what is held costs at least what it costs anywhere between two positions
//! (`a_hold_covers_every_position`).
//! Units: billed units of a meter; nano-credits.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::factor::{Rounding, WHOLE_PRICE, rounded};
use super::name::Name;
use super::time::Instant;

/// The price of a unit above a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PriceStep {
    /// Above so many units.
    #[n(0)]
    pub above: u64,
    /// Nano-credits for one unit.
    #[n(1)]
    pub nano: u64,
}

/// Where a line stands among the units of its period. The price of the line is that of the first units.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Graduated {
    /// The volume that its units count in.
    #[n(0)]
    pub volume: Name,
    /// The period of the volume.
    #[n(1)]
    pub from: Instant,
    /// Its end.
    #[n(2)]
    pub until: Instant,
    /// The units of the period before this line: for a hold the fewest.
    #[n(3)]
    pub at: u64,
    /// For a hold the most units before it, should all others be used; for a charge the same.
    #[n(4)]
    pub to: u64,
    /// The prices above the first, rising in position. At most 32.
    #[n(5)]
    pub steps: Vec<PriceStep>,
    /// What is still to be charged for the period, if the line closes it.
    #[n(6)]
    pub closes: Option<Credits>,
    /// What the hold has set aside before, if the line is what it grows by.
    #[n(7)]
    pub grows: Option<Grown>,
}

/// The units that a hold has set aside, and the positions that they may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grown {
    /// Billed units.
    #[n(0)]
    pub units: u64,
    /// The fewest units before them.
    #[n(1)]
    pub at: u64,
    /// The most.
    #[n(2)]
    pub to: u64,
}

/// The price of the first `units` of a period, in nano-credits.
fn price_of_first(first: u64, steps: &[PriceStep], units: u64) -> i128 {
    let (mut sum, mut below, mut nano) = (0, 0, first);
    for step in steps.iter().take_while(|step| step.above < units) {
        sum += i128::from(step.above - below) * i128::from(nano);
        (below, nano) = (step.above, step.nano);
    }
    sum + i128::from(units - below) * i128::from(nano)
}

impl Graduated {
    /// The price of `units` after `at` others, where the first of the period cost `first`.
    pub(crate) fn price_at(&self, first: u64, at: u64, units: u64) -> i128 {
        let end = at.saturating_add(units);
        price_of_first(first, &self.steps, end) - price_of_first(first, &self.steps, at)
    }

    /// The price of `units` at the dearest of its positions; `None` past the range of [`Credits`]. With it, what a hold has set aside
    /// covers everything at each position that it may have.
    pub(crate) fn price(&self, first: u64, units: u64) -> Option<Credits> {
        let mut dearest = self.dearest(first, (self.at, self.to), units);
        if let Some(held) = self.grows.filter(|_| units > 0) {
            let all = self.dearest(first, self.of_all(held), held.units.saturating_add(units));
            dearest = dearest.max(all - self.dearest(first, (held.at, held.to), held.units));
        }
        let closes = self.closes.map_or(0, |credits| i128::from(credits.nano()));
        i64::try_from(dearest + closes).ok().map(Credits::from_nano)
    }

    /// The positions of all that a hold has once it has grown: what was used before does not come after it any more, and it does not
    /// come after itself.
    pub(crate) fn of_all(&self, held: Grown) -> (u64, u64) {
        (self.at, self.to.saturating_sub(held.units).max(self.at))
    }

    fn dearest(&self, first: u64, (from, to): (u64, u64), units: u64) -> i128 {
        // As a function of the position it is made of straight pieces: the dearest is at an end of one.
        let bends = self.steps.iter().flat_map(|step| [Some(step.above), step.above.checked_sub(units)]);
        let between = bends.flatten().filter(|at| from < *at && *at < to);
        let all = between.chain([from, to]).map(|at| self.price_at(first, at, units));
        all.max().unwrap_or(0)
    }

    /// Whether a unit costs anything at some position.
    pub(crate) fn costs(&self) -> bool {
        self.closes.is_some() || self.steps.iter().any(|step| step.nano > 0)
    }

    /// Whether it counts in this period of a volume.
    pub(crate) fn is_of(&self, volume: &Name, from: Instant) -> bool {
        self.volume == *volume && self.from == from
    }

    /// Whether its period is not known yet.
    pub(crate) fn is_undated(&self) -> bool {
        self.until == Instant::default()
    }
}

/// Credits with what a factor leaves below a nano-credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ExactCredits {
    /// Whole nano-credits, rounded down.
    #[n(0)]
    nano: i64,
    /// Billionths of a nano-credit on top.
    #[n(1)]
    billionths: u32,
}

impl ExactCredits {
    /// Nano-credits times a factor in billionths; `None` past the range of [`Credits`].
    pub(crate) fn of(nano: i128, factor: u64) -> Option<Self> {
        Self::of_billionths(nano.checked_mul(i128::from(factor))?)
    }

    fn of_billionths(all: i128) -> Option<Self> {
        let whole = i128::from(WHOLE_PRICE);
        let nano = i64::try_from(all.div_euclid(whole)).ok()?;
        Some(Self { nano, billionths: u32::try_from(all.rem_euclid(whole)).ok()? })
    }

    /// In billionths of a nano-credit.
    pub(crate) fn in_billionths(self) -> i128 {
        i128::from(self.nano) * i128::from(WHOLE_PRICE) + i128::from(self.billionths)
    }

    /// The sum; `None` past the range of [`Credits`].
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        Self::of_billionths(self.in_billionths() + other.in_billionths())
    }

    /// This, or what a sum is below zero if that is more.
    pub(crate) fn or_below_zero(self, sum: Credits) -> Self {
        let below = Self::of(-i128::from(sum.nano()), WHOLE_PRICE).unwrap_or(self);
        if below.in_billionths() > self.in_billionths() { below } else { self }
    }

    /// Whether it is nothing.
    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// To the nearest nano-credit, half to even.
    #[must_use]
    pub fn rounded(self) -> Credits {
        rounded(self.in_billionths(), Rounding::HalfEven).unwrap_or(Credits::MAX)
    }
}

/// How a correction moves the use of a volume's period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VolumeShift {
    /// The volume.
    #[n(0)]
    pub volume: Name,
    /// The beginning of the period.
    #[n(1)]
    pub from: Instant,
    /// By so many units.
    #[n(2)]
    pub units: i64,
    /// What the closing of the period charges for it.
    #[n(3)]
    pub due: ExactCredits,
    /// By how much what credits have paid for its units changes.
    #[n(4)]
    pub paid: Credits,
}

impl VolumeShift {
    /// Nothing yet.
    pub(crate) fn of(of: &Graduated) -> Self {
        let (volume, from) = (of.volume.clone(), of.from);
        Self { volume, from, units: 0, due: ExactCredits::default(), paid: Credits::ZERO }
    }
}

/// The close of a volume's period that did not end in a charge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VolumeClosed {
    /// The volume.
    #[n(0)]
    pub volume: Name,
    /// The beginning of the period.
    #[n(1)]
    pub from: Instant,
    /// Its end.
    #[n(2)]
    pub until: Instant,
    /// The units that were used.
    #[n(3)]
    pub used: u64,
    /// What its price comes to beyond what was charged. If it is above zero, nobody could be charged any more.
    #[n(4)]
    pub due: Credits,
    /// What comes back of it as a grant, if it is below zero: no more than credits have paid.
    #[n(5)]
    pub back: Credits,
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{Credits, ExactCredits, Graduated, PriceStep};
    use crate::record::{Instant, Name};

    fn graduated(steps: &[(u64, u64)], (at, to): (u64, u64)) -> Graduated {
        Graduated {
            volume: Name::new("v").expect("a name"),
            from: Instant::default(),
            until: Instant::NEVER,
            at,
            to,
            steps: steps.iter().map(|&(above, nano)| PriceStep { above, nano }).collect(),
            closes: None,
            grows: None,
        }
    }

    /// By hand: 10 for the first 100, 8 up to 300, then 5.
    #[test]
    fn each_unit_has_the_price_of_its_position() {
        let steps = [(100, 8), (300, 5)];
        for (at, units, price) in
            [(0, 100, 1_000), (0, 101, 1_008), (90, 20, 180), (50, 300, 2_350), (400, 2, 10)]
        {
            let of = graduated(&steps, (at, at)).price(10, units);
            assert_eq!(of, Some(Credits::from_nano(price)), "{units} after {at}");
        }
        // 20 units somewhere from 290 to 400 cost at most 10 × 8 + 10 × 5; from 250 on all of them may cost 8.
        assert_eq!(graduated(&steps, (290, 400)).price(10, 20), Some(Credits::from_nano(130)));
        assert_eq!(graduated(&steps, (250, 400)).price(10, 20), Some(Credits::from_nano(160)));
    }

    #[test]
    fn half_a_nano_credit_goes_to_the_even_one() {
        let of = |nano: i128| ExactCredits::of(nano, 500_000_000).map(|exact| exact.rounded().nano());
        assert_eq!([of(1), of(3), of(-1), of(-3), of(4)], [Some(0), Some(2), Some(0), Some(-2), Some(2)]);
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::btree_map(1_u64..200, 0_u64..20, 0..5).prop_map(|steps| steps.into_iter().collect())
    }

    proptest! {
        #[test]
        fn uses_add_up_to_the_price_of_the_period(steps in steps(), first in 0_u64..20, uses in prop::collection::vec(0_u64..90, 1..9)) {
            // Unit by unit.
            let price_of_unit = |nth: u64| steps.iter().rev().find(|(above, _)| *above < nth).map_or(first, |(_, nano)| *nano);
            let all: u64 = uses.iter().sum();
            let expected: u64 = (1..=all).map(price_of_unit).sum();
            let (mut used, mut sum) = (0, 0);
            for units in uses {
                sum += graduated(&steps, (used, used)).price(first, units).map_or(0, Credits::nano);
                used += units;
            }
            prop_assert_eq!(u64::try_from(sum).ok(), Some(expected));
        }

        #[test]
        fn a_hold_covers_every_position(steps in steps(), first in 0_u64..20, at in 0_u64..200, more in 0_u64..200, units in 0_u64..90) {
            let held = graduated(&steps, (at, at + more)).price(first, units).map_or(0, Credits::nano);
            let each = (at..=at + more).map(|at| graduated(&steps, (at, at)).price(first, units).map_or(0, Credits::nano));
            prop_assert_eq!(Some(held), each.max());
        }
    }
}
