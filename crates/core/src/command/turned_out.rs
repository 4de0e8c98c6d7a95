//! The price of what happened, where that is not what was requested: another model answered, a tier was not granted.
//!
//! T1 the version of the card that was pinned prices it; failing that, the card in force; failing that, or if a catalog has altered
//! that version since, the prices stay and the use is marked as unpriced (`what_happened_is_charged`).

use smallvec::SmallVec;

use crate::catalog::{Catalog, Feature, Prices};
use crate::record::{CardRef, Dimension, Instant, Line, Name, Use};

/// Whether the version that priced a use has other prices for it now: then nothing of it can be relied on.
fn is_altered(feature: &Feature, usage: &Use) -> bool {
    let Some(pinned) = usage.card.as_ref().filter(|_| !usage.unpriced) else { return false };
    let Ok(found) = feature.prices(&usage.dimensions, pinned.effective_from) else { return false };
    let is_it = found.card == Some((&pinned.name, pinned.effective_from));
    let differs = |line: &Line| feature.price_of(&found, &line.meter).is_some_and(|p| p != line.price);
    is_it && usage.lines.iter().any(differs)
}

/// Notes where the prices of a use come from.
pub(super) fn note_card(usage: &mut Use, catalog: &Catalog, found: &Prices<'_>) {
    usage.card = found.card.map(|(name, effective_from)| CardRef { name: name.clone(), effective_from });
    usage.catalog = catalog.version.clone();
    usage.unpriced = false;
}

/// What becomes of the meters that a settlement or correction does not name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// They count zero.
    Vanish,
    /// They stay.
    Stay,
}

/// A use with the dimensions and meters that turned out, at their prices; its quantities are those it had.
pub(super) fn turned_out(
    catalog: &Catalog,
    usage: &Use,
    dimensions: Option<&[Dimension]>,
    quantities: &[(Name, u64)],
    (now, unnamed): (Instant, Unnamed),
) -> Use {
    let feature = catalog.feature(usage.feature.as_str());
    let quantity = |meter: &Name| {
        let stays = usage.lines.iter().find(|line| line.meter == *meter && unnamed == Unnamed::Stay);
        let named = quantities.iter().find(|(m, _)| m == meter).map(|(_, n)| *n);
        named.or(stays.map(|line| line.quantity)).unwrap_or(0)
    };
    let derived = feature.and_then(|feature| feature.derived_again(dimensions, &usage.dimensions, quantity));
    let dimensions = derived.as_deref().or(dimensions);
    let other = dimensions.filter(|other| *other != usage.dimensions.as_slice());
    let mut actual = usage.clone();
    let has_line = |meter: &Name| usage.lines.iter().any(|line| line.meter == *meter);
    if other.is_none() && quantities.iter().all(|(meter, _)| has_line(meter)) {
        return actual;
    }
    if let Some(other) = other {
        actual.dimensions = SmallVec::from(other);
    }
    let feature = feature.filter(|feature| feature.credit_unit == usage.credit_unit);
    let priced = feature.filter(|feature| !is_altered(feature, usage)).and_then(|feature| {
        let prices = feature.prices_pinned(usage.card.as_ref(), &actual.dimensions, now).ok()?;
        Some((feature, prices))
    });
    let Some((feature, found)) = priced else {
        actual.unpriced |= other.is_some();
        return actual;
    };
    let price_of = |meter: &Name| feature.price_of(&found, meter);
    if other.is_some() {
        // A meter that is gone keeps its price.
        for line in &mut actual.lines {
            line.price = price_of(&line.meter).unwrap_or(line.price);
        }
        note_card(&mut actual, catalog, &found);
    }
    for (meter, _) in quantities.iter().filter(|(meter, _)| !has_line(meter)) {
        if let Some(price) = price_of(meter) {
            actual.lines.push(Line { meter: meter.clone(), quantity: 0, price });
        }
    }
    actual
}
