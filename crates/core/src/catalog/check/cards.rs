//! Rate cards: versions in order, prices of features that use the card, one price for every request.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::walk::Check;
use crate::catalog::feature::{CardVersion, PriceEntry};
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::{CatalogSource, Decimal, FeatureSource, PriceSource, RateCardSource};
use crate::record::{Name, Price};

/// Cards by themselves, whether a feature uses them or not.
pub(super) fn check_cards(source: &CatalogSource, check: &mut Check) {
    check.key("rate_cards", |c| {
        for (name, versions) in &source.rate_cards {
            c.key(name.as_str(), |c| check_versions(source, name, versions, c));
        }
    });
}

fn check_versions(source: &CatalogSource, card: &Name, versions: &[RateCardSource], check: &mut Check) {
    if versions.is_empty() {
        check.wrong("the card has no version", "add one with `effective_from` and `prices`");
    }
    for (i, version) in versions.iter().enumerate() {
        check.item(i, |c| {
            if versions.iter().take(i).any(|v| v.effective_from >= version.effective_from) {
                let fix = "list the oldest first, each instant once";
                c.wrong_at("effective_from", "versions are not in order", fix);
            }
            c.key("prices", |c| {
                for (j, price) in version.prices.iter().enumerate() {
                    c.item(j, |c| check_feature(source, card, &price.feature, c));
                }
            });
        });
    }
}

/// A price belongs to a defined feature that uses the card.
fn check_feature(source: &CatalogSource, card: &Name, feature: &Name, check: &mut Check) {
    match source.features.get(feature) {
        None => {
            let what = alloc::format!("there is no feature `{feature}`");
            check.wrong_at("feature", what, one_of(source.features.keys()));
        }
        Some(f) if f.rate_card.as_ref() != Some(card) => check.wrong_at(
            "feature",
            alloc::format!("feature `{feature}` does not use this card"),
            alloc::format!("set rate_card = \"{card}\" in the feature, or remove the price"),
        ),
        Some(_) => {}
    }
}

/// The prices of a feature in the versions of its card; none where it has no card.
pub(super) fn card_versions(
    source: &CatalogSource,
    name: &Name,
    feature: &FeatureSource,
    check: &mut Check,
) -> Vec<CardVersion> {
    let Some(card) = &feature.rate_card else { return Vec::new() };
    let Some(versions) = source.rate_cards.get(card) else {
        let what = alloc::format!("there is no rate card `{card}`");
        check.wrong_at("rate_card", what, one_of(source.rate_cards.keys()));
        return Vec::new();
    };
    check.elsewhere(&["rate_cards", card.as_str()], |c| {
        let compiled = versions.iter().enumerate();
        compiled.map(|(i, version)| c.item(i, |c| card_version(name, feature, version, c))).collect()
    })
}

fn card_version(
    name: &Name,
    feature: &FeatureSource,
    version: &RateCardSource,
    check: &mut Check,
) -> CardVersion {
    let mut entries: Vec<PriceEntry> = check.key("prices", |c| {
        let own = version.prices.iter().enumerate().filter(|(_, p)| p.feature == *name);
        own.map(|(i, price)| c.item(i, |c| price_entry(feature, price, c))).collect()
    });
    check_no_ties(&entries, name, check);
    entries.sort_by_key(|e| core::cmp::Reverse(e.when.len()));
    if entries.is_empty() {
        check.wrong(alloc::format!("feature `{name}` has no price in this version"), "add one to `prices`");
    }
    CardVersion { effective_from: version.effective_from, entries }
}

fn price_entry(feature: &FeatureSource, source: &PriceSource, check: &mut Check) -> PriceEntry {
    let per = source.per.unwrap_or(1);
    if per == 0 {
        check.wrong_at("per", "a price for no units", "write 1 or more, for example 1000000");
    }
    let prices = check.key("credits", |c| {
        for meter in source.credits.keys().filter(|m| !feature.meters.contains(m)) {
            let what = alloc::format!("`{meter}` is not a meter of the feature");
            c.wrong_at(meter.as_str(), what, one_of(feature.meters.iter()));
        }
        feature.meters.iter().map(|meter| price(meter, source.credits.get(meter), per, c)).collect()
    });
    PriceEntry { when: source.when.iter().map(|(k, v)| (k.clone(), v.clone())).collect(), prices }
}

fn price(meter: &Name, given: Option<&Decimal>, per: u64, check: &mut Check) -> Price {
    match given {
        Some(Decimal(text)) => Price::for_units(text, per).unwrap_or_else(|e| {
            let what = alloc::format!("`{text}` for {per} units is not a price");
            check.wrong_at(meter.as_str(), what, e.to_string());
            Price::default()
        }),
        None if is_requests(meter) => Price::default(),
        None => {
            let fix = alloc::format!("add {meter} = \"0\" if it is free");
            check.wrong(alloc::format!("meter `{meter}` has no price"), fix);
            Price::default()
        }
    }
}

/// Two entries that could match the same request must differ in how many dimensions they name.
fn check_no_ties(entries: &[PriceEntry], feature: &Name, check: &mut Check) {
    for (i, a) in entries.iter().enumerate() {
        for b in entries.iter().skip(i + 1).filter(|b| b.when.len() == a.when.len()) {
            let apart =
                a.when.iter().any(|(name, value)| b.when.iter().any(|(n, v)| n == name && v != value));
            if !apart {
                let what = alloc::format!("two prices of `{feature}` can match the same request");
                check.wrong_at("prices", what, "name more dimensions in one of them");
            }
        }
    }
}
