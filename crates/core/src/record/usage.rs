//! Use at pinned prices: the stored form, and the form that a decision works on.
//!
//! Never converts between units: a price belongs to a meter, and a sum past the range is an error, not a clamp.
//! Units: quantities in their meter's units, prices in nano-credits for one unit.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};
use smallvec::SmallVec;

use crate::record::codec::{few, flag, list, place};
use crate::record::{
    CardRef, Credits, Dimension, Dimensions, Graduated, Instant, Name, Part, Parts, Path, Price, PriceFactor,
    PricedPart, Rounding,
};

/// The use with its prices. Every line is priced; free use has a line at zero.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Use {
    /// The feature.
    #[n(0)]
    pub feature: Name,
    /// The path within the account.
    #[n(1)]
    pub path: Path,
    /// Dimensions such as the model, by name.
    #[cbor(n(2), with = "list")]
    pub dimensions: Dimensions,
    /// Quantities and prices.
    #[cbor(n(3), with = "list")]
    pub lines: SmallVec<[Line; 3]>,
    /// The unit that allowances count.
    #[n(4)]
    pub unit: Unit,
    /// The rate card version the prices come from.
    #[n(5)]
    pub card: Option<CardRef>,
    /// The catalog version in force.
    #[n(6)]
    pub catalog: Name,
    /// The unit of credits that the prices are in; `None`: `credits`.
    #[n(7)]
    pub credit_unit: Option<Name>,
    /// Nothing has a price for it as it turned out: its prices are those of its hold.
    #[cbor(n(8), with = "flag", has_nil)]
    pub unpriced: bool,
    /// The factor on the whole price; `None`: 1.
    #[n(9)]
    pub factor: Option<PriceFactor>,
    /// The parts after the first, whose dimensions, card and flag are those of the use.
    #[cbor(n(10), with = "few", has_nil)]
    pub more: Vec<Part>,
}

/// A quantity of one meter at its price.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Line {
    /// The meter.
    #[n(0)]
    pub meter: Name,
    /// How many units.
    #[n(1)]
    pub quantity: u64,
    /// Nano-credits for one unit.
    #[n(2)]
    pub price: Price,
    /// The place of the part that it belongs to.
    #[cbor(n(3), with = "place", has_nil)]
    pub part: u8,
    /// Where it stands in its period, if its price is graduated.
    #[n(4)]
    pub graduated: Option<Box<Graduated>>,
}

impl Line {
    /// This many requests, of a feature that does not price them.
    pub(crate) fn of_requests(quantity: u64) -> Self {
        let meter = Name::new(REQUESTS).unwrap_or_else(|_| unreachable!("`{REQUESTS}` is a name"));
        Self { meter, quantity, price: Price::default(), part: 0, graduated: None }
    }

    /// The units that it is billed.
    #[must_use]
    pub fn billed(&self) -> u64 {
        self.price.billed(self.quantity)
    }

    /// What it costs; `None` past the range of [`Credits`].
    #[must_use]
    pub fn cost(&self) -> Option<Credits> {
        cost(self.price, self.quantity, self.graduated.as_deref())
    }

    /// The price of so many units of it after a position in its volume.
    pub(crate) fn price_at(&self, at: u64, units: u64) -> i128 {
        let first = self.price.nano();
        self.graduated.as_ref().map_or(0, |graduated| graduated.price_at(first, at, units))
    }
}

/// The unit that the allowances of a feature count.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Unit {
    /// Nano-credits at the pinned price.
    #[n(0)]
    Credits,
    /// Requests; one source pays a request whole.
    #[n(1)]
    Requests,
    /// The units of one meter.
    #[n(2)]
    Meter(#[n(0)] Name),
}

/// A use at pinned prices that borrows its names, so that a decision copies none before it is stored.
#[derive(Clone, Debug)]
pub struct Priced<'a> {
    /// The feature.
    pub feature: &'a Name,
    /// The path within the account.
    pub path: &'a Path,
    /// The unit that allowances count.
    pub unit: &'a Unit,
    pub(crate) dimensions: &'a [Dimension],
    pub(crate) lines: SmallVec<[PricedLine<'a>; 3]>,
    pub(crate) card: Option<(&'a Name, Instant)>,
    pub(crate) catalog: &'a Name,
    pub(crate) credit_unit: Option<&'a Name>,
    pub(crate) unpriced: bool,
    pub(crate) factor: Option<PriceFactor>,
    pub(crate) more: Vec<PricedPart<'a>>,
}

#[inline]
fn cost(price: Price, quantity: u64, graduated: Option<&Graduated>) -> Option<Credits> {
    match graduated {
        None => price.times(quantity),
        Some(graduated) => graduated.price(price.nano(), price.billed(quantity)),
    }
}

/// A [`Line`] that borrows its meter.
#[derive(Clone, Debug)]
pub(crate) struct PricedLine<'a> {
    pub(crate) meter: &'a Name,
    pub(crate) quantity: u64,
    pub(crate) price: Price,
    pub(crate) part: u8,
    pub(crate) graduated: Option<Box<Graduated>>,
}

impl PricedLine<'_> {
    /// What it costs; `None` past the range of [`Credits`].
    #[inline]
    pub(crate) fn cost(&self) -> Option<Credits> {
        cost(self.price, self.quantity, self.graduated.as_deref())
    }

    /// Whether a unit of it may cost anything.
    pub(crate) fn has_price(&self) -> bool {
        self.price.nano() > 0 || self.graduated.as_ref().is_some_and(|graduated| graduated.costs())
    }
}

impl<'a> From<&'a Use> for Priced<'a> {
    fn from(usage: &'a Use) -> Self {
        let line = |l: &'a Line| PricedLine {
            meter: &l.meter,
            quantity: l.quantity,
            price: l.price,
            part: l.part,
            graduated: l.graduated.clone(),
        };
        Self {
            feature: &usage.feature,
            path: &usage.path,
            unit: &usage.unit,
            dimensions: &usage.dimensions,
            lines: usage.lines.iter().map(line).collect(),
            card: usage.card.as_ref().map(|c| (&c.name, c.effective_from)),
            catalog: &usage.catalog,
            credit_unit: usage.credit_unit.as_ref(),
            unpriced: usage.unpriced,
            factor: usage.factor,
            more: usage.more.iter().map(PricedPart::from).collect(),
        }
    }
}

impl Priced<'_> {
    /// The use to store.
    #[must_use]
    pub fn to_use(&self) -> Use {
        let line = |l: &PricedLine<'_>| Line {
            meter: l.meter.clone(),
            quantity: l.quantity,
            price: l.price,
            part: l.part,
            graduated: l.graduated.clone(),
        };
        Use {
            feature: self.feature.clone(),
            path: self.path.clone(),
            dimensions: self.dimensions.iter().cloned().collect(),
            lines: self.lines.iter().map(line).collect(),
            unit: self.unit.clone(),
            card: self.card.map(|(name, effective_from)| CardRef { name: name.clone(), effective_from }),
            catalog: self.catalog.clone(),
            credit_unit: self.credit_unit.cloned(),
            unpriced: self.unpriced,
            factor: self.factor,
            more: self.more.iter().map(PricedPart::to_part).collect(),
        }
    }

    /// The quantity of a meter; `requests` counts 1 when no line names it.
    pub(crate) fn quantity(&self, meter: &str) -> u64 {
        self.named(meter).unwrap_or(u64::from(meter == REQUESTS))
    }

    /// The quantity of a meter that a line names, in the first part that has it.
    pub(crate) fn named(&self, meter: &str) -> Option<u64> {
        self.lines.iter().find(|l| l.meter.as_str() == meter).map(|l| l.quantity)
    }

    /// The price of everything used; `None` past the range of [`Credits`].
    pub(crate) fn price(&self) -> Option<Credits> {
        self.price_of(Parts::ALL)
    }

    /// The sum of the lines, without the factor.
    pub(crate) fn sum(&self) -> Option<Credits> {
        self.sum_in(Parts::ALL)
    }

    pub(crate) fn sum_in(&self, parts: Parts) -> Option<Credits> {
        let mut lines = self.lines.iter().filter(|line| parts.contains(line.part));
        lines.try_fold(Credits::ZERO, |sum, line| sum.checked_add(line.cost()?))
    }
}

impl Use {
    /// The quantity of a meter; `requests` counts 1 when no line names it.
    #[must_use]
    pub fn quantity(&self, meter: &str) -> u64 {
        Priced::from(self).quantity(meter)
    }

    /// The price of everything used; `None` past the range of [`Credits`].
    #[must_use]
    pub fn price(&self) -> Option<Credits> {
        Priced::from(self).price()
    }

    /// The same use with the quantities that this says of each line.
    #[must_use]
    pub(crate) fn with_quantities(mut self, quantity: impl Fn(&Line) -> u64) -> Self {
        for line in &mut self.lines {
            line.quantity = quantity(line);
        }
        self
    }

    /// Its lines with graduated prices.
    pub(crate) fn graduated(&self) -> impl Iterator<Item = (&Line, &Graduated)> {
        self.lines.iter().filter_map(|line| Some((line, line.graduated.as_deref()?)))
    }

    /// The parts of an amount that its graduated lines have, by what each line costs.
    pub(crate) fn shares(&self, amount: Credits) -> impl Iterator<Item = (&Line, &Graduated, Credits)> {
        let cost = |line: &Line| line.cost().map_or(0, |cost| i128::from(cost.nano()));
        let all: i128 = if self.graduated().next().is_some() { self.lines.iter().map(cost).sum() } else { 0 };
        self.graduated().map(move |(line, of)| {
            let part = (i128::from(amount.nano()) * cost(line)).checked_div(all).unwrap_or(0);
            (line, of, Credits::from_nano(i64::try_from(part).unwrap_or(0)))
        })
    }

    /// The same use as a charge: its price is rounded as one.
    #[must_use]
    pub(crate) fn charged(mut self) -> Self {
        if let Some(factor) = &mut self.factor {
            factor.rounding = Rounding::HalfEven;
        }
        self
    }

    /// Whether it is what a deletion leaves of a use: no request.
    pub(crate) fn is_deleted(&self) -> bool {
        let has_requests = self.lines.iter().any(|line| line.meter.as_str() == REQUESTS);
        has_requests && self.lines.iter().all(|line| line.quantity == 0)
    }

    /// The same use with this many requests; they are the last line of its first part.
    pub(crate) fn with_requests(mut self, requests: u64) -> Self {
        match self.lines.iter_mut().find(|l| l.meter.as_str() == REQUESTS) {
            Some(line) => line.quantity = requests,
            None => {
                let end = self.lines.iter().position(|l| l.part > 0).unwrap_or(self.lines.len());
                self.lines.insert(end, Line::of_requests(requests));
            }
        }
        self
    }
}

/// The default unit of credits.
pub const CREDITS: &str = "credits";

/// A unit of credits as grants and features carry it: `credits` is not written.
#[must_use]
pub fn own_unit(unit: Option<&Name>) -> Option<&Name> {
    unit.filter(|unit| unit.as_str() != CREDITS)
}

/// Credits with their unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub credits: Credits,
    /// Their unit; `None`: `credits`.
    pub unit: Option<Name>,
}

impl Amount {
    /// This many credits in a unit.
    #[must_use]
    pub fn of(credits: Credits, unit: Option<&Name>) -> Self {
        Self { credits, unit: unit.cloned() }
    }
}

impl fmt::Display for Amount {
    /// `1.5 credits`, `0.25 usd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.credits, self.unit.as_ref().map_or(CREDITS, Name::as_str))
    }
}

/// The meter that counts 1 for a request that does not name it.
pub const REQUESTS: &str = "requests";
