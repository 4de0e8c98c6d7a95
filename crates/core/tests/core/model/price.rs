//! What a use costs: a rate for each token by the size and the hour of the use, times a factor.
//!
//! Units: nano-credits; factors in billionths.

use headworks_core::record::Every;

use super::book::{Book, Which};
use super::calendar::{Calendar, SECOND};
use super::dice::Dice;
use super::policy::{NANO, Policy};
use super::steps::Path;

/// The price of a token, and how many are billed: whole steps, and at least so many of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) each: i64,
    pub(super) step: i64,
    pub(super) least: i64,
}

impl Rate {
    pub(super) fn any(dice: &mut Dice, each: &[i64]) -> Self {
        Self { each: dice.pick(each), step: dice.pick(&[1, 1, 1, 2, 5]), least: dice.pick(&[0, 0, 0, 3]) }
    }

    /// What so many tokens cost.
    pub(super) fn of(self, tokens: i64) -> i64 {
        let mut billed = if tokens > 0 { self.least.max(tokens) } else { 0 };
        while billed % self.step != 0 {
            billed += 1;
        }
        self.each * billed
    }
}

/// The rates of a feature: in usual and in dear hours, each for use of usual size and for large use.
pub(super) type Rates = [[Rate; 2]; 2];

/// Hours of a day in which use is dear, from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) zone: &'static str,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Hours {
    pub(super) fn any(dice: &mut Dice) -> Self {
        let from = dice.int(0, 23);
        let zone = dice.pick(&["UTC", "Europe/Berlin", "Asia/Kathmandu"]);
        Self { zone, from, to: (from + dice.int(1, 23)) % 24 }
    }

    /// The wall clock decides; hours whose end is not later than their beginning last into the next day.
    fn cover(self, at: i64) -> bool {
        let clock = Calendar { every: Every::Day, zone: self.zone, from_anchor: false }.hour(at);
        if self.from < self.to {
            self.from <= clock && clock < self.to
        } else {
            self.from <= clock || clock < self.to
        }
    }
}

/// How the whole price is rounded, once: up for a hold, half to even for a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    Up,
    Even,
}

/// What a use is priced at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    pub(super) rate: Rate,
    feature: usize,
    is_large: bool,
    is_dear: bool,
    /// The version of the card.
    version: usize,
    factor: i64,
    /// The rate is that of another size: none was to be found.
    unpriced: bool,
}

impl Price {
    pub(super) fn of(self, tokens: i64, round: Round) -> i64 {
        let exact = i128::from(self.rate.of(tokens)) * i128::from(self.factor);
        let one = i128::from(NANO);
        let (whole, rest) = (exact / one, exact % one);
        let up = match round {
            Round::Up => rest > 0,
            Round::Even => rest * 2 > one || rest * 2 == one && whole % 2 == 1,
        };
        i64::try_from(whole + i128::from(up)).expect("small")
    }

    /// Its price now that it is of so many tokens: another size has the rate of the version that it was priced by, or keeps its
    /// rate if that version has since been altered for the size that it had.
    pub(super) fn turned_out(self, policy: &Policy, tokens: i64) -> Self {
        let is_large = policy.is_large(tokens);
        if is_large == self.is_large {
            return self;
        }
        let rates = policy.prices[self.version][self.feature][usize::from(self.is_dear)];
        if !self.unpriced && rates[usize::from(self.is_large)] != self.rate {
            return Self { is_large, unpriced: true, ..self };
        }
        Self { rate: rates[usize::from(is_large)], is_large, unpriced: false, ..self }
    }
}

impl Policy {
    fn is_large(&self, tokens: i64) -> bool {
        self.large_above.is_some_and(|above| tokens > above)
    }
}

impl Book {
    /// The price of use of an instant, under the factor of now.
    pub(super) fn price(&self, feature: usize, tokens: i64, path: Path, (at, now): (i64, i64)) -> Price {
        let policy = self.policy();
        let version = usize::from(at >= self.dearer_from);
        let is_dear = policy.hours.is_some_and(|hours| hours.cover(at));
        let is_large = policy.is_large(tokens);
        let rate = policy.prices[version][feature][usize::from(is_dear)][usize::from(is_large)];
        // An override that lifts the factor leaves the whole price.
        let own = self.own(Which::Factor, path, policy.factor, now);
        let factor = if own == i64::MAX { NANO } else { own };
        Price { rate, feature, is_large, is_dear, version, factor, unpriced: false }
    }
}

impl Calendar {
    /// The hour of the wall clock.
    fn hour(&self, at: i64) -> i64 {
        let zone = jiff::tz::TimeZone::get(self.zone).expect("a zone");
        let at = jiff::Timestamp::from_second(at.div_euclid(SECOND)).expect("in range");
        i64::from(at.to_zoned(zone).hour())
    }
}
