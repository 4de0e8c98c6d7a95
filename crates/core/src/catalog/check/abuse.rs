//! Rules against abuse: a rule that is on has a value to compare with, and no tier is shut out by accident.

use alloc::string::String;
use alloc::vec::Vec;

use super::amounts::{Units, by_unit, left_out};
use super::cost::formula;
use super::walk::Check;
use crate::catalog::abuse::{Mode, Rules, TierTerms};
use crate::catalog::source::{AbuseSource, ByUnitSource, CatalogSource, TierSource};
use crate::record::{CREDITS, Credits, CreditsByUnit, Name, Rule, Tier};

pub(super) fn rules<'a>(source: &'a CatalogSource, units: &Units, check: &mut Check<'a>) -> Rules {
    let Some(shape) = &source.abuse else { return Rules::default() };
    check.key("abuse", |c| {
        check_complete(source, shape, c);
        check_floors(shape, units, c);
        let budget = shape.trial_budget.as_ref();
        Rules {
            modes: Rule::ALL.map(|rule| shape.rules.get(&rule).copied().unwrap_or_default()),
            cost: formula(source, "cost", shape.cost.as_ref(), c),
            default_tier: shape.default_tier,
            trial_budget: budget.and_then(|budget| c.key("trial_budget", |c| trial_budget(budget, units, c))),
            tiers: Tier::ALL.map(|tier| {
                let usual = TierTerms::usual(tier);
                let Some(given) = shape.tiers.get(&tier) else { return usual };
                c.key("tiers", |c| c.key(tier.as_str(), |c| tier_terms(usual, given, units, c)))
            }),
        }
    })
}

/// A rule that is on has a value to compare with.
fn check_complete<'a>(source: &'a CatalogSource, shape: &'a AbuseSource, check: &mut Check<'a>) {
    let is_on = |rule| shape.rules.get(&rule).is_some_and(|mode| *mode != Mode::Off);
    if is_on(Rule::CostMaximum) && source.plans.values().all(|plan| plan.cost_max.is_none()) {
        let fix = "set cost_max in a plan, or turn the rule off";
        check.key("rules", |c| c.wrong_at("cost_maximum", "no plan has a `cost_max`", fix));
    }
}

/// A budget in one unit does not limit the others.
fn trial_budget<'a>(shape: &'a ByUnitSource, units: &Units, check: &mut Check<'a>) -> Option<CreditsByUnit> {
    let budget = by_unit(shape, units, check)?;
    let open = left_out(&budget, units);
    if !open.is_empty() {
        let what = format_args!("free grants in {} have no budget", listed(&open));
        check.doubt(what, format_args!("write {{ {} = \"500\" }} to limit them", first(&open)));
    }
    Some(budget)
}

/// If the rule is on, each tier has a floor in every unit that something is priced in, or the rule does not limit that unit.
fn check_floors<'a>(shape: &'a AbuseSource, units: &Units, check: &mut Check<'a>) {
    if shape.rules.get(&Rule::KeySpend).is_none_or(|mode| *mode == Mode::Off) {
        return;
    }
    let names = |given: &ByUnitSource, unit: &Name| match given {
        ByUnitSource::One(_) => units.usual().map_or(CREDITS, Name::as_str) == unit.as_str(),
        ByUnitSource::Each(each) => each.contains_key(unit),
    };
    let given: Vec<_> = shape.tiers.values().filter_map(|tier| tier.key_spend_floor.as_ref()).collect();
    let usual = CreditsByUnit::One(Credits::ZERO);
    let mut open = left_out(&usual, units);
    open.retain(|unit| !given.iter().any(|given| names(given, unit)));
    if !open.is_empty() {
        let what = format_args!(
            "no tier has a `key_spend_floor` in {}: key spending in it is not limited",
            listed(&open)
        );
        let fix = format_args!("write key_spend_floor = {{ {} = \"50\" }} in the tiers", first(&open));
        check.key("rules", |c| c.key("key_spend", |c| c.doubt(what, fix)));
    }
}

fn listed(units: &[Name]) -> String {
    let quoted: Vec<String> = units.iter().map(|unit| alloc::format!("`{unit}`")).collect();
    quoted.join(", ")
}

fn first(units: &[Name]) -> &str {
    units.first().map_or(CREDITS, Name::as_str)
}

fn tier_terms<'a>(
    usual: TierTerms,
    given: &'a TierSource,
    units: &Units,
    check: &mut Check<'a>,
) -> TierTerms {
    let velocity_floor = given.velocity_floor.unwrap_or(usual.velocity_floor);
    check_tier(given, velocity_floor, check);
    let sub_keys = given.sub_keys.and_then(|n| usize::try_from(n).ok());
    let spend = given.key_spend_floor.as_ref();
    let key_spend_floor = spend.and_then(|shape| check.key("key_spend_floor", |c| by_unit(shape, units, c)));
    TierTerms {
        holds: given.holds.unwrap_or(usual.holds),
        held_percent: given.held_percent.unwrap_or(usual.held_percent),
        velocity_floor,
        velocity_ceiling: given.velocity_ceiling.or(usual.velocity_ceiling),
        ramp_floor: given.ramp_floor.unwrap_or_else(|| velocity_floor.saturating_mul(15)),
        sub_keys: sub_keys.unwrap_or(usual.sub_keys),
        networks: given.networks.unwrap_or(usual.networks),
        shared_holds: given.shared_holds.unwrap_or(usual.shared_holds),
        key_spend_floor: key_spend_floor.unwrap_or(usual.key_spend_floor),
    }
}

fn check_tier<'a>(given: &'a TierSource, velocity_floor: u64, check: &mut Check<'a>) {
    if given.held_percent.is_some_and(|p| p == 0 || p > 100) {
        check.wrong_at("held_percent", "a percentage of the balance is 1 to 100", "write for example 75");
    }
    let above_zero =
        [("holds", given.holds), ("networks", given.networks), ("shared_holds", given.shared_holds)];
    for (key, _) in above_zero.into_iter().filter(|(_, n)| *n == Some(0)) {
        check.wrong_at(key, "nothing could ever pass", "write 1 or more");
    }
    if given.sub_keys == Some(0) {
        check.wrong_at("sub_keys", "every member would be counted as one", "write 1 or more");
    }
    if given.velocity_ceiling.is_some_and(|ceiling| ceiling < velocity_floor) {
        let fix = format_args!("write at least {velocity_floor}");
        check.wrong_at("velocity_ceiling", "it is below the floor", fix);
    }
}
