//! What is legal, but surprising.

use alloc::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::extend::Whole;
use super::walk::Check;
use crate::catalog::plan::{Layer, Plan, WindowTerms};
use crate::catalog::source::{CatalogSource, LayerSource};
use crate::record::{Label, Name, Span};

/// Doubts about plans and features.
pub(super) fn doubts<'a>(
    source: &'a CatalogSource,
    whole: &BTreeMap<&'a Name, Whole<'a>>,
    plans: &HashMap<Name, Plan>,
    check: &mut Check<'a>,
) {
    let work = check.work();
    let used: BTreeSet<&Name> = whole.values().flat_map(|plan| plan.features).collect();
    check.key("features", |c| {
        for name in work.each(source.features.keys()).filter(|name| !used.contains(*name)) {
            c.key(name.as_str(), |c| {
                c.doubt("no plan includes the feature", "list it in the `features` of a plan")
            });
        }
    });
    if source.plans.len() > 1 && source.default_plan.is_none() {
        let what = "accounts that name no plan can use nothing";
        check.key("plans", |c| c.doubt(what, "name a `default_plan`, or set the plan of each account"));
    }
    check.key("rate_cards", |c| value_doubts(source, c));
    for plan in work.each(whole.values()) {
        check.of_plan(plan.name, |c| plan_doubts(source, plan, plans.get(plan.name), c));
    }
}

/// A price for a value that a derived dimension never has is only for requests that name it themselves.
fn value_doubts<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let work = check.work();
    let mut derived: BTreeMap<&Name, BTreeSet<&str>> = BTreeMap::new();
    for feature in work.each(source.features.values()) {
        for (name, size) in &feature.sizes {
            let values = size.steps.iter().map(|step| &step.value).chain(&size.otherwise);
            derived.entry(name).or_default().extend(values.map(Label::as_str));
        }
        for (name, times) in &feature.times {
            let values = times.hours.iter().map(|hours| &hours.value).chain(&times.otherwise);
            derived.entry(name).or_default().extend(values.map(Label::as_str));
        }
    }
    if derived.is_empty() {
        return;
    }
    for (card, versions) in &source.rate_cards {
        for (i, version) in work.each(versions).enumerate() {
            for (j, price) in work.each(&version.prices).enumerate() {
                for (name, values) in &price.when {
                    let Some(known) = derived.get(name) else { continue };
                    let Some(value) = values.all().iter().find(|v| !known.contains(v.as_str())) else {
                        continue;
                    };
                    let what = format_args!("no request has `{name}` = `{value}` unless it says so itself");
                    let fix = "write a value that the feature's `sizes` or `times` give";
                    let at =
                        |c: &mut Check<'a>| c.key("when", |c| c.key(name.as_str(), |c| c.doubt(what, fix)));
                    check.key(card.as_str(), |c| c.item(i, |c| c.key("prices", |c| c.item(j, at))));
                }
            }
        }
    }
}

fn plan_doubts<'a>(source: &'a CatalogSource, whole: &Whole<'a>, plan: Option<&Plan>, check: &mut Check<'a>) {
    let work = check.work();
    let programs = plan.map_or(&[][..], |plan| plan.programs.as_slice());
    if whole.layers.is_empty()
        && let Some(priced) = whole
            .features
            .iter()
            .find(|name| source.features.get(*name).is_some_and(|feature| feature.rate_card.is_some()))
    {
        let what = format_args!(
            "`{priced}` has a price and no source pays: every request that costs something is denied"
        );
        check.doubt(what, "add a `waterfall`");
    }
    let mut lent = None;
    for layer in work.each(&whole.layers) {
        match &*layer.shape {
            LayerSource::Overdraft { name, .. } => lent = Some((name, "overdraft")),
            LayerSource::Postpaid { name, .. } => lent = Some((name, "postpaid layer")),
            LayerSource::Grants { name, .. } | LayerSource::Pool { name, .. } => {
                if let Some((lends, what)) = lent {
                    let fix = format_args!("move the {what} to the end");
                    let what =
                        format_args!("`{name}` pays only what the {what} `{lends}` before it does not lend");
                    check.at(layer.path(), |c| c.doubt(what, fix));
                }
            }
            LayerSource::Allowance { name, .. } => {
                let layers = programs.iter().flat_map(|(_, program)| program.layers());
                let compiled = layers.into_iter().find_map(|layer| match layer {
                    Layer::Allowance { name: own, windows, .. } if own == name => Some(windows.as_slice()),
                    Layer::Allowance { .. }
                    | Layer::Grants { .. }
                    | Layer::Overdraft { .. }
                    | Layer::Postpaid { .. } => None,
                });
                check.at(layer.path(), |c| window_doubts(compiled.unwrap_or_default(), c));
            }
        }
    }
}

/// A shorter window with room for all of a longer one never binds.
fn window_doubts(windows: &[(Name, WindowTerms)], check: &mut Check<'_>) {
    let length = |window: &WindowTerms| -> Option<(Span, i64)> {
        if let WindowTerms::FirstUse { limit, length } = window { Some((*length, *limit)) } else { None }
    };
    for (name, window) in windows {
        if matches!(window, WindowTerms::Fixed { limit: 0, .. } | WindowTerms::FirstUse { limit: 0, .. }) {
            check.doubt(
                format_args!("`{name}` includes nothing"),
                "give it a limit above zero, or remove the allowance",
            );
        }
        let Some((own, limit)) = length(window) else { continue };
        let longer = windows.iter().find(|(_, other)| {
            length(other).is_some_and(|(other, within)| own < other && limit >= within && within > 0)
        });
        if let Some((longer, _)) = longer {
            check.doubt(
                format_args!("`{name}` never binds: `{longer}` is longer and includes no more"),
                "give the shorter window less, or remove it",
            );
        }
    }
}
