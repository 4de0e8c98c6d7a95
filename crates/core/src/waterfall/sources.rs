//! Sources pay, in the plan's order.

use super::run::{Looked, Run, Scene};
use crate::catalog::source::Unpaid;
use crate::catalog::{Categories, Layer, Pool, WindowTerms};
use crate::record::{
    Basis, Category, Consent, Credits, Draw, GrantId, Level, Levels, Name, Reason, Seq, Source, Terms,
    Verdict, Visit, VisitKind, Wall,
};

impl Run<'_, '_> {
    /// Each source pays as much as it can, in the plan's order.
    #[inline]
    pub(super) fn sources(&mut self) {
        let program = self.program;
        if let Some(layer) = self.need.covered_by() {
            return self.grow_covered(layer);
        }
        if program.has_no_layers() {
            self.need.ask_credits();
        }
        for layer in program.layers() {
            if !matches!(layer, Layer::Allowance { .. }) {
                self.need.ask_credits();
            }
            if self.need.is_met() {
                break;
            }
            match layer {
                Layer::Allowance { name, level, windows } => self.visit_allowance(name, *level, windows),
                Layer::Grants { name, categories, pool: None } => {
                    self.visit_grants(name, *categories, i64::MAX);
                }
                Layer::Grants { name, categories, pool: Some(pool) } => {
                    self.visit_pool(name, *categories, pool)
                }
                Layer::Overdraft { name, limit } => self.visit_overdraft(name, *limit),
                Layer::Postpaid { name, window, unpaid } => self.visit_postpaid(name, window, *unpaid),
            }
        }
    }

    /// Only the allowance that has paid the whole request pays, at any price; no other source is asked.
    pub(super) fn only_covered(&mut self) {
        match self.need.covered_by() {
            Some(layer) => self.grow_covered(layer),
            None => self.need.ask_credits(),
        }
    }

    fn visit_allowance(&mut self, layer: &Name, level: Levels, windows: &[(Name, WindowTerms)]) {
        if level.contains(Level::Seat) && self.usage.path.at(Level::Seat).is_none() {
            return self.pass_over(layer, level, windows);
        }
        let first = self.visits.len();
        let mut free = if windows.is_empty() { 0 } else { i64::MAX };
        for (name, window) in windows {
            let looked = self.look(name, level, window);
            let is_forgotten = self.is_forgotten(window, &looked);
            let Looked { used, terms, room, overridden_by } = looked;
            let is_closed = is_forgotten || used.is_none() && self.is_full();
            let of_window = if is_closed { 0 } else { room.free };
            free = free.min(of_window);
            let has_room = self.need.allowance_share(of_window) > 0;
            let refused = Verdict::Refused(Reason::AllowanceUsed);
            self.visits.push(Visit {
                kind: VisitKind::Allowance,
                name: name.clone(),
                level,
                verdict: if has_room { Verdict::Passed } else { refused },
                terms: Some(terms),
                before: room.used,
                cost: 0,
                basis: Basis::Layer(layer.clone()),
                overridden_by,
                mark: None,
            });
        }
        let amount = self.need.allowance_share(free);
        if amount == 0 {
            return;
        }
        if self.whole.is_some() {
            self.take_back_credits();
        }
        for visit in self.visits.iter_mut().skip(first) {
            (visit.verdict, visit.cost) = (Verdict::Paid, amount);
        }
        let worth = self.need.pay_from_allowance(amount);
        self.draws.push(Draw { source: Source::Allowance, layer: layer.clone(), amount, worth });
    }

    /// An allowance of seats pays nothing without one.
    fn pass_over(&mut self, layer: &Name, level: Levels, windows: &[(Name, WindowTerms)]) {
        self.visits.extend(windows.iter().map(|(name, _)| Visit {
            kind: VisitKind::Allowance,
            name: name.clone(),
            level,
            verdict: Verdict::Refused(Reason::NoSeat),
            terms: None,
            before: 0,
            cost: 0,
            basis: Basis::Layer(layer.clone()),
            overridden_by: None,
            mark: None,
        }));
    }

    /// An allowance that pays a request whole leaves nothing to the credits before it, which could not.
    fn take_back_credits(&mut self) {
        let Some(whole) = self.whole.as_ref().filter(|_| !self.draws.is_empty()) else { return };
        self.need = whole.clone();
        self.draws.clear();
        (self.spent, self.asked) = (0, 0);
        for visit in self.visits.iter_mut().filter(|v| v.kind.is_credits()) {
            visit.cost = 0;
            if visit.verdict == Verdict::Paid {
                visit.verdict = Verdict::Empty;
            }
        }
    }

    /// The allowance that pays a request pays its growth as well: at any price; any additional requests must fit.
    fn grow_covered(&mut self, layer: &Name) {
        let program = self.program;
        if self.need.in_allowance_unit() == 0 {
            let worth = self.need.pay_from_allowance(0);
            if worth > 0 {
                self.draws.push(Draw { source: Source::Allowance, layer: layer.clone(), amount: 0, worth });
            }
            return;
        }
        for of_plan in program.layers() {
            if let Layer::Allowance { name, level, windows } = of_plan
                && name == layer
            {
                self.visit_allowance(name, *level, windows);
            }
        }
    }

    /// Draws grants in burn order, at most `room` together; returns the amount drawn.
    fn visit_grants(&mut self, layer: &Name, categories: Categories, room: i64) -> i64 {
        let Scene { account, now, .. } = self.scene;
        let usage = self.usage;
        let mut drawn = 0;
        for grant in &account.grants {
            if self.need.credits() == 0 {
                break;
            }
            let fits = grant.terms.features.is_empty() || grant.terms.features.contains(usage.feature);
            let in_unit = grant.terms.unit.as_ref() == usage.credit_unit;
            if !categories.contains(grant.terms.category) || !fits || !in_unit || !grant.is_usable(now) {
                continue;
            }
            let source = Source::Grant(grant.id, grant.terms.category);
            let taken: i64 = self.draws.iter().filter(|d| d.source == source).map(|d| d.amount).sum();
            let free = grant.remaining.nano() - taken;
            if free == 0 {
                continue;
            }
            let kind = VisitKind::Grant(grant.id);
            drawn +=
                self.draw_credits(kind, source, layer, free, room - drawn, grant.terms.category.is_paid());
        }
        if self.scene.bought > 0 && categories.contains(Category::Purchased) && self.need.credits() > 0 {
            let id = GrantId(account.seq + 1);
            let source = Source::Grant(id, Category::Purchased);
            let taken: i64 = self.draws.iter().filter(|d| d.source == source).map(|d| d.amount).sum();
            let free = self.bought() - taken;
            drawn += self.draw_credits(VisitKind::Grant(id), source, layer, free, room - drawn, true);
        }
        drawn
    }

    /// Draws one source of credits as far as need, consent, spend caps and `room` allow; returns the amount drawn.
    fn draw_credits(
        &mut self,
        kind: VisitKind,
        source: Source,
        layer: &Name,
        free: i64,
        room: i64,
        paid: bool,
    ) -> i64 {
        let unasked = self.consent == Consent::Ask && !self.scene.consented;
        // Use that has happened cannot wait for an answer.
        let silent = self.consent == Consent::Never || (unasked && self.has_happened());
        let blocked = paid && silent && free > 0;
        let owes = self.in_debt && free > 0;
        let open = free.min(room).min(self.budget - self.spent);
        let amount = if blocked || owes { 0 } else { self.need.credits().min(open).max(0) };
        let lacks = |bound: i64| self.need.credits() > bound && bound < free;
        let verdict = if blocked {
            self.refuse(Reason::ConsentNever, Wall::Path(Level::Account));
            Verdict::Refused(Reason::ConsentNever)
        } else if owes {
            Verdict::Refused(Reason::InDebt)
        } else if amount > 0 {
            Verdict::Paid
        } else if lacks(self.budget - self.spent) {
            Verdict::Refused(Reason::SpendCap)
        } else if lacks(room) {
            Verdict::Refused(Reason::MemberCap)
        } else {
            Verdict::Empty
        };
        self.visits.push(Visit {
            kind,
            name: layer.clone(),
            level: Levels::ACCOUNT,
            verdict,
            terms: None,
            before: free,
            cost: amount,
            basis: Basis::None,
            overridden_by: None,
            mark: None,
        });
        if amount > 0 {
            self.need.pay_from_credits(amount);
            self.spent += amount;
            if paid && unasked {
                self.asked += amount;
            }
            self.draws.push(Draw { source, layer: layer.clone(), amount, worth: amount });
        }
        amount
    }

    fn visit_pool(&mut self, layer: &Name, categories: Categories, pool: &Pool) {
        let Scene { account, catalog, .. } = self.scene;
        let usage = self.usage;
        if let Some(missing) = pool.member.iter().find(|level| usage.path.at(*level).is_none()) {
            self.push_cap(layer, pool.member, None, (0, 0), Verdict::Refused(Reason::MemberMissing));
            self.refuse(Reason::MemberMissing, Wall::Path(missing));
            return;
        }
        let own = account.settings.pool_cap(
            usage.path.up_to(pool.member.innermost()),
            usage.credit_unit,
            catalog.credit_unit(),
        );
        // Without a cap the draws are counted all the same, so that a cap set later includes earlier use.
        let cap = own.or(pool.default_cap).unwrap_or(Credits::MAX);
        let window = WindowTerms::Fixed { limit: cap.nano(), calendar: pool.window.clone() };
        let Looked { used, terms, room, overridden_by } = self.look(layer, pool.member, &window);
        let is_observed = !pool.enforced_for.has(layer, &account.id);
        let free = match used {
            None if self.is_full() => 0,
            _ if self.has_happened() || is_observed => i64::MAX,
            _ => room.free,
        };
        let at = self.visits.len();
        let drawn = self.visit_grants(layer, categories, free);
        let bound = self.need.credits() > free - drawn;
        let verdict = if bound {
            Verdict::Refused(Reason::MemberCap)
        } else if is_observed && drawn > room.free {
            Verdict::Observed
        } else {
            Verdict::Passed
        };
        self.push_cap(layer, pool.member, Some((terms, overridden_by)), (room.used, drawn), verdict);
        // The cap is checked before the grants it bounds.
        if let Some(visits) = self.visits.get_mut(at..) {
            visits.rotate_right(1);
        }
    }

    fn push_cap(
        &mut self,
        layer: &Name,
        level: Levels,
        of: Option<(Terms, Option<Seq>)>,
        (before, cost): (i64, i64),
        verdict: Verdict,
    ) {
        self.visits.push(Visit {
            kind: VisitKind::MemberCap,
            name: layer.clone(),
            level,
            verdict,
            terms: of.map(|(terms, _)| terms),
            before,
            cost,
            basis: Basis::Layer(layer.clone()),
            overridden_by: of.and_then(|(_, by)| by),
            mark: None,
        });
    }

    /// Lends up to the limit of the period, less unpaid invoices. The window of the layer counts it, like an allowance.
    fn visit_postpaid(&mut self, layer: &Name, window: &WindowTerms, unpaid: Unpaid) {
        let looked = self.look(layer, Levels::ACCOUNT, window);
        let is_forgotten = self.is_forgotten(window, &looked);
        let Looked { used, terms, room, overridden_by } = looked;
        let Terms::Period { start, .. } = terms else { return };
        let account = self.scene.account;
        let terms = unpaid.on(terms, layer, self.usage.credit_unit, account);
        let closed = used.is_none() && self.is_full() || is_forgotten || account.is_full_of_invoices();
        let whole = if closed { 0 } else { room.free };
        let free = whole.min(terms.capacity().saturating_sub(room.used)).max(0);
        self.behind_invoices = self.behind_invoices.saturating_add(whole - free);
        self.draw_credits(VisitKind::Postpaid, Source::Postpaid(start), layer, free, i64::MAX, true);
        if let Some(visit) = self.visits.last_mut() {
            (visit.terms, visit.before) = (Some(terms), room.used);
            (visit.basis, visit.overridden_by) = (Basis::Layer(layer.clone()), overridden_by);
        }
    }

    fn visit_overdraft(&mut self, layer: &Name, limit: Credits) {
        let (limit, overridden_by) = self.scene.lends(layer, limit, self.usage.path);
        let (limit, books) = (limit.nano(), self.books());
        let free = limit.saturating_sub(books.overdraft.nano()).saturating_sub(books.debt.nano()).max(0);
        self.draw_credits(VisitKind::Overdraft, Source::Overdraft, layer, free, i64::MAX, true);
        if let Some(visit) = self.visits.last_mut() {
            visit.overridden_by = overridden_by;
        }
    }
}
