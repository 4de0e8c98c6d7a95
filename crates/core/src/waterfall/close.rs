//! The end of a run: consent, and the decision.

use alloc::vec::Vec;
use core::mem;

use smallvec::SmallVec;

use super::run::{Postponed, Run, Stopped};
use crate::record::{
    Certainty, Credits, Decision, Level, Lifter, Name, Outcome, Reason, Terms, Unblock, Verdict, VisitKind,
    Wall, Way,
};

impl Run<'_, '_> {
    /// Paid sources would pay an amount that nobody has agreed to yet.
    #[inline]
    pub(super) fn consent(&mut self) {
        if self.denied().is_none() && self.asked > 0 {
            let wall = Wall::Path(Level::Account);
            self.stopped = Some(Stopped { reason: Reason::ConsentNeeded, wall });
        }
    }

    /// The reason that denies the request, if any. Sources that were passed over do not matter if others paid everything,
    /// and use that has happened is never denied.
    fn denied(&self) -> Option<Stopped> {
        let passed_over = |s: &Stopped| {
            matches!(s.reason, Reason::MemberMissing | Reason::ConsentNever) && self.need.is_met()
        };
        self.stopped.filter(|s| !self.has_happened() && !passed_over(s))
    }

    /// Whether nothing has stopped the request so far.
    pub(super) fn is_granted(&self) -> bool {
        self.denied().is_none()
    }

    /// The decision.
    #[inline]
    pub(super) fn close(&mut self) -> Decision {
        let paid = self.draws.iter().filter(|d| d.source.is_paid());
        let paid_price = Credits::from_nano(paid.map(|d| d.amount).sum());
        let allowed = Decision { price: self.price, paid_price, ..Decision::allowed() };
        if let Some(Stopped { reason, wall }) = self.denied() {
            let needs_consent = reason == Reason::ConsentNeeded;
            let by = if self.asks_step_up(reason) { Lifter::StepUp } else { reason.lifter() };
            return Decision {
                outcome: if needs_consent { Outcome::NeedsConsent } else { Outcome::Deny },
                reason,
                wall: Some(wall),
                paid_price: if needs_consent { paid_price } else { Credits::ZERO },
                visits: mem::take(&mut self.visits),
                unblock: Some(Unblock { ways: Vec::new(), by, searched_until: None }),
                ..allowed
            };
        }
        if let Some(Postponed { outcome, reason, at }) = self.postponed {
            let estimated =
                |at| Way { at: Some(at), certainty: Certainty::Estimated, purchase: None, consent: false };
            return Decision {
                outcome,
                reason,
                wall: Some(Wall::Capacity),
                paid_price: Credits::ZERO,
                visits: mem::take(&mut self.visits),
                unblock: Some(Unblock {
                    ways: at.map(estimated).into_iter().collect(),
                    by: reason.lifter(),
                    searched_until: None,
                }),
                ..allowed
            };
        }
        self.mark();
        Decision { draws: mem::take(&mut self.draws), visits: mem::take(&mut self.visits), ..allowed }
    }

    /// Notes the marks of the plan's warnings that the use reaches: counted use that was below one before. Windows that only limit
    /// how fast or how much at once have none, nor has what is observed.
    pub(super) fn mark(&mut self) {
        let Self { scene, program, .. } = *self;
        let marks = &scene.plan.warn_at;
        if marks.is_empty() {
            return;
        }
        let observed: SmallVec<[&Name; 2]> =
            program.guards().filter(|g| g.is_observed(&scene.account.id)).map(|g| &g.name).collect();
        for visit in &mut self.visits {
            let counts = matches!(
                visit.kind,
                VisitKind::Guard | VisitKind::Allowance | VisitKind::MemberCap | VisitKind::Postpaid
            ) && matches!(visit.verdict, Verdict::Passed | Verdict::Paid)
                && !observed.iter().any(|name| **name == visit.name);
            let Some(terms @ (Terms::Period { .. } | Terms::Growth { .. } | Terms::Sliding { .. })) =
                visit.terms
            else {
                continue;
            };
            let limit = i128::from(terms.capacity());
            if counts && limit > 0 && terms.capacity() < i64::MAX {
                let (before, after) = (i128::from(visit.before), i128::from(visit.after()));
                let reached = |mark: &&u8| {
                    let at = limit * i128::from(**mark);
                    before * 100 < at && at <= after * 100
                };
                visit.mark = marks.iter().rev().find(reached).copied();
            }
        }
    }
}
