//! Features: the units of their requests, the life of holds, and the cost of use.
//!
//! An unknown price is never free.

use alloc::string::String;
use alloc::vec::Vec;

use crate::record::{Dimension, Instant, Name, Overshoot, Price, Span, Unit};

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
    /// Dimensions of its use besides those that prices depend on.
    pub(super) dimensions: Vec<Name>,
    pub(super) card: Option<Name>,
    /// The versions of its card, oldest first.
    pub(super) prices: Vec<CardVersion>,
}

/// The prices of one feature in one version of its card, most specific first.
#[derive(Debug)]
pub(super) struct CardVersion {
    pub(super) effective_from: Instant,
    pub(super) entries: Vec<PriceEntry>,
}

#[derive(Debug)]
pub(super) struct PriceEntry {
    pub(super) when: Vec<(Name, String)>,
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
        let in_force = self.prices.iter().rev().find(|v| v.effective_from <= now).ok_or(NoPrice::NotYet)?;
        let entry = in_force.entries.iter().find(|e| e.matches(dimensions)).ok_or(NoPrice::NoMatch)?;
        Ok(Prices { card: Some((card, in_force.effective_from)), prices: Some(&entry.prices) })
    }
}

impl Feature {
    /// Whether a price depends on this dimension, or the catalog lists it.
    #[must_use]
    pub fn has_dimension(&self, name: &Name) -> bool {
        let entries = self.prices.iter().flat_map(|version| &version.entries);
        self.dimensions.contains(name) || entries.flat_map(|e| &e.when).any(|(named, _)| named == name)
    }

    /// When other prices come into force.
    pub(crate) fn next_prices(&self, now: Instant) -> Option<Instant> {
        self.prices.iter().map(|v| v.effective_from).find(|from| *from > now)
    }
}

impl PriceEntry {
    fn matches(&self, dimensions: &[Dimension]) -> bool {
        let is_named = |(name, value): &(Name, String)| {
            dimensions.iter().any(|d| d.name == *name && d.value.as_str() == value)
        };
        self.when.iter().all(is_named)
    }
}
