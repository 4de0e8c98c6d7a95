//! What a use costs: a rate for each token by the size and the hour of the use, times a factor.
//!
//! Units: nano-credits; factors in billionths.

use headworks_core::record::Every;

use super::book::{Book, Which};
use super::calendar::{Calendar, SECOND};
use super::dice::Dice;
use super::policy::{NANO, Policy};
use super::steps::Ask;

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

    /// What is billed of so many tokens.
    fn billed(self, tokens: i64) -> Units {
        let mut n = if tokens > 0 { self.least.max(tokens) } else { 0 };
        while n % self.step != 0 {
            n += 1;
        }
        Units { n, each: self.each }
    }
}

/// So many units at one price each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Units {
    n: i64,
    each: i64,
}

impl Units {
    fn price(self) -> i64 {
        self.n * self.each
    }

    /// Those that there are beyond some others.
    fn beyond(self, other: Self) -> Self {
        Self { n: self.n - other.n, ..self }
    }
}

/// The parts of a use, which are paid one after the other.
pub(super) type Parts = [Units; 2];

/// What an allowance of units with so much room pays where the last `unpaid` nano-credits of a use are unpaid: how many units, and what they are
/// worth. A unit that is paid in part counts whole.
pub(super) fn units_paid(parts: Parts, unpaid: i64, room: i64) -> (i64, i64) {
    let mut paid = parts.map(Units::price).iter().sum::<i64>() - unpaid;
    let (mut units, mut worth) = (0, 0);
    for part in parts {
        let before = paid.min(part.price());
        paid -= before;
        let left = part.price() - before;
        let n = (room - units).min((left + part.each - 1) / part.each);
        units += n;
        worth += (n * part.each).min(left);
    }
    (units, worth)
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
        let clock = Calendar::new(Every::Day, self.zone).hour(at);
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

/// What a part of a use is priced at.
#[derive(Clone, Copy, Debug)]
struct Part {
    rate: Rate,
    is_large: bool,
    /// The rate is that of another size: none was to be found.
    unpriced: bool,
}

/// What a use is priced at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    pub(super) rate: Rate,
    first: Part,
    /// Its second part, and the tokens of that.
    second: Option<(Part, i64)>,
    feature: usize,
    is_dear: bool,
    /// The version of the card.
    version: usize,
    factor: i64,
}

impl Price {
    /// The price of the use with so many tokens in its first part: rounded once, for all parts.
    pub(super) fn of(self, tokens: i64, round: Round) -> i64 {
        let whole: i64 = self.parts(tokens).map(Units::price).iter().sum();
        let exact = i128::from(whole) * i128::from(self.factor);
        let one = i128::from(NANO);
        let (whole, rest) = (exact / one, exact % one);
        let up = match round {
            Round::Up => rest > 0,
            Round::Even => rest * 2 > one || rest * 2 == one && whole % 2 == 1,
        };
        i64::try_from(whole + i128::from(up)).expect("small")
    }

    /// What is billed of the use with so many tokens in its first part.
    pub(super) fn parts(self, tokens: i64) -> Parts {
        let none = Units { n: 0, each: self.rate.each };
        [self.rate.billed(tokens), self.second.map_or(none, |(part, tokens)| part.rate.billed(tokens))]
    }

    /// Its price with so many more tokens in the second part, if it has one.
    pub(super) fn grown(self, second: i64) -> Self {
        Self { second: self.second.map(|(part, tokens)| (part, tokens + second)), ..self }
    }

    /// What is billed of the first part of so many tokens beyond that of another price.
    pub(super) fn beyond(self, tokens: i64, (other, of): (Self, i64)) -> Parts {
        let ([first, second], [was, second_was]) = (self.parts(tokens), other.parts(of));
        [first.beyond(was), second.beyond(second_was)]
    }

    pub(super) fn second_tokens(self) -> Option<i64> {
        self.second.map(|(_, tokens)| tokens)
    }

    /// Whether it has a second part that this one has not, at no price of its own: a correction has none to keep for that.
    pub(super) fn lacks(self, is: Self) -> bool {
        let is_unpriced = is.second.is_some_and(|(part, _)| part.unpriced);
        self.second.is_none() && is_unpriced && !self.first.unpriced
    }

    /// Its price now that its parts are of so many tokens.
    pub(super) fn turned_out(self, policy: &Policy, tokens: i64, second: Option<i64>) -> Self {
        let rates = policy.prices[self.version][self.feature][usize::from(self.is_dear)];
        let is_altered =
            self.first.is_altered(rates) || self.second.is_some_and(|(part, _)| part.is_altered(rates));
        let of = |part: Part, n: i64| part.turned_out(rates, is_altered, policy.is_large(n));
        let first = of(self.first, tokens);
        // One that was not asked for is like the first.
        let other = self.second.map_or(self.first, |(part, _)| part);
        Self { rate: first.rate, first, second: second.map(|n| (of(other, n), n)), ..self }
    }
}

impl Part {
    fn new(rates: [Rate; 2], is_large: bool) -> Self {
        Self { rate: rates[usize::from(is_large)], is_large, unpriced: false }
    }

    /// The version that priced it has since been altered for the size that it had.
    fn is_altered(self, rates: [Rate; 2]) -> bool {
        !self.unpriced && rates[usize::from(self.is_large)] != self.rate
    }

    /// Another size has the rate of the version that priced it, or keeps its rate if that version has since been altered for any part of
    /// the use.
    fn turned_out(self, rates: [Rate; 2], is_altered: bool, is_large: bool) -> Self {
        if is_large == self.is_large {
            self
        } else if is_altered {
            Self { is_large, unpriced: true, ..self }
        } else {
            Self::new(rates, is_large)
        }
    }
}

impl Policy {
    fn is_large(&self, tokens: i64) -> bool {
        self.large_above.is_some_and(|above| tokens > above)
    }
}

impl Book {
    /// The price of use of an instant, under the factor of now.
    pub(super) fn price(&self, ask: &Ask, (at, now): (i64, i64)) -> Price {
        let policy = self.policy();
        let version = usize::from(at >= self.dearer_from);
        let is_dear = policy.hours.is_some_and(|hours| hours.cover(at));
        let rates = policy.prices[version][ask.feature][usize::from(is_dear)];
        let part = |tokens: i64| Part::new(rates, policy.is_large(tokens));
        let first = part(ask.tokens);
        let second = ask.second.map(|tokens| (part(tokens), tokens));
        // An override that lifts the factor leaves the whole price.
        let own = self.own(Which::Factor, ask.path, policy.factor, now);
        let factor = if own == i64::MAX { NANO } else { own };
        Price { rate: first.rate, first, second, feature: ask.feature, is_dear, version, factor }
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
