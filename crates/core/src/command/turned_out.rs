//! The price of what happened, where that is not what was requested: another model answered, a tier was not granted.
//!
//! T1 the version of the card that was pinned prices it; failing that, the card in force; failing that, or if a catalog has altered
//! that version since, the prices stay and the use is marked as unpriced (`what_happened_is_charged`). T2 the parts of a use have the
//! prices of one catalog (`parts_have_the_prices_of_one_catalog`).

use smallvec::SmallVec;

use crate::catalog::{Catalog, FREE, Feature, Prices};
use crate::record::{CardRef, Dimension, Dimensions, Instant, Line, Name, Use};
use crate::waterfall::{AskedPart, Refusal, check_parts};

/// Whether the version that priced a use has other prices for any part of it now: then nothing of it can be relied on, and parts of
/// one record would have prices of two catalogs.
fn is_altered(feature: &Feature, usage: &Use) -> bool {
    (0..usage.parts()).any(|place| is_part_altered(feature, &usage.only(place)))
}

fn is_part_altered(feature: &Feature, usage: &Use) -> bool {
    let Some(pinned) = usage.card.as_ref().filter(|_| !usage.unpriced) else { return false };
    let Ok(found) = feature.prices(&usage.dimensions, pinned.effective_from) else { return false };
    let is_it = found.card == Some((&pinned.name, pinned.effective_from));
    let differs = |line: &Line| feature.price_of(&found, &line.meter).is_some_and(|p| !p.is_of(line));
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

/// Where the prices of what turned out otherwise come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pricing {
    /// The catalog.
    Anew,
    /// The use: what it does not know is unpriced.
    Kept,
}

/// A part of a use, as a settlement, an extension or a correction names it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// All of its dimensions; `None`: they stay.
    pub(super) dimensions: Option<&'a [Dimension]>,
    pub(super) quantities: &'a [(Name, u64)],
}

impl Asked<'_> {
    /// The same with no dimensions where it names none.
    pub(super) fn or_none(self) -> Self {
        Self { dimensions: Some(self.dimensions.unwrap_or_default()), ..self }
    }
}

impl<'a> From<&'a AskedPart> for Asked<'a> {
    fn from(part: &'a AskedPart) -> Self {
        Self { dimensions: part.dimensions.as_deref(), quantities: &part.quantities }
    }
}

/// A use that is asked for part by part: `each` makes the part at a place of the same part of `usage`.
pub(super) fn by_part(
    usage: &Use,
    first: Asked<'_>,
    more: &[AskedPart],
    each: impl Fn(Use, Asked<'_>, usize) -> Result<Use, Refusal>,
) -> Result<Use, Refusal> {
    check_parts(more)?;
    let mut all = each(usage.only(0), first, 0)?;
    for (place, part) in (1..).zip(more) {
        let part = each(usage.only(place), part.into(), place)?;
        if part.catalog != usage.catalog {
            all.catalog.clone_from(&part.catalog);
        }
        all.push_part(part);
    }
    Ok(all)
}

/// As [`by_part`], where each part takes what turned out otherwise from the catalog: unless that no longer has the prices of the parts
/// that stay, because the feature has another card, or the card another version. The use names one catalog.
pub(super) fn of_one_catalog(
    catalog: &Catalog,
    usage: &Use,
    first: Asked<'_>,
    more: &[AskedPart],
    each: impl Fn(Use, Asked<'_>, usize, Pricing) -> Result<Use, Refusal>,
) -> Result<Use, Refusal> {
    let mut all = by_part(usage, first, more, |part, asked, place| each(part, asked, place, Pricing::Anew))?;
    let Some(feature) = catalog.feature(usage.feature.as_str()) else { return Ok(all) };
    let (mut takes, mut mixes) = (false, false);
    for place in 0..all.parts() {
        let (was, is) = (usage.only(place), all.only(place));
        let is_anew = !is.unpriced && (is.dimensions != was.dimensions || is.card != was.card);
        let has = |line: &Line| was.lines.iter().any(|had| had.meter == line.meter);
        takes |= is_anew || !is.lines.iter().all(has);
        mixes |= !is_anew && !is.unpriced && !still_has(feature, &was);
    }
    if takes && mixes {
        return by_part(usage, first, more, |part, asked, place| each(part, asked, place, Pricing::Kept));
    }
    if takes {
        all.catalog.clone_from(&catalog.version);
    }
    Ok(all)
}

/// Whether the version that priced a part is there, with these prices.
fn still_has(feature: &Feature, part: &Use) -> bool {
    let from = part.card.as_ref().map_or_else(Instant::default, |card| card.effective_from);
    let Ok(found) = feature.prices(&part.dimensions, from) else { return false };
    let is_it = found.card == part.card.as_ref().map(|card| (&card.name, card.effective_from));
    let is_price = |line: &Line| feature.price_of(&found, &line.meter).unwrap_or(&FREE).is_of(line);
    is_it && part.lines.iter().all(is_price)
}

/// One part of a whole use with the dimensions and meters that turned out, at their prices; its quantities are those it had.
pub(super) fn turned_out(
    catalog: &Catalog,
    (whole, usage): (&Use, Use),
    Asked { dimensions, quantities }: Asked<'_>,
    (now, unnamed, pricing): (Instant, Unnamed, Pricing),
) -> Use {
    let mut actual = usage;
    let feature = catalog.feature(actual.feature.as_str());
    let of = |usage: &Use, meter: &Name| {
        let stays = usage.lines.iter().find(|line| line.meter == *meter && unnamed == Unnamed::Stay);
        let named = quantities.iter().find(|(m, _)| m == meter).map(|(_, n)| *n);
        named.or(stays.map(|line| line.quantity)).unwrap_or(0)
    };
    let derived =
        feature.and_then(|f| f.derived_again(dimensions, &actual.dimensions, |meter| of(&actual, meter)));
    let dimensions = derived.as_deref().or(dimensions);
    let other: Option<Dimensions> =
        dimensions.filter(|other| *other != actual.dimensions.as_slice()).map(SmallVec::from);
    let lacks = |meter: &&Name| actual.lines.iter().all(|line| line.meter != **meter);
    let missing: SmallVec<[&Name; 1]> = quantities.iter().map(|(meter, _)| meter).filter(lacks).collect();
    if other.is_none() && missing.is_empty() {
        return actual;
    }
    let feature = feature.filter(|feature| feature.credit_unit == actual.credit_unit);
    let feature = feature.filter(|feature| pricing == Pricing::Anew && !is_altered(feature, whole));
    let is_other = other.is_some();
    if let Some(other) = other {
        actual.dimensions = other;
    }
    let priced = feature.and_then(|feature| {
        let prices = feature.prices_pinned(actual.card.as_ref(), &actual.dimensions, now).ok()?;
        Some((feature, prices))
    });
    let Some((feature, found)) = priced else {
        actual.unpriced |= is_other;
        return actual;
    };
    let price_of = |meter: &Name| feature.price_of(&found, meter);
    if is_other {
        // A meter that is gone keeps its price.
        for line in &mut actual.lines {
            price_of(&line.meter).into_iter().for_each(|price| price.give(line));
        }
        note_card(&mut actual, catalog, &found);
    }
    for meter in missing {
        if let Some(price) = price_of(meter) {
            let mut line = Line { meter: meter.clone(), ..Line::of_requests(0) };
            price.give(&mut line);
            actual.lines.push(line);
        }
    }
    actual
}
