//! Exact fractions for the reference: an overflow fails the test instead of giving a wrong expectation.

use std::cmp::Ordering;

/// A fraction of whole numbers; its denominator is positive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fraction {
    pub(super) over: i128,
    pub(super) under: i128,
}

fn times(a: i128, b: i128) -> i128 {
    a.checked_mul(b).expect("the numbers of the test are small enough")
}

fn common_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs().max(1)
}

impl Fraction {
    pub(super) const ZERO: Self = Self { over: 0, under: 1 };

    pub(super) fn of(n: u64) -> Self {
        Self { over: n.into(), under: 1 }
    }

    fn lowest(over: i128, under: i128) -> Self {
        let by = common_divisor(over, under);
        Self { over: over / by, under: under / by }
    }

    pub(super) fn times(self, n: u64) -> Self {
        Self { over: times(self.over, n.into()), under: self.under }
    }

    pub(super) fn over(self, n: u64) -> Self {
        Self::lowest(self.over, times(self.under, n.into()))
    }

    pub(super) fn percent(self, percent: u8) -> Self {
        self.times(percent.into()).over(100)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        if self.under == other.under {
            return Self { over: self.over + other.over, under: self.under };
        }
        let over = times(self.over, other.under) + times(other.over, self.under);
        Self::lowest(over, times(self.under, other.under))
    }

    /// The difference, zero if it were negative.
    pub(super) fn less(self, other: Self) -> Self {
        let difference = self.plus(Self { over: -other.over, under: other.under });
        difference.max(Self::ZERO)
    }

    pub(super) fn floor(self) -> u64 {
        u64::try_from(self.over.div_euclid(self.under)).expect("a share")
    }

    /// Whether it is less than one away from a whole number.
    pub(super) fn is_within_one(self, whole: u64) -> bool {
        (times(whole.into(), self.under) - self.over).abs() < self.under
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        times(self.over, other.under).cmp(&times(other.over, self.under))
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl std::iter::Sum for Fraction {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::ZERO, Self::plus)
    }
}
