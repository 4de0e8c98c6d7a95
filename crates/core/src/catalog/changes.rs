//! A catalog's changes to the one before it, part by part: compared as written, so that another order or another notation
//! of the same values is no change.

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
    let parts: BTreeSet<&str> = before.keys().chain(after.keys()).map(|part| &**part).collect();
    let differs = |part: &&str| !KNOWN.contains(part) && before.get(*part) != after.get(*part);
    CatalogChanges {
        plans: part("plans"),
        features: part("features"),
        rate_cards: part("rate_cards"),
        other: parts.into_iter().filter(differs).filter_map(|part| Name::new(part).ok()).collect(),
    }
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
