//! A catalog's changes to the one before it, part by part: compared as written, so that another order or another notation
//! of the same values is no change; a plan changes with what it takes over.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::policy::Catalog;
use super::text::Format;
use crate::record::{CatalogChanges, Name, NamesChanged};

/// The parts that are listed name by name, and the label.
const KNOWN: [&str; 4] = ["plans", "features", "rate_cards", "version"];

/// The changes from `before` to `after`.
#[must_use]
pub fn changes(before: &Catalog, after: &Catalog) -> CatalogChanges {
    let (before, after) = (values(before), values(after));
    let part = |part: &str| {
        let (before, after) = (before.get(part), after.get(part));
        names(before.and_then(Value::as_object), after.and_then(Value::as_object))
    };
    let mut plans = part("plans");
    take_over(&before, &after, &mut plans);
    let parts: BTreeSet<&str> = before.keys().chain(after.keys()).map(|part| &**part).collect();
    let differs = |part: &&str| !KNOWN.contains(part) && before.get(*part) != after.get(*part);
    CatalogChanges {
        plans,
        features: part("features"),
        rate_cards: part("rate_cards"),
        other: parts.into_iter().filter(differs).filter_map(|part| Name::new(part).ok()).collect(),
    }
}

/// A plan changes with the plan that it extends and with the lists that it names.
fn take_over(before: &Map<String, Value>, after: &Map<String, Value>, plans: &mut NamesChanged) {
    let part = |of: &'_ Map<String, Value>, part: &str| of.get(part).and_then(Value::as_object).cloned();
    let lists = |lists: &str| {
        let lists = names(part(before, lists).as_ref(), part(after, lists).as_ref());
        lists.changed.into_iter().chain(lists.added).collect::<BTreeSet<Name>>()
    };
    let lists = [("guards", lists("guards")), ("waterfall", lists("waterfalls"))];
    let Some(written) = after.get("plans").and_then(Value::as_object) else { return };
    let mut changed: BTreeSet<Name> = plans.changed.iter().chain(&plans.added).cloned().collect();
    // A plan in a row of them is found after the one that it extends.
    loop {
        let takes_over = |plan: &Value| {
            let base = plan.get("extends").and_then(Value::as_str);
            base.is_some_and(|base| changed.contains(base))
                || lists.iter().any(|(entries, lists)| {
                    let entries = plan.get(entries).and_then(Value::as_array).into_iter().flatten();
                    entries.filter_map(Value::as_str).any(|entry| lists.contains(entry))
                })
        };
        let next: Vec<Name> = written
            .iter()
            .filter(|(name, plan)| !changed.contains(name.as_str()) && takes_over(plan))
            .filter_map(|(name, _)| Name::new(name).ok())
            .collect();
        if next.is_empty() {
            break;
        }
        plans.changed.extend(next.iter().cloned());
        changed.extend(next);
    }
    plans.changed.sort_unstable();
}

/// The catalog as written; it was accepted, so it can be read.
fn values(catalog: &Catalog) -> Map<String, Value> {
    let read = match Format::of(&catalog.text) {
        Format::Toml => toml::from_str(&catalog.text).ok(),
        Format::Json => serde_json::from_str(&catalog.text).ok(),
    };
    read.unwrap_or_default()
}

fn names(before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) -> NamesChanged {
    let nothing = Map::new();
    let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
    let only = |here: &Map<String, Value>, keep: &dyn Fn(&str, &Value) -> bool| -> Vec<Name> {
        let kept = here.iter().filter(|(name, value)| keep(name, value));
        kept.filter_map(|(name, _)| Name::new(name).ok()).collect()
    };
    NamesChanged {
        added: only(after, &|name, _| !before.contains_key(name)),
        removed: only(before, &|name, _| !after.contains_key(name)),
        changed: only(after, &|name, value| before.get(name).is_some_and(|old| old != value)),
    }
}
