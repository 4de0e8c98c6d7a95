//! What is carried over by name when the plan of an account changes, or its catalog.

use alloc::collections::BTreeMap;

use hashbrown::HashMap;

use super::extend::Whole;
use super::walk::Check;
use crate::catalog::plan::Plan;
use crate::record::Name;

/// What was used of a limit and what was overridden stays with its name. So limits of one name count credits in all plans, or in none:
/// otherwise a credit would be taken for a billion requests.
pub(super) fn check_limits<'a>(
    whole: &BTreeMap<&'a Name, Whole<'a>>,
    plans: &HashMap<Name, Plan>,
    check: &mut Check<'a>,
) {
    let work = check.work();
    let mut known: BTreeMap<&Name, (&Name, bool)> = BTreeMap::new();
    for plan in work.each(whole.values()) {
        let programs = plans.get(plan.name).map_or(&[][..], |plan| plan.programs.as_slice());
        for limit in work.each(programs.iter().flat_map(|(_, program)| program.limits())) {
            let (limit, is_credits) = (limit.name, limit.is_credits);
            let (other, before) = *known.entry(limit).or_insert((plan.name, is_credits));
            if before == is_credits {
                continue;
            }
            let [here, there] =
                if is_credits { ["credits", "no credits"] } else { ["no credits", "credits"] };
            check.of_plan(plan.name, |c| {
                c.wrong(
                    format_args!("`{limit}` counts {here}, and {there} in plan `{other}`"),
                    "give one of them another name: what was used and overridden stays with the name when the plan changes",
                );
            });
            known.insert(limit, (plan.name, is_credits));
        }
    }
}
