//! Dimensions that follow from a request: its size, such as a long context, or its time, such as a peak.
//!
//! The whole request has the value, and with it one price (`the_whole_request_has_the_price_of_its_size`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::record::{Dimension, Dimensions, Instant, Label, Name, Week};

/// A dimension that follows from a request.
#[derive(Debug)]
pub(super) struct Derived {
    /// The dimension.
    pub(super) dimension: Name,
    /// What its value follows from.
    pub(super) from: Origin,
    /// The value if nothing else applies.
    pub(super) otherwise: Option<Label>,
}

#[derive(Debug)]
pub(super) enum Origin {
    /// The sum of these meters: for more than so much, the value; rising.
    Size(Vec<Name>, Vec<(u64, Label)>),
    /// The hours of a week that it is in, each with its value.
    Time(Week, Vec<Label>),
}

impl Derived {
    /// Its value for a request of these quantities at an instant.
    fn value(&self, at: Instant, quantity: &impl Fn(&Name) -> u64) -> Option<&Label> {
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
                steps.iter().map(|(above, value)| format!("{value} above {above} {meters}")).collect()
            }
            Origin::Time(week, values) => {
                week.told().zip(values).map(|(hours, value)| format!("{value} {hours}")).collect()
            }
        };
        each.extend(self.otherwise.iter().map(|value| format!("{value} otherwise")));
        format!("{} is {}", self.dimension, each.join("; "))
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
        let all = dimensions.get_or_insert_with(|| copied(named));
        if !named.is_empty() {
            all.retain(|d| d.name != rule.dimension);
        }
        if let Some(value) = rule.value(at, quantity) {
            let (name, value) = (rule.dimension.clone(), value.clone());
            insert(all, Dimension { name, value, derived: true });
        }
    }
    dimensions
}

fn copied(named: &[Dimension]) -> Dimensions {
    // Most requests name none, and have no list to go through.
    if named.is_empty() { Dimensions::new() } else { named.iter().cloned().collect() }
}

/// Adds a dimension in its place.
pub(super) fn insert(all: &mut Dimensions, dimension: Dimension) {
    let at = all.partition_point(|d| d.name < dimension.name);
    all.insert(at, dimension);
}
