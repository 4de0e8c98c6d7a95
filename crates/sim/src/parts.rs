//! Uses of several parts: `blend` asks one or two models.

use headworks_core::record::{Dimension, Dimensions, Label, Name};
use headworks_core::waterfall::{AskedPart, Quantities};

/// A part of a use: its model, and its words.
pub(crate) type Part = (Dimensions, Quantities);

/// The parts of a use of `blend` with so many words in all: one or two, and the second has a third of them.
pub(crate) fn parts(amount: u64) -> (Part, Option<Part>) {
    let part = |model: &str, words| {
        let model =
            Dimension::new(name("model"), Label::new(model).unwrap_or_else(|e| panic!("{model}: {e}")));
        ([model].into_iter().collect(), [(name("words"), words)].into_iter().collect())
    };
    let (first, second) = (amount - amount / 3, amount / 3);
    match amount % 3 {
        0 => (part("b", amount), None),
        1 => (part("a", first), Some(part("b", second))),
        _ => (part("b", first), Some(part("a", second))),
    }
}

/// The parts after the first of a use that is settled, extended or corrected; half of them name their model anew.
pub(crate) fn more(feature: &str, amount: u64) -> Vec<AskedPart> {
    let second = if feature == "blend" { parts(amount).1 } else { None };
    let asked =
        |(model, quantities)| AskedPart { dimensions: (amount % 3 == 1).then_some(model), quantities };
    second.map(asked).into_iter().collect()
}

fn name(text: &str) -> Name {
    Name::id(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}
