//! Entitlement, suspension, pauses, bounds and debt: checks before anything is counted.

use super::run::{Mode, Run, Scene, Until};
use crate::account::HOLDS_MAX;
use crate::record::{Basis, Level, Reason, Verdict, Visit, VisitKind, Wall};

impl Run<'_, '_> {
    /// Whether the plan includes the feature; if it does not, nothing else is checked. Use that has happened is charged
    /// all the same.
    #[inline]
    pub(super) fn entitlement(&mut self) -> bool {
        let Scene { program, .. } = self.scene;
        if program.is_none() && !self.has_happened() {
            self.refuse_until(Reason::NotEntitled, Wall::Plan, Until::Never);
            return false;
        }
        true
    }

    /// Suspension, pauses, bounds and debt.
    #[inline]
    pub(super) fn account(&mut self) {
        let Scene { account, mode, .. } = self.scene;
        let usage = self.usage;
        if self.has_happened() {
            return;
        }
        if account.settings.suspended {
            self.refuse_at(Level::Account, Reason::Suspended, Wall::Operator, Until::Never);
        }
        for segment in usage.path.segments() {
            if account.settings.segment(segment.level, &segment.name).is_some_and(|s| s.suspended) {
                let wall = Wall::Path(segment.level);
                self.refuse_at(segment.level, Reason::Suspended, wall, Until::Never);
            }
        }
        if let Some(pause) = account.pause() {
            let until = Until::from(pause.until);
            self.refuse_at(Level::Account, Reason::Paused, Wall::Operator, until);
        }
        // A hold from before there was debt, or before seats were required, may grow.
        let is_new = !matches!(mode, Mode::Grow(_));
        if is_new && self.scene.plan.requires_seats() && usage.path.at(Level::Seat).is_none() {
            let wall = Wall::Path(Level::Account);
            self.refuse_at(Level::Account, Reason::NoSeat, wall, Until::Never);
        }
        if mode == Mode::Hold && account.holds.len() >= HOLDS_MAX {
            self.refuse_at(Level::Account, Reason::AccountFull, Wall::Operator, Until::HoldsEnd);
        }
        self.in_debt = is_new && self.books().debt.is_positive();
        if self.in_debt && !self.scene.plan.allows_in_debt {
            self.refuse_at(Level::Account, Reason::InDebt, Wall::Path(Level::Account), Until::Now);
        }
    }

    fn refuse_at(&mut self, level: Level, reason: Reason, wall: Wall, until: Until) {
        self.visits.push(Visit {
            kind: VisitKind::Account,
            name: self.scene.account.id.clone(),
            level: level.into(),
            verdict: Verdict::Refused(reason),
            terms: None,
            before: 0,
            cost: 0,
            basis: Basis::None,
            overridden_by: None,
            mark: None,
        });
        self.refuse_until(reason, wall, until);
    }
}
