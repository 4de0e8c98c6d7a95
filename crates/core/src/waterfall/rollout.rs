//! Plans that are tried: what a request would have been on another plan, beside the decision on its own.
//!
//! Never changes the decision. Windows that only the other plan has count nothing.

use super::context::Context;
use super::prepare::Prepared;
use crate::catalog::Plan;
use crate::record::{Basis, Levels, Name, Verdict, Visit, VisitKind};

impl Prepared<'_> {
    /// What it would have been on a plan that is tried.
    #[inline(never)]
    pub(super) fn observe(&self, ctx: Context<'_>, name: &Name, plan: &Plan) -> Visit {
        let there = self.decide_on(ctx, plan).ok().map(|(_, decision)| decision);
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
