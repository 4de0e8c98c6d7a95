//! Abuse rules: guards that the operator's catalog switches on, compared with the account's own usual use.

use super::run::{Mode, Run, Scene, Until};
use crate::account::{Account, Hold};
use crate::catalog::{Mode as RuleMode, Rules, TierTerms};
use crate::record::{
    Basis, Credits, HabitKind, Instant, Level, Levels, Name, Path, Priced, Reason, Rule, Source, Span, Terms,
    Verdict, Visit, VisitKind, Wall,
};
use crate::window::{Habit, Used};

/// Why a rule refuses, and for how long.
type Because = Option<(Reason, Until)>;

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A visit of a rule that counts nothing.
fn visit(rule: Rule, level: Level, before: i64) -> Visit {
    Visit {
        kind: VisitKind::Abuse,
        name: rule.name(),
        level: level.into(),
        verdict: Verdict::Passed,
        terms: None,
        before,
        cost: 0,
        basis: Basis::None,
        overridden_by: None,
        mark: None,
    }
}

/// A visit of a rule that counts nothing and holds a measured value to a limit.
fn held_to(limit: i64, visit: Visit) -> Visit {
    Visit { terms: Some(Terms::Slots { limit: u64::try_from(limit).unwrap_or(0) }), ..visit }
}

impl<'a> Run<'a, '_> {
    pub(super) fn rules(&self) -> &'a Rules {
        &self.scene.catalog.abuse
    }

    /// Holds the request to the operator's rules.
    #[inline]
    pub(super) fn abuse(&mut self) {
        let Scene { account, catalog, now, .. } = self.scene;
        let usage = self.usage;
        let rules = &catalog.abuse;
        if rules.are_off() {
            return;
        }
        let terms = rules.terms_of(account, now);
        let cost = signed(cost_of(rules, self.usage, matches!(self.scene.mode, Mode::Grow(_))));
        self.visit_penalty();
        self.visit_cost_maximum(cost);
        self.visit_holds(terms);
        self.visit_sharing();
        // Unrecorded use cannot be remembered for days.
        if catalog.feature(usage.feature.as_str()).is_none_or(|f| f.ledger) {
            self.visit_velocity(terms, cost);
            self.visit_ramp(terms, cost);
        }
    }

    /// Use beyond the hold counts once it is known: in the pace of the account.
    pub(super) fn abuse_beyond(&mut self, held: &Priced<'_>) {
        let Scene { account, catalog, now, .. } = self.scene;
        let rules = &catalog.abuse;
        let is_recorded = catalog.feature(self.usage.feature.as_str()).is_none_or(|f| f.ledger);
        if is_recorded && (rules.is_on(Rule::Velocity) || rules.is_on(Rule::Ramp)) {
            let terms = rules.terms_of(account, now);
            let beyond = cost_of(rules, self.usage, true).saturating_sub(cost_of(rules, held, true));
            self.visit_velocity(terms, signed(beyond));
            self.visit_ramp(terms, signed(beyond));
        }
    }

    /// Adds a visit whose rule refuses, or does not: as its mode says.
    fn judge(&mut self, rule: Rule, mut visit: Visit, because: Because) {
        if let Some((reason, until)) = because.filter(|_| !self.has_happened()) {
            visit.verdict = if self.rules().mode(rule) == RuleMode::Enforce {
                visit.cost = 0;
                self.refuse_until(reason, Wall::Abuse, until);
                Verdict::Refused(reason)
            } else {
                Verdict::Observed
            };
        }
        self.visits.push(visit);
    }

    fn visit_penalty(&mut self) {
        let Scene { penalty, .. } = self.scene;
        let rules = self.rules();
        if rules.is_on(Rule::Penalty) && penalty > 0 {
            self.visits.push(visit(Rule::Penalty, Level::Account, i64::from(penalty)));
        }
    }

    /// The reduction of a burst, for a caller in the penalty box. A cost that fits an empty window passes once it is empty.
    pub(super) fn kept_back(&self, terms: &Terms, cost: i64) -> i64 {
        let Scene { penalty, .. } = self.scene;
        let rules = self.rules();
        let Terms::Rate { burst, .. } = *terms else { return 0 };
        if !rules.is_on(Rule::Penalty) || penalty == 0 {
            return 0;
        }
        let burst = signed(burst);
        burst - burst.checked_shr(u32::from(penalty)).unwrap_or(0).max(cost).min(burst)
    }

    /// Whether a burst that is smaller than usual blocks a request; reported in the visit of the penalty.
    pub(super) fn penalise(&mut self) -> bool {
        let enforced = self.rules().mode(Rule::Penalty) == RuleMode::Enforce;
        let name = Rule::Penalty.name();
        if let Some(visit) = self.visits.iter_mut().find(|v| v.kind == VisitKind::Abuse && v.name == name) {
            visit.verdict = if enforced { Verdict::Refused(Reason::Penalty) } else { Verdict::Observed };
        }
        enforced
    }

    fn visit_cost_maximum(&mut self, cost: i64) {
        let Scene { plan, .. } = self.scene;
        let rules = self.rules();
        let Some(max) = plan.cost_max.filter(|_| rules.is_on(Rule::CostMaximum)) else { return };
        let because = (cost > signed(max)).then_some((Reason::CostMaximum, Until::Never));
        let visit = held_to(signed(max), visit(Rule::CostMaximum, Level::Account, cost));
        self.judge(Rule::CostMaximum, visit, because);
    }

    fn visit_holds(&mut self, terms: &TierTerms) {
        let Scene { account, mode, now, .. } = self.scene;
        let rules = self.rules();
        if mode != Mode::Hold || !rules.is_on(Rule::Holds) {
            return;
        }
        let open = signed(u64::try_from(account.holds.len()).unwrap_or(u64::MAX));
        let max = holds_max(account, terms, now);
        let because = (open >= max).then_some((Reason::HoldsLimit, Until::HoldsEnd));
        let visit = Visit { basis: Basis::Slot, ..visit(Rule::Holds, Level::Account, open) };
        self.judge(Rule::Holds, held_to(max, visit), because);
    }

    fn visit_sharing(&mut self) {
        let Scene { account, mode, now, .. } = self.scene;
        let usage = self.usage;
        let rules = self.rules();
        let Some(key) = usage.path.at(Level::Key).filter(|_| mode == Mode::Hold) else { return };
        if !rules.is_on(Rule::Sharing) {
            return;
        }
        let Some(effect) = account.effect(Rule::Sharing, Some(key), now) else { return };
        let of_key = |hold: &&alloc::boxed::Box<Hold>| hold.usage.path.at(Level::Key) == Some(key);
        let open = signed(u64::try_from(account.holds.iter().filter(of_key).count()).unwrap_or(u64::MAX));
        let because = (open >= effect.limit).then_some((Reason::SharedKey, Until::HoldsEnd));
        let visit = Visit { basis: Basis::Slot, ..visit(Rule::Sharing, Level::Key, open) };
        self.judge(Rule::Sharing, held_to(effect.limit, visit), because);
    }

    fn visit_velocity(&mut self, terms: &TierTerms, cost: i64) {
        let Scene { account, now, .. } = self.scene;
        let rules = self.rules();
        if !rules.is_on(Rule::Velocity) || cost == 0 || !self.is_in_cell(HabitKind::Velocity) {
            return;
        }
        let (kind, name) = (HabitKind::Velocity, Rule::Velocity.name());
        let habit = habit(account, &name, Levels::ACCOUNT, self.usage.path, now);
        let floor = signed(terms.velocity_floor);
        let reference = habit.as_ref().map_or(0, |h| h.usual_at(now)).max(floor);
        let clamp = account.effect(Rule::Velocity, None, now).map(|effect| effect.limit);
        let ceiling = terms.velocity_ceiling.map(signed);
        let limit = clamp.into_iter().chain(ceiling).min().unwrap_or(i64::MAX);
        let before = habit.as_ref().map_or(0, |h| h.used(now));
        let is_over = before > 0 && before.saturating_add(cost) > limit;
        let mut visit = visit(Rule::Velocity, Level::Account, before);
        (visit.terms, visit.cost) =
            (Some(Terms::Habit { kind, limit, reference }), self.room_for(&name, cost));
        let next = kind.start(now).after(kind.cell());
        self.judge(Rule::Velocity, visit, is_over.then_some((Reason::Velocity, Until::At(next))));
    }

    fn visit_ramp(&mut self, terms: &TierTerms, cost: i64) {
        let Scene { account, now, offers, .. } = self.scene;
        let rules = self.rules();
        if !rules.is_on(Rule::Ramp) || cost == 0 || !self.is_in_cell(HabitKind::Ramp) {
            return;
        }
        let name = Rule::Ramp.name();
        let (before, allowed) = ramp(account, terms, now);
        let is_over = !offers.is_empty() && before.saturating_add(cost) > allowed;
        let mut visit = visit(Rule::Ramp, Level::Account, before);
        visit.terms = Some(Terms::Habit { kind: HabitKind::Ramp, limit: allowed, reference: allowed });
        visit.cost = self.room_for(&name, cost);
        if is_over && rules.mode(Rule::Ramp) == RuleMode::Enforce {
            visit.verdict = Verdict::Demoted;
        } else if is_over {
            visit.verdict = Verdict::Observed;
        }
        self.visits.push(visit);
    }

    /// A cost that can be counted: nothing, if the account keeps as many windows as it may.
    fn room_for(&self, name: &Name, cost: i64) -> i64 {
        if self.scene.account.window(name, Levels::ACCOUNT, self.usage.path).is_none() && self.is_full() {
            0
        } else {
            cost
        }
    }

    /// The key's spending limit of this hour bounds the draws from sources of credits.
    pub(super) fn visit_key_spend(&mut self) {
        let Scene { account, catalog, now, .. } = self.scene;
        let usage = self.usage;
        let rules = self.rules();
        let Some(key) = usage.path.at(Level::Key).filter(|_| rules.is_on(Rule::KeySpend)) else { return };
        if !self.is_in_cell(HabitKind::Spend) {
            return;
        }
        let usual = catalog.credit_unit();
        let by_hand = account.settings.segment(Level::Key, key).and_then(|s| s.hourly_cap.as_ref());
        let by_hand = by_hand.and_then(|caps| caps.of(usage.credit_unit, usual));
        let floor = rules.terms_of(account, now).key_spend_floor.of(usage.credit_unit, usual);
        // A unit without a figure is not limited.
        let (kind, Some(least)) = (HabitKind::Spend, by_hand.or(floor)) else { return };
        let name = spend_name(usage.credit_unit);
        let of_key = Levels::one(Level::Key);
        if account.window(&name, of_key, usage.path).is_none() && self.is_full() {
            return;
        }
        let habit = habit(account, &name, of_key, usage.path, now);
        let week = habit.as_ref().map_or(0, Habit::p95);
        let learned = if by_hand.is_some() { 0 } else { week.saturating_mul(10) };
        let cap = learned.max(least.nano());
        let before = habit.as_ref().map_or(0, |h| h.used(now));
        if rules.mode(Rule::KeySpend) == RuleMode::Enforce && !self.has_happened() {
            self.budget = self.budget.min(cap.saturating_sub(before).max(0));
        }
        let mut visit = Visit { name, ..visit(Rule::KeySpend, Level::Key, before) };
        (visit.terms, visit.basis) = (Some(Terms::Habit { kind, limit: cap, reference: week }), Basis::Spend);
        self.visits.push(visit);
    }

    /// Open holds may set aside only a part of the balance; the first hold always may.
    #[inline]
    pub(super) fn held_share(&mut self) {
        let Scene { account, mode, now, .. } = self.scene;
        let usage = self.usage;
        let rules = self.rules();
        if !matches!(mode, Mode::Hold | Mode::Grow(_)) || !rules.is_on(Rule::Holds) {
            return;
        }
        let percent = rules.terms_of(account, now).held_percent;
        let held = account.held(usage.credit_unit);
        let of_credits = self.draws.iter().filter(|d| d.source != Source::Allowance);
        let more: i64 = of_credits.map(|d| d.amount).sum();
        if percent >= 100 || more == 0 || !held.is_positive() {
            return;
        }
        let wide = |c: Credits| i128::from(c.nano());
        let bought = i128::from(self.scene.bought);
        let balance = wide(account.available(now, usage.credit_unit)) + wide(held) + bought;
        let all = balance * i128::from(percent);
        let because = (wide(held) + i128::from(more)) * 100 > all;
        let most = i64::try_from(all / 100).unwrap_or(i64::MAX);
        let visit = held_to(most, visit(Rule::Holds, Level::Account, held.nano()));
        self.judge(Rule::Holds, visit, because.then_some((Reason::HeldShare, Until::Now)));
    }

    /// When a clamped caller starts to be asked for a step-up.
    pub(super) fn asks_step_up(&self, reason: Reason) -> bool {
        let Scene { account, now, .. } = self.scene;
        let effect = account.effect(Rule::Velocity, None, now).filter(|_| reason == Reason::Velocity);
        effect.and_then(|e| e.step_up_at).is_some_and(|at| at <= now)
    }
}

/// The spending of a key is counted separately in each unit of credits: `abuse.key_spend`, `abuse.key_spend.usd`.
fn spend_name(unit: Option<&Name>) -> Name {
    let rule = Rule::KeySpend.name();
    let Some(unit) = unit else { return rule };
    Name::joined(&rule, unit).unwrap_or(rule)
}

/// The cost of a request by the formula of the rules; growth of a hold is not a request of its own.
pub(crate) fn cost_of(rules: &Rules, usage: &Priced<'_>, grows: bool) -> u64 {
    let quantity = |line: &crate::record::PricedLine<'_>| {
        if grows && line.meter.as_str() == crate::record::REQUESTS { 0 } else { line.quantity }
    };
    rules.cost.cost(usage.lines.iter().map(|line| (line.meter.as_str(), quantity(line))))
}

/// Most open holds of an account.
pub(crate) fn holds_max(account: &Account, terms: &TierTerms, now: Instant) -> i64 {
    let cut = account.effect(Rule::Holds, None, now).map(|effect| effect.limit);
    cut.unwrap_or(i64::MAX).min(signed(terms.holds))
}

/// The count of this quarter of an hour, and the part of it that counts in the account's own class: its use in the
/// last 24 hours or at this hour of other days, or half more than in the quarter before.
pub(crate) fn ramp(account: &Account, terms: &TierTerms, now: Instant) -> (i64, i64) {
    let habit = habit(account, &Rule::Ramp.name(), Levels::ACCOUNT, &Path::default(), now);
    let (previous, highest) = habit.as_ref().map_or((0, 0), |h| (h.previous, h.highest()));
    let grown = previous.saturating_add(previous / 2);
    let usual = habit.as_ref().map_or(0, |h| h.usual_at(now));
    let allowed = grown.max(highest).max(usual).max(signed(terms.ramp_floor));
    (habit.map_or(0, |h| h.used(now)), allowed)
}

/// The memory at `now`, with the cells before closed.
fn habit(account: &Account, name: &Name, level: Levels, path: &Path, now: Instant) -> Option<Habit> {
    let known = account.window(name, level, path).and_then(Used::habit);
    known.filter(|habit| !habit.is_over(now)).map(|habit| habit.at(now))
}

/// How long a clamp lasts, and one after a run that was far too fast.
pub(crate) const CLAMPED_FOR: [Span; 2] = [Span::from_secs(600), Span::from_secs(3_600)];
