//! What an upstream reports of a use, in each of its shapes, and the meters that count it.
//!
//! M1 of several reports the last value of each field that is not null counts: reports repeat totals, they do not add up
//! (`reports_repeat_totals`). M2 classes do not overlap: a token is counted once (`each_token_is_counted_once`), those of other steps and models as well
//! (`steps_beyond_the_message_are_used_as_well`). M3 a class without
//! a meter of its own counts as the class that it belongs to (`a_class_without_a_meter_counts_as_its_own_kind`).

mod report;

use headworks_core::record::Name;
use headworks_core::waterfall::Quantities;

pub(crate) use self::report::{Classes, Made, Report, add};

/// A class of use, and the class that it is a kind of. The names are those of meters.
const CLASSES: &[(&str, Option<&str>)] = &[
    ("input_tokens", Some("tokens")),
    ("cached_input_tokens", Some("input_tokens")),
    ("cache_write_tokens", Some("input_tokens")),
    ("cache_write_5m_tokens", Some("cache_write_tokens")),
    ("cache_write_30m_tokens", Some("cache_write_tokens")),
    ("cache_write_1h_tokens", Some("cache_write_tokens")),
    ("cache_write_12h_tokens", Some("cache_write_tokens")),
    ("audio_input_tokens", Some("input_tokens")),
    ("image_input_tokens", Some("input_tokens")),
    ("output_tokens", Some("tokens")),
    ("reasoning_tokens", Some("output_tokens")),
    ("audio_output_tokens", Some("output_tokens")),
    ("image_output_tokens", Some("output_tokens")),
    ("rejected_prediction_tokens", Some("output_tokens")),
    ("web_searches", None),
    ("web_fetches", None),
    ("images", None),
    ("characters", None),
    ("audio_seconds", None),
    ("tokens", None),
];

/// The classes of a prompt cache's writes whose lives are known.
const WRITES: [&str; 4] =
    ["cache_write_5m_tokens", "cache_write_30m_tokens", "cache_write_1h_tokens", "cache_write_12h_tokens"];

/// The meter that counts a class: its own, or that of the class it is a kind of.
pub(crate) fn meter<'m>(meters: &'m [Name], class: &str) -> Option<&'m Name> {
    let mut class = Some(class);
    while let Some(name) = class {
        if let Some(meter) = meters.iter().find(|meter| meter.as_str() == name) {
            return Some(meter);
        }
        class = CLASSES.iter().find(|(known, _)| *known == name).and_then(|(_, kind_of)| *kind_of);
    }
    None
}

/// Whether a class is another one, or a kind of it.
fn is_of(class: &str, root: &str) -> bool {
    let kind_of = CLASSES.iter().find(|(known, _)| *known == class).and_then(|(_, kind_of)| *kind_of);
    class == root || kind_of.is_some_and(|kind_of| is_of(kind_of, root))
}

/// Whether some meter counts tokens.
pub(crate) fn sells_tokens(meters: &[Name]) -> bool {
    meters.iter().any(|meter| is_of(meter.as_str(), "tokens"))
}

/// Tokens of input and of output, of all kinds.
pub(crate) fn totals(classes: &[(&'static str, u64)]) -> (u64, u64) {
    let of =
        |root: &str| classes.iter().filter(|(class, _)| is_of(class, root)).map(|(_, count)| count).sum();
    (of("input_tokens"), of("output_tokens"))
}

/// The class of a prompt cache's writes that lives longest among those with a meter of their own, for input that asks for it.
pub(crate) fn written(is_long: bool) -> &'static str {
    if is_long { WRITES[2] } else { WRITES[0] }
}

/// The same with kinds that cost no more than what they are a kind of counted as that.
pub(crate) fn plain(classes: &Classes) -> Classes {
    let of = |class: &'static str| match class {
        "cached_input_tokens" => "input_tokens",
        "reasoning_tokens" | "rejected_prediction_tokens" => "output_tokens",
        other => other,
    };
    classes.iter().map(|(class, count)| (of(class), *count)).collect()
}

/// What a use has beyond a hold of so much input and output: more tokens in all, and kinds that may cost more.
pub(crate) fn beyond(
    meters: &[Name],
    classes: &Classes,
    (held_input, held_output): (u64, u64),
    covered: impl Fn(&Name) -> u64,
) -> Quantities {
    let roots = ["input_tokens", "output_tokens"].map(|root| meter(meters, root));
    let mut beyond = Quantities::new();
    let mut dearer = [0_u64; 2];
    for (of, count) in quantities(meters, &plain(classes)) {
        let more = count.saturating_sub(covered(&of));
        if more == 0 || roots.contains(&Some(&of)) {
            continue;
        }
        if is_of(of.as_str(), "input_tokens") {
            dearer[0] += more;
        } else if is_of(of.as_str(), "output_tokens") {
            dearer[1] += more;
        }
        beyond.push((of, more));
    }
    let (input, output) = totals(classes);
    let more = [input.saturating_sub(held_input), output.saturating_sub(held_output)];
    for ((root, more), dearer) in roots.into_iter().zip(more).zip(dearer) {
        let Some(root) = root.filter(|_| more > dearer) else { continue };
        match beyond.iter_mut().find(|(known, _)| known == root) {
            Some((_, all)) => *all += more - dearer,
            None => beyond.push((root.clone(), more - dearer)),
        }
    }
    beyond
}

/// The quantity of each meter. Classes that no meter counts are not sold.
pub(crate) fn quantities(meters: &[Name], classes: &[(&'static str, u64)]) -> Quantities {
    let mut quantities = Quantities::new();
    for (class, count) in classes {
        let Some(meter) = meter(meters, class) else { continue };
        match quantities.iter_mut().find(|(known, _)| known == meter) {
            Some((_, all)) => *all = all.saturating_add(*count),
            None => quantities.push((meter.clone(), *count)),
        }
    }
    quantities
}

/// Whether a use has nothing that the meters of a feature with prices count.
pub(crate) fn is_unsold(meters: &[Name], classes: &[(&'static str, u64)]) -> bool {
    let counts = |name: &Name| CLASSES.iter().any(|(class, _)| name.as_str() == *class);
    !meters.is_empty()
        && meters.iter().all(counts)
        && quantities(meters, classes).iter().all(|(_, count)| *count == 0)
}

/// The same with a zero for each other meter of a class: a request names all that it counts.
pub(crate) fn held(meters: &[Name], classes: &[(&'static str, u64)]) -> Quantities {
    let mut quantities = quantities(meters, classes);
    let is_class = |meter: &&Name| CLASSES.iter().any(|(class, _)| meter.as_str() == *class);
    for meter in meters.iter().filter(is_class) {
        if quantities.iter().all(|(known, _)| known != meter) {
            quantities.push((meter.clone(), 0));
        }
    }
    quantities
}
#[cfg(test)]
mod tests {
    use headworks_core::record::Name;

    use super::quantities;

    fn meters(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).expect("a name")).collect()
    }

    #[test]
    fn a_class_without_a_meter_counts_as_its_own_kind() {
        let classes = [
            ("input_tokens", 1),
            ("cached_input_tokens", 20),
            ("cache_write_1h_tokens", 300),
            ("output_tokens", 4_000),
            ("reasoning_tokens", 50_000),
            ("web_searches", 9),
        ];
        for (names, expected) in [
            (&["input_tokens", "output_tokens"][..], &[("input_tokens", 321), ("output_tokens", 54_000)][..]),
            (
                &["input_tokens", "cache_write_tokens", "reasoning_tokens", "output_tokens"],
                &[
                    ("input_tokens", 21),
                    ("cache_write_tokens", 300),
                    ("output_tokens", 4_000),
                    ("reasoning_tokens", 50_000),
                ],
            ),
            (&["web_searches"], &[("web_searches", 9)]),
        ] {
            let found = quantities(&meters(names), &classes);
            let found: Vec<(&str, u64)> = found.iter().map(|(meter, n)| (meter.as_str(), *n)).collect();
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
