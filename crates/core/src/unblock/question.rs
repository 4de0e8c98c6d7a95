//! A denied request, decided again at another instant or after a purchase.

use alloc::vec::Vec;

use super::ahead::Ahead;
use crate::account::Account;
use crate::command::{Extend, growing, growth, owed};
use crate::record::{
    Basis, Credits, Decision, Instant, Name, Outcome, Priced, Reason, Terms, Verdict, Visit, VisitKind,
};
use crate::waterfall::{Authorize, Context, Minimum, Scene, Until, look, prepare, shortfall};

/// The request.
pub(super) enum Question<'a> {
    Authorize(&'a Authorize),
    Extend(&'a Extend),
}

impl Question<'_> {
    /// Does something with the context of a decision; `None` when the question cannot be asked there.
    fn with<T>(
        &self,
        ctx: Context<'_>,
        bought: i64,
        then: impl FnOnce(Scene<'_>, &mut Priced<'_>, Option<&Minimum>) -> Option<T>,
    ) -> Option<T> {
        match self {
            Self::Authorize(ask) => {
                let prepared = prepare(ctx, ask).ok()?;
                let plan = ctx.plan().ok()?;
                let scene = Scene { bought, ..prepared.scene(ctx, plan) };
                let mut usage = prepared.priced(ctx, plan).ok()?;
                prepared.check_named(plan, &usage).ok()?;
                then(scene, &mut usage, prepared.minimum())
            }
            Self::Extend(ask) => {
                let hold = ctx.account.hold(ask.hold)?;
                let asked = growth(ctx, hold, ask).ok()?;
                let scene = growing(ctx, hold, ask).ok()?;
                then(Scene { bought, ..scene }, &mut Priced::from(&asked), ask.minimum.as_ref())
            }
        }
    }

    /// The decision on the least that is accepted, and how long something before the sources refuses it.
    pub(super) fn look(&self, ctx: Context<'_>, bought: i64) -> Option<(Decision, Until)> {
        self.with(ctx, bought, look)
    }

    /// The smallest purchase with which it passes, and whether it then needs consent.
    pub(super) fn purchase(&self, ctx: Context<'_>) -> Option<(Credits, bool)> {
        let (short, debt, overdraft) = self.with(ctx, 0, |scene, usage, minimum| {
            let (debt, overdraft) = owed(ctx, usage.credit_unit);
            Some((shortfall(scene, usage, minimum)?.nano(), debt, overdraft.max(0)))
        })?;
        let passes = |bought: i64| {
            let outcome = self.look(ctx, bought)?.0.outcome;
            let passes = outcome.is_granted() || outcome == Outcome::NeedsConsent;
            passes.then_some(outcome == Outcome::NeedsConsent)
        };
        let repaid = debt.checked_add(short)?;
        let most = repaid.checked_add(overdraft)?;
        passes(most)?;
        // Debt is repaid first; repaid overdraft can be drawn again if the feature has one.
        let (mut fails, mut works) = (0, most);
        for likely in [repaid, most].into_iter().filter(|n| *n > 0) {
            match passes(likely) {
                Some(_) => works = works.min(likely),
                None => fails = fails.max(likely),
            }
            if likely <= works && passes(likely - 1).is_none() {
                fails = fails.max(likely - 1);
            }
        }
        while fails + 1 < works {
            let middle = fails + (works - fails) / 2;
            match passes(middle) {
                Some(_) => works = middle,
                None => fails = middle,
            }
        }
        passes(works).map(|consent| (Credits::from_nano(works), consent))
    }

    /// The next instant at which it may pass: nothing lets it pass before.
    pub(super) fn next(&self, ahead: &Ahead<'_>, decision: &Decision, until: Until) -> Option<Instant> {
        let (account, now) = (ahead.account(), ahead.ctx().now);
        let hold_ends = account.holds.iter().map(|h| h.terms.deadline).filter(|at| *at > now).min();
        let limits_change = account.changes_of_limits().map(|(at, _)| at).filter(|at| *at > now).min();
        // At another hour it may have another price, or be none of a guard's business.
        let hours = self.next_hours(ahead.ctx());
        // In another period of a volume, units have another price.
        let volumes = account.next_volume(now);
        let next = match until {
            Until::Never => [limits_change, hours, volumes].into_iter().flatten().min(),
            Until::HoldsEnd => [hold_ends, limits_change, hours, volumes, effect_ends(account, now)]
                .into_iter()
                .flatten()
                .min(),
            // A hold that ends may give back to the window that is full.
            Until::At(at) => [Some(at), hold_ends, limits_change, hours, volumes].into_iter().flatten().min(),
            Until::Now => {
                let beside = self.beside(ahead.ctx(), decision);
                let windows = decision.visits.iter().chain(&beside).filter_map(|v| refills(v, now));
                let asks = decision.outcome == Outcome::NeedsConsent;
                let renewals = account.rare().schedules.iter().map(|s| s.next_at);
                let begins = account.grants.iter().filter(|g| !g.voided).map(|g| g.terms.effective_from);
                // A paid grant that ends leaves its place to one that asks nobody.
                let ends = account.grants.iter().filter(|_| asks).map(|g| g.terms.expires_at);
                let price = self
                    .feature(account)
                    .and_then(|name| ahead.ctx().catalog.feature(name.as_str())?.next_prices(now));
                // A request that a lower limit makes smaller may ask nobody.
                let falls =
                    decision.visits.iter().filter(|_| asks && self.shrinks()).filter_map(period_of_growth);
                let later = windows.chain(renewals).chain(begins).chain(ends).chain(falls);
                let later = later.filter(|at| *at > now);
                later
                    .chain(price)
                    .chain(hours)
                    .chain(volumes)
                    .chain(hold_ends)
                    .chain(limits_change)
                    .chain(effect_ends(account, now))
                    .min()
            }
        };
        next.filter(|at| *at < Instant::NEVER)
    }

    /// Influences besides those the decision looked at: debt hides the limits behind it until it is
    /// repaid; and if consent is asked for a smaller part, all of it may be possible later without.
    fn beside(&self, ctx: Context<'_>, decision: &Decision) -> Vec<Visit> {
        let seen = if decision.reason == Reason::InDebt {
            let debt = self.with(ctx, 0, |_, usage, _| Some(owed(ctx, usage.credit_unit).0));
            debt.and_then(|debt| self.look(ctx, debt))
        } else if decision.outcome == Outcome::NeedsConsent {
            self.with(ctx, 0, |scene, usage, _| look(scene, usage, None))
        } else {
            None
        };
        seen.map_or_else(Vec::new, |(decision, _)| decision.visits)
    }

    /// Whether less may be allowed than is asked for.
    fn shrinks(&self) -> bool {
        match self {
            Self::Authorize(ask) => ask.minimum.is_some(),
            Self::Extend(ask) => ask.minimum.is_some(),
        }
    }

    /// When the hour of a request changes; a hold keeps that of the instant it was asked for.
    fn next_hours(&self, ctx: Context<'_>) -> Option<Instant> {
        let Self::Authorize(ask) = self else { return None };
        ctx.catalog.feature(ask.request.feature.as_str())?.next_hours(ctx.now)
    }

    fn feature<'s>(&'s self, account: &'s Account) -> Option<&'s Name> {
        match self {
            Self::Authorize(ask) => Some(&ask.request.feature),
            Self::Extend(ask) => account.hold(ask.hold).map(|hold| &hold.usage.feature),
        }
    }
}

/// When a limit that grows with use has another figure, at the earliest.
fn period_of_growth(visit: &Visit) -> Option<Instant> {
    if let Some(Terms::Growth { end, .. }) = visit.terms { Some(end) } else { None }
}

fn effect_ends(account: &Account, now: Instant) -> Option<Instant> {
    account.effects(now).map(|e| e.until).min()
}

/// When a window that bounds the payments of sources starts over. An unused one does not help.
fn refills(visit: &Visit, now: Instant) -> Option<Instant> {
    let bounds = visit.kind == VisitKind::Allowance
        || visit.kind == VisitKind::MemberCap
        || visit.kind == VisitKind::Postpaid
        || visit.basis == Basis::Spend;
    if !bounds || visit.before == 0 && !matches!(visit.verdict, Verdict::Refused(_)) {
        return None;
    }
    match visit.terms? {
        Terms::Period { end, .. } if visit.before > 0 => Some(end),
        Terms::Habit { kind, .. } if visit.before > 0 => Some(kind.start(now).after(kind.cell())),
        Terms::Period { .. }
        | Terms::Habit { .. }
        | Terms::Rate { .. }
        | Terms::Sliding { .. }
        | Terms::Growth { .. }
        | Terms::Slots { .. } => None,
    }
}
