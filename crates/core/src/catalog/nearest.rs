//! What an unknown name may have meant, and a request without a price: prices that differ from it in one dimension.
//!
//! Never looks at more than so many names or prices, and at no more of one than its beginning: the cost of a refusal is bounded
//! (`the_nearest_prices_are_told`).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::feature::{CardVersion, Feature, PriceEntry, Shape};
use crate::record::{Dimension, Instant, Name};

/// The most names or prices that are told.
const TOLD_MAX: usize = 3;

/// The most names that are looked at, and the most prices, shared by the shapes.
const SEEN_MAX: usize = 512;

/// The most bytes of a value that are compared.
const COMPARED_MAX: usize = 32;

/// Dimensions that no price matches, and the nearest that one does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// What was sent.
    pub sent: Vec<Dimension>,
    /// The dimensions of prices that differ in one of them, the nearest first; at most three.
    pub nearest: Vec<Vec<(Name, String)>>,
}

/// The known names, in order, that are nearest to an unknown one, the nearest first; at most three.
#[must_use]
pub fn nearest<'n>(unknown: &Name, known: &[&'n Name]) -> Vec<&'n Name> {
    let place = known.partition_point(|name| *name < unknown);
    let seen = known.iter().skip(first_seen(place, known.len(), SEEN_MAX)).take(SEEN_MAX);
    let mut near: Vec<_> = seen.map(|name| (distance(name.as_str(), unknown.as_str()), *name)).collect();
    near.sort_unstable();
    near.into_iter().take(TOLD_MAX).map(|(_, name)| name).collect()
}

impl Feature {
    /// What dimensions without a price at `now` may have meant.
    pub(crate) fn unmatched(&self, dimensions: &[Dimension], now: Instant) -> Unmatched {
        Unmatched::of(self.in_force(now), dimensions)
    }
}

impl Unmatched {
    /// The prices of a version that are nearest to these dimensions.
    fn of(version: Option<&CardVersion>, sent: &[Dimension]) -> Self {
        let shapes = version.map_or(&[][..], |version| version.shapes.as_slice());
        let each = SEEN_MAX / shapes.len().max(1);
        let mut near: Vec<(usize, &Shape, &PriceEntry)> =
            shapes.iter().flat_map(|shape| near(shape, sent, each)).collect();
        near.sort_by(|(a, _, x), (b, _, y)| a.cmp(b).then_with(|| x.values.cmp(&y.values)));
        let named = |(_, shape, entry): (usize, &Shape, &PriceEntry)| -> Vec<(Name, String)> {
            shape.names.iter().cloned().zip(entry.values.iter().cloned()).collect()
        };
        let mut nearest: Vec<_> = near.into_iter().map(named).collect();
        nearest.dedup();
        nearest.truncate(TOLD_MAX);
        Self { sent: sent.to_vec(), nearest }
    }
}

/// The prices of a shape that differ in one dimension, with how far; those are seen that stand next to where the sent ones would.
fn near<'s>(
    shape: &'s Shape,
    sent: &[Dimension],
    most: usize,
) -> impl Iterator<Item = (usize, &'s Shape, &'s PriceEntry)> {
    let value = |name: &Name| sent.iter().find(|d| d.name == *name).map(|d| d.value.as_str());
    let values: Vec<Option<&str>> = shape.names.iter().map(value).collect();
    let known = || values.iter().map(|value| value.unwrap_or_default());
    let place = shape.entries.partition_point(|entry| entry.values.iter().map(String::as_str).lt(known()));
    let seen = shape.entries.iter().skip(first_seen(place, shape.entries.len(), most)).take(most);
    seen.filter_map(move |entry| {
        let mut differing =
            entry.values.iter().zip(&values).filter(|(has, sent)| Some(has.as_str()) != **sent);
        let (has, sent) = differing.next()?;
        differing.next().is_none().then(|| (distance(has, sent.unwrap_or_default()), shape, entry))
    })
}

/// The first of so many that stand around a place, of all that there are.
fn first_seen(place: usize, all: usize, most: usize) -> usize {
    place.saturating_sub(most / 2).min(all.saturating_sub(most))
}

/// How many bytes must be added, removed or changed to make one text of the other (Levenshtein), as far as they are compared.
fn distance(a: &str, b: &str) -> usize {
    let cut = |text: &str| -> Vec<u8> { text.bytes().take(COMPARED_MAX).collect() };
    let (a, b) = (cut(a), cut(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (at, y) in (1..).zip(&b) {
            let Some(cell) = row.get_mut(at) else { break };
            let above = *cell;
            left = (corner + usize::from(x != y)).min(above + 1).min(left + 1);
            corner = above;
            *cell = left;
        }
        row.first_mut().into_iter().for_each(|cell| *cell = i + 1);
    }
    row.last().copied().unwrap_or(0)
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sent.is_empty() {
            f.write_str("a request without dimensions")?;
        }
        for (i, sent) in self.sent.iter().enumerate() {
            let before = if i == 0 { "" } else { ", " };
            write!(f, "{before}{}={}", sent.name, sent.value.as_str())?;
        }
        for (i, price) in self.nearest.iter().enumerate() {
            f.write_str(if i == 0 { "; the nearest prices are for " } else { "; or " })?;
            for (j, (name, value)) in price.iter().enumerate() {
                let before = if j == 0 { "" } else { ", " };
                write!(f, "{before}{name}={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::{Name, SEEN_MAX, distance, nearest};

    fn near(unknown: &str, known: &[&str]) -> Vec<alloc::string::String> {
        let name = |text: &str| Name::new(text).expect("a name");
        let mut known: Vec<Name> = known.iter().map(|text| name(text)).collect();
        known.sort();
        let known: Vec<&Name> = known.iter().collect();
        nearest(&name(unknown), &known).into_iter().map(|name| name.as_str().into()).collect()
    }

    #[test]
    fn the_nearest_names_come_first() {
        assert_eq!(near("plsu", &["basic", "plus", "pro"]), ["plus", "pro", "basic"]);
        assert_eq!(near("x", &[]), [""; 0]);
        // However many names there are, those next to it are found.
        let many: Vec<_> = (10_000..10_000 + 4 * SEEN_MAX).map(|n| format!("f{n}")).collect();
        let many: Vec<&str> = many.iter().map(|text| &**text).collect();
        assert_eq!(near("f10700x", &many)[0], "f10700");
        assert_eq!(near("zzz", &many).len(), 3);
    }

    /// Published pairs: Levenshtein's own and those of textbooks.
    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in [
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
            ("flaw", "lawn", 2),
            ("", "abc", 3),
            ("abc", "", 3),
            ("same", "same", 0),
            ("gumbo", "gambol", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
