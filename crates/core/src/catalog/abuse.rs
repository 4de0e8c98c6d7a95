//! Abuse rules of a catalog.

use super::compile::{Check, decimal};
use super::pools::formula;
use super::source::{AbuseSource, CatalogSource, TierSource};
use crate::abuse::{Rule, Rules, Tier, TierTerms};

pub(super) fn rules(source: &CatalogSource, check: &mut Check) -> Rules {
    let Some(s) = &source.abuse else { return Rules::default() };
    check.key("abuse", |c| {
        check_complete(source, s, c);
        Rules {
            modes: Rule::ALL.map(|rule| s.rules.get(&rule).copied().unwrap_or_default()),
            cost: formula(source, "cost", s.cost.as_ref(), c),
            default_tier: s.default_tier,
            trial_budget: s
                .trial_budget
                .as_ref()
                .and_then(|budget| c.key("trial_budget", |c| decimal(budget, c))),
            tiers: Tier::ALL.map(|tier| {
                let usual = TierTerms::usual(tier);
                s.tiers
                    .get(&tier)
                    .map_or(usual, |t| c.key("tiers", |c| c.key(tier.as_str(), |c| tier_terms(usual, t, c))))
            }),
        }
    })
}

/// A rule that is on has what it compares with.
fn check_complete(source: &CatalogSource, s: &AbuseSource, check: &mut Check) {
    let is_on = |rule| s.rules.get(&rule).is_some_and(|mode| *mode != crate::abuse::Mode::Off);
    if is_on(Rule::CostMaximum) && source.plans.values().all(|plan| plan.cost_max.is_none()) {
        check.key("rules", |c| {
            c.key("cost_maximum", |c| {
                c.wrong("no plan has a `cost_max`", "set cost_max in a plan, or turn the rule off");
            });
        });
    }
}

fn tier_terms(usual: TierTerms, s: &TierSource, check: &mut Check) -> TierTerms {
    if s.held_percent.is_some_and(|p| p == 0 || p > 100) {
        check.key("held_percent", |c| {
            c.wrong("a percentage of the balance is 1 to 100", "write for example 75")
        });
    }
    let above_zero = [("holds", s.holds), ("networks", s.networks), ("shared_holds", s.shared_holds)];
    for (key, _) in above_zero.into_iter().filter(|(_, n)| *n == Some(0)) {
        check.key(key, |c| c.wrong("nothing could ever pass", "write 1 or more"));
    }
    if s.sub_keys == Some(0) {
        check.key("sub_keys", |c| c.wrong("every member would be counted as one", "write 1 or more"));
    }
    let velocity_floor = s.velocity_floor.unwrap_or(usual.velocity_floor);
    if s.velocity_ceiling.is_some_and(|ceiling| ceiling < velocity_floor) {
        check.key("velocity_ceiling", |c| {
            c.wrong("it is below the floor", alloc::format!("write at least {velocity_floor}"));
        });
    }
    let sub_keys = s.sub_keys.and_then(|n| usize::try_from(n).ok());
    let credits = s.key_spend_floor.as_ref().and_then(|d| check.key("key_spend_floor", |c| decimal(d, c)));
    TierTerms {
        holds: s.holds.unwrap_or(usual.holds),
        held_percent: s.held_percent.unwrap_or(usual.held_percent),
        velocity_floor,
        velocity_ceiling: s.velocity_ceiling.or(usual.velocity_ceiling),
        ramp_floor: s.ramp_floor.unwrap_or_else(|| velocity_floor.saturating_mul(15)),
        sub_keys: sub_keys.unwrap_or(usual.sub_keys),
        networks: s.networks.unwrap_or(usual.networks),
        shared_holds: s.shared_holds.unwrap_or(usual.shared_holds),
        key_spend_floor: credits.unwrap_or(usual.key_spend_floor),
    }
}
