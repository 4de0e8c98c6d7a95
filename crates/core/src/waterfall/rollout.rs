//! Plans that are tried: what a request would have been on another plan, beside the decision on its own.
//!
//! Never changes the decision. Windows that only the other plan has count nothing.

use super::context::Context;
use super::decide_use;
use super::prepare::Prepared;
use crate::catalog::Plan;
use crate::record::{Basis, Decision, Levels, Name, Verdict, Visit, VisitKind};

impl Prepared<'_> {
    /// Adds to a decision what it would have been on a plan that is tried.
    #[inline]
    pub fn add_observed(&self, ctx: Context<'_>, decision: &mut Decision) {
        let observed = ctx.plan().ok().and_then(|plan| ctx.catalog.observed_plan(plan));
        if let Some((name, tried)) = observed {
            decision.visits.push(self.observe(ctx, name, tried));
        }
    }

    /// What it would have been on a plan that is tried.
    #[inline(never)]
    fn observe(&self, ctx: Context<'_>, name: &Name, plan: &Plan) -> Visit {
        let there = self.priced(ctx, plan).and_then(|mut usage| {
            self.check_named(plan, &usage)?;
            decide_use(self.scene(ctx, plan), &mut usage, self.minimum())
        });
        let there = there.ok();
        let is_granted = there.as_ref().is_some_and(|decision| decision.outcome.is_granted());
        Visit {
            kind: VisitKind::Plan,
            name: name.clone(),
            level: Levels::ACCOUNT,
            verdict: if is_granted { Verdict::Passed } else { Verdict::Observed },
            terms: None,
            before: there.map_or(0, |decision| decision.price.nano()),
            cost: 0,
            basis: Basis::None,
            overridden_by: None,
            mark: None,
        }
    }
}
