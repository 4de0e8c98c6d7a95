//! Dimensions that follow from a request: its size, such as a long context, or its time, such as a peak.
//!
//! The whole request has the value, and with it one price (`the_whole_request_has_the_price_of_its_size`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::record::{Dimension, Dimensions, Instant, Name, Week};

/// A dimension that follows from a request.
#[derive(Debug)]
pub(super) struct Derived {
    /// The dimension.
    pub(super) dimension: Name,
    /// What its value follows from.
    pub(super) from: Origin,
    /// The dimension if nothing else applies.
    pub(super) otherwise: Option<Dimension>,
}

#[derive(Debug)]
pub(super) enum Origin {
    /// The sum of these meters: for more than so much, the dimension with its value; rising.
    Size(Vec<Name>, Vec<(u64, Dimension)>),
    /// The hours of a week that it is in, each with the dimension and its value.
    Time(Week, Vec<Dimension>),
}

impl Derived {
    /// The dimension with its value for a request of these quantities at an instant, if it has one.
    pub(super) fn of(&self, at: Instant, quantity: &impl Fn(&Name) -> u64) -> Option<&Dimension> {
        let value = match &self.from {
            Origin::Size(meters, steps) => {
                let size = meters.iter().map(quantity).fold(0, u64::saturating_add);
                let exceeded = steps.partition_point(|(above, _)| *above < size);
                exceeded.checked_sub(1).and_then(|at| steps.get(at)).map(|(_, value)| value)
            }
            Origin::Time(week, values) => week.at(at).and_then(|nth| values.get(nth)),
        };
        value.or(self.otherwise.as_ref())
    }

    /// What it follows from, in words.
    pub(super) fn told(&self) -> String {
        let mut each: Vec<String> = match &self.from {
            Origin::Size(meters, steps) => {
                let meters = meters.iter().map(Name::as_str).collect::<Vec<_>>().join(" + ");
                steps.iter().map(|(above, of)| format!("{} above {above} {meters}", of.value)).collect()
            }
            Origin::Time(week, values) => {
                week.told().zip(values).map(|(hours, of)| format!("{} {hours}", of.value)).collect()
            }
        };
        each.extend(self.otherwise.iter().map(|of| format!("{} otherwise", of.value)));
        format!("{} is {}", self.dimension, each.join("; "))
    }

    /// Whether a request can have this value of its size.
    pub(super) fn has_size(&self, value: &Dimension) -> bool {
        let Origin::Size(_, steps) = &self.from else { return false };
        steps.iter().map(|(_, of)| of).chain(&self.otherwise).any(|of| of.value == value.value)
    }

    /// Whether it follows from the time.
    pub(super) fn is_of_time(&self) -> bool {
        matches!(self.from, Origin::Time(..))
    }

    /// When its value may next be another one although the request stays the same.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        if let Origin::Time(week, _) = &self.from { week.next(now) } else { None }
    }
}

/// The dimensions with those that these rules say; `None` if there are no rules.
pub(super) fn derive<'a>(
    named: &[Dimension],
    rules: impl Iterator<Item = &'a Derived>,
    at: Instant,
    quantity: &impl Fn(&Name) -> u64,
) -> Option<Dimensions> {
    let mut dimensions: Option<Dimensions> = None;
    for rule in rules {
        let all = dimensions.get_or_insert_with(|| named.iter().cloned().collect());
        all.retain(|d| d.name != rule.dimension);
        rule.of(at, quantity).into_iter().for_each(|derived| insert(all, derived.clone()));
    }
    dimensions
}

/// Adds a dimension in its place.
pub(super) fn insert(all: &mut Dimensions, dimension: Dimension) {
    let at = all.partition_point(|d| d.name < dimension.name);
    all.insert(at, dimension);
}
