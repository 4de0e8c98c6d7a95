//! Rules against abuse: a rule that is on has what it compares with, and no tier is shut out by accident.

use super::amounts::decimal;
use super::cost::formula;
use super::walk::Check;
use crate::catalog::abuse::{Mode, Rules, TierTerms};
use crate::catalog::source::{AbuseSource, CatalogSource, TierSource};
use crate::record::{Rule, Tier};

pub(super) fn rules(source: &CatalogSource, check: &mut Check) -> Rules {
    let Some(shape) = &source.abuse else { return Rules::default() };
    check.key("abuse", |c| {
        check_complete(source, shape, c);
        let budget = shape.trial_budget.as_ref();
        Rules {
            modes: Rule::ALL.map(|rule| shape.rules.get(&rule).copied().unwrap_or_default()),
            cost: formula(source, "cost", shape.cost.as_ref(), c),
            default_tier: shape.default_tier,
            trial_budget: budget.and_then(|budget| c.key("trial_budget", |c| decimal(budget, c))),
            tiers: Tier::ALL.map(|tier| {
                let usual = TierTerms::usual(tier);
                let of = |given| c.key("tiers", |c| c.key(tier.as_str(), |c| tier_terms(usual, given, c)));
                shape.tiers.get(&tier).map_or(usual, of)
            }),
        }
    })
}

/// A rule that is on has what it compares with.
fn check_complete(source: &CatalogSource, shape: &AbuseSource, check: &mut Check) {
    let is_on = |rule| shape.rules.get(&rule).is_some_and(|mode| *mode != Mode::Off);
    if is_on(Rule::CostMaximum) && source.plans.values().all(|plan| plan.cost_max.is_none()) {
        let fix = "set cost_max in a plan, or turn the rule off";
        check.key("rules", |c| c.wrong_at("cost_maximum", "no plan has a `cost_max`", fix));
    }
}

fn tier_terms(usual: TierTerms, given: &TierSource, check: &mut Check) -> TierTerms {
    let velocity_floor = given.velocity_floor.unwrap_or(usual.velocity_floor);
    check_tier(given, velocity_floor, check);
    let sub_keys = given.sub_keys.and_then(|n| usize::try_from(n).ok());
    let spend = given.key_spend_floor.as_ref();
    let key_spend_floor = spend.and_then(|text| check.key("key_spend_floor", |c| decimal(text, c)));
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

fn check_tier(given: &TierSource, velocity_floor: u64, check: &mut Check) {
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
        let fix = alloc::format!("write at least {velocity_floor}");
        check.wrong_at("velocity_ceiling", "it is below the floor", fix);
    }
}
