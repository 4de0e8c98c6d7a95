//! Prices as rows: a written price is one row for each item of each of its lists.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::graduated::{Volumes, ladder};
use super::walk::Check;
use crate::catalog::graduated::MeterPrice;
use crate::catalog::names::is_requests;
use crate::catalog::source::{Decimal, FeatureSource, OneOrSeveral, PriceSource};
use crate::record::{Credits, Name, Price};

/// The dimensions that a row names with their values, in order; `None`: that the price names its feature.
pub(super) type When<'a> = SmallVec<[(Option<&'a Name>, &'a str); 2]>;

/// A set of a feature's meters, by their places.
pub(super) type Meters = u64;

/// A price for one set of values.
pub(super) struct Row<'a> {
    /// The place of the written price in its version.
    pub(super) place: usize,
    pub(super) when: When<'a>,
    /// The dimensions of the price that this one is derived from.
    pub(super) like: Option<Vec<(&'a Name, &'a str)>>,
    pub(super) factor: Credits,
    /// In the order of the feature's meters.
    pub(super) prices: Vec<MeterPrice>,
    /// The meters that have a price here.
    pub(super) priced: Meters,
}

impl Row<'_> {
    /// How many dimensions it names, but for the feature.
    pub(super) fn named(&self) -> usize {
        self.when.iter().filter(|(name, _)| name.is_some()).count()
    }

    /// Whether it has a price for the meter at this place.
    pub(super) fn prices(&self, at: usize) -> bool {
        self.priced >> at & 1 == 1
    }

    /// Gives the meter at this place a price.
    pub(super) fn set(&mut self, at: usize, price: MeterPrice) {
        self.priced |= 1 << at;
        if let Some(place) = self.prices.get_mut(at) {
            *place = price;
        }
    }
}

/// All meters of a feature.
pub(super) fn all_meters(feature: &FeatureSource) -> Meters {
    feature.meters.iter().fold(0, |all, _| all << 1 | 1)
}

/// The rows of a feature: its written prices, each with its place. The feature counts as a dimension where some prices name it and
/// others do not.
pub(super) fn rows<'a>(
    (name, feature): (&'a Name, &'a FeatureSource),
    volumes: &Volumes<'a>,
    written: &[(usize, &'a PriceSource)],
    check: &mut Check<'a>,
) -> Vec<Row<'a>> {
    let work = check.work();
    let counts_feature = written.iter().any(|(_, source)| source.feature.is_none());
    let mut rows = Vec::with_capacity(written.len());
    for (place, source) in work.each(written) {
        let (prices, priced) = check.item(*place, |c| prices_of((name, feature), source, volumes, c));
        let factor = check.item(*place, |c| factor(source, c));
        let is_shared = !matches!(source.feature, Some(OneOrSeveral::One(_)));
        if is_shared && priced == 0 && source.like.is_none() && !source.credits.is_empty() {
            // It is about meters that other features have.
            continue;
        }
        let named = (counts_feature && source.feature.is_some()).then_some((None, ""));
        let lengths = source.when.values().map(|values| values.all().len());
        for nth in work.each(0..lengths.fold(1, usize::saturating_mul)) {
            let chosen = Chosen::new(&source.when, nth);
            let like = source.like.as_ref().map(|like| chosen.of(like));
            let when =
                named.into_iter().chain(chosen.0.iter().map(|(name, (_, value))| (Some(*name), *value)));
            let (when, prices) = (when.collect(), prices.clone());
            rows.push(Row { place: *place, when, like, factor, prices, priced });
        }
    }
    rows
}

/// One item of each list, with its place.
struct Chosen<'a>(BTreeMap<&'a Name, (usize, &'a str)>);

impl<'a> Chosen<'a> {
    /// The nth of all ways to choose.
    fn new(when: &'a BTreeMap<Name, OneOrSeveral<String>>, nth: usize) -> Self {
        let mut rest = nth;
        let choose = |(name, values): (&'a Name, &'a OneOrSeveral<String>)| {
            let values = values.all();
            let at = rest.checked_rem(values.len())?;
            rest /= values.len();
            Some((name, (at, values.get(at)?.as_str())))
        };
        Self(when.iter().filter_map(choose).collect())
    }

    /// These dimensions; lists are those of the choice.
    fn of(&self, like: &'a BTreeMap<Name, OneOrSeveral<String>>) -> Vec<(&'a Name, &'a str)> {
        let item = |(name, values): (&'a Name, &'a OneOrSeveral<String>)| match values {
            OneOrSeveral::One(value) => Some((name, value.as_str())),
            OneOrSeveral::Several(list) => {
                let (at, _) = self.0.get(name)?;
                Some((name, list.get(*at)?.as_str()))
            }
        };
        like.iter().filter_map(item).collect()
    }
}

fn factor<'a>(source: &'a PriceSource, check: &mut Check<'a>) -> Credits {
    let one = Credits::from_nano(crate::record::NANO);
    let Some(Decimal(text)) = &source.factor else { return one };
    check.key("factor", |c| {
        if source.like.is_none() {
            c.wrong("a factor of nothing", "name the price that it multiplies: like = { … }");
        }
        match text.parse::<Credits>() {
            Ok(factor) if factor.is_positive() => factor,
            Ok(_) => {
                c.wrong("the factor must be above zero", "write \"0\" in `credits` for what is free");
                one
            }
            Err(e) => {
                c.wrong(format_args!("`{text}` is not a factor"), e);
                one
            }
        }
    })
}

/// The prices that are written out, and of which meters.
fn prices_of<'a>(
    (name, feature): (&'a Name, &'a FeatureSource),
    source: &'a PriceSource,
    volumes: &Volumes<'a>,
    check: &mut Check<'a>,
) -> (Vec<MeterPrice>, Meters) {
    let per = source.per.unwrap_or(1);
    if per == 0 {
        check.wrong_at("per", "a price for no units", "write 1 or more, for example 1000000");
    }
    let mut priced = 0;
    let prices: Vec<Price> = check.key("credits", |c| {
        let price = |(at, meter): (usize, &'a Name)| {
            let Some(Decimal(text)) = source.credits.get(meter) else { return Price::default() };
            priced |= 1 << at;
            let price = Price::for_units(text, per).unwrap_or_else(|e| {
                c.wrong_at(meter.as_str(), format_args!("`{text}` for {per} units is not a price"), e);
                Price::default()
            });
            let of = |units: &BTreeMap<Name, u32>| units.get(meter).copied().unwrap_or(0);
            price.billed_in(of(&source.step), of(&source.minimum))
        };
        feature.meters.iter().enumerate().map(price).collect()
    });
    let graduated = |(meter, price): (&'a Name, Price)| {
        let ladder = ladder((name, feature), (source, meter), volumes, check);
        MeterPrice { price, ladder: ladder.filter(|_| source.credits.contains_key(meter)) }
    };
    let prices = feature.meters.iter().zip(prices).map(graduated).collect();
    (prices, priced)
}

/// Where no row has a price for `requests`, they are free in all.
pub(super) fn free_requests(feature: &FeatureSource, rows: &mut [Row<'_>]) {
    let Some(at) = feature.meters.iter().position(is_requests) else { return };
    if !rows.iter().any(|row| row.prices(at)) {
        rows.iter_mut().for_each(|row| row.set(at, MeterPrice::default()));
    }
}
