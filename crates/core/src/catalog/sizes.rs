//! Dimensions that follow from the size of a request: a long context, a large image.
//!
//! The whole request has the value, and with it one price (`the_whole_request_has_the_price_of_its_size`).

use alloc::vec::Vec;

use super::feature::Feature;
use crate::record::{Dimension, Dimensions, Label, Name};

/// A dimension that follows from the size of a request.
#[derive(Debug)]
pub(super) struct Size {
    /// The dimension.
    pub(super) dimension: Name,
    /// The meters that are added up.
    pub(super) meters: Vec<Name>,
    /// For more than so much, the value; rising.
    pub(super) steps: Vec<(u64, Label)>,
    /// The value below.
    pub(super) otherwise: Option<Label>,
}

impl Size {
    fn value(&self, quantity: &impl Fn(&Name) -> u64) -> Option<&Label> {
        let size = self.meters.iter().map(quantity).fold(0, u64::saturating_add);
        let exceeded = self.steps.partition_point(|(above, _)| *above < size);
        let step = exceeded.checked_sub(1).and_then(|at| self.steps.get(at));
        step.map(|(_, value)| value).or(self.otherwise.as_ref())
    }
}

impl Feature {
    /// The dimensions with those that follow from the size, where they are not named; `None`: as they are.
    pub(crate) fn sized(&self, named: &[Dimension], quantity: impl Fn(&Name) -> u64) -> Option<Dimensions> {
        let open = |size: &&Size| named.iter().all(|d| d.name != size.dimension);
        self.with_sizes(named, self.sizes.iter().filter(open), &quantity)
    }

    /// The same for use that has happened: its size decides, not that of the hold or charge that named them.
    pub(crate) fn resized(&self, named: &[Dimension], quantity: impl Fn(&Name) -> u64) -> Option<Dimensions> {
        self.with_sizes(named, self.sizes.iter(), &quantity)
    }

    fn with_sizes<'a>(
        &'a self,
        named: &[Dimension],
        sizes: impl Iterator<Item = &'a Size>,
        quantity: &impl Fn(&Name) -> u64,
    ) -> Option<Dimensions> {
        let mut dimensions: Option<Dimensions> = None;
        for size in sizes {
            let all = dimensions.get_or_insert_with(|| named.iter().cloned().collect());
            all.retain(|d| d.name != size.dimension);
            if let Some(value) = size.value(quantity) {
                let at = all.partition_point(|d| d.name < size.dimension);
                all.insert(at, Dimension { name: size.dimension.clone(), value: value.clone() });
            }
        }
        dimensions
    }
}
