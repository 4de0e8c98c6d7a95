//! Rate cards: versions in order, prices of features that use the card, one price for every request.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use super::graduated::Volumes;
use super::likes::{check_complete, derive};
use super::limits::{DECIDED_MAX, METER_SETS_MAX, SHAPES_MAX};
use super::rows::{Meters, Row, all_meters, free_requests, rows};
use super::ties::{Compared, ShapeOf, Table};
use super::walk::Check;
use crate::catalog::feature::{CardVersion, PriceEntry, Shape};
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::{CatalogSource, FeatureSource, OneOrSeveral, PriceSource, RateCardSource};
use crate::record::{Name, STEP_MAX};

/// Cards by themselves, whether a feature uses them or not.
pub(super) fn check_cards<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let work = check.work();
    let users = Users::new(source, check);
    check.key("rate_cards", |c| {
        for (name, versions) in work.each(&source.rate_cards) {
            c.key(name.as_str(), |c| check_versions(source, (name, &users), versions, c));
        }
    });
}

/// The features that use each card.
struct Users<'a>(BTreeMap<&'a Name, Vec<(&'a Name, &'a FeatureSource)>>);

impl<'a> Users<'a> {
    fn new(source: &'a CatalogSource, check: &Check<'a>) -> Self {
        let mut users: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, feature) in check.work().each(&source.features) {
            if let Some(card) = &feature.rate_card {
                users.entry(card).or_default().push((name, feature));
            }
        }
        Self(users)
    }

    fn of(&self, card: &Name) -> &[(&'a Name, &'a FeatureSource)] {
        self.0.get(card).map_or(&[], Vec::as_slice)
    }
}

fn check_versions<'a>(
    source: &'a CatalogSource,
    (card, users): (&'a Name, &Users<'a>),
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
            if i > 0 && version.effective_from.is_none() {
                let fix = "say from when it applies; only the first version has always applied";
                c.wrong_at("effective_from", "the version does not say when it begins", fix);
            } else if latest.is_some_and(|latest| latest >= version.begins()) {
                let fix = "list the oldest first, each instant once";
                c.wrong_at("effective_from", "versions are not in order", fix);
            }
            latest = latest.max(Some(version.begins()));
            c.key("prices", |c| {
                for (j, price) in work.each(&version.prices).enumerate() {
                    c.item(j, |c| check_price(source, (card, users), price, c));
                }
            });
        });
    }
}

/// A price belongs to defined features that use the card, and names some of their meters; its lists say each thing once.
fn check_price<'a>(
    source: &'a CatalogSource,
    (card, users): (&'a Name, &Users<'a>),
    price: &'a PriceSource,
    check: &mut Check<'a>,
) {
    let work = check.work();
    match &price.feature {
        None if users.of(card).is_empty() => {
            let fix = format_args!("set rate_card = \"{card}\" in a feature, or remove the price");
            check.wrong("no feature uses this card", fix);
        }
        None => check_meters(source, price, users.of(card).iter().map(|(_, feature)| *feature), check),
        Some(named) => {
            check.key("feature", |c| {
                check_list(named, c);
                for (i, name) in work.each(named.all()).enumerate() {
                    match named {
                        OneOrSeveral::One(_) => check_feature(source, card, name, c),
                        OneOrSeveral::Several(_) => c.item(i, |c| check_feature(source, card, name, c)),
                    }
                }
            });
            check_meters(
                source,
                price,
                named.all().iter().filter_map(|name| source.features.get(name)),
                check,
            );
        }
    }
    check.key("when", |c| {
        price.when.iter().for_each(|(name, values)| c.key(name.as_str(), |c| check_list(values, c)));
    });
    for (key, units) in [("step", &price.step), ("minimum", &price.minimum)] {
        check.key(key, |c| {
            for (meter, n) in units {
                if !price.credits.contains_key(meter) || is_requests(meter) {
                    let what = format_args!("`{meter}` has no price here that goes by use");
                    c.wrong_at(meter.as_str(), what, "name meters of `credits`, but for requests");
                }
                if !(1..=STEP_MAX).contains(n) {
                    let what = format_args!("{n} units are not possible");
                    c.wrong_at(meter.as_str(), what, format_args!("write 1 to {STEP_MAX}"));
                }
            }
        });
    }
    check.key("graduated", |c| {
        for meter in price.graduated.keys().filter(|meter| !price.credits.contains_key(*meter)) {
            let what = format_args!("`{meter}` has no price here");
            c.wrong_at(
                meter.as_str(),
                what,
                "name meters of `credits`, which has the price of the first units",
            );
        }
    });
    check.key("like", |c| {
        for (name, values) in price.like.iter().flatten() {
            if matches!(values, OneOrSeveral::Several(_)) && price.when.get(name) != Some(values) {
                let fix = "write one value, or the same list in both";
                c.wrong_at(name.as_str(), "the list is not that of `when`", fix);
            }
        }
    });
}

/// A list that is not empty and has each item once.
fn check_list<T: Ord + core::fmt::Display>(list: &OneOrSeveral<T>, check: &mut Check<'_>) {
    let work = check.work();
    let OneOrSeveral::Several(items) = list else { return };
    if items.is_empty() {
        check.wrong("the list is empty", "leave it out for any");
    }
    let mut seen = BTreeSet::new();
    for (i, item) in work.each(items).enumerate().filter(|(_, item)| !seen.insert(*item)) {
        check.item(i, |c| c.wrong(format_args!("`{item}` is listed twice"), "remove one"));
    }
}

/// The meters of a price are those of its features; where it has several, one of them is enough.
fn check_meters<'a>(
    source: &'a CatalogSource,
    price: &'a PriceSource,
    features: impl Iterator<Item = &'a FeatureSource> + Clone,
    check: &mut Check<'a>,
) {
    let Some(first) = features.clone().next() else { return };
    let work = check.work();
    check.key("credits", |c| {
        for meter in price.credits.keys() {
            let of = work.each(features.clone()).find(|feature| feature.meters.contains(meter));
            if work.is_stopped() {
                return;
            }
            let is_defined = source.meters.contains_key(meter) || is_requests(meter);
            match of {
                None => {
                    let what = format_args!("`{meter}` is not a meter of the feature");
                    c.wrong_at(meter.as_str(), what, one_of(first.meters.iter()));
                }
                Some(feature) if feature.has_meters_of_prices && !is_defined => {
                    let what = format_args!("there is no meter `{meter}`");
                    c.wrong_at(meter.as_str(), what, one_of(source.meters.keys()));
                }
                Some(_) => {}
            }
        }
    });
}

fn check_feature<'a>(source: &'a CatalogSource, card: &Name, feature: &Name, check: &mut Check<'a>) {
    match source.features.get(feature) {
        None => {
            let what = format_args!("there is no feature `{feature}`");
            check.wrong(what, one_of(source.features.keys()));
        }
        Some(f)
            if f.rate_card.as_ref() != Some(card)
                && source.features.get(card).is_some_and(|f| f.has_own_card) =>
        {
            let fix = format_args!("write it in the `prices` of `{feature}`, or leave `feature` out");
            check.wrong(format_args!("`prices` in feature `{card}` are for it alone"), fix);
        }
        Some(f) if f.rate_card.as_ref() != Some(card) => check.wrong(
            format_args!("feature `{feature}` does not use this card"),
            format_args!("set rate_card = \"{card}\" in the feature, or remove the price"),
        ),
        Some(_) => {}
    }
}

/// The places of all prices, by card and feature: version by version.
pub(super) struct OwnPrices<'a> {
    places: BTreeMap<(&'a Name, &'a Name), Vec<PricePlace>>,
    /// How many more pairs of prices a third may decide.
    decided: Cell<Option<usize>>,
    volumes: Volumes<'a>,
}

#[derive(Clone, Copy)]
struct PricePlace {
    version: usize,
    price: usize,
}

impl<'a> OwnPrices<'a> {
    pub(super) fn new(source: &'a CatalogSource, check: &Check<'a>) -> Self {
        let work = check.work();
        let users = Users::new(source, check);
        let mut own: BTreeMap<_, Vec<PricePlace>> = BTreeMap::new();
        for (card, versions) in &source.rate_cards {
            for (version, prices) in versions.iter().map(|v| &v.prices).enumerate() {
                for (price, of) in work.each(prices).enumerate() {
                    let place = PricePlace { version, price };
                    let mut add = |feature| own.entry((card, feature)).or_default().push(place);
                    match &of.feature {
                        Some(named) => work.each(named.all()).for_each(&mut add),
                        None => work.each(users.of(card)).for_each(|(feature, _)| add(feature)),
                    }
                }
            }
        }
        Self { places: own, decided: Cell::new(Some(DECIDED_MAX)), volumes: Volumes::default() }
    }

    fn of(&self, card: &'a Name, feature: &'a Name) -> &[PricePlace] {
        self.places.get(&(card, feature)).map_or(&[], Vec::as_slice)
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
            compiled.push(c.item(at, |c| card_version((name, feature), own, (version, places), c)));
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
    (name, feature): (&'a Name, &'a FeatureSource),
    own: &OwnPrices<'a>,
    (version, places): (&'a RateCardSource, &[PricePlace]),
    check: &mut Check<'a>,
) -> CardVersion {
    let written: Vec<(usize, &PriceSource)> =
        places.iter().filter_map(|place| Some((place.price, version.prices.get(place.price)?))).collect();
    let shapes = check.key("prices", |c| {
        let of_prices = feature.has_meters_of_prices;
        let beside_like = if of_prices { meter_doubts(name, &written, c) } else { BTreeMap::new() };
        let mut rows = rows((name, feature), &own.volumes, &written, c);
        if rows.is_empty() && !c.work().is_stopped() {
            c.wrong(format_args!("feature `{name}` has no price in this version"), "add one of its meters");
        }
        let work = c.work();
        let table = Table::new(&rows, work);
        derive((name, feature), &table, &mut rows, c);
        let sets: BTreeSet<Meters> = rows.iter().map(|row| row.priced).collect();
        if !check_sets(name, table.shapes.len(), sets.len(), c) {
            return Vec::new();
        }
        check_complete((feature, beside_like), &table, &rows, c);
        let sets: Vec<Meters> = sets.into_iter().collect();
        let compared = Compared { rows: &rows, sets: &sets, decided: &own.decided, work };
        let ties = table.ties(&compared);
        check_no_ties(name, &rows, &ties, c);
        if own.decided.get().is_none() {
            let what = format_args!("more than {DECIDED_MAX} pairs of prices are decided by a third");
            c.wrong(what, "name the same dimensions in more of the prices");
        }
        free_requests(feature, &mut rows);
        let all = all_meters(feature);
        table.shapes.iter().map(|shape| compile(shape, all, &mut rows)).collect()
    });
    CardVersion { effective_from: version.begins(), shapes }
}

/// A meter that one of several prices names may be misspelled there. Tells those that are named beside `like` alone, and where.
fn meter_doubts<'a>(
    feature: &Name,
    written: &[(usize, &'a PriceSource)],
    check: &mut Check<'a>,
) -> BTreeMap<&'a Name, usize> {
    let work = check.work();
    let own = written.iter().filter(|(_, price)| price.like.is_none());
    let (mut count, mut named) = (0_usize, BTreeMap::<&Name, (usize, usize)>::new());
    for (place, price) in work.each(own) {
        count += 1;
        for meter in price.credits.keys() {
            let (times, at) = named.entry(meter).or_default();
            (*times, *at) = (*times + 1, *place);
        }
    }
    let mut beside_like: BTreeMap<&Name, usize> = BTreeMap::new();
    for (place, price) in work.each(written.iter().filter(|(_, price)| price.like.is_some())) {
        for meter in price.credits.keys().filter(|meter| !named.contains_key(meter) && !is_requests(meter)) {
            beside_like.entry(meter).or_insert(*place);
        }
    }
    let alone = named.into_iter().filter(|(_, (times, _))| count > 1 && *times == 1);
    let alone = alone.map(|(meter, (_, place))| (meter, place));
    for (meter, place) in alone.chain(beside_like.iter().map(|(meter, place)| (*meter, *place))) {
        let what = format_args!("of the prices of `{feature}` only this one is for `{meter}`");
        let fix = "write it as the others do if it is misspelled; if not, list the `meters` of the feature";
        check.item(place, |c| c.key("credits", |c| c.key(meter.as_str(), |c| c.doubt(what, fix))));
    }
    beside_like
}

/// Checks how many sets of dimensions and of meters the prices of a feature name.
fn check_sets(name: &Name, dimensions: usize, meters: usize, check: &mut Check<'_>) -> bool {
    let rows =
        [(dimensions, SHAPES_MAX, "name", "dimensions"), (meters, METER_SETS_MAX, "are for", "meters")];
    let mut fits = true;
    for (sets, max, verb, of) in rows.into_iter().filter(|(sets, max, ..)| sets > max) {
        let what = format_args!(
            "the prices of `{name}` {verb} {sets} different sets of {of}, at most {max} are possible"
        );
        check.wrong(what, format_args!("name the same {of} in more of them"));
        fits = false;
    }
    fits
}

fn compile(shape: &ShapeOf<'_>, all: Meters, rows: &mut [Row<'_>]) -> Shape {
    let entry = |at: &usize| {
        let row = rows.get_mut(*at)?;
        let named = row.when.iter().filter(|(name, _)| name.is_some());
        let values: Vec<String> = named.map(|(_, value)| (*value).to_owned()).collect();
        Some(PriceEntry { values, prices: core::mem::take(&mut row.prices), open: all & !row.priced })
    };
    let mut entries: Vec<PriceEntry> = shape.rows.iter().filter_map(entry).collect();
    entries.sort_unstable_by(|a, b| a.values.cmp(&b.values));
    Shape { names: shape.names.iter().flatten().copied().cloned().collect(), entries }
}

/// Two prices that could match the same request must differ in how many dimensions they name, or a third decides.
fn check_no_ties(name: &Name, rows: &[Row<'_>], ties: &[Option<usize>], check: &mut Check<'_>) {
    for (row, tie) in rows.iter().zip(ties) {
        let other = tie.and_then(|tie| rows.get(tie)).map(|other| other.place);
        if let Some(other) = other.filter(|other| *other != row.place) {
            let what = format_args!("this price of `{name}` and prices[{other}] can match the same request");
            let fix = "name more dimensions in one of them, or add a price that names those of both";
            check.item(row.place, |c| c.wrong(what, fix));
        }
    }
}
