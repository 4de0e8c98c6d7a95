//! Supplies: their limits, their classes, and references to them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::cost::formula;
use super::extend::Whole;
use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::{A_LEVEL, is_requests, one_of};
use crate::catalog::source::{CatalogSource, LearnSource, SupplySource};
use crate::catalog::supplies::{
    ClassTerms, DEFAULT_CLASS, Formula, Learn, SupplyDimension, SupplyTerms, WrongFigure, is_capacity,
    wrong_figures,
};
use crate::record::{ClassFigures, Level, Name};

pub(super) fn supplies<'a>(
    source: &'a CatalogSource,
    check: &mut Check<'a>,
) -> BTreeMap<Name, Arc<SupplyTerms>> {
    let work = check.work();
    check.key("supplies", |c| {
        let compiled = work.each(&source.supplies).map(|(name, shape)| {
            (name.clone(), Arc::new(c.key(name.as_str(), |c| supply(source, name, shape, c))))
        });
        compiled.collect()
    })
}

fn supply<'a>(
    source: &'a CatalogSource,
    name: &Name,
    shape: &'a SupplySource,
    check: &mut Check<'a>,
) -> SupplyTerms {
    check_limits(shape, check);
    check_fallback(source, name, shape, check);
    let learn = shape.learn.as_ref().map(|l| learn(l, shape.rate.unwrap_or(0), check));
    let cost = formula(source, "cost", shape.cost.as_ref(), check);
    let in_flight_cost = match &shape.in_flight_cost {
        None => cost.clone(),
        given => formula(source, "in_flight_cost", given.as_ref(), check),
    };
    SupplyTerms {
        rate: SupplyDimension { limit: shape.rate, formula: cost },
        per: shape.rate_per.span(),
        in_flight: SupplyDimension { limit: shape.in_flight, formula: in_flight_cost },
        learn,
        share_by: share_by(shape.share_by, check),
        fallback: shape.fallback.clone(),
        points_s_max: shape.points_seconds_max,
        waiting_max_per_account: shape.waiting_max_per_account.unwrap_or(u64::MAX),
        waiting_max: shape.waiting_max.unwrap_or(u64::MAX),
        classes: classes(shape, check),
    }
}

fn share_by(level: Option<Level>, check: &mut Check<'_>) -> Level {
    if level == Some(Level::Account) {
        let what = "an account does not take turns with itself";
        check.wrong_at("share_by", what, A_LEVEL);
    }
    level.unwrap_or(Level::Key)
}

fn check_limits<'a>(shape: &'a SupplySource, check: &mut Check<'a>) {
    if shape.rate.is_none() && shape.in_flight.is_none() {
        check.wrong(
            "a supply without `rate` and `in_flight` limits nothing",
            "set one of them, or remove the supply",
        );
    }
    for (key, limit) in [("rate", shape.rate), ("in_flight", shape.in_flight)] {
        if limit.is_some_and(|l| !is_capacity(l)) {
            check.wrong_at(key, "a capacity is 1 to 1000000000000", "write for example 400000");
        }
    }
}

fn check_fallback<'a>(
    source: &'a CatalogSource,
    name: &Name,
    shape: &'a SupplySource,
    check: &mut Check<'a>,
) {
    check.key("fallback", |c| {
        for (i, other) in shape.fallback.iter().enumerate() {
            if other == name || !source.supplies.contains_key(other) {
                let others = source.supplies.keys().filter(|n| *n != name);
                c.item(i, |c| c.wrong(format_args!("there is no other supply `{other}`"), one_of(others)));
            }
        }
    });
}

fn learn<'a>(shape: &'a LearnSource, guess: u64, check: &mut Check<'a>) -> Learn {
    let LearnSource { floor, ceiling } = *shape;
    if floor == 0 || floor > guess || guess > ceiling {
        let what = "a learned rate needs 1 <= floor <= rate <= ceiling";
        check.wrong_at("learn", what, "set `rate` to a first guess between them");
    }
    Learn { floor, ceiling }
}

fn classes<'a>(shape: &'a SupplySource, check: &mut Check<'a>) -> Vec<(Name, ClassTerms)> {
    if shape.classes.is_empty() {
        let default =
            Name::new(DEFAULT_CLASS).unwrap_or_else(|_| unreachable!("`{DEFAULT_CLASS}` is a name"));
        return alloc::vec![(default, ClassTerms::default())];
    }
    check.key("classes", |c| {
        let floors: u32 = shape.classes.values().filter_map(|class| class.floor_percent).map(u32::from).sum();
        if floors > 100 {
            c.wrong(format_args!("the floors add up to {floors} %"), "lower them to 100 % together");
        }
        let classes = shape.classes.iter();
        classes.map(|(name, given)| (name.clone(), c.key(name.as_str(), |c| class(given, c)))).collect()
    })
}

fn class<'a>(given: &ClassFigures, check: &mut Check<'a>) -> ClassTerms {
    for WrongFigure { key, what, fix } in wrong_figures(given) {
        check.wrong_at(key, what, fix);
    }
    ClassTerms::default().with(given)
}

/// Features name defined supplies in which they cost something; plans name classes that those supplies have.
pub(super) fn check_references<'a>(
    source: &'a CatalogSource,
    whole: &BTreeMap<&'a Name, Whole<'a>>,
    supplies: &BTreeMap<Name, Arc<SupplyTerms>>,
    features: &HashMap<Name, Feature>,
    check: &mut Check<'a>,
) {
    let work = check.work();
    for (name, feature) in work.each(&source.features) {
        let Some(wanted) = &feature.supply else { continue };
        check.elsewhere(&["features", name.as_str(), "supply"], |c| match supplies.get(wanted) {
            None => c.wrong(format_args!("there is no supply `{wanted}`"), one_of(supplies.keys())),
            Some(terms) => check_cost(&feature.meters, wanted, terms, c),
        });
    }
    for (name, plan) in work.each(whole) {
        let used: BTreeSet<&Name> =
            plan.features.iter().filter_map(|f| features.get(f)?.supply.as_ref()).collect();
        for supply in used {
            check.elsewhere(&["plans", name.as_str()], |c| check_class(source, plan.class, supply, c));
        }
    }
}

fn check_cost<'a>(meters: &[Name], supply: &Name, terms: &SupplyTerms, check: &mut Check<'a>) {
    let counts = |formula: &Formula| {
        formula.0.iter().any(|(meter, factor)| *factor > 0 && (is_requests(meter) || meters.contains(meter)))
    };
    if !counts(&terms.rate.formula) || !counts(&terms.in_flight.formula) {
        check.wrong(
            format_args!("no meter of the feature costs anything in supply `{supply}`"),
            "name one of its meters, or requests, in the supply's `cost`",
        );
    }
}

fn check_class<'a>(source: &'a CatalogSource, class: Option<&Name>, supply: &Name, check: &mut Check<'a>) {
    let Some(classes) = source.supplies.get(supply).map(|p| &p.classes) else { return };
    let wanted = class.map_or(DEFAULT_CLASS, Name::as_str);
    let is_there = classes.contains_key(wanted) || (classes.is_empty() && wanted == DEFAULT_CLASS);
    if !is_there {
        let what = format_args!("supply `{supply}` has no class `{wanted}`");
        if classes.is_empty() {
            check.wrong_at("class", what, "remove `class`, or give the supply this class");
        } else {
            check.wrong_at("class", what, one_of(classes.keys()));
        }
    }
}
