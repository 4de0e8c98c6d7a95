//! Plans: their features are defined, every guard and layer has a name of its own.

use alloc::collections::BTreeSet;

use hashbrown::HashMap;

use super::draft::Draft;
use super::guards::add_guard;
use super::layers::add_layer;
use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::one_of;
use crate::catalog::plan::{Plan, Program};
use crate::catalog::source::{CatalogSource, InDebt, LayerSource, PlanSource};
use crate::record::{Name, Overshoot, PREFIX, own_unit};

pub(super) fn plans(
    source: &CatalogSource,
    features: &HashMap<Name, Feature>,
    check: &mut Check,
) -> HashMap<Name, Plan> {
    check.key("plans", |c| {
        let compiled = source
            .plans
            .iter()
            .map(|(name, shape)| (name.clone(), c.key(name.as_str(), |c| plan(shape, features, c))));
        compiled.collect()
    })
}

fn plan(shape: &PlanSource, features: &HashMap<Name, Feature>, check: &mut Check) -> Plan {
    check_features(shape, features, check);
    check_names(shape, check);
    check_overdrafts(shape, check);
    let mut draft = Draft::new(&shape.features, features);
    check.key("guards", |c| {
        for (i, guard) in shape.guards.iter().enumerate() {
            c.item(i, |c| add_guard(guard, &mut draft, c));
        }
    });
    check.key("waterfall", |c| {
        for (i, layer) in shape.waterfall.iter().enumerate() {
            c.item(i, |c| add_layer(layer, &mut draft, c));
        }
    });
    let programs = draft.into_programs();
    check_debts(shape, features, &programs, check);
    Plan {
        consent: shape.consent,
        expired_draws: shape.expired_draws,
        allows_in_debt: shape.in_debt == InDebt::Allowances,
        class: shape.class.clone(),
        cost_max: shape.cost_max,
        programs,
    }
}

/// Debt needs a limit; without an overdraft there is none.
fn check_debts(
    shape: &PlanSource,
    features: &HashMap<Name, Feature>,
    programs: &[Option<Program>],
    check: &mut Check,
) {
    let owes = |f: &&Feature| f.overshoot == Overshoot::Debt;
    for feature in shape.features.iter().filter_map(|name| features.get(name)).filter(owes) {
        let program = programs.get(feature.index).and_then(Option::as_ref);
        if program.is_some_and(|p| p.overdraft_limit().is_zero()) {
            let name = &feature.name;
            let what = alloc::format!(
                "`{name}` has overshoot = \"debt\", and no overdraft here sets a limit: unpaid use becomes the operator's goodwill"
            );
            check.key("features", |c| {
                c.doubt(
                    what,
                    "write overshoot = { debt = \"50\" } in the feature, or add an overdraft for it",
                );
            });
        }
    }
}

fn check_features(shape: &PlanSource, features: &HashMap<Name, Feature>, check: &mut Check) {
    check.key("features", |c| {
        for (i, name) in shape.features.iter().enumerate().filter(|(_, n)| !features.contains_key(*n)) {
            let known: BTreeSet<&Name> = features.keys().collect();
            c.item(i, |c| c.wrong(alloc::format!("there is no feature `{name}`"), one_of(known.into_iter())));
        }
    });
}

fn layer_name(layer: &LayerSource) -> &Name {
    match layer {
        LayerSource::Allowance { name, .. }
        | LayerSource::Grants { name, .. }
        | LayerSource::Pool { name, .. }
        | LayerSource::Overdraft { name, .. } => name,
    }
}

fn check_names(shape: &PlanSource, check: &mut Check) {
    let mut seen = BTreeSet::new();
    let guards = shape.guards.iter().enumerate().map(|(i, g)| ("guards", i, &g.name));
    let layers = shape.waterfall.iter().enumerate().map(|(i, l)| ("waterfall", i, layer_name(l)));
    for (list, i, name) in guards.chain(layers) {
        let mut wrong = |what, fix: &str| check.key(list, |c| c.item(i, |c| c.wrong(what, fix)));
        if name.as_str().starts_with(PREFIX) {
            wrong(alloc::format!("`{name}` is kept for abuse rules"), "rename it");
        }
        if !seen.insert(name) {
            wrong(alloc::format!("the name `{name}` is used twice in the plan"), "rename one");
        }
    }
}

fn check_overdrafts(shape: &PlanSource, check: &mut Check) {
    let mut lent = BTreeSet::new();
    for layer in &shape.waterfall {
        if let LayerSource::Overdraft { unit, .. } = layer
            && !lent.insert(own_unit(unit.as_ref()))
        {
            check.wrong_at("waterfall", "more than one overdraft in one unit of credits", "keep one");
        }
    }
}
