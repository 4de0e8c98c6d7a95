//! An account's life: due events and automatic consequences, in one declared order.
//!
//! [`next`] is the whole list. Engine, [`look_ahead`], what-if and simulation walk it: they append the steps it yields until it
//! yields none. Never decides a request and never refuses: due events happen.
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use crate::account::{Account, Due, ENDS, FoldError, Hold, Schedule};
use crate::catalog::Catalog;
use crate::command::{
    Draft, Moves, carried_block, end_free, end_of_pause, end_within, invoice_due, owed, own_grant,
    planned_change, repay, volume_due,
};
use crate::record::{
    AbuseEvent, Alert, AlertMarks, Book, Credits, CycleEvent, Effect, Event, GrantId, GrantTerms, HoldId,
    Instant, Label, Levels, Line, Name, Overage, Path, PlanChange, REQUESTS, Rule, Seq, Settings, Span,
    Standing,
};
use crate::waterfall::{CLAMPED_FOR, Context, holds_max};
use crate::window::{Habit, Used};

/// How long fewer holds are allowed.
const HOLDS_FOR: Span = Span::from_secs(86_400);
/// How long an account may stay far too fast before it is asked for a step-up.
const STEP_UP_AFTER: Span = Span::from_secs(1_800);
/// How long a shared key is held back.
const SHARED_FOR: Span = Span::from_secs(3_600);
/// The share of expired holds among those that ended, in millionths, that is too high.
const EXPIRED_MAX: u64 = 200_000;

/// The next event that happens to the account by itself, at `ctx.now` at the latest.
#[must_use]
pub fn next(ctx: Context<'_>) -> Option<Draft> {
    ends(ctx)
        .or_else(|| crosses_mark(ctx.account, ctx.now))
        .or_else(|| asks_top_up(ctx.account, ctx.now))
        .or_else(|| runs_too_fast(ctx))
        .or_else(|| lets_holds_expire(ctx))
}

/// Processes due events up to an instant, each at its own time, on a state that is not stored. Returns whether that took
/// at most this many records.
///
/// # Errors
/// When a record does not follow.
pub fn look_ahead(
    account: &mut Account,
    catalog: &Catalog,
    until: Instant,
    most: usize,
    mut see: impl FnMut(&Event),
) -> Result<bool, FoldError> {
    account.settle_wake();
    for _ in 0..=most {
        if account.wakes_at > account.tick(until) {
            return Ok(true);
        }
        let ctx = Context::new(account, catalog, account.tick(account.wakes_at));
        let Some(draft) = next(ctx) else { return Ok(true) };
        see(&draft.event);
        let record = draft.into_record(account, ctx.now, None, None);
        account.apply(&record, [0; 32])?;
        account.settle_wake();
    }
    Ok(false)
}

/// Whether [`next`] wrote an event, rather than a command or the server.
#[must_use]
pub fn wrote(event: &Event) -> bool {
    match event {
        Event::Expired { .. } | Event::GrantExpired(_) => true,
        Event::Charged { charge, .. } => charge.closes(),
        Event::Alert(alert) => matches!(alert, Alert::Crossed { .. } | Alert::TopUpAsked { .. }),
        Event::Cycle(cycle) => {
            matches!(
                **cycle,
                CycleEvent::RolledOver(_)
                    | CycleEvent::Renewed { .. }
                    | CycleEvent::Ended(_)
                    | CycleEvent::OverrideEnded(_)
                    | CycleEvent::PauseEnded(_)
                    | CycleEvent::InvoiceOpened(_)
                    | CycleEvent::InvoiceClosed(_)
                    | CycleEvent::VolumeClosed(_)
                    | CycleEvent::PlanChanged(PlanChange { planned_by: Some(_), .. })
                    | CycleEvent::PlanWithdrawn { has_failed: true, .. }
            )
        }
        // No record says from how many networks a key was used.
        Event::Abuse(abuse) => {
            matches!(&**abuse, AbuseEvent::Began(effect) if effect.rule != Rule::Sharing)
        }
        Event::Opened(_)
        | Event::Changed { .. }
        | Event::Authorized { .. }
        | Event::Extended { .. }
        | Event::Settled { .. }
        | Event::Released(_)
        | Event::Granted
        | Event::Voided { .. }
        | Event::Adjusted { .. }
        | Event::Refunded { .. }
        | Event::Denied(_)
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Corrected { .. }
        | Event::Late(_)
        | Event::Server(_)
        | Event::Erased { .. } => false,
    }
}

/// Holds and grants that end, recurring grants that cross a boundary: the earliest first.
fn ends(ctx: Context<'_>) -> Option<Draft> {
    let (account, now) = (ctx.account, ctx.now);
    if account.wakes_at > now {
        return None;
    }
    match account.due(now)? {
        Due::Hold(id) => account.hold(id).map(|hold| expire(ctx, hold)),
        Due::Volume(at) => volume_due(ctx, at),
        Due::Invoice(layer) => invoice_due(ctx, layer),
        Due::Rollover(id) => account.schedule(id).map(|schedule| roll_over(ctx, schedule)),
        Due::Grant(id) => grant_ends(ctx, id),
        Due::Renewal(id) => account.schedule(id).map(|schedule| renew(ctx, schedule)),
        Due::Override(id) => override_ends(ctx, id),
        Due::Plan(id) => Some(plan_comes(ctx, id)),
        Due::Pause(id) => pause_ends(ctx, id),
    }
}

/// Ends a hold that has passed its deadline: at zero, or at the use its feature charges then. It ends at its deadline, even in
/// the books, however late that is written.
fn expire(ctx: Context<'_>, hold: &Hold) -> Draft {
    let deadline = hold.terms.deadline;
    Draft { effective_at: Some(deadline), ..expire_at(Context { now: deadline.just_before(), ..ctx }, hold) }
}

fn expire_at(ctx: Context<'_>, hold: &Hold) -> Draft {
    let hold_id: HoldId = hold.id;
    let Some(charges) = &hold.terms.expiry_charges else {
        return end_free(ctx, hold, Event::Expired { hold: hold_id, charge: None });
    };
    let progressed = |held: &Line| {
        let is_it = |l: &&Line| (l.part, &l.meter) == (held.part, &held.meter);
        hold.progress.as_ref().and_then(|p| p.lines.iter().find(is_it)).map_or(0, |l| l.quantity)
    };
    let used = hold.usage.clone().with_quantities(|held| {
        // An expired hold is never charged beyond what it set aside.
        let is_charged = charges.contains(&held.meter) || held.meter.as_str() == REQUESTS;
        if is_charged { held.quantity } else { progressed(held).min(held.quantity) }
    });
    let mut used = used.charged();
    ctx.place_within(&mut used, ctx.now);
    end_within(ctx, hold, used, |charge| Event::Expired { hold: hold_id, charge: charge.map(Box::new) })
}

/// Books the remainder of an expired grant as breakage.
fn grant_ends(ctx: Context<'_>, id: GrantId) -> Option<Draft> {
    let grant = ctx.account.grant(id)?;
    let mut moves = Moves::new(grant.terms.unit.clone());
    moves.add(Book::Grant(id), Book::Breakage, grant.remaining);
    let draft = Draft::moving(Event::GrantExpired(id), moves).following(id.0);
    Some(Draft { effective_at: Some(grant.terms.expires_at), ..draft })
}

/// Changes the plan at the instant that was planned; a change that cannot be made is withdrawn.
fn plan_comes(ctx: Context<'_>, planned: Seq) -> Draft {
    let at = ctx.account.rare().plan_to_come.as_ref().map(|(_, planned)| planned.at);
    let draft = planned_change(ctx).unwrap_or_else(|refusal| {
        let reason = Label::new(&refusal.to_string()).ok();
        Draft::of_cycle(CycleEvent::PlanWithdrawn { planned, reason, has_failed: true })
    });
    Draft { effective_at: at, ..draft.following(planned) }
}

/// Ends a pause at its planned end: everything has moved by then.
fn pause_ends(ctx: Context<'_>, id: Seq) -> Option<Draft> {
    let until = ctx.account.pause()?.until?;
    let end = end_of_pause(ctx.account, until, Vec::new())?;
    let draft = Draft::of_cycle(CycleEvent::PauseEnded(end)).following(id);
    Some(Draft { effective_at: Some(until), ..draft })
}

/// Ends an override of a limit.
fn override_ends(ctx: Context<'_>, id: Seq) -> Option<Draft> {
    let until = ctx.account.override_by_id(id)?.terms.until?;
    let draft = Draft::of_cycle(CycleEvent::OverrideEnded(id)).following(id);
    Some(Draft { effective_at: Some(until), ..draft })
}

fn at_boundary(schedule: &Schedule, event: CycleEvent, moves: Moves) -> Draft {
    let draft = Draft::moving(Event::Cycle(Box::new(event)), moves).following(schedule.current.0);
    Draft { effective_at: Some(schedule.next_at), ..draft }
}

/// Carries the remainder of a recurring grant over its boundary, as a grant of its own; the rest is breakage.
fn roll_over(ctx: Context<'_>, schedule: &Schedule) -> Draft {
    let account = ctx.account;
    let (left, carried) = (account.remaining(schedule), account.to_carry(schedule));
    let period_end = account.next_boundary(schedule).unwrap_or(Instant::NEVER);
    let mut moves = Moves::new(schedule.terms.unit.clone());
    moves.open(carried_block(&schedule.terms, carried, (schedule.next_at, period_end), Span::ZERO));
    let (old, new) = (Book::Grant(schedule.current), own_grant(ctx));
    let moved = left.min(carried);
    moves.add(old, new, moved);
    moves.add(Book::Operator, new, Credits::from_nano(carried.nano() - moved.nano()));
    moves.add(old, Book::Breakage, Credits::from_nano(left.nano() - moved.nano()));
    at_boundary(schedule, CycleEvent::RolledOver(schedule.id), moves)
}

/// Opens a recurring grant again at its boundary, or ends it.
fn renew(ctx: Context<'_>, schedule: &Schedule) -> Draft {
    let mut moves = Moves::new(schedule.terms.unit.clone());
    let next = ctx.account.next_boundary(schedule).filter(|_| !ctx.account.ends(schedule));
    let Some(next_at) = next else { return at_boundary(schedule, CycleEvent::Ended(schedule.id), moves) };
    let terms = &schedule.terms;
    moves.open(GrantTerms { effective_from: schedule.next_at, expires_at: next_at, ..terms.clone() });
    moves.add(Book::Operator, own_grant(ctx), terms.amount);
    let overage = terms.recurrence.as_ref().map_or(Overage::Keep, |r| r.overage);
    if terms.features.is_empty() {
        match overage {
            Overage::Keep => repay(ctx, &mut moves, own_grant(ctx), terms.amount),
            Overage::Forgive => {
                let (debt, overdraft) = owed(ctx, moves.unit());
                moves.add(Book::Goodwill, Book::Debt, Credits::from_nano(debt));
                moves.add(Book::Goodwill, Book::Overdraft, Credits::from_nano(overdraft));
            }
        }
    }
    at_boundary(schedule, CycleEvent::Renewed { schedule: schedule.id, next_at }, moves)
}

/// The new standing of a balance, given the old one: between the marks it stays the same, unless it was empty and is not
/// any more.
fn standing(before: Standing, available: Credits, marks: &AlertMarks) -> Standing {
    if !available.is_positive() {
        Standing::Empty
    } else if available >= marks.recovered {
        Standing::Fine
    } else if available < marks.low {
        Standing::Low
    } else {
        before.min(Standing::Low)
    }
}

/// A mark that the balance has crossed.
fn crosses_mark(account: &Account, now: Instant) -> Option<Draft> {
    account.settings.alerts.iter().find_map(|marks| {
        let unit = marks.unit.as_ref();
        let balance = account.available(now, unit);
        let before = account.balance(unit).map_or(Standing::Fine, |b| b.standing);
        let standing = standing(before, balance, marks);
        (standing != before).then(|| {
            let number = account.rare().crossings + 1;
            let crossed = Event::Alert(Alert::Crossed { standing, number, balance });
            Draft { unit: unit.cloned(), ..Draft::new(crossed) }
        })
    })
}

/// A top-up that is due: none is in flight, the balance is below the mark, the last one was long enough ago, and the month's
/// maximum is not reached.
fn asks_top_up(account: &Account, now: Instant) -> Option<Draft> {
    let terms = account.settings.top_ups.iter().find(|terms| account.asks_top_up(terms, now))?;
    let number = account.rare().top_ups + 1;
    let asked = Event::Alert(Alert::TopUpAsked { number, amount: terms.amount });
    Some(Draft { unit: terms.unit.clone(), ..Draft::new(asked) })
}

fn began(effect: Effect) -> Draft {
    Draft::new(Event::Abuse(Box::new(AbuseEvent::Began(effect))))
}

/// An account that runs much faster than it ever did is clamped.
fn runs_too_fast(ctx: Context<'_>) -> Option<Draft> {
    let Context { account, catalog, now, .. } = ctx;
    if !catalog.abuse.is_on(Rule::Velocity) {
        return None;
    }
    let habit: &Habit =
        account.window(&Rule::Velocity.name(), Levels::ACCOUNT, &Path::default()).and_then(Used::habit)?;
    let is_far = habit.is_too_fast()?;
    let floor = i64::try_from(catalog.abuse.terms_of(account, now).velocity_floor).unwrap_or(i64::MAX);
    let reference = habit.usual_at(now).max(floor);
    let [usual, long] = CLAMPED_FOR;
    Some(began(Effect {
        rule: Rule::Velocity,
        key: None,
        limit: if is_far { reference } else { reference.saturating_mul(2) },
        figure: habit.run_peak,
        reference,
        since: now,
        until: now.after(if is_far { long } else { usual }),
        step_up_at: is_far.then(|| now.after(STEP_UP_AFTER)),
    }))
}

/// An account that lets too many holds expire may open fewer.
fn lets_holds_expire(ctx: Context<'_>) -> Option<Draft> {
    let Context { account, catalog, now, .. } = ctx;
    let hygiene = account.hygiene();
    if hygiene.ended < ENDS || hygiene.expired <= EXPIRED_MAX || !catalog.abuse.is_on(Rule::Holds) {
        return None;
    }
    let allowed = holds_max(account, catalog.abuse.terms_of(account, now), now);
    Some(began(Effect {
        rule: Rule::Holds,
        key: None,
        limit: (allowed / 2).max(1),
        figure: i64::try_from(hygiene.expired).unwrap_or(i64::MAX),
        reference: i64::try_from(EXPIRED_MAX).unwrap_or(i64::MAX),
        since: now,
        until: now.after(HOLDS_FOR),
        step_up_at: None,
    }))
}

/// A key was used from about this many networks in an hour: it is held back if there are too many, by more than the error of
/// the count.
#[must_use]
pub fn share_key(ctx: Context<'_>, key: &Name, networks: u64) -> Option<Draft> {
    let Context { account, catalog, now, .. } = ctx;
    let terms = catalog.abuse.terms_of(account, now);
    let is_due = catalog.abuse.is_on(Rule::Sharing)
        && networks > terms.networks.saturating_add(terms.networks / 8)
        && account.effect(Rule::Sharing, Some(key), now).is_none();
    let effect = is_due.then(|| Effect {
        rule: Rule::Sharing,
        key: Some(Box::new(key.clone())),
        limit: i64::try_from(terms.shared_holds).unwrap_or(i64::MAX),
        figure: i64::try_from(networks).unwrap_or(i64::MAX),
        reference: i64::try_from(terms.networks).unwrap_or(i64::MAX),
        since: now,
        until: now.after(SHARED_FOR),
        step_up_at: None,
    })?;
    Some(began(effect))
}

/// Whether the balance in a unit still needs the top-up in flight.
#[must_use]
pub fn still_needs_top_up(account: &Account, unit: Option<&Name>, now: Instant) -> bool {
    let Settings { alerts, top_ups, .. } = &account.settings;
    let is_low = |marks: &AlertMarks| account.available(now, unit) < marks.recovered;
    account.balance(unit).is_some_and(|balance| balance.asked.is_some())
        && top_ups.iter().any(|terms| terms.unit.as_ref() == unit)
        && alerts.iter().any(|marks| marks.unit.as_ref() == unit && is_low(marks))
}
