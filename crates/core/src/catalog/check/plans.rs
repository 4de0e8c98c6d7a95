//! Plans: their features are defined, every guard and layer has a name of its own.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::draft::{Compiled, Draft};
use super::extend::Whole;
use super::guards::{add_guard, enforced_for};
use super::layers::add_layer;
use super::seats::seats;
use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::one_of;
use crate::catalog::plan::{FACTOR_MAX, PRICE_FACTOR, Plan, PriceFactors, Program};
use crate::catalog::share::Share;
use crate::catalog::source::{CatalogSource, Decimal, FactorSource, InDebt, LayerSource, RolloutSource};
use crate::record::{Credits, Name, Overshoot, PREFIX, Tier, WHOLE_PRICE, own_unit};

pub(super) fn plans<'a>(
    source: &'a CatalogSource,
    whole: &'a BTreeMap<&'a Name, Whole<'a>>,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) -> HashMap<Name, Plan> {
    let work = check.work();
    let compiled = work
        .each(whole.values())
        .map(|whole| (whole.name.clone(), check.of_plan(whole.name, |c| plan(source, whole, features, c))));
    compiled.collect()
}

fn plan<'a>(
    source: &'a CatalogSource,
    whole: &'a Whole<'a>,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) -> Plan {
    check_features(source, whole, features, check);
    check_names(whole, check);
    check_overdrafts(whole, check);
    let work = check.work();
    let mut draft = Draft::new(whole.features, features);
    for guard in work.each(&whole.guards) {
        check.at(guard.path(), |c| add_guard(&guard.shape, &mut draft, c));
    }
    for layer in work.each(&whole.layers) {
        check.at(layer.path(), |c| add_layer(layer, &mut draft, c));
    }
    let Compiled { programs, guards, layers, resettable } = draft.finish();
    check_debts(whole, features, &programs, check);
    let price_factors = whole.price_factor.map(|(plan, factor)| {
        check.elsewhere(&["plans", plan.as_str(), "price_factor"], |c| factors(factor, c))
    });
    let warn_at = whole.warn_at.map_or(&[][..], |(plan, marks)| {
        check.elsewhere(&["plans", plan.as_str(), "warn_at"], |c| check_marks(marks, c));
        marks
    });
    let mut plan = Plan {
        consent: whole.consent,
        warn_at: warn_at.to_vec(),
        price_factors,
        expired_draws: whole.expired_draws,
        allows_in_debt: whole.in_debt == InDebt::Allowances,
        class: whole.class.cloned(),
        cost_max: whole.cost_max,
        seats: None,
        rollout: source.plans.get(whole.name).and_then(|shape| shape.rollout.as_ref()).map(|rollout| {
            check.elsewhere(&["plans", whole.name.as_str(), "rollout"], |c| {
                Box::new(tried(source, whole.name, rollout, c))
            })
        }),
        programs,
        guards,
        layers,
        resettable,
    };
    plan.seats = whole.seats.map(|(lister, shape)| {
        check.elsewhere(&["plans", lister.as_str(), "seats"], |c| Box::new(seats(shape, &plan, c)))
    });
    if plan.price_factors.is_some() && !plan.takes_price_factor() {
        check.wrong_at(
            "price_factor",
            "an allowance of the plan counts a meter: it pays whole units at whole prices",
            "let the allowance count credits or requests, or write other prices",
        );
    }
    plan
}

/// The plan that is tried on the accounts of another, and on how many.
fn tried<'a>(
    source: &'a CatalogSource,
    name: &Name,
    rollout: &'a RolloutSource,
    check: &mut Check<'a>,
) -> (Name, Share) {
    match source.plans.get(&rollout.plan) {
        None => {
            let what = format_args!("there is no plan `{}`", rollout.plan);
            check.wrong_at("plan", what, one_of(source.plans.keys()));
        }
        Some(_) if rollout.plan == *name => {
            check.wrong_at("plan", "a plan is not tried on itself", "name the plan that is to come");
        }
        Some(other) if other.rollout.is_some() => {
            let what = format_args!("`{}` has a rollout of its own", rollout.plan);
            check.wrong_at("plan", what, "end one rollout before the next begins");
        }
        Some(_) => {}
    }
    (rollout.plan.clone(), enforced_for(None, rollout.accounts_percent.or(Some(0)), check))
}

/// The most marks of a plan.
const MARKS_MAX: usize = 8;

/// Marks are percentages that rise.
fn check_marks(marks: &[u8], check: &mut Check<'_>) {
    if marks.len() > MARKS_MAX {
        check.wrong(format_args!("{} marks, at most {MARKS_MAX} are possible", marks.len()), "remove some");
    }
    if marks.iter().any(|mark| !(1..=100).contains(mark)) || !marks.is_sorted_by(|a, b| a < b) {
        check.wrong(
            "marks are percentages from 1 to 100 that rise",
            "write for example warn_at = [50, 80, 100]",
        );
    }
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
    whole: &'a Whole<'a>,
    features: &HashMap<Name, Feature>,
    programs: &[(usize, Program)],
    check: &mut Check<'a>,
) {
    let owes = |f: &&Feature| f.overshoot == Overshoot::Debt;
    for feature in whole.features.iter().filter_map(|name| features.get(name)).filter(owes) {
        let program = programs.binary_search_by_key(&feature.index, |(index, _)| *index).ok();
        let program = program.and_then(|at| programs.get(at));
        if program.is_some_and(|(_, p)| p.overdraft().is_none_or(|(_, limit)| limit.is_zero())) {
            let name = &feature.name;
            let what = format_args!(
                "`{name}` has overshoot = \"debt\", and no overdraft here sets a limit: unpaid use becomes the operator's goodwill"
            );
            check.elsewhere(&["plans", whole.lister.as_str(), "features"], |c| {
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
    whole: &'a Whole<'a>,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) {
    let work = check.work();
    check.elsewhere(&["plans", whole.lister.as_str(), "features"], |c| {
        let listed = work.each(whole.features).enumerate();
        for (i, name) in listed.filter(|(_, name)| !features.contains_key(*name)) {
            let what = format_args!("there is no feature `{name}`");
            c.item(i, |c| c.wrong(what, one_of(source.features.keys())));
        }
    });
}

fn check_names<'a>(whole: &'a Whole<'a>, check: &mut Check<'a>) {
    let mut seen = BTreeSet::new();
    let guards = whole.guards.iter().map(|g| (g.path(), &g.shape.name));
    let layers = whole.layers.iter().map(|l| (l.path(), l.shape.name()));
    for (path, name) in guards.chain(layers) {
        check.at(path, |c| {
            if name.as_str() == PRICE_FACTOR {
                c.wrong(format_args!("`{name}` is the name of the factor on prices"), "rename it");
            }
            if name.as_str().starts_with(PREFIX) {
                c.wrong(format_args!("`{name}` is kept for abuse rules"), "rename it");
            }
            if !seen.insert(name.clone()) {
                c.wrong(format_args!("the name `{name}` is used twice in the plan"), "rename one");
            }
        });
    }
    // Windows of allowances are named like guards: `allowance.window`.
    for layer in &whole.layers {
        for window in &layer.windows {
            let Ok(name) = Name::joined(layer.shape.name(), &window.shape.name) else { continue };
            check.at(window.path(), |c| {
                if !seen.insert(name.clone()) {
                    c.wrong(format_args!("the name `{name}` is used twice in the plan"), "rename one");
                }
            });
        }
    }
}

fn check_overdrafts<'a>(whole: &'a Whole<'a>, check: &mut Check<'a>) {
    let mut lent = BTreeSet::new();
    for layer in &whole.layers {
        if let LayerSource::Overdraft { unit, .. } = &*layer.shape
            && !lent.insert(own_unit(unit.as_ref()))
        {
            check.wrong_at("waterfall", "more than one overdraft in one unit of credits", "keep one");
        }
    }
}
