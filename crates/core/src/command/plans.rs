//! Changes of plan, and their effects on recurring grants.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::draft::{Draft, Moves};
use crate::account::Schedule;
use crate::record::{
    Book, Calendar, Credits, CycleEvent, Event, Every, GrantId, GrantTerms, Instant, Label, Name, NewAmount,
    PlanChange, PlanToCome, Proration, Seq, Settings, Span,
};
use crate::waterfall::{Context, Refusal};

/// A change of plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePlan {
    /// The plan.
    pub plan: Name,
    /// Begins a new billing period now, and with it every grant that recurs with the billing anchor.
    pub move_anchor: bool,
    /// New amounts of recurring grants.
    pub amounts: Vec<(GrantId, Credits)>,
    /// How the current period gains or loses its share of the difference at once; `None`: it does not.
    pub prorate: Option<Proration>,
    /// When; `None`: now.
    pub at: Option<When>,
    /// Why.
    pub reason: Option<Label>,
}

/// An instant to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Instant),
    /// The end of the billing period: when the first grant that follows the billing anchor renews, or else its month ends.
    PeriodEnd,
}

/// Changes the plan, or plans to.
pub(super) fn change_plan(ctx: Context<'_>, ask: &ChangePlan) -> Result<Draft, Refusal> {
    let Some(when) = ask.at else { return change(ctx, ask, None) };
    let at = match when {
        When::At(at) => at,
        When::PeriodEnd => period_end(ctx),
    };
    if at <= ctx.now || at >= Instant::NEVER {
        return Err(Refusal::BadPlanChange(
            "the instant of a planned change is to come; leave it out to change the plan now",
        ));
    }
    // What would be refused now is refused at once.
    change(ctx, ask, None)?;
    let ChangePlan { plan, move_anchor, amounts, prorate, reason, .. } = ask.clone();
    let planned = PlanToCome { at, plan, move_anchor, amounts, prorate, reason };
    Ok(Draft::of_cycle(CycleEvent::PlanPlanned(planned)))
}

fn period_end(ctx: Context<'_>) -> Instant {
    let schedules = ctx.account.rare().schedules.iter().filter(|s| s.follows_anchor()).map(|s| s.next_at);
    let billing = ctx.account.billing();
    let month = || {
        let month = Calendar::new(Every::Month, "UTC", true);
        month.map_or(Instant::NEVER, |month| billing.period(&month, ctx.now).1)
    };
    schedules.min().unwrap_or_else(month)
}

/// The change of plan that was planned, once its instant has come.
pub(crate) fn planned_change(ctx: Context<'_>) -> Result<Draft, Refusal> {
    let (id, planned) = planned(ctx)?;
    let PlanToCome { plan, move_anchor, amounts, prorate, reason, .. } = planned.clone();
    change(ctx, &ChangePlan { plan, move_anchor, amounts, prorate, at: None, reason }, Some(*id))
}

fn planned(ctx: Context<'_>) -> Result<&(Seq, PlanToCome), Refusal> {
    let planned = ctx.account.rare().plan_to_come.as_ref();
    planned.ok_or(Refusal::BadPlanChange("no change of plan is planned"))
}

/// Withdraws the change of plan that is planned.
pub(super) fn withdraw(ctx: Context<'_>, reason: Option<Label>) -> Result<Draft, Refusal> {
    let (planned, _) = *planned(ctx)?;
    let event = CycleEvent::PlanWithdrawn { planned, reason, has_failed: false };
    Ok(Draft::of_cycle(event).following(planned))
}

/// Ends a recurring grant with its current period.
pub(super) fn stop_renewal(
    ctx: Context<'_>,
    grant: GrantId,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let schedule = ctx.account.schedule(grant).ok_or(Refusal::UnknownGrant(grant))?;
    if ctx.account.ends(schedule) {
        return Err(Refusal::BadPlanChange("the grant does not renew"));
    }
    let event = CycleEvent::RenewalStopped { schedule: schedule.id, reason };
    Ok(Draft::of_cycle(event).following(schedule.current.0))
}

/// Changes the plan; recurring grants get new amounts, and their current period gets its remaining share. A share that is to
/// be taken back is taken as far as it is still free.
fn change(ctx: Context<'_>, ask: &ChangePlan, planned_by: Option<Seq>) -> Result<Draft, Refusal> {
    if ctx.catalog.plan(ask.plan.as_str()).is_none() {
        return Err(Refusal::UnknownPlan(ask.plan.clone()));
    }
    if let Some(pause) = ctx.account.pause().filter(|_| ask.move_anchor) {
        return Err(Refusal::Paused(pause.id));
    }
    let mut settings = Settings { plan: ask.plan.clone(), ..ctx.account.settings.clone() };
    let moved_from = ask.move_anchor.then_some(settings.billing_anchor);
    if ask.move_anchor {
        settings.billing_anchor = moved_anchor(ctx);
    }
    let mut change = PlanChange {
        settings,
        moved_from,
        amounts: Vec::new(),
        reopened: Vec::new(),
        prorated: ask.prorate,
        reason: ask.reason.clone(),
        planned_by,
    };
    let schedules = ask.amounts.iter().map(|(id, amount)| {
        let schedule = ctx.account.schedule(*id).filter(|_| amount.is_positive());
        let why = if amount.is_positive() { Refusal::UnknownGrant(*id) } else { Refusal::NotPositive };
        Ok((schedule.ok_or(why)?, *amount))
    });
    let schedules: Vec<(&Schedule, Credits)> = schedules.collect::<Result<_, Refusal>>()?;
    if schedules
        .windows(2)
        .any(|pair| pair.first().map(|s| &s.0.terms.unit) != pair.last().map(|s| &s.0.terms.unit))
    {
        return Err(Refusal::MixedUnits);
    }
    let mut moves = Moves::new(schedules.first().and_then(|(schedule, _)| schedule.terms.unit.clone()));
    for (schedule, amount) in schedules {
        let restarts = ask.move_anchor && schedule.restarts_at(change.settings.billing_anchor);
        let by = ask.prorate.filter(|_| !restarts);
        let part = by.map_or(Credits::ZERO, |by| part(ctx, schedule, amount, by));
        let own = Book::Grant(schedule.current);
        if part.is_positive() && ctx.account.grant(schedule.current).is_none() {
            change.reopened.push((schedule.current, empty_period(ctx, schedule)));
        }
        moves.add(Book::Operator, own, part);
        moves.add(own, Book::Operator, Credits::from_nano(-part.nano()));
        change.amounts.push(NewAmount { schedule: schedule.id, amount, part });
    }
    Ok(Draft::moving(Event::Cycle(Box::new(CycleEvent::PlanChanged(change))), moves))
}

/// The grant of the current period, empty. In a pause, the beginning of the period has moved past its planned end.
fn empty_period(ctx: Context<'_>, schedule: &Schedule) -> GrantTerms {
    GrantTerms {
        effective_from: schedule.began_at.min(ctx.now),
        expires_at: schedule.next_at,
        amount: Credits::ZERO,
        ..schedule.terms.clone()
    }
}

/// The instant that a billing anchor moves to: now, or the boundary that a period has just begun at, so that it counts once.
fn moved_anchor(ctx: Context<'_>) -> Instant {
    let just = |at: &Instant| *at <= ctx.now && ctx.now.since(*at) < Span::from_secs(1);
    let renewed = |s: &&Schedule| s.follows_anchor() && s.current != s.id;
    let renewed = ctx.account.rare().schedules.iter().filter(renewed);
    renewed.map(|s| s.began_at).filter(just).max().unwrap_or(ctx.now)
}

/// The gain of the current period by a new amount; a loss is at most the free credits. A first period that began late is a
/// part of a whole one.
fn part(ctx: Context<'_>, schedule: &Schedule, amount: Credits, by: Proration) -> Credits {
    let Some(recurrence) = &schedule.terms.recurrence else { return Credits::ZERO };
    let anchor = schedule.counted_from.unwrap_or(ctx.account.settings.billing_anchor);
    let whole = recurrence.period(schedule.began_at, anchor);
    let period = whole.filter(|(_, end)| *end == schedule.next_at);
    let period = period.unwrap_or((schedule.began_at, schedule.next_at));
    let now = ctx.account.billing_now(ctx.now);
    let rest = |amount: Credits| recurrence.rest_of(amount, period, now, by).nano();
    let part = rest(amount) - rest(schedule.terms.amount);
    Credits::from_nano(part.max(-ctx.account.remaining(schedule).nano()))
}
