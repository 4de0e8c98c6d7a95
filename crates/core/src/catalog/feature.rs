//! Features: the units of their requests, the life of holds, and the cost of use.
//!
//! An unknown price is never free.

use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::record::{CardRef, Dimension, Instant, Name, Overshoot, Price, Span, Unit};

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
    pub(super) prices: Vec<Price>,
}

/// The prices found for a request.
#[derive(Debug)]
pub(crate) struct Prices<'a> {
    /// The card and when its version came into force.
    pub(crate) card: Option<(&'a Name, Instant)>,
    pub(crate) prices: Option<&'a [Price]>,
}

/// Why no price was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPrice {
    /// No version of the card is in force yet.
    NotYet,
    /// No entry matches the dimensions.
    NoMatch,
}

impl Feature {
    /// The prices in force at `now` for these dimensions. A feature without a card is free.
    ///
    /// # Errors
    /// When there is no price, and why; an unknown price is never free.
    pub(crate) fn prices(&self, dimensions: &[Dimension], now: Instant) -> Result<Prices<'_>, NoPrice> {
        let Some(card) = &self.card else {
            return Ok(Prices { card: None, prices: None });
        };
        let in_force = self.prices.partition_point(|v| v.effective_from <= now).checked_sub(1);
        let in_force = in_force.and_then(|at| self.prices.get(at)).ok_or(NoPrice::NotYet)?;
        let entry = in_force.shapes.iter().find_map(|shape| shape.entry(dimensions));
        let entry = entry.ok_or(NoPrice::NoMatch)?;
        Ok(Prices { card: Some((card, in_force.effective_from)), prices: Some(&entry.prices) })
    }
}

impl Feature {
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

    /// A catalog whose prices name these dimensions; each price is its place in the list, from 1.
    fn catalog(whens: &[Named]) -> String {
        let when = |when: &Named| {
            when.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect::<Vec<_>>().join(", ")
        };
        let price = |(i, named): (usize, &Named)| {
            format!("{{ feature = \"f\", when = {{ {} }}, credits = {{ t = {} }} }}", when(named), i + 1)
        };
        let prices: Vec<String> = whens.iter().enumerate().map(price).collect();
        format!(
            "version = \"1\"\nplans = {{}}\nmeters.t.unit = \"t\"\n[features.f]\nmeters = [\"t\"]\nrate_card = \"c\"\n\
             [[rate_cards.c]]\neffective_from = \"2026-01-01T00:00:00Z\"\nprices = [{}]\n",
            prices.join(", ")
        )
    }

    proptest! {
        #[test]
        fn the_most_specific_price_that_matches_is_found(
            whens in prop::collection::vec(prop::collection::btree_map("[a-d]", "[xyz]", 0..4), 1..8),
            asked in prop::collection::btree_map("[a-e]", "[xyz]", 0..5),
        ) {
            // Catalogs with ties are refused.
            let Ok(catalog) = Catalog::parse(&catalog(&whens), Format::Toml) else { return Ok(()) };
            let matches = |when: &&Named| when.iter().all(|(name, value)| asked.get(name) == Some(value));
            let best = whens.iter().filter(matches).max_by_key(|when| when.len());
            let place = |best| (1..).zip(&whens).find(|(_, when)| *when == best).map(|(place, _)| place);
            let expected: Option<u64> = best.and_then(place);

            let dimensions: Vec<Dimension> = asked
                .iter()
                .map(|(name, value)| Dimension {
                    name: Name::new(name).expect("a name"),
                    value: Label::new(value).expect("a label"),
                })
                .collect();
            let now: Instant = "2026-06-01T00:00:00Z".parse().expect("an instant");
            let found = catalog.feature("f").expect("the feature").prices(&dimensions, now);
            let price = found.ok().and_then(|found| found.prices?.first().map(|price| price.nano()));
            prop_assert_eq!(price, expected.map(|place| place * 1_000_000_000));
        }
    }
}
