//! Rate cards: versions in order, prices of features that use the card, one price for every request.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::limits::SHAPES_MAX;
use super::ties::{ShapeOf, When, shapes, ties};
use super::walk::Check;
use crate::catalog::feature::{CardVersion, PriceEntry, Shape};
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::{CatalogSource, Decimal, FeatureSource, PriceSource, RateCardSource};
use crate::record::{Name, Price};

/// Cards by themselves, whether a feature uses them or not.
pub(super) fn check_cards<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let work = check.work();
    check.key("rate_cards", |c| {
        for (name, versions) in work.each(&source.rate_cards) {
            c.key(name.as_str(), |c| check_versions(source, name, versions, c));
        }
    });
}

fn check_versions<'a>(
    source: &'a CatalogSource,
    card: &'a Name,
    versions: &'a [RateCardSource],
    check: &mut Check<'a>,
) {
    let work = check.work();
    if versions.is_empty() {
        check.wrong("the card has no version", "add one with `effective_from` and `prices`");
    }
    let mut latest = None;
    for (i, version) in work.each(versions).enumerate() {
        check.item(i, |c| {
            if latest.is_some_and(|latest| latest >= version.effective_from) {
                let fix = "list the oldest first, each instant once";
                c.wrong_at("effective_from", "versions are not in order", fix);
            }
            latest = latest.max(Some(version.effective_from));
            c.key("prices", |c| {
                for (j, price) in work.each(&version.prices).enumerate() {
                    c.item(j, |c| check_feature(source, card, &price.feature, c));
                }
            });
        });
    }
}

/// A price belongs to a defined feature that uses the card.
fn check_feature<'a>(source: &'a CatalogSource, card: &Name, feature: &Name, check: &mut Check<'a>) {
    match source.features.get(feature) {
        None => {
            let what = format_args!("there is no feature `{feature}`");
            check.wrong_at("feature", what, one_of(source.features.keys()));
        }
        Some(f) if f.rate_card.as_ref() != Some(card) => check.wrong_at(
            "feature",
            format_args!("feature `{feature}` does not use this card"),
            format_args!("set rate_card = \"{card}\" in the feature, or remove the price"),
        ),
        Some(_) => {}
    }
}

/// The places of all prices, by card and feature: version by version.
pub(super) struct OwnPrices<'a>(BTreeMap<(&'a Name, &'a Name), Vec<PricePlace>>);

#[derive(Clone, Copy)]
struct PricePlace {
    version: usize,
    price: usize,
}

impl<'a> OwnPrices<'a> {
    pub(super) fn new(source: &'a CatalogSource, check: &Check<'a>) -> Self {
        let work = check.work();
        let mut own: BTreeMap<_, Vec<PricePlace>> = BTreeMap::new();
        for (card, versions) in &source.rate_cards {
            for (version, prices) in versions.iter().map(|v| &v.prices).enumerate() {
                for (price, of) in work.each(prices).enumerate() {
                    own.entry((card, &of.feature)).or_default().push(PricePlace { version, price });
                }
            }
        }
        Self(own)
    }

    fn of(&self, card: &'a Name, feature: &'a Name) -> &[PricePlace] {
        self.0.get(&(card, feature)).map_or(&[], Vec::as_slice)
    }
}

/// The prices of a feature in the versions of its card; none where it has no card.
pub(super) fn card_versions<'a>(
    source: &'a CatalogSource,
    own: &OwnPrices<'a>,
    (name, feature): (&'a Name, &'a FeatureSource),
    check: &mut Check<'a>,
) -> Vec<CardVersion> {
    let Some(card) = &feature.rate_card else { return Vec::new() };
    let Some(versions) = source.rate_cards.get(card) else {
        let what = format_args!("there is no rate card `{card}`");
        check.wrong_at("rate_card", what, one_of(source.rate_cards.keys()));
        return Vec::new();
    };
    check.elsewhere(&["rate_cards", card.as_str()], |c| {
        let mut compiled = Vec::new();
        let mut next = 0;
        for places in own.of(card, name).chunk_by(|a, b| a.version == b.version) {
            let Some(at) = places.first().map(|place| place.version) else { continue };
            check_priced(name, next..at, c);
            next = at + 1;
            let Some(version) = versions.get(at) else { continue };
            compiled.push(c.item(at, |c| card_version(name, feature, (version, places), c)));
        }
        check_priced(name, next..versions.len(), c);
        compiled
    })
}

/// Versions in which a feature has no price.
fn check_priced(name: &Name, without: core::ops::Range<usize>, check: &mut Check<'_>) {
    let mut without = without;
    while !without.is_empty() && !check.are_counted(without.len()) {
        let Some(at) = without.next() else { return };
        let what = format_args!("feature `{name}` has no price in this version");
        check.item(at, |c| c.wrong(what, "add one to `prices`"));
    }
}

fn card_version<'a>(
    name: &Name,
    feature: &'a FeatureSource,
    (version, places): (&'a RateCardSource, &[PricePlace]),
    check: &mut Check<'a>,
) -> CardVersion {
    let own: Vec<(usize, &PriceSource)> =
        places.iter().filter_map(|place| Some((place.price, version.prices.get(place.price)?))).collect();
    let whens: Vec<&When> = own.iter().map(|(_, price)| &price.when).collect();
    let by_shape = shapes(&whens);
    let work = check.work();
    let mut compiled: Vec<Option<Vec<Price>>> = check.key("prices", |c| {
        if by_shape.len() > SHAPES_MAX {
            let what = format_args!(
                "the prices of `{name}` name {} different sets of dimensions, at most {SHAPES_MAX} are possible",
                by_shape.len()
            );
            c.wrong(what, "name the same dimensions in more of them");
            return Vec::new();
        }
        check_no_ties(name, &own, &ties(own.len(), &by_shape, work), c);
        work.each(&own).map(|(i, price)| Some(c.item(*i, |c| prices_of(feature, price, c)))).collect()
    });
    let shapes = by_shape.iter().map(|shape| compile(shape, &whens, &mut compiled)).collect();
    CardVersion { effective_from: version.effective_from, shapes }
}

fn compile(shape: &ShapeOf<'_>, whens: &[&When], prices: &mut [Option<Vec<Price>>]) -> Shape {
    let entry = |place: &usize| {
        let values: Vec<String> = whens.get(*place)?.values().cloned().collect();
        Some(PriceEntry { values, prices: prices.get_mut(*place)?.take()? })
    };
    let mut entries: Vec<PriceEntry> = shape.places.iter().filter_map(entry).collect();
    entries.sort_unstable_by(|a, b| a.values.cmp(&b.values));
    Shape { names: shape.names.iter().copied().cloned().collect(), entries }
}

fn prices_of<'a>(feature: &'a FeatureSource, source: &'a PriceSource, check: &mut Check<'a>) -> Vec<Price> {
    let per = source.per.unwrap_or(1);
    if per == 0 {
        check.wrong_at("per", "a price for no units", "write 1 or more, for example 1000000");
    }
    check.key("credits", |c| {
        for meter in source.credits.keys().filter(|m| !feature.meters.contains(m)) {
            let what = format_args!("`{meter}` is not a meter of the feature");
            c.wrong_at(meter.as_str(), what, one_of(feature.meters.iter()));
        }
        feature.meters.iter().map(|meter| price(meter, source.credits.get(meter), per, c)).collect()
    })
}

fn price<'a>(meter: &'a Name, given: Option<&Decimal>, per: u64, check: &mut Check<'a>) -> Price {
    match given {
        Some(Decimal(text)) => Price::for_units(text, per).unwrap_or_else(|e| {
            check.wrong_at(meter.as_str(), format_args!("`{text}` for {per} units is not a price"), e);
            Price::default()
        }),
        None if is_requests(meter) => Price::default(),
        None => {
            let fix = format_args!("add {meter} = \"0\" if it is free");
            check.wrong(format_args!("meter `{meter}` has no price"), fix);
            Price::default()
        }
    }
}

/// Two prices that could match the same request must differ in how many dimensions they name.
fn check_no_ties(
    feature: &Name,
    own: &[(usize, &PriceSource)],
    ties: &[Option<usize>],
    check: &mut Check<'_>,
) {
    for ((place, _), tie) in own.iter().zip(ties) {
        if let Some((other, _)) = tie.and_then(|tie| own.get(tie)) {
            let what =
                format_args!("this price of `{feature}` and prices[{other}] can match the same request");
            check.item(*place, |c| c.wrong(what, "name more dimensions in one of them"));
        }
    }
}
