//! The credits that caps let through, and the walls that were met if something is left unpaid.

use smallvec::SmallVec;

use super::run::Run;
use crate::catalog::{Layer, Mode, WindowTerms};
use crate::record::{Basis, Level, Name, Reason, Rule, Verdict, Visit, VisitKind, Wall};

impl Run<'_, '_> {
    /// Writes the credits drawn into the spend caps, and names the walls if something is left unpaid.
    #[inline]
    pub(super) fn caps(&mut self) {
        let spent = self.spent;
        for visit in self.visits.iter_mut().filter(|v| v.basis == Basis::Spend) {
            visit.cost = spent;
            let room = visit.terms.map_or(i64::MAX, |t| t.capacity().saturating_sub(visit.before));
            // Only those that refuse nothing are passed here all the same.
            let is_over = spent > room;
            if visit.kind == VisitKind::Abuse && is_over {
                visit.verdict = Verdict::Observed;
            } else if visit.verdict == Verdict::Observed && !is_over {
                visit.verdict = Verdict::Passed;
            }
        }
        if self.need.is_met() || self.has_happened() {
            return;
        }
        let wanted = self.need.credits();
        let account = &self.scene.account.id;
        let program = self.program;
        let observed: SmallVec<[&Name; 2]> =
            program.guards().filter(|g| g.is_observed(account)).map(|g| &g.name).collect();
        let mut walls: SmallVec<[(Reason, Wall); 2]> = SmallVec::new();
        let key_spend = self.rules().mode(Rule::KeySpend) == Mode::Enforce;
        let mut behind_caps = 0_i64;
        let least = self.least_in_credits();
        // What no source of credits would pay, no cap on them stops.
        let takes_credits = program.layers().any(|l| !matches!(l, Layer::Allowance { .. }));
        for visit in &mut self.visits {
            let room = visit.terms.map_or(i64::MAX, |t| t.capacity().saturating_sub(visit.before));
            let left = match visit.kind {
                VisitKind::Grant(_) | VisitKind::Overdraft => Some(visit.before - visit.cost),
                VisitKind::Postpaid => Some((room - visit.cost).max(0)),
                VisitKind::Guard
                | VisitKind::Allowance
                | VisitKind::MemberCap
                | VisitKind::Account
                | VisitKind::Supply
                | VisitKind::Plan
                | VisitKind::Abuse => None,
            };
            let source = left.is_some();
            if visit.verdict != Verdict::Refused(Reason::ConsentNever) {
                behind_caps = behind_caps.saturating_add(left.unwrap_or(0));
            }
            let is_rule = visit.kind == VisitKind::Abuse;
            let is_observed =
                visit.kind == VisitKind::Guard && observed.iter().any(|name| **name == visit.name);
            if visit.basis == Basis::Spend
                && takes_credits
                && !is_observed
                && wanted > room.saturating_sub(spent)
                && (!is_rule || key_spend)
            {
                let whole = visit.terms.map_or(i64::MAX, |t| t.capacity());
                visit.verdict = Verdict::Refused(if is_rule {
                    Reason::KeySpend
                } else if least.is_some_and(|least| least > whole) {
                    Reason::ExceedsCapacity
                } else {
                    Reason::SpendCap
                });
            }
            let of_caps = [Reason::ExceedsCapacity, Reason::SpendCap, Reason::KeySpend, Reason::MemberCap];
            if let Verdict::Refused(reason) = visit.verdict
                && of_caps.contains(&reason)
                && !source
            {
                let wall = if is_rule { Wall::Abuse } else { Wall::Path(visit.level.innermost()) };
                walls.push((reason, wall));
            }
        }
        let only_caps = behind_caps >= wanted && !walls.is_empty();
        for (reason, wall) in walls {
            self.refuse(reason, wall);
        }
        if self.in_debt {
            self.refuse(Reason::InDebt, Wall::Path(Level::Account));
        } else if !only_caps {
            let program = self.program;
            let is_seatless = |v: &Visit| v.verdict == Verdict::Refused(Reason::NoSeat);
            let allowances = || self.visits.iter().filter(|v| v.kind == VisitKind::Allowance);
            let needs_seat = allowances().any(is_seatless) && allowances().all(is_seatless);
            let (reason, wall) = if self.behind_invoices > 0 && self.behind_invoices >= wanted {
                (Reason::InvoiceUnpaid, Wall::Path(Level::Account))
            } else if takes_credits || program.has_no_layers() {
                (Reason::InsufficientCredits, Wall::Path(Level::Account))
            } else if needs_seat {
                (Reason::NoSeat, Wall::Path(Level::Account))
            } else {
                (Reason::AllowanceUsed, Wall::Plan)
            };
            self.refuse(reason, wall);
        }
    }

    /// The credits it takes when all that is included is unused: a cap below that never lets it pass. `None` if credits cannot pay it.
    fn least_in_credits(&self) -> Option<i64> {
        let mut need = super::needed(self.scene, self.usage)?;
        if need.covered_by().is_some() {
            return None;
        }
        for layer in self.program.layers() {
            let Layer::Allowance { level, windows, .. } = layer else { continue };
            if level.contains(Level::Seat) && self.usage.path.at(Level::Seat).is_none() {
                continue;
            }
            let whole = |(name, window): &(Name, WindowTerms)| self.look(name, *level, window).room.capacity;
            let amount = need.allowance_share(windows.iter().map(whole).min().unwrap_or(0));
            if amount > 0 {
                need.pay_from_allowance(amount);
            }
        }
        Some(need.credits())
    }
}
