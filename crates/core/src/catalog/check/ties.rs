//! Ties: rows of one feature of which a request could match two, neither more specific.
//!
//! Two rows tie if they name equally many dimensions, give every dimension that both name the same value, and price a meter that no
//! third row decides: one that names exactly the dimensions of both. Rows are compared by shape, the set of dimensions that they
//! name. Of two shapes, the rows that agree in the shared dimensions are found by these values, so that the work is the number of
//! rows times that of shapes, and at most so many decided pairs (`ties_are_those_of_all_pairs`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::Cell;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::rows::{Meters, Row};
use crate::catalog::work::Work;
use crate::record::Name;

/// Values as numbers.
type Key = SmallVec<[u32; 4]>;

/// Rows by shape.
pub(super) struct Table<'a> {
    numbers: HashMap<&'a str, u32>,
    /// The most specific first.
    pub(super) shapes: Vec<ShapeOf<'a>>,
}

/// The dimensions that some rows name, and these rows.
pub(super) struct ShapeOf<'a> {
    pub(super) names: Vec<Option<&'a Name>>,
    /// The rows, in order.
    pub(super) rows: Vec<usize>,
    /// The values of the dimensions, row by row.
    values: Vec<u32>,
    /// The first row of each set of values.
    first: HashMap<Key, usize>,
}

/// What tied rows share.
pub(super) struct Compared<'r, 'a> {
    pub(super) rows: &'r [Row<'a>],
    /// The sets of meters that rows price.
    pub(super) sets: &'r [Meters],
    /// How many more pairs a third row may decide; `None`: too many.
    pub(super) decided: &'r Cell<Option<usize>>,
    pub(super) work: &'r Work<'r>,
}

impl<'a> Table<'a> {
    pub(super) fn new(rows: &[Row<'a>], work: &Work<'_>) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut shapes: BTreeMap<Vec<Option<&Name>>, ShapeOf<'a>> = BTreeMap::new();
        for (at, row) in work.each(rows).enumerate() {
            let names: Vec<Option<&Name>> = row.when.iter().map(|(name, _)| *name).collect();
            let number = |(_, value): &(Option<&Name>, &'a str)| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(value).or_insert(next)
            };
            let key: Key = row.when.iter().map(number).collect();
            let shape = shapes.entry(names).or_insert_with_key(|names| ShapeOf {
                names: names.clone(),
                rows: Vec::new(),
                values: Vec::new(),
                first: HashMap::new(),
            });
            shape.rows.push(at);
            shape.values.extend_from_slice(&key);
            shape.first.entry(key).or_insert(at);
        }
        let mut shapes: Vec<_> = shapes.into_values().collect();
        shapes.sort_by_key(|shape| core::cmp::Reverse(shape.names.len()));
        Self { numbers, shapes }
    }

    /// The rows that match a request with exactly these dimensions, the most specific first; `when` is in order.
    pub(super) fn matching(&self, when: &[(Option<&Name>, &str)]) -> impl Iterator<Item = usize> {
        let value = |name: &Option<&Name>| {
            // That a price names its feature is true of all its requests.
            let Some(name) = name else { return self.numbers.get("").copied() };
            let at = when.binary_search_by_key(&Some(*name), |(name, _)| *name).ok()?;
            self.numbers.get(when.get(at)?.1).copied()
        };
        self.shapes.iter().filter_map(move |shape| {
            let key: Key = shape.names.iter().map(value).collect::<Option<_>>()?;
            shape.first.get(&key).copied()
        })
    }

    /// For each row the first one before it that ties with it.
    pub(super) fn ties(&self, compared: &Compared<'_, '_>) -> Vec<Option<usize>> {
        let mut ties = alloc::vec![None; compared.rows.len()];
        for (i, a) in self.shapes.iter().enumerate() {
            a.note_twins(compared.work, &mut ties);
            let rest = self.shapes.get(i + 1..).unwrap_or_default();
            for b in rest.iter().take_while(|b| b.names.len() == a.names.len()) {
                let mut both: Vec<Option<&Name>> = a.names.iter().chain(&b.names).copied().collect();
                both.sort_unstable();
                both.dedup();
                let deciding = self.shapes.iter().find(|shape| shape.names == both);
                a.note_ties_before(b, deciding, compared, &mut ties);
                b.note_ties_before(a, deciding, compared, &mut ties);
            }
        }
        ties
    }
}

fn note(ties: &mut [Option<usize>], row: usize, other: usize) {
    if let Some(tie) = ties.get_mut(row) {
        *tie = Some(tie.map_or(other, |known| known.min(other)));
    }
}

impl ShapeOf<'_> {
    /// The values of a row of this shape at these places among the names.
    fn values_at(&self, nth: usize, at: &[usize]) -> Key {
        let first = nth * self.names.len();
        at.iter().filter_map(|at| self.values.get(first + at).copied()).collect()
    }

    /// Rows that name the same dimensions with the same values.
    fn note_twins(&self, work: &Work<'_>, ties: &mut [Option<usize>]) {
        let all: Vec<usize> = (0..self.names.len()).collect();
        for (nth, row) in work.each(&self.rows).enumerate() {
            match self.first.get(&self.values_at(nth, &all)) {
                Some(first) if first < row => note(ties, *row, *first),
                Some(_) | None => {}
            }
        }
    }

    /// Notes for the rows of `later` the first one here that comes before them and ties with them.
    fn note_ties_before(
        &self,
        later: &Self,
        deciding: Option<&Self>,
        compared: &Compared<'_, '_>,
        ties: &mut [Option<usize>],
    ) {
        let place = |name: &Option<&Name>| later.names.binary_search(name).ok();
        let shared = self.names.iter().enumerate().filter_map(|(at, name)| Some((at, place(name)?)));
        let (here, there): (Vec<usize>, Vec<usize>) = shared.unzip();
        let priced = |row: usize| compared.rows.get(row).map_or(0, |row| row.priced);
        // Rows by set of meters and shared values; without a shape that decides, the first is enough.
        let mut alike: HashMap<(Meters, Key), SmallVec<[usize; 2]>> = HashMap::with_capacity(self.rows.len());
        for (nth, row) in compared.work.each(&self.rows).enumerate() {
            let alike = alike.entry((priced(*row), self.values_at(nth, &here))).or_default();
            if deciding.is_some() || alike.is_empty() {
                alike.push(nth);
            }
        }
        for (nth, row) in compared.work.each(&later.rows).enumerate() {
            let (own, values) = (priced(*row), later.values_at(nth, &there));
            for set in compared.sets.iter().filter(|set| **set & own != 0) {
                let Some(alike) = alike.get(&(*set, values.clone())) else { continue };
                let before = |nth: &usize| Some((*nth, *self.rows.get(*nth)?));
                let tie = alike.iter().filter_map(before).take_while(|(_, other)| other < row).find(
                    |(other, _)| {
                        !deciding.is_some_and(|shape| {
                            shape.decides((self, *other), (later, nth), set & own, compared)
                        })
                    },
                );
                if let Some((_, other)) = tie {
                    note(ties, *row, other);
                }
            }
        }
    }

    /// Whether a row here has exactly the dimensions of both rows, and a price for all these meters.
    fn decides(
        &self,
        (a, nth_a): (&Self, usize),
        (b, nth_b): (&Self, usize),
        meters: Meters,
        compared: &Compared<'_, '_>,
    ) -> bool {
        let rest = compared.decided.get().and_then(|rest| rest.checked_sub(1));
        compared.decided.set(rest);
        if rest.is_none() || !compared.work.step() {
            return true;
        }
        let value = |name: &Option<&Name>| {
            let of = |shape: &Self, nth: usize| {
                let at = shape.names.binary_search(name).ok()?;
                shape.values.get(nth * shape.names.len() + at).copied()
            };
            of(a, nth_a).or_else(|| of(b, nth_b))
        };
        let Some(key) = self.names.iter().map(value).collect::<Option<Key>>() else { return false };
        let row = self.first.get(&key).and_then(|row| compared.rows.get(*row));
        row.is_some_and(|row| meters & !row.priced == 0)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::cell::Cell;

    use proptest::prelude::*;

    use super::{Compared, Table};
    use crate::catalog::check::rows::{Meters, Row};
    use crate::catalog::work::Work;
    use crate::record::{Credits, Name};

    /// The dimensions that a price names, and the meters that it prices.
    type Named = (BTreeMap<Name, String>, Meters);

    fn prices() -> impl Strategy<Value = Vec<Named>> {
        let when = prop::collection::btree_map("[a-d]", "[xyz]", 0..4);
        let named = |(when, meters): (BTreeMap<String, String>, Meters)| -> Named {
            (
                when.into_iter().map(|(name, value)| (Name::new(&name).expect("a name"), value)).collect(),
                meters,
            )
        };
        prop::collection::vec((when, 1..8_u64).prop_map(named), 0..14)
    }

    /// As many dimensions, no dimension with two values, and a meter of both that no price of exactly both decides.
    fn tie((a, a_meters): &Named, (b, b_meters): &Named, all: &[Named]) -> bool {
        let agree = a.iter().all(|(name, value)| b.get(name).is_none_or(|other| other == value));
        let both: BTreeMap<_, _> =
            a.iter().chain(b).map(|(name, value)| (name.clone(), value.clone())).collect();
        // The first counts where two have the same dimensions; these tie anyway.
        let decided = all.iter().find(|(when, _)| *when == both).map_or(0, |(_, meters)| *meters);
        a == b || (a.len() == b.len() && agree && a_meters & b_meters & !decided != 0)
    }

    fn row((place, (when, priced)): (usize, &Named)) -> Row<'_> {
        let when = when.iter().map(|(name, value)| (Some(name), value.as_str())).collect();
        Row { place, when, like: None, factor: Credits::ZERO, prices: Vec::new(), priced: *priced }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn ties_are_those_of_all_pairs(prices in prices()) {
            let rows: Vec<Row<'_>> = prices.iter().enumerate().map(row).collect();
            let expected: Vec<Option<usize>> = (0..prices.len())
                .map(|later| (0..later).find(|earlier| tie(&prices[*earlier], &prices[later], &prices)))
                .collect();
            let work = Work::new(&|| true);
            let (sets, decided): (Vec<Meters>, _) = ((1..8).collect(), Cell::new(Some(1_000)));
            let compared = Compared { rows: &rows, sets: &sets, decided: &decided, work: &work };
            prop_assert_eq!(Table::new(&rows, &work).ties(&compared), expected);
        }
    }
}
