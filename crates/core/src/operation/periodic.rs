//! What comes again with the calendar: recurring grants over their boundaries, banked resets, changes of plan.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::credits::{owed, repay};
use super::{Context, Draft, Refusal};
use crate::account::{RESETS_MAX, SCHEDULES_MAX, Schedule};
use crate::record::{
    Book, Cleared, Credits, Event, GrantId, GrantTerms, Instant, Label, Name, NewAmount, Overage, Path,
    Periodic, PlanChange, Recurrence, ResetTerms, Rollover, Seq, Settings, Span, WHOLE, rest_of,
};
use crate::window::Used;

/// How long a banked reset can be redeemed.
pub const RESET_LIFE: Span = Span::from_secs(30 * 86_400);

/// Most carried blocks of one recurring grant that may be open at the same time.
const CARRIED_MAX: u64 = 100;

fn draft(event: Periodic, parents: &[Seq]) -> Draft {
    Draft { parents: parents.into(), ..Draft::new(Event::Periodic(Box::new(event))) }
}

/// Checks how a new grant recurs, and when its first period ends.
pub(super) fn first_boundary(
    ctx: Context<'_>,
    recurrence: &Recurrence,
    from: Instant,
) -> Result<Instant, Refusal> {
    if ctx.account.extras().schedules.len() >= SCHEDULES_MAX {
        return Err(Refusal::AccountFull);
    }
    let anchor = ctx.account.settings.billing_anchor;
    let (start, end) = recurrence.period(from, anchor).ok_or(Refusal::UnknownZone)?;
    if recurrence.until <= end {
        return Err(Refusal::BadExpiry);
    }
    if let Some(Rollover { min, max, fraction, life }) = recurrence.rollover {
        let blocks = life.map_or(1, |l| l.micros() / end.since(start).micros().max(1));
        if min < Credits::ZERO || min > max || fraction > WHOLE || blocks > CARRIED_MAX {
            return Err(Refusal::BadRollover);
        }
    }
    Ok(end)
}

fn remaining(ctx: Context<'_>, schedule: &Schedule) -> Credits {
    ctx.account.grant(schedule.current).filter(|g| !g.voided).map_or(Credits::ZERO, |g| g.remaining)
}

/// What is to be carried over the next boundary of a recurring grant; zero when nothing is.
pub(super) fn to_carry(ctx: Context<'_>, schedule: &Schedule) -> Credits {
    let rollover = schedule.terms.recurrence.as_ref().and_then(|r| r.rollover);
    match rollover {
        Some(rollover) if !schedule.rolled && !ends(ctx, schedule) => {
            rollover.carried(remaining(ctx, schedule))
        }
        Some(_) | None => Credits::ZERO,
    }
}

fn next_boundary(ctx: Context<'_>, schedule: &Schedule) -> Option<Instant> {
    let anchor = ctx.account.settings.billing_anchor;
    schedule.terms.recurrence.as_ref()?.period(schedule.next_at, anchor).map(|(_, end)| end)
}

/// Whether no period begins at the next boundary.
fn ends(ctx: Context<'_>, schedule: &Schedule) -> bool {
    let until = schedule.terms.recurrence.as_ref().map_or(Instant::default(), |r| r.until);
    schedule.next_at >= until || next_boundary(ctx, schedule).is_none_or(|end| end >= Instant::NEVER)
}

fn find(ctx: Context<'_>, id: GrantId) -> Result<&Schedule, Refusal> {
    ctx.account.schedule(id).ok_or(Refusal::UnknownGrant(id))
}

/// Carries what is left of a recurring grant over its boundary, as a grant of its own; the rest is breakage.
///
/// # Errors
/// Refuses unknown recurring grants, and books that would leave their range.
pub fn roll_over(ctx: Context<'_>, id: GrantId) -> Result<Draft, Refusal> {
    let schedule = find(ctx, id)?;
    let (left, carried) = (remaining(ctx, schedule), to_carry(ctx, schedule));
    let period_end = next_boundary(ctx, schedule).unwrap_or(Instant::NEVER);
    let life = schedule.terms.recurrence.as_ref().and_then(|r| r.rollover?.life);
    let mut draft = draft(Periodic::RolledOver(schedule.id), &[schedule.current.0]);
    (draft.effective_at, draft.unit) = (Some(schedule.next_at), schedule.terms.unit.clone());
    draft.opens = Some(GrantTerms {
        amount: carried,
        effective_from: schedule.next_at,
        expires_at: life.map_or(period_end, |l| schedule.next_at.after(l)),
        recurrence: None,
        ..schedule.terms.clone()
    });
    let (old, new) = (Book::Grant(schedule.current), Book::Grant(GrantId(ctx.account.seq + 1)));
    let moved = left.min(carried);
    draft.moves(old, new, moved);
    draft.moves(Book::Operator, new, Credits::from_nano(carried.nano() - moved.nano()));
    draft.moves(old, Book::Breakage, Credits::from_nano(left.nano() - moved.nano()));
    Ok(draft)
}

/// Opens a recurring grant anew at its boundary, or ends it.
///
/// # Errors
/// Refuses unknown recurring grants.
pub fn renew(ctx: Context<'_>, id: GrantId) -> Result<Draft, Refusal> {
    let schedule = find(ctx, id)?;
    let next = next_boundary(ctx, schedule).filter(|_| !ends(ctx, schedule));
    let event = next.map_or(Periodic::Ended(schedule.id), |next| Periodic::Renewed {
        schedule: schedule.id,
        next_at: next,
    });
    let mut draft = draft(event, &[schedule.current.0]);
    (draft.effective_at, draft.unit) = (Some(schedule.next_at), schedule.terms.unit.clone());
    let Some(next) = next else { return Ok(draft) };
    let terms = &schedule.terms;
    draft.opens = Some(GrantTerms { effective_from: schedule.next_at, expires_at: next, ..terms.clone() });
    let own = Book::Grant(GrantId(ctx.account.seq + 1));
    draft.moves(Book::Operator, own, terms.amount);
    let overage = terms.recurrence.as_ref().map_or(Overage::Keep, |r| r.overage);
    if terms.features.is_empty() {
        match overage {
            Overage::Keep => repay(ctx, &mut draft, own, terms.amount),
            Overage::Forgive => {
                let (debt, overdraft) = owed(ctx, draft.unit.as_ref());
                draft.moves(Book::Goodwill, Book::Debt, Credits::from_nano(debt));
                draft.moves(Book::Goodwill, Book::Overdraft, Credits::from_nano(overdraft));
            }
        }
    }
    Ok(draft)
}

/// Banks a reset.
///
/// # Errors
/// Refuses windows that the account's plan does not have, an expiry that has passed, and too many banked resets.
pub fn bank_reset(ctx: Context<'_>, terms: &ResetTerms) -> Result<Draft, Refusal> {
    if terms.expires_at <= ctx.now {
        return Err(Refusal::BadExpiry);
    }
    if ctx.account.extras().resets.iter().filter(|r| r.terms.expires_at > ctx.now).count() >= RESETS_MAX {
        return Err(Refusal::AccountFull);
    }
    let plan = ctx.plan()?;
    if terms.windows.is_empty() {
        return Err(Refusal::NotPositive);
    }
    if let Some(unknown) = terms.windows.iter().find(|w| plan.resettable(w).is_none()) {
        return Err(Refusal::UnknownWindow(unknown.clone()));
    }
    Ok(draft(Periodic::Banked(terms.clone()), &[]))
}

/// Redeems a banked reset: `token`, or the one that expires first of those that would clear something.
///
/// # Errors
/// [`Refusal::NoReset`] when there is none, [`Refusal::NothingToReset`] when its windows are unused; the token stays.
pub fn redeem_reset(ctx: Context<'_>, token: Option<Seq>, path: &Path) -> Result<Draft, Refusal> {
    let plan = ctx.plan()?;
    let resets = ctx.account.extras().resets.iter();
    let mut usable: Vec<_> = resets
        .filter(|r| r.terms.expires_at > ctx.now && token.is_none_or(|wanted| wanted == r.id))
        .collect();
    usable.sort_by_key(|r| (r.terms.expires_at, r.id));
    if usable.is_empty() {
        return Err(Refusal::NoReset);
    }
    for reset in usable {
        let used = |name: &Name| {
            let (level, closes) = plan.resettable(name)?;
            let used = ctx.account.window(name, level, path.at(level)).filter(|u| !u.is_over(ctx.now));
            let used = used.and_then(Used::period).map(|p| p.used).filter(|used| *used > 0)?;
            Some(Cleared { name: name.clone(), level, used, closes })
        };
        let cleared: Vec<Cleared> = reset.terms.windows.iter().filter_map(used).collect();
        if !cleared.is_empty() {
            return Ok(draft(
                Periodic::Redeemed { token: reset.id, path: path.clone(), cleared },
                &[reset.id],
            ));
        }
    }
    Err(Refusal::NothingToReset)
}

/// A change of plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePlan {
    /// The plan.
    pub plan: Name,
    /// Begins a new billing period now, and with it every grant that recurs with the billing anchor.
    pub move_anchor: bool,
    /// New amounts of recurring grants.
    pub amounts: Vec<(GrantId, Credits)>,
    /// Whether the period under way gains or loses its part of the difference at once.
    pub prorate: bool,
    /// Why.
    pub reason: Option<Label>,
}

/// Changes the plan; recurring grants get new amounts, their period under way the part that is left of it.
///
/// A part that is to be taken back is taken as far as it is still free.
///
/// # Errors
/// Refuses unknown plans and recurring grants, and amounts that are not above zero.
pub fn change_plan(ctx: Context<'_>, ask: &ChangePlan) -> Result<Draft, Refusal> {
    if ctx.catalog.plan(ask.plan.as_str()).is_none() {
        return Err(Refusal::UnknownPlan(ask.plan.clone()));
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
    };
    let mut moves = Draft::new(Event::Granted);
    let mut units = Vec::new();
    for (id, amount) in &ask.amounts {
        if !amount.is_positive() {
            return Err(Refusal::NotPositive);
        }
        let schedule = find(ctx, *id)?;
        units.push(&schedule.terms.unit);
        let restarts = ask.move_anchor && schedule.restarts_at(change.settings.billing_anchor);
        let part = if ask.prorate && !restarts { part(ctx, schedule, *amount) } else { Credits::ZERO };
        let own = Book::Grant(schedule.current);
        if part.is_positive() {
            if ctx.account.grant(schedule.current).is_none() {
                let (effective_from, expires_at) = (schedule.began_at, schedule.next_at);
                let terms = GrantTerms {
                    effective_from,
                    expires_at,
                    amount: Credits::ZERO,
                    recurrence: None,
                    ..schedule.terms.clone()
                };
                change.reopened.push((schedule.current, terms));
            }
            moves.moves(Book::Operator, own, part);
        } else {
            moves.moves(own, Book::Operator, Credits::from_nano(-part.nano()));
        }
        change.amounts.push(NewAmount { schedule: schedule.id, amount: *amount, part });
    }
    if units.windows(2).any(|pair| pair.first() != pair.last()) {
        return Err(Refusal::MixedUnits);
    }
    let unit = units.first().copied().cloned().flatten();
    let event = Event::Periodic(Box::new(Periodic::PlanChanged(change)));
    Ok(Draft { movements: moves.movements, unit, ..Draft::new(event) })
}

/// Where a billing anchor moves to: now, or the boundary that a period has just begun at, so that it counts once.
fn moved_anchor(ctx: Context<'_>) -> Instant {
    let just = |at: &Instant| *at <= ctx.now && ctx.now.since(*at) < Span::from_secs(1);
    let renewed = |s: &&Schedule| s.follows_anchor() && s.current != s.id;
    let renewed = ctx.account.extras().schedules.iter().filter(renewed);
    renewed.map(|s| s.began_at).filter(just).max().unwrap_or(ctx.now)
}

/// What the period under way gains by a new amount; what it loses is at most what is free.
fn part(ctx: Context<'_>, schedule: &Schedule, amount: Credits) -> Credits {
    let period = (schedule.began_at, schedule.next_at);
    let rest = |amount: Credits| rest_of(amount, period, ctx.now).nano();
    let part = rest(amount) - rest(schedule.terms.amount);
    Credits::from_nano(part.max(-remaining(ctx, schedule).nano()))
}
