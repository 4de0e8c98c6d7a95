//! Uses part by part: what several models did for one request, each with dimensions and prices of its own.
//!
//! A use has one part unless it says more. Requests and holds are counted with the first (`requests_count_with_the_first_part`).

use super::{Credits, Dimension, Line, Name, Part, Parts, PriceFactor, Priced, PricedLine, REQUESTS, Use};

impl Priced<'_> {
    /// The dimensions of each part.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[Dimension]> {
        core::iter::once(self.dimensions).chain(self.more.iter().map(|part| part.dimensions))
    }

    /// The quantities of these meters in these parts, added up.
    pub(crate) fn sum_of(&self, meters: &[Name], parts: Parts) -> u64 {
        let is_counted = |l: &&PricedLine<'_>| parts.contains(l.part) && meters.contains(l.meter);
        self.lines.iter().filter(is_counted).map(|l| l.quantity).fold(0, u64::saturating_add)
    }

    /// The quantity of a meter in one part; `requests` counts 1 in the first if no line names it.
    pub(crate) fn quantity_in(&self, part: u8, meter: &str) -> u64 {
        let line = self.lines.iter().find(|l| l.part == part && l.meter.as_str() == meter);
        line.map_or(u64::from(part == 0 && meter == REQUESTS), |l| l.quantity)
    }

    /// The price of these parts; `None` past the range of [`Credits`].
    pub(crate) fn price_of(&self, parts: Parts) -> Option<Credits> {
        let sum = self.sum_in(parts)?;
        self.factor.map_or(Some(sum), |factor: PriceFactor| factor.of(sum))
    }

    /// Of the last `amount` nano-credits of its price, those that belong to these parts. The parts are priced in order.
    pub(crate) fn last_of(&self, amount: i64, parts: Parts) -> i64 {
        if self.more.is_empty() || parts == Parts::ALL {
            return amount;
        }
        let up_to = |count: usize| {
            let sum = self.price_of(Parts::first(count));
            sum.map_or(i64::MAX, Credits::nano)
        };
        let from = up_to(self.more.len() + 1).saturating_sub(amount);
        let counted =
            (0..=self.more.len()).filter(|place| u8::try_from(*place).is_ok_and(|p| parts.contains(p)));
        counted.map(|place| (up_to(place + 1) - up_to(place).max(from)).max(0)).sum()
    }
}

impl Use {
    /// How many parts it has.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.more.len() + 1
    }

    /// One of its parts as a use of its own; for a place that it has no part for, its first without any quantity.
    pub(crate) fn only(&self, place: usize) -> Self {
        if self.more.is_empty() && place == 0 {
            return self.clone();
        }
        let at = place.checked_sub(1).and_then(|at| self.more.get(at));
        let of = if at.is_some() { place } else { 0 };
        let mut part = self.clone();
        part.more.clear();
        part.lines.retain(|l| usize::from(l.part) == of);
        part.lines.iter_mut().for_each(|l| l.part = 0);
        if let Some(at) = at {
            part.dimensions.clone_from(&at.dimensions);
            part.card.clone_from(&at.card);
            part.unpriced = at.unpriced;
        } else if place > 0 {
            part.lines.retain(|l| l.meter.as_str() != REQUESTS);
            part.lines.iter_mut().for_each(|l| l.quantity = 0);
        }
        part
    }

    /// Whether it says that the same was used, at the same prices.
    pub(crate) fn is_same_use(&self, other: &Self) -> bool {
        let dimensions = self.more.iter().map(|part| &part.dimensions);
        self.lines == other.lines
            && self.dimensions == other.dimensions
            && dimensions.eq(other.more.iter().map(|part| &part.dimensions))
    }

    /// Adds the quantities of its growth, part by part.
    pub(crate) fn grow(&mut self, more: &Self) -> Result<(), &'static str> {
        let parts = self.parts();
        self.more.extend(more.more.iter().skip(parts - 1).cloned());
        self.catalog.clone_from(&more.catalog);
        for line in &more.lines {
            let held = self.lines.iter_mut().find(|l| l.part == line.part && l.meter == line.meter);
            match held {
                Some(held) => {
                    held.quantity = held.quantity.checked_add(line.quantity).ok_or("overflow")?;
                    // Where nothing is billed, nothing is set aside for other positions.
                    let more = line.graduated.as_ref().filter(|_| line.billed() > 0);
                    if let (Some(held), Some(more)) = (&mut held.graduated, more)
                        && let Some(grown) = more.grows
                    {
                        (held.at, held.to) = more.of_all(grown);
                    }
                }
                None if usize::from(line.part) >= parts => self.lines.push(line.clone()),
                // It counted one request without naming it.
                None if line.meter.as_str() == REQUESTS => {
                    let all = line.quantity.checked_add(1).ok_or("overflow")?;
                    self.lines.push(Line { quantity: all, ..line.clone() });
                }
                None => return Err("the hold has no such meter"),
            }
        }
        Ok(())
    }

    /// This use with another as its last part.
    pub(crate) fn push_part(&mut self, part: Self) {
        let Self { dimensions, lines, card, unpriced, .. } = part;
        self.more.push(Part { dimensions, card, unpriced });
        let place = u8::try_from(self.more.len()).unwrap_or(u8::MAX);
        self.lines.extend(lines.into_iter().map(|line| Line { part: place, ..line }));
    }
}
