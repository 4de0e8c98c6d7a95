//! Ties: prices of one feature of which a request could match two, neither more specific.
//!
//! Two prices tie if they name equally many dimensions and give every dimension that both name the same value. Prices are
//! compared by shape, the set of dimensions that they name. Of two shapes, the prices that agree in the shared dimensions are
//! found by these values, so that the work is the number of prices times that of shapes (`ties_are_those_of_all_pairs`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::catalog::work::Work;
use crate::record::Name;

/// The dimensions that a price names, with their values.
pub(super) type When = BTreeMap<Name, String>;

/// The dimensions that some prices name, and these prices.
pub(super) struct ShapeOf<'a> {
    pub(super) names: Vec<&'a Name>,
    /// Their places in the list of prices, in order.
    pub(super) places: Vec<usize>,
    /// The values of the dimensions, price by price, as numbers.
    values: Vec<u32>,
}

/// Prices by shape, the most specific first.
pub(super) fn shapes<'a>(whens: &[&'a When]) -> Vec<ShapeOf<'a>> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut shapes: BTreeMap<Vec<&Name>, (Vec<usize>, Vec<u32>)> = BTreeMap::new();
    for (place, when) in whens.iter().enumerate() {
        let (places, values) = shapes.entry(when.keys().collect()).or_default();
        places.push(place);
        values.extend(when.values().map(|value| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(value).or_insert(next)
        }));
    }
    let shape = |(names, (places, values))| ShapeOf { names, places, values };
    let mut shapes: Vec<_> = shapes.into_iter().map(shape).collect();
    shapes.sort_by_key(|shape| core::cmp::Reverse(shape.names.len()));
    shapes
}

/// For each of so many prices the first one before it that ties with it.
pub(super) fn ties(prices: usize, shapes: &[ShapeOf<'_>], work: &Work<'_>) -> Vec<Option<usize>> {
    let mut ties = alloc::vec![None; prices];
    for (i, a) in shapes.iter().enumerate() {
        let rest = shapes.get(i..).unwrap_or_default();
        for b in rest.iter().take_while(|b| b.names.len() == a.names.len()) {
            a.note_ties_before(b, work, &mut ties);
            if !core::ptr::eq(a, b) {
                b.note_ties_before(a, work, &mut ties);
            }
        }
    }
    ties
}

impl ShapeOf<'_> {
    /// The prices, each with its values of the dimensions at these places among the names.
    fn agreeing(&self, at: &[usize]) -> impl Iterator<Item = (usize, SmallVec<[u32; 4]>)> {
        self.places.iter().enumerate().map(|(row, place)| {
            let first = row * self.names.len();
            (*place, at.iter().filter_map(|at| self.values.get(first + at).copied()).collect())
        })
    }

    /// Notes for the prices of `later` the first one here that comes before them and has the same values of all shared dimensions.
    fn note_ties_before(&self, later: &ShapeOf<'_>, work: &Work<'_>, ties: &mut [Option<usize>]) {
        let place = |name: &Name| later.names.binary_search(&name).ok();
        let shared = self.names.iter().enumerate().filter_map(|(at, name)| Some((at, place(name)?)));
        let (here, there): (Vec<usize>, Vec<usize>) = shared.unzip();
        let mut first = HashMap::with_capacity(self.places.len());
        for (place, values) in work.each(self.agreeing(&here)) {
            first.entry(values).or_insert(place);
        }
        for (place, values) in work.each(later.agreeing(&there)) {
            let other = first.get(&values).copied().filter(|other| *other < place);
            if let (Some(other), Some(tie)) = (other, ties.get_mut(place)) {
                *tie = Some(tie.map_or(other, |known| known.min(other)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{When, shapes, ties};
    use crate::catalog::work::Work;
    use crate::record::Name;

    fn whens() -> impl Strategy<Value = Vec<When>> {
        let when = prop::collection::btree_map("[a-d]", "[xyz]", 0..4);
        let named = |when: BTreeMap<std::string::String, _>| -> When {
            when.into_iter().map(|(name, value)| (Name::new(&name).expect("a name"), value)).collect()
        };
        prop::collection::vec(when.prop_map(named), 0..12)
    }

    /// As many dimensions, and no dimension with two values.
    fn tie(a: &When, b: &When) -> bool {
        a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_none_or(|other| other == value))
    }

    proptest! {
        #[test]
        fn ties_are_those_of_all_pairs(whens in whens()) {
            let listed: Vec<&When> = whens.iter().collect();
            let expected: Vec<Option<usize>> = (0..whens.len())
                .map(|later| (0..later).find(|earlier| tie(&whens[*earlier], &whens[later])))
                .collect();
            let found = ties(listed.len(), &shapes(&listed), &Work::new(&|| true));
            prop_assert_eq!(found, expected);
        }
    }
}
