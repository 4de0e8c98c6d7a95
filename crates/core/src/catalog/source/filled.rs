//! What a catalog may leave out, filled in: the shapes are then as if all had been written.
//!
//! Never does more than the text is long: a feature with more meters than it may have is refused afterwards.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{CatalogSource, FeatureSource, MeterSource, PriceSource, RateCardSource};
use crate::record::Name;

/// One more than a feature may have, so that it is refused.
const METERS_ENOUGH: usize = 33;

impl CatalogSource {
    /// The same catalog with its defaults written out.
    pub(crate) fn filled(mut self) -> Self {
        for (name, feature) in &mut self.features {
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
        let priced = Priced::of(&self.rate_cards);
        for (name, feature) in self.features.iter_mut().filter(|(_, feature)| feature.meters.is_empty()) {
            feature.meters = priced.meters(name, feature);
            feature.has_meters_of_prices = true;
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

/// The meters that cards price: for all features that use the card, and for single ones.
struct Priced {
    of_all: BTreeMap<Name, BTreeSet<Name>>,
    of_one: BTreeMap<(Name, Name), BTreeSet<Name>>,
}

impl Priced {
    fn of(cards: &BTreeMap<Name, Vec<RateCardSource>>) -> Self {
        let mut priced = Self { of_all: BTreeMap::new(), of_one: BTreeMap::new() };
        for (card, versions) in cards {
            for price in versions.iter().flat_map(|version| &version.prices) {
                match &price.feature {
                    None => add(priced.of_all.entry(card.clone()).or_default(), price),
                    Some(features) => features.all().iter().for_each(|feature| {
                        add(priced.of_one.entry((card.clone(), feature.clone())).or_default(), price);
                    }),
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

fn add(meters: &mut BTreeSet<Name>, price: &PriceSource) {
    let room = METERS_ENOUGH.saturating_sub(meters.len());
    let more: Vec<&Name> = price.credits.keys().filter(|meter| !meters.contains(*meter)).take(room).collect();
    meters.extend(more.into_iter().cloned());
}
