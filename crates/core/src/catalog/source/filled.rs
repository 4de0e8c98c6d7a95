//! What a catalog may leave out, filled in: the shapes are then as if all had been written.
//!
//! Never builds what is too large: meters are taken from prices up to a maximum, beyond which the catalog is refused
//! (`what_is_left_out_has_a_maximum`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{CatalogSource, FeatureSource, MeterSource, PriceSource, RateCardSource};
use crate::catalog::work::Work;
use crate::record::Name;

/// The most meters of a feature, and of a price.
pub(crate) const METERS_MAX: usize = 32;

/// The most meters that features leave to prices, together.
pub(crate) const LEFT_OUT_MAX: usize = 1_000_000;

impl CatalogSource {
    /// The same catalog with its defaults written out.
    pub(in crate::catalog) fn filled(mut self, work: &Work<'_>) -> Self {
        for (name, feature) in work.each(&mut self.features) {
            if feature.rate_card.is_none()
                && !self.rate_cards.contains_key(name)
                && let Some(prices) = feature.prices.take()
            {
                let version = RateCardSource { effective_from: None, prices };
                self.rate_cards.insert(name.clone(), alloc::vec![version]);
                feature.rate_card = Some(name.clone());
                feature.has_own_card = true;
            }
        }
        let leaves = |feature: &FeatureSource| feature.meters.is_empty();
        let priced = Priced::of(&self.rate_cards, |name| self.features.get(name).is_some_and(leaves), work);
        self.left_out = priced.taken;
        for (name, feature) in work.each(self.features.iter_mut().filter(|(_, feature)| leaves(feature))) {
            if self.left_out > LEFT_OUT_MAX {
                break;
            }
            feature.meters = priced.meters(name, feature);
            feature.has_meters_of_prices = true;
            self.left_out += feature.meters.len();
        }
        if self.meters.is_empty() {
            let all = self.features.values().flat_map(|feature| &feature.meters);
            self.meters = all.map(|name| (name.clone(), MeterSource::named(name))).collect();
        }
        if let (1, Some((name, only))) = (self.plans.len(), self.plans.iter_mut().next()) {
            self.default_plan.get_or_insert_with(|| name.clone());
            only.features.get_or_insert_with(|| self.features.keys().cloned().collect());
        }
        self
    }

    /// Whether the card of this name is a feature's own list of prices.
    pub(crate) fn is_own_card(&self, name: &str) -> bool {
        self.features.get(name).is_some_and(|feature| feature.has_own_card)
    }
}

/// The meters that cards price: for all features that use the card, and for single ones that leave theirs to prices.
struct Priced {
    of_all: BTreeMap<Name, BTreeSet<Name>>,
    of_one: BTreeMap<(Name, Name), BTreeSet<Name>>,
    /// How many there are; more than the maximum are not collected.
    taken: usize,
}

impl Priced {
    fn of(
        cards: &BTreeMap<Name, Vec<RateCardSource>>,
        leaves: impl Fn(&Name) -> bool,
        work: &Work<'_>,
    ) -> Self {
        let mut priced = Self { of_all: BTreeMap::new(), of_one: BTreeMap::new(), taken: 0 };
        for (card, versions) in cards {
            for price in versions.iter().flat_map(|version| work.each(&version.prices)) {
                let Some(features) = &price.feature else {
                    priced.taken += add(priced.of_all.entry(card.clone()).or_default(), price);
                    continue;
                };
                for feature in work.each(features.all()).filter(|feature| leaves(feature)) {
                    if priced.taken > LEFT_OUT_MAX {
                        return priced;
                    }
                    let of_one = priced.of_one.entry((card.clone(), feature.clone())).or_default();
                    priced.taken += add(of_one, price);
                }
            }
        }
        priced
    }

    fn meters(&self, name: &Name, feature: &FeatureSource) -> Vec<Name> {
        let Some(card) = &feature.rate_card else { return Vec::new() };
        let of_one = self.of_one.get(&(card.clone(), name.clone()));
        let all: BTreeSet<&Name> = self.of_all.get(card).into_iter().chain(of_one).flatten().collect();
        all.into_iter().cloned().collect()
    }
}

/// Adds the meters of a price; how many are new.
fn add(meters: &mut BTreeSet<Name>, price: &PriceSource) -> usize {
    // One too many is enough to be refused.
    let room = (METERS_MAX + 1).saturating_sub(meters.len());
    let new: Vec<&Name> = price.credits.keys().filter(|meter| !meters.contains(*meter)).take(room).collect();
    let count = new.len();
    meters.extend(new.into_iter().cloned());
    count
}
