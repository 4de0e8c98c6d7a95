//! Features: the units of their requests, the life of holds, and the cost of use.
//!
//! An unknown price is never free.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::derived::{Derived, derive, insert};
use super::graduated::{FREE, Ladder, MeterPrice};
use super::names::is_requests;
use crate::record::{CardRef, Dimension, Dimensions, Instant, Name, Overshoot, Span, Unit};

/// A compiled feature.
#[derive(Debug)]
pub struct Feature {
    /// Its name.
    pub name: Name,
    /// Position in the plans' programs.
    pub(super) index: usize,
    /// Its meters.
    pub meters: Vec<Name>,
    /// The unit that allowances count.
    pub(crate) unit: Unit,
    /// The rule for use that no source pays.
    pub(crate) overshoot: Overshoot,
    /// Life of a hold when the request names none.
    pub(crate) hold_life: Span,
    /// Longest life of a hold.
    pub hold_life_max: Span,
    /// Meters charged at their estimate on expiry.
    pub(crate) expiry_charges: Option<Vec<Name>>,
    /// Whether use is recorded.
    pub ledger: bool,
    /// The unit of credits that its prices are in; `None`: `credits`.
    pub(crate) credit_unit: Option<Name>,
    /// The supply its requests need room in.
    pub supply: Option<Name>,
    /// The quantities that a hold sets aside for meters that a request leaves out.
    pub(crate) estimate: Vec<(Name, u64)>,
    /// The dimensions that its use may have, those that prices depend on among them; in order.
    pub(super) dimensions: Vec<Name>,
    /// Dimensions that follow from a request.
    pub(super) derived: Vec<Derived>,
    /// The volumes that its graduated prices count in.
    pub(super) volumes: Vec<Arc<Ladder>>,
    pub(super) card: Option<Name>,
    /// The versions of its card, oldest first.
    pub(super) prices: Vec<CardVersion>,
}

/// The prices of one feature in one version of its card.
#[derive(Debug)]
pub(super) struct CardVersion {
    pub(super) effective_from: Instant,
    /// The most specific first.
    pub(super) shapes: Vec<Shape>,
}

/// The prices that name the same dimensions.
#[derive(Debug)]
pub(super) struct Shape {
    /// The names, in order.
    pub(super) names: Vec<Name>,
    /// By the values of these dimensions, in order.
    pub(super) entries: Vec<PriceEntry>,
}

#[derive(Debug)]
pub(super) struct PriceEntry {
    /// The values of the shape's dimensions.
    pub(super) values: Vec<String>,
    /// In the order of the feature's meters.
    pub(super) prices: Vec<MeterPrice>,
    /// The meters, by their places, whose price is that of another entry that matches.
    pub(super) open: u64,
}

/// The prices found for a request.
#[derive(Debug)]
pub(crate) struct Prices<'a> {
    /// The card and when its version came into force.
    pub(crate) card: Option<(&'a Name, Instant)>,
    /// In the order of the feature's meters; empty: free.
    prices: Cow<'a, [MeterPrice]>,
}

impl Prices<'_> {
    /// The price of the meter at this place.
    #[inline]
    pub(crate) fn of(&self, at: usize) -> &MeterPrice {
        self.prices.get(at).unwrap_or(&FREE)
    }
}

/// Why no price was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPrice {
    /// No version of the card is in force yet.
    NotYet,
    /// No entries that match the dimensions price every meter.
    NoMatch,
}

impl Feature {
    /// The dimensions that its use may have, in order.
    #[must_use]
    pub fn dimensions(&self) -> &[Name] {
        &self.dimensions
    }

    /// The price found for a meter; `None` if the feature has no such meter.
    pub(crate) fn price_of<'f>(&self, found: &'f Prices<'_>, meter: &Name) -> Option<&'f MeterPrice> {
        self.meters.iter().position(|known| known == meter).map(|at| found.of(at))
    }

    /// The prices in force at `now` for these dimensions. A feature without a card is free.
    ///
    /// # Errors
    /// When there is no price, and why; an unknown price is never free.
    pub(crate) fn prices(&self, dimensions: &[Dimension], now: Instant) -> Result<Prices<'_>, NoPrice> {
        let Some(card) = &self.card else {
            return Ok(Prices { card: None, prices: Cow::Borrowed(&[]) });
        };
        let in_force = self.in_force(now).ok_or(NoPrice::NotYet)?;
        let mut matching = in_force.shapes.iter().filter_map(|shape| shape.entry(dimensions));
        let entry = matching.next().ok_or(NoPrice::NoMatch)?;
        let mut prices = Cow::Borrowed(entry.prices.as_slice());
        let mut open = entry.open;
        while open != 0 {
            let Some(next) = matching.next() else { break };
            let filled = open & !next.open;
            for (i, price) in prices.to_mut().iter_mut().enumerate().filter(|(i, _)| filled >> i & 1 == 1) {
                *price = next.prices.get(i).cloned().unwrap_or_default();
            }
            open &= next.open;
        }
        let is_missing = |(i, meter): (usize, &Name)| open >> i & 1 == 1 && !is_requests(meter);
        if open != 0 && self.meters.iter().enumerate().any(is_missing) {
            return Err(NoPrice::NoMatch);
        }
        Ok(Prices { card: Some((card, in_force.effective_from)), prices })
    }
}

impl Feature {
    /// A price that counts in a volume.
    pub(crate) fn ladder(&self, volume: &Name) -> Option<&Ladder> {
        self.volumes.iter().find(|ladder| ladder.volume == *volume).map(|ladder| &**ladder)
    }

    /// The prices of use that turned out to have these dimensions, where a hold or charge has pinned a version of the card: those of
    /// that version; failing that, those in force at `now`.
    pub(crate) fn prices_pinned(
        &self,
        pinned: Option<&CardRef>,
        dimensions: &[Dimension],
        now: Instant,
    ) -> Result<Prices<'_>, NoPrice> {
        let of_version = pinned.and_then(|pinned| {
            let is_it = |found: &Prices<'_>| found.card == Some((&pinned.name, pinned.effective_from));
            self.prices(dimensions, pinned.effective_from).ok().filter(is_it)
        });
        of_version.map_or_else(|| self.prices(dimensions, now), Ok)
    }

    /// The version of the card in force.
    pub(super) fn in_force(&self, now: Instant) -> Option<&CardVersion> {
        let at = self.prices.partition_point(|v| v.effective_from <= now).checked_sub(1)?;
        self.prices.get(at)
    }

    /// Whether dimensions follow from a request.
    pub(crate) fn derives(&self) -> bool {
        !self.derived.is_empty()
    }

    /// The dimensions of a request at an instant with those that follow from it, where they are not named; `None`: as they are.
    pub(crate) fn derived(
        &self,
        named: &[Dimension],
        at: Instant,
        quantity: impl Fn(&Name) -> u64,
    ) -> Option<Cow<'_, [Dimension]>> {
        // Most requests of such a feature name nothing and have one dimension, which the catalog has as it is.
        if let ([rule], []) = (self.derived.as_slice(), named) {
            return Some(Cow::Borrowed(rule.of(at, &quantity).map_or(&[], core::slice::from_ref)));
        }
        let open = |rule: &&Derived| named.iter().all(|d| d.name != rule.dimension);
        let all = derive(named, self.derived.iter().filter(open), at, &quantity)?;
        Some(Cow::Owned(all.into_vec()))
    }

    /// The same for use that turned out to have these dimensions, or those it had: its size decides, not that of the hold or charge
    /// that named them; what follows from the time stays.
    pub(crate) fn derived_again(
        &self,
        named: Option<&[Dimension]>,
        had: &[Dimension],
        quantity: impl Fn(&Name) -> u64,
    ) -> Option<Dimensions> {
        if self.derived.is_empty() {
            return None;
        }
        let base = named.unwrap_or(had);
        let open = |name: &Name| named.is_none_or(|named| named.iter().all(|d| d.name != *name));
        let of_size = |rule: &&Derived| !rule.is_of_time() && open(&rule.dimension);
        let sized = derive(base, self.derived.iter().filter(of_size), Instant::default(), &quantity);
        let of_time = self.derived.iter().filter(|rule| rule.is_of_time() && open(&rule.dimension));
        let kept = of_time.filter_map(|rule| had.iter().find(|d| d.name == rule.dimension));
        let missing: SmallVec<[&Dimension; 1]> =
            kept.filter(|kept| base.iter().all(|d| d.name != kept.name)).collect();
        if missing.is_empty() {
            return sized;
        }
        let mut all = sized.unwrap_or_else(|| base.iter().cloned().collect());
        missing.into_iter().for_each(|kept| insert(&mut all, kept.clone()));
        Some(all)
    }

    /// The same for a request at an instant as another catalog has it: what its caller named stays.
    pub(crate) fn derived_anew(
        &self,
        had: &[Dimension],
        at: Instant,
        quantity: impl Fn(&Name) -> u64,
    ) -> Option<Dimensions> {
        let open =
            |rule: &&Derived| had.iter().find(|d| d.name == rule.dimension).is_none_or(|named| named.derived);
        derive(had, self.derived.iter().filter(open), at, &quantity)
    }

    /// The same for a charge that is priced again: it keeps its size too, which is that of what was asked where less was charged.
    pub(crate) fn derived_for_price(
        &self,
        had: &[Dimension],
        at: Instant,
        quantity: impl Fn(&Name) -> u64,
    ) -> Option<Dimensions> {
        let open = |rule: &&Derived| {
            let had = had.iter().find(|d| d.name == rule.dimension);
            had.is_none_or(|value| value.derived && !rule.has_size(value))
        };
        derive(had, self.derived.iter().filter(open), at, &quantity)
    }

    /// Whether a price depends on this dimension, or the catalog lists it.
    #[must_use]
    pub fn has_dimension(&self, name: &Name) -> bool {
        self.dimensions.binary_search(name).is_ok()
    }

    /// When other prices come into force.
    pub(crate) fn next_prices(&self, now: Instant) -> Option<Instant> {
        let next = self.prices.partition_point(|v| v.effective_from <= now);
        self.prices.get(next).map(|v| v.effective_from)
    }

    /// When a dimension that follows from the time has another value.
    pub(crate) fn next_hours(&self, now: Instant) -> Option<Instant> {
        self.derived.iter().filter_map(|rule| rule.next(now)).min()
    }
}

impl Shape {
    /// The price for a request that has these dimensions.
    fn entry(&self, dimensions: &[Dimension]) -> Option<&PriceEntry> {
        let value = |name: &Name| dimensions.iter().find(|d| d.name == *name).map(|d| d.value.as_str());
        let values: SmallVec<[&str; 4]> = self.names.iter().map(value).collect::<Option<_>>()?;
        let at = self
            .entries
            .binary_search_by(|entry| entry.values.iter().map(String::as_str).cmp(values.iter().copied()));
        at.ok().and_then(|at| self.entries.get(at))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec::Vec;
    use std::format;

    use proptest::prelude::*;

    use crate::catalog::{Catalog, Format};
    use crate::record::{Dimension, Instant, Label, Name};

    type Named = BTreeMap<String, String>;

    /// A price: its dimensions, whether it names its feature, and which of the meters `t` and `u` it prices.
    type Priced = (Named, bool, (bool, bool));

    /// A catalog of these prices; those of `t` are their places in the list, from 1, those of `u` 100 more.
    fn catalog(prices: &[Priced]) -> String {
        let when = |when: &Named| {
            when.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect::<Vec<_>>().join(", ")
        };
        let price = |(i, (named, is_of_feature, (t, u))): (usize, &Priced)| {
            let feature = if *is_of_feature { "feature = \"f\", " } else { "" };
            let t = if *t { format!("t = {}, ", i + 1) } else { String::new() };
            let u = if *u { format!("u = {}", i + 101) } else { String::new() };
            format!("{{ {feature}when = {{ {} }}, credits = {{ {t}{u} }} }}", when(named))
        };
        let prices: Vec<String> = prices.iter().enumerate().map(price).collect();
        format!(
            "version = \"1\"\nplans = {{}}\nmeters.t.unit = \"t\"\nmeters.u.unit = \"u\"\n[features.f]\nmeters = [\"t\", \"u\"]\n\
             rate_card = \"c\"\n[[rate_cards.c]]\neffective_from = \"2026-01-01T00:00:00Z\"\nprices = [{}]\n",
            prices.join(", ")
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_most_specific_price_that_matches_is_found_for_each_meter(
            mut prices in prop::collection::vec(
                (
                    prop::collection::btree_map("[a-d]", "[xyz]", 0..4),
                    any::<bool>(),
                    prop::sample::select(std::vec![(true, true), (true, false), (false, true)]),
                ),
                0..8,
            ),
            has_default in any::<bool>(),
            asked in prop::collection::btree_map("[a-e]", "[xyz]", 0..5),
        ) {
            if has_default {
                prices.push((Named::new(), false, (true, true)));
            }
            // Catalogs with ties or without a price of a meter are refused.
            let Ok(catalog) = Catalog::parse(&catalog(&prices), Format::Toml) else { return Ok(()) };
            let is_matching = |when: &Named| when.iter().all(|(name, value)| asked.get(name) == Some(value));
            let best = |first: u64, prices_it: &dyn Fn((bool, bool)) -> bool| {
                let matching = (first..).zip(&prices).filter(|(_, p)| is_matching(&p.0) && prices_it(p.2));
                matching.max_by_key(|(_, p)| p.0.len() + usize::from(p.1)).map(|(price, _)| price * 1_000_000_000)
            };
            let expected = best(1, &|(t, _)| t).zip(best(101, &|(_, u)| u));

            let dimensions: Vec<Dimension> = asked
                .iter()
                .map(|(name, value)| {
                    Dimension::new(Name::new(name).expect("a name"), Label::new(value).expect("a label"))
                })
                .collect();
            let now: Instant = "2026-06-01T00:00:00Z".parse().expect("an instant");
            let found = catalog.feature("f").expect("the feature").prices(&dimensions, now);
            let nano = |found: &super::Prices<'_>, at| found.of(at).price.nano();
            prop_assert_eq!(found.ok().map(|found| (nano(&found, 0), nano(&found, 1))), expected);
        }
    }
}
