//! The cost of a request in a supply or under the rules against abuse: a factor for each meter.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::walk::Check;
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::CatalogSource;
use crate::catalog::supplies::Formula;
use crate::record::{Name, REQUESTS};

/// The cost of a request: as written under a key, or tokens as they weigh on a model.
pub(super) fn formula<'a>(
    source: &'a CatalogSource,
    key: &'a str,
    given: Option<&'a BTreeMap<Name, u32>>,
    check: &mut Check<'a>,
) -> Formula {
    let Some(given) = given else { return usual(source) };
    check.key(key, |c| {
        for meter in given.keys().filter(|m| !source.meters.contains_key(*m) && !is_requests(m)) {
            let what = format_args!("there is no meter `{meter}`");
            c.wrong_at(meter.as_str(), what, one_of(source.meters.keys()));
        }
        if given.values().all(|factor| *factor == 0) {
            c.wrong("every request would cost nothing", "give at least one meter a factor above zero");
        }
    });
    Formula(given.iter().map(|(meter, factor)| (meter.clone(), *factor)).collect())
}

fn usual(source: &CatalogSource) -> Formula {
    let weights = [("input_tokens", 1), ("output_tokens", 2)];
    let known = |(meter, factor): (&str, u32)| {
        source.meters.get_key_value(meter).map(|(name, _)| (name.clone(), factor))
    };
    let tokens: Vec<_> = weights.into_iter().filter_map(known).collect();
    Formula(if tokens.is_empty() { alloc::vec![(requests(), 1)] } else { tokens })
}

fn requests() -> Name {
    Name::new(REQUESTS).unwrap_or_else(|_| unreachable!("`{REQUESTS}` is a name"))
}
