//! The waterfall: guards first, then sources in the plan's order, each paying what it can.
//!
//! Never changes anything: everything is computed before the first effect, and a refusal carries none.
//! F1 of several refusals the first in [`Reason`]'s order is told (`reasons_in_order`).
//! F2 draws add up to the price, or nothing is drawn (`model_agrees`).
//! F3 an indivisible request is paid whole by one source (`requests_are_paid_whole`).
//! Units: nano-credits; allowances in their feature's [`Unit`].

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::account::{Account, Consent, HOLDS_MAX, WINDOWS_MAX};
use crate::amount::Credits;
use crate::catalog::{Categories, Count, Guard, Layer, Plan, Pool, Program, Window};
use crate::decision::{Basis, Decision, Draw, Draws, Outcome, Place, Source, Unblock, Verdict, Visit};
use crate::ledger::{Category, Priced, PricedLine, REQUESTS, Unit};
use crate::name::{Level, Name};
use crate::reason::{Reason, Wall};
use crate::time::Instant;
use crate::window::{Room, Terms, Used};

/// What the use is for; it decides which guards apply and whether they may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A new hold.
    Hold,
    /// A charge without a hold.
    Charge,
    /// More for an open hold: the request itself has been counted.
    Grow,
    /// Use that has happened: counted, never refused.
    Happened,
}

/// What is still to be paid: in the unit of the allowances, and what that comes to in credits.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    unit: UnitKind,
    /// Requests or meter units; unused when the unit is credits.
    units: i64,
    /// Credits for one meter unit.
    unit_price: i64,
    pub(crate) credits: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitKind {
    Credits,
    Requests,
    Meter,
}

impl Need {
    /// All of a use; `None` when it is out of range.
    pub(crate) fn of(usage: &Priced<'_>) -> Option<Self> {
        let credits = usage.price()?.nano();
        let signed = |n: u64| i64::try_from(n).ok();
        Some(match usage.unit {
            Unit::Credits => Self { unit: UnitKind::Credits, units: credits, unit_price: 0, credits },
            Unit::Requests => {
                let units = signed(usage.quantity(REQUESTS))?;
                Self { unit: UnitKind::Requests, units, unit_price: 0, credits }
            }
            Unit::Meter(meter) => {
                let line = usage.lines.iter().find(|l| l.meter == meter);
                let unit_price = line.map_or(0, |l| signed(l.price.nano()).unwrap_or(i64::MAX));
                let units = signed(usage.quantity(meter.as_str()))?;
                Self { unit: UnitKind::Meter, units, unit_price, credits }
            }
        })
    }

    fn is_indivisible(&self) -> bool {
        self.unit == UnitKind::Requests
    }

    /// What an allowance would have to pay.
    pub(crate) fn in_allowance_unit(&self) -> i64 {
        if self.unit == UnitKind::Credits { self.credits } else { self.units }
    }

    /// What an allowance with this much room pays.
    fn allowance_share(&self, free: i64) -> i64 {
        let wanted = self.in_allowance_unit();
        if self.is_indivisible() && free < wanted { 0 } else { wanted.min(free).max(0) }
    }

    pub(crate) fn pay_from_allowance(&mut self, amount: i64) {
        match self.unit {
            UnitKind::Credits => self.credits -= amount,
            UnitKind::Requests => {
                self.units -= amount;
                if self.units == 0 {
                    self.credits = 0;
                }
            }
            UnitKind::Meter => {
                self.units -= amount;
                // A smaller factor than the price computed before, so this cannot overflow.
                self.credits = self.units.saturating_mul(self.unit_price);
            }
        }
    }

    /// What a source with this many credits pays.
    fn credits_share(&self, free: i64) -> i64 {
        if self.is_indivisible() && free < self.credits { 0 } else { self.credits.min(free).max(0) }
    }

    pub(crate) fn pay_from_credits(&mut self, amount: i64) {
        self.credits -= amount;
        if self.credits == 0 {
            self.units = 0;
        }
    }

    /// Whether everything is paid. What a program without any source leaves is free when it has no price.
    fn is_met(&self, program: &Program) -> bool {
        let takes_credits = program.layers.iter().any(|l| !matches!(l, Layer::Allowance { .. }));
        match self.unit {
            UnitKind::Credits => self.credits == 0,
            UnitKind::Requests | UnitKind::Meter => {
                self.units == 0 || (self.credits == 0 && (takes_credits || program.layers.is_empty()))
            }
        }
    }
}

/// Everything a decision looks at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a, 'p> {
    pub(crate) account: &'a Account,
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    pub(crate) usage: &'a Priced<'p>,
    pub(crate) mode: Mode,
    /// The caller agrees to paid sources.
    pub(crate) consented: bool,
    pub(crate) now: Instant,
}

/// The first refusal in order of precedence, and when every refusal so far is over.
#[derive(Clone, Copy)]
struct Refusal {
    reason: Reason,
    wall: Wall,
    at: Option<Instant>,
}

/// A run through the waterfall.
pub(crate) struct Run<'a, 'p> {
    scene: Scene<'a, 'p>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) draws: Draws,
    pub(crate) need: Need,
    refusal: Option<Refusal>,
    price: Credits,
    /// Credits that spend caps leave.
    budget: i64,
    spent: i64,
    asked: i64,
    consent: Consent,
    /// When the allowances alone could pay the whole.
    allowance_at: Option<Instant>,
    sells: bool,
}

/// Decides one request. `None` when its price is out of range.
pub(crate) fn decide(scene: Scene<'_, '_>) -> Option<Decision> {
    let mut run = Run::new(scene, Need::of(scene.usage)?);
    run.visit_account();
    run.visit_guards();
    if run.refusal.is_none() {
        run.visit_sources();
        run.close();
    }
    Some(run.finish())
}

/// Draws sources for use beyond a hold, guards aside.
pub(crate) fn draw_more<'a, 'p>(scene: Scene<'a, 'p>, need: Need) -> Run<'a, 'p> {
    let mut run = Run::new(scene, need);
    run.visit_spend_caps();
    run.visit_sources();
    run.close();
    run
}

/// What draws leave unpaid of a use, in credits.
pub(crate) fn left_after(usage: &Priced<'_>, draws: &[Draw]) -> Option<Credits> {
    let mut need = Need::of(usage)?;
    keep_front(&mut need, draws);
    Some(Credits::from_nano(need.credits))
}

/// Pays a need from the front of a receipt; returns the draws that are kept, shrunk to what is needed.
pub(crate) fn keep_front(need: &mut Need, receipt: &[Draw]) -> Draws {
    let mut kept = SmallVec::new();
    for draw in receipt {
        let amount = if draw.source == Source::Allowance {
            let amount = draw.amount.min(need.in_allowance_unit());
            need.pay_from_allowance(amount);
            amount
        } else {
            let amount = draw.amount.min(need.credits);
            need.pay_from_credits(amount);
            amount
        };
        if amount > 0 {
            kept.push(Draw { amount, ..draw.clone() });
        }
    }
    kept
}

impl<'a, 'p> Run<'a, 'p> {
    fn new(scene: Scene<'a, 'p>, need: Need) -> Self {
        let settings = &scene.account.settings;
        let of_path =
            scene.usage.path.segments().iter().filter_map(|s| settings.segment(s.level, &s.name)?.consent);
        let own = settings.consent.unwrap_or(scene.plan.consent);
        let consent = of_path.fold(own, Consent::max);
        Self {
            scene,
            visits: Vec::with_capacity(scene.program.guards.len() + scene.program.layers.len() + 2),
            draws: Draws::new(),
            price: Credits::from_nano(need.credits),
            need,
            refusal: None,
            budget: i64::MAX,
            spent: 0,
            asked: 0,
            consent,
            allowance_at: None,
            sells: false,
        }
    }

    fn refuse(&mut self, reason: Reason, wall: Wall, at: Option<Instant>) {
        self.refusal = Some(match self.refusal {
            None => Refusal { reason, wall, at },
            // Every refusal must be over: the latest instant counts, and "never" beats all.
            Some(first) => {
                let at = first.at.zip(at).map(|(a, b)| a.max(b));
                if reason < first.reason { Refusal { reason, wall, at } } else { Refusal { at, ..first } }
            }
        });
    }

    /// Suspension, bounds and debt.
    fn visit_account(&mut self) {
        let Scene { account, usage, mode, .. } = self.scene;
        if mode == Mode::Happened {
            return;
        }
        if account.settings.suspended {
            self.refuse_at_account(Level::Account, Reason::Suspended, Wall::Operator);
        }
        for segment in usage.path.segments() {
            if account.settings.segment(segment.level, &segment.name).is_some_and(|s| s.suspended) {
                self.refuse_at_account(segment.level, Reason::Suspended, Wall::Path(segment.level));
            }
        }
        if mode == Mode::Hold && account.holds.len() >= HOLDS_MAX {
            self.refuse_at_account(Level::Account, Reason::AccountFull, Wall::Operator);
        }
        if mode != Mode::Grow && account.books.debt.is_positive() {
            self.refuse_at_account(Level::Account, Reason::InDebt, Wall::Path(Level::Account));
        }
    }

    fn refuse_at_account(&mut self, level: Level, reason: Reason, wall: Wall) {
        self.visits.push(Visit {
            place: Place::Account,
            name: self.scene.account.id.clone(),
            level,
            verdict: Verdict::Refused(reason),
            terms: None,
            before: 0,
            cost: 0,
            basis: Basis::None,
        });
        self.refuse(reason, wall, None);
    }

    /// The window of a guard or layer for the member the request comes from.
    fn look(&self, name: &Name, level: Level, window: &Window) -> (Option<&'a Used>, Terms, Room) {
        let Scene { account, usage, now, .. } = self.scene;
        let used = account.window(name, level, usage.path.at(level));
        let terms = window.terms(used, now, account.settings.billing_anchor);
        (used, terms, terms.room(used, now))
    }

    fn visit_guards(&mut self) {
        let program = self.scene.program;
        for guard in &program.guards {
            if let Count::Spend = guard.count {
                continue;
            }
            self.visit_guard(guard);
        }
        self.visit_spend_caps();
    }

    fn guard_cost(&self, guard: &Guard) -> (i64, Basis) {
        let Scene { usage, mode, .. } = self.scene;
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match &guard.count {
            Count::Slot => (i64::from(mode == Mode::Hold), Basis::Slot),
            Count::Requests if mode == Mode::Grow => (0, Basis::Requests),
            Count::Requests => (signed(usage.quantity(REQUESTS)), Basis::Requests),
            Count::Meters(meters) => {
                let of = |line: &PricedLine<'_>| {
                    if meters.contains(line.meter) { line.quantity } else { 0 }
                };
                let sum = usage.lines.iter().map(of).fold(0, u64::saturating_add);
                (signed(sum), Basis::Meters(meters.clone()))
            }
            Count::Spend => (0, Basis::Spend),
        }
    }

    fn visit_guard(&mut self, guard: &Guard) {
        let (cost, basis) = self.guard_cost(guard);
        let (used, terms, room) = self.look(&guard.name, guard.level, &guard.window);
        let now = self.scene.now;
        let mut refused = None;
        if cost > room.capacity {
            refused = Some((Reason::ExceedsCapacity, None));
        } else if cost > room.free {
            refused = Some((window_reason(&guard.window, &terms), terms.fits_at(used, cost, now)));
        } else if used.is_none() && cost > 0 && self.is_full() {
            refused = Some((Reason::AccountFull, None));
        }
        let refused = refused.filter(|_| self.scene.mode != Mode::Happened);
        self.visits.push(Visit {
            place: Place::Guard,
            name: guard.name.clone(),
            level: guard.level,
            verdict: refused.map_or(Verdict::Passed, |(reason, _)| Verdict::Refused(reason)),
            terms: Some(terms),
            before: room.used,
            cost: if refused.is_some() { 0 } else { cost },
            basis,
        });
        if let Some((reason, at)) = refused {
            self.refuse(reason, Wall::Path(guard.level), at);
        }
    }

    /// Whether the account keeps as many open windows as it may.
    fn is_full(&self) -> bool {
        let windows = &self.scene.account.windows;
        windows.len() >= WINDOWS_MAX
            && windows.iter().filter(|w| !w.used.is_over(self.scene.now)).count() >= WINDOWS_MAX
    }

    /// Spend caps bound what sources of credits may draw; what they count is known only afterwards.
    fn visit_spend_caps(&mut self) {
        let program = self.scene.program;
        for guard in program.guards.iter().filter(|g| matches!(g.count, Count::Spend)) {
            let (_, terms, room) = self.look(&guard.name, guard.level, &guard.window);
            self.budget = self.budget.min(room.free);
            self.visits.push(Visit {
                place: Place::Guard,
                name: guard.name.clone(),
                level: guard.level,
                verdict: Verdict::Passed,
                terms: Some(terms),
                before: room.used,
                cost: 0,
                basis: Basis::Spend,
            });
        }
    }

    fn visit_sources(&mut self) {
        let program = self.scene.program;
        for layer in &program.layers {
            if self.need.is_met(program) {
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
            }
        }
    }

    fn visit_allowance(&mut self, layer: &Name, level: Level, windows: &[(Name, Window)]) {
        let first = self.visits.len();
        let (mut free, mut opens) = (if windows.is_empty() { 0 } else { i64::MAX }, false);
        for (name, window) in windows {
            let (used, terms, room) = self.look(name, level, window);
            free = free.min(room.free);
            opens |= used.is_none();
            self.visits.push(Visit {
                place: Place::Allowance,
                name: name.clone(),
                level,
                verdict: Verdict::Refused(Reason::AllowanceUsed),
                terms: Some(terms),
                before: room.used,
                cost: 0,
                basis: Basis::Layer(layer.clone()),
            });
        }
        let amount = if opens && self.is_full() { 0 } else { self.need.allowance_share(free) };
        if amount < self.need.in_allowance_unit() {
            self.allowance_at = earliest(self.allowance_at, self.allowance_fits_at(level, windows));
        }
        if amount == 0 {
            return;
        }
        for visit in self.visits.iter_mut().skip(first) {
            (visit.verdict, visit.cost) = (Verdict::Paid, amount);
        }
        self.need.pay_from_allowance(amount);
        self.draws.push(Draw { source: Source::Allowance, layer: layer.clone(), amount });
    }

    /// When an allowance could pay all that is needed.
    fn allowance_fits_at(&self, level: Level, windows: &[(Name, Window)]) -> Option<Instant> {
        let (now, wanted) = (self.scene.now, self.need.in_allowance_unit());
        windows.iter().try_fold(now, |latest, (name, window)| {
            let (used, terms, room) = self.look(name, level, window);
            let at = if room.free >= wanted { now } else { terms.fits_at(used, wanted, now)? };
            Some(latest.max(at))
        })
    }

    /// Draws grants in burn order, at most `room` together; returns what was drawn.
    fn visit_grants(&mut self, layer: &Name, categories: Categories, room: i64) -> i64 {
        let Scene { account, usage, now, .. } = self.scene;
        self.sells |= categories.contains(Category::Purchased);
        let mut drawn = 0;
        for grant in &account.grants {
            if self.need.credits == 0 {
                break;
            }
            let fits = grant.terms.features.is_empty() || grant.terms.features.contains(usage.feature);
            if !categories.contains(grant.terms.category) || !fits || !grant.is_usable(now) {
                continue;
            }
            let source = Source::Grant(grant.id, grant.terms.category);
            let taken: i64 = self.draws.iter().filter(|d| d.source == source).map(|d| d.amount).sum();
            let free = grant.remaining.nano() - taken;
            if free == 0 {
                continue;
            }
            let place = Place::Grant(grant.id);
            drawn +=
                self.draw_credits(place, source, layer, free, room - drawn, grant.terms.category.is_paid());
        }
        drawn
    }

    /// Draws one source of credits as far as need, consent, spend caps and `room` allow; returns what was drawn.
    fn draw_credits(
        &mut self,
        place: Place,
        source: Source,
        layer: &Name,
        free: i64,
        room: i64,
        paid: bool,
    ) -> i64 {
        let unasked = self.consent == Consent::Ask && !self.scene.consented;
        // Use that has happened cannot wait for an answer.
        let silent = self.consent == Consent::Never || (unasked && self.scene.mode == Mode::Happened);
        let blocked = paid && silent && free > 0;
        let open = free.min(room).min(self.budget - self.spent);
        let amount = if blocked { 0 } else { self.need.credits_share(open) };
        let lacks = |bound: i64| self.need.credits > bound && bound < free;
        let verdict = if blocked {
            self.refuse(Reason::ConsentNever, Wall::Path(Level::Account), self.allowance_at);
            Verdict::Refused(Reason::ConsentNever)
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
            place,
            name: layer.clone(),
            level: Level::Account,
            verdict,
            terms: None,
            before: free,
            cost: amount,
            basis: Basis::None,
        });
        if amount > 0 {
            self.need.pay_from_credits(amount);
            self.spent += amount;
            if paid && unasked {
                self.asked += amount;
            }
            self.draws.push(Draw { source, layer: layer.clone(), amount });
        }
        amount
    }

    fn visit_pool(&mut self, layer: &Name, categories: Categories, pool: &Pool) {
        let Scene { account, usage, .. } = self.scene;
        let Some(member) = usage.path.at(pool.member) else {
            self.push_cap(layer, pool.member, None, 0, 0, Verdict::Refused(Reason::MemberMissing));
            self.refuse(Reason::MemberMissing, Wall::Path(pool.member), self.allowance_at);
            return;
        };
        let own = account.settings.segment(pool.member, member).and_then(|s| s.pool_cap);
        let team =
            usage.path.at(Level::Team).and_then(|t| account.settings.segment(Level::Team, t)?.pool_cap);
        // Without a cap the draws are counted all the same, so that a cap set later keeps what is used.
        let cap = own.or(team).or(pool.default_cap).unwrap_or(Credits::MAX);
        let window = Window::Fixed(cap.nano(), pool.window.clone());
        let (used, terms, room) = self.look(layer, pool.member, &window);
        let free = if used.is_none() && self.is_full() { 0 } else { room.free };
        let at = self.visits.len();
        let drawn = self.visit_grants(layer, categories, free);
        let bound = self.need.credits > free - drawn;
        let verdict = if bound { Verdict::Refused(Reason::MemberCap) } else { Verdict::Passed };
        self.push_cap(layer, pool.member, Some(terms), room.used, drawn, verdict);
        // The cap is looked at before the grants it bounds.
        if let Some(visits) = self.visits.get_mut(at..) {
            visits.rotate_right(1);
        }
    }

    fn push_cap(
        &mut self,
        layer: &Name,
        level: Level,
        terms: Option<Terms>,
        before: i64,
        cost: i64,
        verdict: Verdict,
    ) {
        self.visits.push(Visit {
            place: Place::MemberCap,
            name: layer.clone(),
            level,
            verdict,
            terms,
            before,
            cost,
            basis: Basis::Layer(layer.clone()),
        });
    }

    fn visit_overdraft(&mut self, layer: &Name, limit: Credits) {
        let books = &self.scene.account.books;
        let free =
            limit.nano().saturating_sub(books.overdraft.nano()).saturating_sub(books.debt.nano()).max(0);
        self.draw_credits(Place::Overdraft, Source::Overdraft, layer, free, i64::MAX, true);
    }

    /// Writes what was drawn into the spend caps, and names the walls when something is left unpaid.
    fn close(&mut self) {
        let spent = self.spent;
        for visit in self.visits.iter_mut().filter(|v| v.basis == Basis::Spend) {
            visit.cost = spent;
        }
        if self.need.is_met(self.scene.program) {
            return;
        }
        let wanted = self.need.credits;
        let mut walls: SmallVec<[(Reason, Level, Option<Instant>); 2]> = SmallVec::new();
        let mut behind_caps = 0_i64;
        for visit in &mut self.visits {
            let source = matches!(visit.place, Place::Grant(_) | Place::Overdraft);
            if source && visit.verdict != Verdict::Refused(Reason::ConsentNever) {
                behind_caps = behind_caps.saturating_add(visit.before - visit.cost);
            }
            let room = visit.terms.map_or(i64::MAX, |t| t.capacity().saturating_sub(visit.before));
            if visit.basis == Basis::Spend && wanted > room.saturating_sub(spent) {
                visit.verdict = Verdict::Refused(Reason::SpendCap);
            }
            if let Verdict::Refused(reason @ (Reason::SpendCap | Reason::MemberCap)) = visit.verdict
                && !source
            {
                walls.push((reason, visit.level, reopens(visit.terms, visit.cost, wanted)));
            }
        }
        let only_caps = behind_caps >= wanted && !walls.is_empty();
        for (reason, level, at) in walls {
            self.refuse(reason, Wall::Path(level), earliest(at, self.allowance_at));
        }
        if !only_caps {
            let program = self.scene.program;
            let takes_credits = program.layers.iter().any(|l| !matches!(l, Layer::Allowance { .. }));
            let (reason, wall) = if takes_credits || program.layers.is_empty() {
                (Reason::InsufficientCredits, Wall::Path(Level::Account))
            } else {
                (Reason::AllowanceUsed, Wall::Plan)
            };
            self.refuse(reason, wall, self.allowance_at);
        }
    }

    fn finish(self) -> Decision {
        let price = self.price;
        let paid = |d: &&Draw| match d.source {
            Source::Grant(_, category) => category.is_paid(),
            Source::Overdraft => true,
            Source::Allowance | Source::Debt | Source::Goodwill => false,
        };
        let paid_price = Credits::from_nano(self.draws.iter().filter(paid).map(|d| d.amount).sum());
        let met = self.need.is_met(self.scene.program);
        let granted =
            (self.refusal.is_none() || met && self.only_passed_over()) || self.scene.mode == Mode::Happened;
        if granted && self.asked == 0 {
            return Decision {
                outcome: Outcome::Allow,
                reason: Reason::Allowed,
                wall: None,
                price,
                paid_price,
                draws: self.draws,
                visits: self.visits,
                unblock: None,
            };
        }
        let (outcome, refusal) = match self.refusal {
            Some(refusal) if !(met && self.only_passed_over()) => (Outcome::Deny, refusal),
            _ => {
                let wall = Wall::Path(Level::Account);
                (
                    Outcome::NeedsConsent,
                    Refusal { reason: Reason::ConsentNeeded, wall, at: self.allowance_at },
                )
            }
        };
        let short = refusal.reason == Reason::InsufficientCredits && self.sells;
        let purchase = short.then(|| Credits::from_nano(self.need.credits));
        let unblock = Some(Unblock { at: refusal.at, purchase, by: refusal.reason.lifter() });
        Decision {
            outcome,
            reason: refusal.reason,
            wall: Some(refusal.wall),
            price,
            paid_price: if outcome == Outcome::NeedsConsent { paid_price } else { Credits::ZERO },
            draws: Draws::new(),
            visits: self.visits,
            unblock,
        }
    }

    /// Sources that were passed over do not matter when others paid everything.
    fn only_passed_over(&self) -> bool {
        self.refusal.is_none_or(|r| matches!(r.reason, Reason::MemberMissing | Reason::ConsentNever))
    }
}

fn window_reason(window: &Window, terms: &Terms) -> Reason {
    match (window, terms) {
        (Window::FirstUse(..), _) => Reason::FirstUseLimit,
        (_, Terms::Rate(..)) => Reason::RateLimit,
        (_, Terms::Sliding(..)) => Reason::SlidingLimit,
        (_, Terms::Slots(_)) => Reason::ConcurrencyLimit,
        (_, Terms::Span(..)) => Reason::FixedLimit,
    }
}

/// When a cap that let `drawn` through has room for `wanted` more as well.
fn reopens(terms: Option<Terms>, drawn: i64, wanted: i64) -> Option<Instant> {
    match terms {
        Some(Terms::Span(limit, _, end)) if drawn.saturating_add(wanted) <= limit => Some(end),
        Some(Terms::Span(..) | Terms::Rate(..) | Terms::Sliding(..) | Terms::Slots(_)) | None => None,
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}
