//! Plans: their features are defined, every guard and layer has a name of its own.

use alloc::collections::BTreeSet;

use hashbrown::HashMap;

use super::draft::Draft;
use super::guards::add_guard;
use super::layers::add_layer;
use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::one_of;
use crate::catalog::plan::{FACTOR_MAX, PRICE_FACTOR, Plan, PriceFactors, Program};
use crate::catalog::source::{CatalogSource, Decimal, FactorSource, InDebt, LayerSource, PlanSource};
use crate::record::{Credits, Name, Overshoot, PREFIX, Tier, WHOLE_PRICE, own_unit};

pub(super) fn plans<'a>(
    source: &'a CatalogSource,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) -> HashMap<Name, Plan> {
    let work = check.work();
    check.key("plans", |c| {
        let compiled = work
            .each(&source.plans)
            .map(|(name, shape)| (name.clone(), c.key(name.as_str(), |c| plan(source, shape, features, c))));
        compiled.collect()
    })
}

fn plan<'a>(
    source: &'a CatalogSource,
    shape: &'a PlanSource,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) -> Plan {
    check_features(source, shape, features, check);
    check_names(shape, check);
    check_overdrafts(shape, check);
    let work = check.work();
    let mut draft = Draft::new(&shape.features, features);
    check.key("guards", |c| {
        for (i, guard) in work.each(&shape.guards).enumerate() {
            c.item(i, |c| add_guard(guard, &mut draft, c));
        }
    });
    check.key("waterfall", |c| {
        for (i, layer) in work.each(&shape.waterfall).enumerate() {
            c.item(i, |c| add_layer(layer, &mut draft, c));
        }
    });
    let (programs, resettable) = draft.finish();
    check_debts(shape, features, &programs, check);
    let price_factors =
        shape.price_factor.as_ref().map(|factor| check.key("price_factor", |c| factors(factor, c)));
    let plan = Plan {
        consent: shape.consent,
        price_factors,
        expired_draws: shape.expired_draws,
        allows_in_debt: shape.in_debt == InDebt::Allowances,
        class: shape.class.clone(),
        cost_max: shape.cost_max,
        programs,
        resettable,
    };
    if plan.price_factors.is_some() && !plan.takes_price_factor() {
        check.wrong_at(
            "price_factor",
            "an allowance of the plan counts a meter: it pays whole units at whole prices",
            "let the allowance count credits or requests, or write other prices",
        );
    }
    plan
}

/// Factors by tier.
fn factors<'a>(shape: &'a FactorSource, check: &mut Check<'a>) -> PriceFactors {
    let mut factors = [WHOLE_PRICE; Tier::ALL.len()];
    match shape {
        FactorSource::One(one) => factors.fill(factor(one, check)),
        FactorSource::ByTier(each) => {
            for (of, known) in factors.iter_mut().zip(Tier::ALL) {
                if let Some(text) = each.get(&known) {
                    *of = check.key(known.as_str(), |c| factor(text, c));
                }
            }
        }
    }
    PriceFactors(factors)
}

fn factor<'a>(text: &'a Decimal, check: &mut Check<'a>) -> u64 {
    let written = text.0.parse::<Credits>().ok().and_then(|f| u64::try_from(f.nano()).ok());
    written.filter(|f| *f <= FACTOR_MAX).unwrap_or_else(|| {
        check.wrong(
            format_args!("`{}` is no factor from 0 to 1000 with at most nine places", text.0),
            "write for example \"0.9\"",
        );
        WHOLE_PRICE
    })
}

/// Debt needs a limit; without an overdraft there is none.
fn check_debts<'a>(
    shape: &'a PlanSource,
    features: &HashMap<Name, Feature>,
    programs: &[(usize, Program)],
    check: &mut Check<'a>,
) {
    let owes = |f: &&Feature| f.overshoot == Overshoot::Debt;
    for feature in shape.features.iter().filter_map(|name| features.get(name)).filter(owes) {
        let program = programs.binary_search_by_key(&feature.index, |(index, _)| *index).ok();
        let program = program.and_then(|at| programs.get(at));
        if program.is_some_and(|(_, p)| p.overdraft().is_none_or(|(_, limit)| limit.is_zero())) {
            let name = &feature.name;
            let what = format_args!(
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

fn check_features<'a>(
    source: &'a CatalogSource,
    shape: &'a PlanSource,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) {
    let work = check.work();
    check.key("features", |c| {
        let listed = work.each(&shape.features).enumerate();
        for (i, name) in listed.filter(|(_, name)| !features.contains_key(*name)) {
            let what = format_args!("there is no feature `{name}`");
            c.item(i, |c| c.wrong(what, one_of(source.features.keys())));
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

fn check_names<'a>(shape: &'a PlanSource, check: &mut Check<'a>) {
    let mut seen = BTreeSet::new();
    let guards = shape.guards.iter().enumerate().map(|(i, g)| ("guards", i, &g.name));
    let layers = shape.waterfall.iter().enumerate().map(|(i, l)| ("waterfall", i, layer_name(l)));
    for (list, i, name) in guards.chain(layers) {
        if name.as_str() == PRICE_FACTOR {
            let what = format_args!("`{name}` is the name of the factor on prices");
            check.key(list, |c| c.item(i, |c| c.wrong(what, "rename it")));
        }
        if name.as_str().starts_with(PREFIX) {
            let what = format_args!("`{name}` is kept for abuse rules");
            check.key(list, |c| c.item(i, |c| c.wrong(what, "rename it")));
        }
        if !seen.insert(name) {
            let what = format_args!("the name `{name}` is used twice in the plan");
            check.key(list, |c| c.item(i, |c| c.wrong(what, "rename one")));
        }
    }
}

fn check_overdrafts<'a>(shape: &'a PlanSource, check: &mut Check<'a>) {
    let mut lent = BTreeSet::new();
    for layer in &shape.waterfall {
        if let LayerSource::Overdraft { unit, .. } = layer
            && !lent.insert(own_unit(unit.as_ref()))
        {
            check.wrong_at("waterfall", "more than one overdraft in one unit of credits", "keep one");
        }
    }
}
