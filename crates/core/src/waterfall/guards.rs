//! Guards: conditions that must hold. They never pay.

use super::run::{Looked, Mode, Run, Scene, Until};
use crate::catalog::{Count, Guard, WindowTerms};
use crate::record::{
    Basis, Credits, Parts, Priced, REQUESTS, Reason, Terms, Verdict, Visit, VisitKind, Wall,
};

impl Run<'_, '_> {
    /// Rate limits, concurrency and counted windows at every level of the path; the credits that caps leave.
    #[inline]
    pub(super) fn guards(&mut self) {
        let program = self.program;
        for guard in program.guards().filter(|g| !matches!(g.count, Count::Spend)) {
            let Some(parts) = guard.parts_of(self.usage) else { continue };
            let (cost, basis) = self.guard_cost(guard, self.usage, parts);
            self.visit_guard(guard, cost, basis);
        }
        self.spend_caps();
    }

    /// Guards count use beyond the hold, and refuse nothing. A part counts for the dimensions that it was held with, what is beyond
    /// them for those that turned out.
    pub(super) fn guards_beyond<'u>(&mut self, held: &Priced<'u>, priced_before: &Priced<'u>) {
        let program = self.program;
        for guard in
            program.guards().filter(|g| !matches!(g.count, Count::Spend | Count::Slot | Count::Size(_)))
        {
            let Some(parts) = guard.parts_of(self.usage) else { continue };
            // A correction leaves the pace of requests alone, but a cap on the price counts what they cost.
            let before = if matches!(guard.count, Count::Price) { priced_before } else { held };
            let cost = |parts: Parts| self.guard_cost(guard, self.usage, parts).0;
            let stays = |parts: Parts| cost(parts).min(self.guard_cost(guard, before, parts).0);
            let own = guard.parts_of(before).unwrap_or(Parts::NONE);
            let had = Parts::first(before.more.len() + 1);
            // Parts of its own that turned out as others stay as far as they were held; of others that turned out as its own, and of
            // parts that are new, it counts what nothing has counted.
            let of_others = parts.and(had).without(own);
            let all = cost(parts.and(own))
                + stays(own.without(parts))
                + (cost(of_others) - stays(of_others))
                + cost(parts.without(had).without(own));
            let beyond = all - stays(own);
            if beyond > 0 {
                let (_, basis) = self.guard_cost(guard, self.usage, parts);
                self.visit_guard(guard, beyond, basis);
            }
        }
    }

    /// The cost of some parts of a use.
    fn guard_cost(&self, guard: &Guard, usage: &Priced<'_>, parts: Parts) -> (i64, Basis) {
        let Scene { mode, .. } = self.scene;
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match &guard.count {
            Count::Slot => (i64::from(mode == Mode::Hold), Basis::Slot),
            // Growth of a request is not another request, unless it says so.
            Count::Requests if matches!(mode, Mode::Grow(_)) => {
                (signed(usage.named(REQUESTS).unwrap_or(0)), Basis::Requests)
            }
            Count::Requests if !parts.contains(0) => (0, Basis::Requests),
            Count::Requests => (signed(usage.quantity(REQUESTS)), Basis::Requests),
            Count::Meters(meters) => {
                (signed(usage.sum_of(meters, parts)), Basis::Meters(meters.clone(), parts))
            }
            Count::Size(meters) => {
                let held = if let Mode::Grow(hold) = mode {
                    Priced::from(&hold.usage).sum_of(meters, parts)
                } else {
                    0
                };
                (
                    signed(usage.sum_of(meters, parts).saturating_add(held)),
                    Basis::Meters(meters.clone(), parts),
                )
            }
            Count::Price => (usage.price_of(parts).map_or(i64::MAX, Credits::nano), Basis::Price(parts)),
            Count::Spend => (0, Basis::Spend),
        }
    }

    fn visit_guard(&mut self, guard: &Guard, cost: i64, basis: Basis) {
        let Looked { used, terms, room, overridden_by } = self.look(&guard.name, guard.level, &guard.window);
        let cost = if self.reaches(&terms) { cost } else { 0 };
        let now = self.scene.now;
        let kept_back = self.kept_back(&terms, cost);
        let mut refused = None;
        // A figure of its own stands in the place of one that grows.
        let grows = || {
            let Scene { plan, account, .. } = self.scene;
            cost <= guard.window.grows_to()
                && overridden_by.is_none()
                && plan.seat_figure(account, &guard.name, self.usage.path).is_none()
        };
        if cost > room.capacity && !grows() {
            refused = Some((Reason::ExceedsCapacity, Until::Never));
        } else if cost > room.free {
            let until = match terms {
                Terms::Slots { .. } => Until::HoldsEnd,
                Terms::Rate { .. }
                | Terms::Sliding { .. }
                | Terms::Period { .. }
                | Terms::Growth { .. }
                | Terms::Habit { .. } => terms.fits_at(used, cost, now).into(),
            };
            refused = Some((window_reason(guard, &terms), until));
        } else if used.is_none() && cost > 0 && self.is_full() {
            refused = Some((Reason::AccountFull, Until::Never));
        } else if cost > 0 && cost > room.free.saturating_sub(kept_back) && self.penalise() {
            let until = terms.fits_at(used, cost.saturating_add(kept_back), now);
            refused = Some((Reason::Penalty, until.into()));
        }
        let refused = refused.filter(|_| !self.has_happened());
        let observed = refused.is_some() && guard.is_observed(&self.scene.account.id);
        let (refused, passed) = if observed { (None, Verdict::Observed) } else { (refused, Verdict::Passed) };
        self.visits.push(Visit {
            kind: VisitKind::Guard,
            name: guard.name.clone(),
            level: guard.level,
            verdict: refused.map_or(passed, |(reason, _)| Verdict::Refused(reason)),
            terms: Some(terms),
            before: room.used,
            cost: if refused.is_some() || matches!(guard.count, Count::Size(_)) { 0 } else { cost },
            basis,
            overridden_by,
            mark: None,
        });
        if let Some((reason, until)) = refused {
            let wall =
                if reason == Reason::Penalty { Wall::Abuse } else { Wall::Path(guard.level.innermost()) };
            self.refuse_until(reason, wall, until);
        }
    }

    /// Whether the account keeps as many open windows as it may.
    pub(super) fn is_full(&self) -> bool {
        self.scene.account.is_full(self.scene.now)
    }

    /// Spend caps bound the draws from sources of credits; their count is known only afterwards. Use that has happened passes
    /// them and is counted.
    pub(super) fn spend_caps(&mut self) {
        let (program, usage) = (self.program, self.usage);
        let is_cap = |g: &&Guard| matches!(g.count, Count::Spend) && g.parts_of(usage).is_some();
        for guard in program.guards().filter(is_cap) {
            let Looked { terms, room, overridden_by, .. } =
                self.look(&guard.name, guard.level, &guard.window);
            let observed = guard.is_observed(&self.scene.account.id);
            if !self.has_happened() && !observed {
                self.budget = self.budget.min(room.free);
            }
            self.visits.push(Visit {
                kind: VisitKind::Guard,
                name: guard.name.clone(),
                level: guard.level,
                // An observed cap is not passed until it is known what is drawn.
                verdict: if observed { Verdict::Observed } else { Verdict::Passed },
                terms: Some(terms),
                before: room.used,
                cost: 0,
                basis: Basis::Spend,
                overridden_by,
                mark: None,
            });
        }
        self.visit_key_spend();
    }
}

fn window_reason(guard: &Guard, terms: &Terms) -> Reason {
    match (&guard.window, terms) {
        _ if matches!(guard.count, Count::Price) => Reason::SpendCap,
        (WindowTerms::FirstUse { .. }, _) => Reason::FirstUseLimit,
        (_, Terms::Rate { .. }) => Reason::RateLimit,
        (_, Terms::Sliding { .. }) => Reason::SlidingLimit,
        (_, Terms::Growth { .. }) => Reason::GrowthLimit,
        (_, Terms::Slots { .. }) => Reason::ConcurrencyLimit,
        (_, Terms::Period { .. } | Terms::Habit { .. }) => Reason::FixedLimit,
    }
}
