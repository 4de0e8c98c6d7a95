//! How large the parts of a catalog may be, checked before anything is done with them.
//!
//! What has no maximum of its own here is compiled in a time that grows with the text.

use super::extend::Whole;
use super::walk::Check;
use crate::catalog::source::{
    ByUnitSource, CatalogSource, FeatureSource, LEFT_OUT_MAX, LayerSource, METERS_MAX, OneOrSeveral,
    PlanSource, SupplySource,
};
use crate::record::{Name, own_unit};

use alloc::collections::{BTreeMap, BTreeSet};

/// The most dimensions of a price.
const DIMENSIONS_MAX: usize = 16;

/// The most sets of dimensions that the prices of one feature name in one version of a card.
pub(super) const SHAPES_MAX: usize = 32;

/// The most prices that lists of features and values add to those written.
const ADDED_MAX: usize = 100_000;

/// The most sets of meters that the prices of one feature name in one version of a card.
pub(super) const METER_SETS_MAX: usize = 8;

/// The most pairs of prices that a third decides between, in the whole catalog.
pub(super) const DECIDED_MAX: usize = 250_000;

/// The most guards of a plan.
const GUARDS_MAX: usize = 256;

/// The most layers of a plan.
const LAYERS_MAX: usize = 64;

/// The most windows of an allowance.
const WINDOWS_MAX: usize = 16;

/// The most guards and layers of all plans together, each counted once for each feature that it applies to.
const APPLIED_MAX: usize = 1_000_000;

/// The most parts that plans take over from other plans and from named lists, together.
pub(super) const TAKEN_MAX: usize = 100_000;

/// The most names in `without`, and figures in `limits`, of a plan.
const FIGURES_MAX: usize = 1_024;

/// The most supplies that stand in for one.
const FALLBACKS_MAX: usize = 16;

/// The most classes of a supply.
const CLASSES_MAX: usize = 64;

/// The most units of credits.
const UNITS_MAX: usize = 64;

/// Checks the size of every part that has a maximum.
pub(super) fn check_limits<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let work = check.work();
    check.key("features", |c| {
        for (name, feature) in work.each(&source.features) {
            c.key(name.as_str(), |c| check_feature(feature, c));
        }
    });
    check.key("rate_cards", |c| {
        for (name, versions) in &source.rate_cards {
            for (i, version) in work.each(versions).enumerate() {
                for (j, price) in work.each(&version.prices).enumerate() {
                    let sizes = [
                        ("when", price.when.len(), DIMENSIONS_MAX, "dimensions"),
                        (
                            "like",
                            price.like.as_ref().map_or(0, |like| like.len()),
                            DIMENSIONS_MAX,
                            "dimensions",
                        ),
                        ("credits", price.credits.len(), METERS_MAX, "meters"),
                        ("step", price.step.len(), METERS_MAX, "meters"),
                        ("minimum", price.minimum.len(), METERS_MAX, "meters"),
                    ];
                    c.key(name.as_str(), |c| {
                        c.item(i, |c| c.key("prices", |c| c.item(j, |c| check_sizes(sizes, c))));
                    });
                }
            }
        }
    });
    check.key("plans", |c| {
        for (name, plan) in work.each(&source.plans) {
            c.key(name.as_str(), |c| check_plan(plan, c));
        }
    });
    check.key("supplies", |c| {
        for (name, supply) in work.each(&source.supplies) {
            c.key(name.as_str(), |c| check_supply(supply, c));
        }
    });
    check_abuse(source, check);
    check_totals(source, check);
}

/// Checks sizes under keys of the value here; `false`: one is too large.
fn check_sizes<'a, const N: usize>(
    sizes: [(&'a str, usize, usize, &'static str); N],
    check: &mut Check<'a>,
) -> bool {
    let mut fits = true;
    for (key, size, max, of) in sizes.into_iter().filter(|(_, size, max, _)| size > max) {
        check.wrong_at(key, format_args!("{size} {of}, at most {max} are possible"), "remove some");
        fits = false;
    }
    fits
}

fn check_feature<'a>(feature: &'a FeatureSource, check: &mut Check<'a>) {
    let charged = feature.hold.expiry_charges.as_ref().map_or(0, alloc::vec::Vec::len);
    let sizes = [
        ("meters", feature.meters.len(), METERS_MAX, "meters"),
        ("estimate", feature.estimate.len(), METERS_MAX, "meters"),
        ("hold", charged, METERS_MAX, "meters"),
    ];
    check_sizes(sizes, check);
}

fn check_plan<'a>(plan: &'a PlanSource, check: &mut Check<'a>) {
    let sizes = [
        ("guards", plan.guards.len(), GUARDS_MAX, "guards"),
        ("waterfall", plan.waterfall.len(), LAYERS_MAX, "layers"),
        ("without", plan.without.len(), FIGURES_MAX, "names"),
        ("limits", plan.limits.len(), FIGURES_MAX, "figures"),
    ];
    check_sizes(sizes, check);
}

/// Checks plans with all that they have; `false`: one is too large.
pub(super) fn check_whole<'a: 'p, 'p>(
    plans: impl Iterator<Item = &'p Whole<'a>> + Clone,
    check: &mut Check<'a>,
) -> bool {
    let work = check.work();
    let mut fits = true;
    for plan in work.each(plans.clone()) {
        check.of_plan(plan.name, |c| {
            let sizes = [
                ("guards", plan.guards.len(), GUARDS_MAX, "guards"),
                ("waterfall", plan.layers.len(), LAYERS_MAX, "layers"),
            ];
            fits &= check_sizes(sizes, c);
            for guard in &plan.guards {
                if let Some(OneOrSeveral::Several(meters)) = &guard.shape.count {
                    let sizes = [("count", meters.len(), METERS_MAX, "meters")];
                    fits &= c.at(guard.path(), |c| check_sizes(sizes, c));
                }
            }
            for layer in &plan.layers {
                let sizes = [("windows", layer.windows.len(), WINDOWS_MAX, "windows")];
                fits &= c.at(layer.path(), |c| c.key("allowance", |c| check_sizes(sizes, c)));
            }
        });
    }
    let applied = work.each(plans).map(applied).fold(0, usize::saturating_add);
    let sizes = [("plans", applied, APPLIED_MAX, "guards and layers over all features of all plans")];
    check_sizes(sizes, check) && fits
}

fn check_supply<'a>(supply: &'a SupplySource, check: &mut Check<'a>) {
    let sizes = [
        ("fallback", supply.fallback.len(), FALLBACKS_MAX, "supplies"),
        ("classes", supply.classes.len(), CLASSES_MAX, "classes"),
        ("cost", supply.cost.as_ref().map_or(0, |cost| cost.len()), METERS_MAX, "meters"),
        ("in_flight_cost", supply.in_flight_cost.as_ref().map_or(0, |cost| cost.len()), METERS_MAX, "meters"),
    ];
    check_sizes(sizes, check);
}

fn check_abuse<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let Some(abuse) = &source.abuse else { return };
    let figures = |shape: Option<&ByUnitSource>| match shape {
        Some(ByUnitSource::Each(each)) => each.len(),
        Some(ByUnitSource::One(_)) | None => 0,
    };
    let floors = abuse.tiers.values().map(|tier| figures(tier.key_spend_floor.as_ref())).max();
    let sizes = [
        ("cost", abuse.cost.as_ref().map_or(0, |cost| cost.len()), METERS_MAX, "meters"),
        ("trial_budget", figures(abuse.trial_budget.as_ref()), UNITS_MAX, "units of credits"),
        ("tiers", floors.unwrap_or(0), UNITS_MAX, "units of credits"),
    ];
    check.key("abuse", |c| check_sizes(sizes, c));
}

/// What adds up over the catalog.
fn check_totals<'a>(source: &'a CatalogSource, check: &mut Check<'a>) {
    let units: BTreeSet<_> = source.features.values().map(|f| own_unit(f.credit_unit.as_ref())).collect();
    let sizes = [
        ("features", units.len(), UNITS_MAX, "units of credits"),
        ("features", source.left_out, LEFT_OUT_MAX, "meters that features leave to prices"),
        (
            "rate_cards",
            added(source, check),
            ADDED_MAX,
            "prices more than are written, for features and items of lists",
        ),
    ];
    check_sizes(sizes, check);
}

/// How many prices there are beyond those written: one for each feature and each item of each list.
fn added(source: &CatalogSource, check: &Check<'_>) -> usize {
    let work = check.work();
    let mut users: BTreeMap<&Name, usize> = BTreeMap::new();
    for card in work.each(source.features.values()).filter_map(|feature| feature.rate_card.as_ref()) {
        *users.entry(card).or_default() += 1;
    }
    let mut added = 0_usize;
    for (card, versions) in &source.rate_cards {
        let users = users.get(card).copied().unwrap_or(0);
        for price in versions.iter().flat_map(|version| work.each(&version.prices)) {
            let features = price.feature.as_ref().map_or(users, |named| named.all().len());
            let lists = price.when.values().map(|values| values.all().len());
            added = added.saturating_add(lists.fold(features, usize::saturating_mul).saturating_sub(1));
        }
    }
    added
}

/// The guards and layers of a plan, each as often as it has features.
fn applied(plan: &Whole<'_>) -> usize {
    let all = plan.features.len();
    let guards = plan.guards.iter().map(|guard| guard.shape.features.as_ref().map_or(all, |f| f.len()));
    let layers = plan.layers.iter().map(|layer| match &*layer.shape {
        LayerSource::Allowance { features: Some(features), .. } => features.len(),
        LayerSource::Allowance { features: None, .. }
        | LayerSource::Grants { .. }
        | LayerSource::Pool { .. }
        | LayerSource::Postpaid { .. }
        | LayerSource::Overdraft { .. } => all,
    });
    guards.chain(layers).fold(0, usize::saturating_add)
}
