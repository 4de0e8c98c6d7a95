//! Abuse: requests made ready, effects that begin, and what operators do about them.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Authorize, Context, Draft, Refusal};
use crate::abuse::{FREE_GRANT_EVERY, OTHER};
use crate::account::{Account, ENDS, trial_day};
use crate::catalog::{Count, Feature, Layer, Program};
use crate::record::{
    Conduct, Credits, Effect, Event, Instant, Label, Level, Name, Path, Rule, Segment, Span, Unit,
};
use crate::waterfall::conduct::{CLAMPED_FOR, cost_of, holds_max, ramp};
use crate::window::{Habit, Used};

/// How long fewer holds are allowed, and a shared key is held back.
const HOLDS_FOR: Span = Span::from_secs(86_400);
const SHARED_FOR: Span = Span::from_secs(3_600);
/// When whoever stays far too fast is asked to prove who they are.
const STEP_UP_AFTER: Span = Span::from_secs(1_800);
/// Expired holds among those that ended, in millionths, that are too many.
const EXPIRED_MAX: u64 = 200_000;

/// A request as it is decided: meters that it leaves out have the feature's estimate, and members past the tier's number are
/// one.
///
/// # Errors
/// Refuses features that the catalog does not know.
pub fn prepared<'a>(ctx: Context<'_>, ask: &'a Authorize) -> Result<Cow<'a, Authorize>, Refusal> {
    let feature = ctx.feature(&ask.request.feature)?;
    let mut ask = Cow::Borrowed(ask);
    if !ask.settle_now {
        let is_missing =
            |(meter, _): &&(Name, u64)| !ask.request.quantities.iter().any(|(named, _)| named == meter);
        let missing: Vec<_> = feature.estimate.iter().filter(is_missing).collect();
        for (meter, usual) in missing {
            let most = smallest(ctx, feature, meter, &ask)?;
            ask.to_mut().request.quantities.push((meter.clone(), most.min(*usual)));
        }
    }
    if let Some(path) = folded(ctx, &ask.request.path) {
        ask.to_mut().request.path = path;
    }
    Ok(ask)
}

/// The most of one meter that fits every guard and allowance when nothing is used.
fn smallest(ctx: Context<'_>, feature: &Feature, meter: &Name, ask: &Authorize) -> Result<u64, Refusal> {
    let nothing = Program::default();
    let program = ctx.plan()?.program(feature).unwrap_or(&nothing);
    let anchor = ctx.account.settings.billing_anchor;
    let of_guards = program.guards.iter().filter_map(|guard| {
        let Count::Meters(meters) = &guard.count else { return None };
        let others = ask.request.quantities.iter().filter(|(m, _)| meters.contains(m));
        let others = others.map(|(_, n)| *n).fold(0, u64::saturating_add);
        let capacity = guard.window.terms(None, ctx.now, anchor).capacity();
        meters.contains(meter).then(|| u64::try_from(capacity).unwrap_or(0).saturating_sub(others))
    });
    let counts = matches!(&feature.unit, Unit::Meter(m) if m == meter);
    let windows = program.layers.iter().filter(|_| counts).flat_map(|layer| match layer {
        Layer::Allowance { windows, .. } => windows.as_slice(),
        Layer::Grants { .. } | Layer::Overdraft { .. } => &[],
    });
    let of_allowances =
        windows.map(|(_, window)| u64::try_from(window.terms(None, ctx.now, anchor).capacity()).unwrap_or(0));
    // What would leave nothing to estimate with says nothing: the request is then refused for what it is.
    Ok(of_guards.chain(of_allowances).filter(|n| *n > 0).min().unwrap_or(u64::MAX))
}

/// The path with members past the tier's number folded into one, where there are any.
#[must_use]
pub fn folded(ctx: Context<'_>, path: &Path) -> Option<Path> {
    let rules = &ctx.catalog.abuse;
    if rules.mode(Rule::SubKeys) != crate::catalog::Mode::Enforce {
        return None;
    }
    let most = rules.terms_of(ctx.account, ctx.now).sub_keys;
    let other = Name::new(OTHER).unwrap_or_else(|_| unreachable!("`{OTHER}` is a name"));
    let Context { account, now, .. } = ctx;
    let is_past = |segment: &Segment| {
        let has_settings = account.settings.segment(segment.level, &segment.name).is_some();
        if account.windows.len() < most || segment.name == other || has_settings {
            return false;
        }
        // Windows are in order of name, level and member: those of one guard stand together.
        let mut largest = 0;
        for of_guard in account.windows.chunk_by(|a, b| (&a.name, a.level) == (&b.name, b.level)) {
            let is_of_level = of_guard.first().is_some_and(|w| w.level == segment.level);
            let members =
                of_guard.iter().filter(|w| is_of_level && w.member.is_some() && !w.used.is_over(now));
            let mut count = 0;
            for window in members {
                if window.member.as_deref() == Some(&segment.name) {
                    return false;
                }
                count += 1;
            }
            largest = largest.max(count);
        }
        largest >= most
    };
    let past: Vec<Level> = path.segments().iter().filter(|s| is_past(s)).map(|s| s.level).collect();
    if past.is_empty() {
        return None;
    }
    let mut path = path.clone();
    for segment in path.segments_mut().iter_mut().filter(|s| past.contains(&s.level)) {
        segment.name = other.clone();
    }
    Some(path)
}

/// Whether the ramp rule serves a request one class lower.
///
/// # Errors
/// Refuses what [`super::decide`] refuses.
pub fn is_demoted(ctx: Context<'_>, ask: &Authorize) -> Result<bool, Refusal> {
    let rules = &ctx.catalog.abuse;
    if rules.mode(Rule::Ramp) != crate::catalog::Mode::Enforce {
        return Ok(false);
    }
    let request = &ask.request;
    let feature = ctx.feature(&request.feature)?;
    let usage = ctx.price(feature, &request.path, &request.dimensions, &request.quantities)?;
    let cost = i64::try_from(cost_of(rules, &usage, false)).unwrap_or(i64::MAX);
    let (before, allowed) = ramp(ctx.account, &rules.terms_of(ctx.account, ctx.now), ctx.now);
    Ok(cost > 0 && before.saturating_add(cost) > allowed)
}

/// An effect that is due: what the account's own records show.
#[must_use]
pub fn begin_effect(ctx: Context<'_>) -> Option<Draft> {
    let effect = too_fast(ctx).or_else(|| too_many_expired(ctx))?;
    Some(Draft::new(Event::Conduct(Box::new(Conduct::Began(effect)))))
}

fn too_fast(ctx: Context<'_>) -> Option<Effect> {
    let Context { account, catalog, now, .. } = ctx;
    if !catalog.abuse.is_on(Rule::Velocity) {
        return None;
    }
    let habit: &Habit = account.window(&Rule::Velocity.name(), Level::Account, None).and_then(Used::habit)?;
    let is_far = habit.is_too_fast()?;
    let floor = i64::try_from(catalog.abuse.terms_of(account, now).velocity_floor).unwrap_or(i64::MAX);
    let reference = habit.peak_at(now).max(floor);
    let [usual, long] = CLAMPED_FOR;
    Some(Effect {
        rule: Rule::Velocity,
        key: None,
        limit: if is_far { reference } else { reference.saturating_mul(2) },
        figure: habit.run_peak,
        reference,
        since: now,
        until: now.after(if is_far { long } else { usual }),
        step_up_at: is_far.then(|| now.after(STEP_UP_AFTER)),
    })
}

fn too_many_expired(ctx: Context<'_>) -> Option<Effect> {
    let Context { account, catalog, now, .. } = ctx;
    let hygiene = account.hygiene();
    let is_due = hygiene.ended >= ENDS && hygiene.expired > EXPIRED_MAX && catalog.abuse.is_on(Rule::Holds);
    let allowed = holds_max(account, &catalog.abuse.terms_of(account, now), now);
    is_due.then(|| Effect {
        rule: Rule::Holds,
        key: None,
        limit: (allowed / 2).max(1),
        figure: i64::try_from(hygiene.expired).unwrap_or(i64::MAX),
        reference: i64::try_from(EXPIRED_MAX).unwrap_or(i64::MAX),
        since: now,
        until: now.after(HOLDS_FOR),
        step_up_at: None,
    })
}

/// A key was used from this many networks in an hour: it is held back when those are too many.
#[must_use]
pub fn share_key(ctx: Context<'_>, key: &Name, networks: u64) -> Option<Draft> {
    let Context { account, catalog, now, .. } = ctx;
    let terms = catalog.abuse.terms_of(account, now);
    let is_due = catalog.abuse.is_on(Rule::Sharing)
        && networks > terms.networks
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
    Some(Draft::new(Event::Conduct(Box::new(Conduct::Began(effect)))))
}

/// Ends an effect before its time.
///
/// # Errors
/// Refuses an effect that is not in force.
pub fn lift(
    ctx: Context<'_>,
    rule: Rule,
    key: Option<&Name>,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    // Scores of the penalty box are in no record; whoever lifts one knows that it is there.
    if rule != Rule::Penalty {
        ctx.account.effect(rule, key, ctx.now).ok_or(Refusal::NoEffect(rule))?;
    }
    let key = key.cloned().map(Box::new);
    Ok(Draft::new(Event::Conduct(Box::new(Conduct::Lifted { rule, key, reason }))))
}

/// A payment of the account is disputed.
#[must_use]
pub fn dispute(reason: Option<Label>) -> Draft {
    Draft::new(Event::Conduct(Box::new(Conduct::Disputed(reason))))
}

/// In the log of an identity: a free grant, unless there was one in the last 90 days.
///
/// # Errors
/// Refuses with the instant from which on there may be one.
pub fn claim_free_grant(ctx: Context<'_>, account: &Name, amount: Credits) -> Result<Draft, Refusal> {
    let until = ctx.account.recorded_at.after(FREE_GRANT_EVERY);
    if ctx.account.is_open() && ctx.now < until {
        return Err(Refusal::FreeGrantTooSoon(until));
    }
    Ok(Draft::new(Event::Conduct(Box::new(Conduct::FreeGrant { account: account.clone(), amount }))))
}

/// In the log of the daily budget: a free grant, unless the day's budget does not cover it.
///
/// # Errors
/// Refuses with the instant at which the next day begins.
pub fn draw_trial_budget(
    ctx: Context<'_>,
    account: &Name,
    amount: Credits,
    most: Credits,
) -> Result<Draft, Refusal> {
    let used = trial_budget_used(ctx.account, ctx.now);
    if used.checked_add(amount).is_none_or(|sum| sum > most) {
        return Err(Refusal::TrialBudgetSpent(trial_day(ctx.now).1));
    }
    Ok(Draft::new(Event::Conduct(Box::new(Conduct::FreeGrant { account: account.clone(), amount }))))
}

/// What the log of the daily budget has given on the day that an instant is in.
#[must_use]
pub fn trial_budget_used(budget: &Account, now: Instant) -> Credits {
    let day = budget.windows.first().and_then(|w| w.used.period());
    day.filter(|d| d.start == trial_day(now).0).map_or(Credits::ZERO, |d| Credits::from_nano(d.used))
}
