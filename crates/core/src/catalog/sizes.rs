//! Dimensions that follow from the size of a request: a long context, a large image.
//!
//! The whole request has the value, and with it one price (`the_whole_request_has_the_price_of_its_size`).

use alloc::vec::Vec;

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

/// The dimensions with those that follow from these sizes; `None` if there are none.
pub(super) fn with_sizes<'a>(
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
