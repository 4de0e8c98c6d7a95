//! Plans with everything that they take over: from the plans that they extend, and from named lists.
//!
//! Never builds what is too large: the parts are counted first (`what_plans_take_over_has_a_maximum`). A plan that takes nothing
//! over is not copied. C6 a part keeps the line of what was written, in whichever plan (`what_plans_extend_is_checked`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

pub(super) use self::part::{LayerPart, Whole, WindowPart};
use super::limits::{TAKEN_MAX, check_whole};
use super::walk::Check;
use crate::catalog::names::one_of;
use crate::catalog::source::{CatalogSource, Entry, LayerSource, PlanSource};
use crate::record::Name;

mod figures;
mod merge;
mod part;

/// The most plans in a row of which each extends the next.
const CHAIN_MAX: usize = 8;

/// The plans by name; `None`: too large. A plan that extends itself or one that is not there is left out, and so is what extends it.
pub(super) fn plans<'a>(
    source: &'a CatalogSource,
    check: &mut Check<'a>,
) -> Option<BTreeMap<&'a Name, Whole<'a>>> {
    let ordered = in_order(source, check);
    let work = check.work();
    let taken = taken(source, work.each(&ordered).copied());
    if taken > TAKEN_MAX {
        let what = format_args!(
            "{taken} features, guards, layers and windows taken over by plans, at most {TAKEN_MAX} are possible"
        );
        check.wrong_at("plans", what, "extend smaller plans, or write fewer of them");
        return None;
    }
    let mut plans: BTreeMap<&Name, Whole<'_>> = BTreeMap::new();
    for (name, shape) in work.each(ordered) {
        let base = shape.extends.as_ref().and_then(|base| plans.get(base));
        if base.is_some() || shape.extends.is_none() {
            let whole = check.of_plan(name, |c| merge::whole(source, (name, shape), base, c));
            plans.insert(name, whole);
        }
    }
    check_used(source, check);
    check_whole(plans.values(), check).then_some(plans)
}

/// A list that no plan names is not checked, and perhaps forgotten.
fn check_used<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let work = check.work();
    let plans = || work.each(source.plans.values());
    let guards: BTreeSet<&Name> =
        plans().flat_map(|plan| plan.guards.iter().filter_map(Entry::list)).collect();
    let layers: BTreeSet<&Name> =
        plans().flat_map(|plan| plan.waterfall.iter().filter_map(Entry::list)).collect();
    let named = source.guards.keys().map(|name| ("guards", &guards, name));
    let named = named.chain(source.waterfalls.keys().map(|name| ("waterfalls", &layers, name)));
    for (lists, _, name) in work.each(named).filter(|(_, used, name)| !used.contains(name)) {
        check.key(lists, |c| {
            c.key(name.as_str(), |c| c.doubt("no plan names this list", "remove it, or name it in a plan"));
        });
    }
}

/// The plans, each after the one that it extends.
fn in_order<'a>(source: &'a CatalogSource, check: &mut Check<'a>) -> Vec<(&'a Name, &'a PlanSource)> {
    let work = check.work();
    let mut by_length: [Vec<(&Name, &PlanSource)>; CHAIN_MAX] = Default::default();
    for (name, shape) in work.each(&source.plans) {
        let length = check.of_plan(name, |c| c.key("extends", |c| chain(source, (name, shape), c)));
        let place = length.and_then(|length| by_length.get_mut(length - 1));
        place.into_iter().for_each(|plans| plans.push((name, shape)));
    }
    by_length.into_iter().flatten().collect()
}

/// How many plans there are from this one to one that extends none, both counted.
fn chain<'a>(
    source: &'a CatalogSource,
    (name, shape): (&'a Name, &'a PlanSource),
    check: &mut Check<'a>,
) -> Option<usize> {
    let mut length = 1;
    let mut next = shape.extends.as_ref();
    while let Some(base) = next {
        length += 1;
        if base == name {
            check.wrong("the plan extends itself", "let one of the plans extend no other");
            return None;
        }
        if length > CHAIN_MAX {
            let what = format_args!("more than {CHAIN_MAX} plans extend one another in a row");
            check.wrong(what, "extend an earlier one of them");
            return None;
        }
        let Some(found) = source.plans.get(base) else {
            // A longer chain is told of where it breaks.
            if length == 2 {
                check.wrong(format_args!("there is no plan `{base}`"), one_of(source.plans.keys()));
            }
            return None;
        };
        next = found.extends.as_ref();
    }
    Some(length)
}

/// How much a plan has at most.
#[derive(Clone, Copy)]
struct Size {
    parts: usize,
    features: usize,
}

/// The parts that plans take over, counted as if none were replaced.
fn taken<'a>(source: &CatalogSource, plans: impl Iterator<Item = (&'a Name, &'a PlanSource)>) -> usize {
    let guards: BTreeMap<&Name, usize> =
        source.guards.iter().map(|(name, list)| (name, list.len())).collect();
    let layers: BTreeMap<&Name, usize> = source
        .waterfalls
        .iter()
        .map(|(name, list)| (name, list.iter().map(parts).fold(0, usize::saturating_add)))
        .collect();
    let mut sizes: BTreeMap<&Name, Size> = BTreeMap::new();
    let mut all = 0_usize;
    for (name, shape) in plans {
        let base = shape.extends.as_ref().and_then(|base| sizes.get(base));
        let base = base.copied().unwrap_or(Size { parts: 0, features: 0 });
        let (mut own, mut taken) = (0_usize, base.parts);
        for entry in &shape.guards {
            match entry {
                Entry::Own(_) => own += 1,
                Entry::List(list) => taken = taken.saturating_add(guards.get(list).copied().unwrap_or(0)),
            }
        }
        for entry in &shape.waterfall {
            match entry {
                Entry::Own(layer) => own += parts(layer),
                Entry::List(list) => taken = taken.saturating_add(layers.get(list).copied().unwrap_or(0)),
            }
        }
        let features = match &shape.features {
            Some(features) => features.len(),
            None => {
                all = all.saturating_add(base.features);
                base.features
            }
        };
        all = all.saturating_add(taken);
        sizes.insert(name, Size { parts: own.saturating_add(taken), features });
    }
    all
}

/// A layer with its windows.
fn parts(layer: &LayerSource) -> usize {
    if let LayerSource::Allowance { windows, .. } = layer { 1 + windows.len() } else { 1 }
}
