//! Abuse: measures of operators, and the claims of identities to free grants.

use alloc::boxed::Box;

use super::draft::Draft;
use crate::abuse::FREE_GRANT_EVERY;
use crate::account::{Account, trial_day};
use crate::record::{AbuseEvent, Credits, Event, Instant, Label, Name, Rule};
use crate::waterfall::{Context, Refusal};

fn draft(abuse: AbuseEvent) -> Draft {
    Draft::new(Event::Abuse(Box::new(abuse)))
}

/// Ends an effect early.
pub(super) fn lift(
    ctx: Context<'_>,
    rule: Rule,
    key: Option<&Name>,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    // Scores of the penalty box are in no record; the engine checks that there is one.
    if rule != Rule::Penalty {
        ctx.account.effect(rule, key, ctx.now).ok_or(Refusal::NoEffect(rule))?;
    }
    Ok(draft(AbuseEvent::Lifted { rule, key: key.cloned().map(Box::new), reason }))
}

/// A payment of the account is disputed.
pub(super) fn dispute(reason: Option<Label>) -> Draft {
    draft(AbuseEvent::Disputed(reason))
}

/// In the log of an identity: a free grant, unless there was one in the last 90 days.
pub(super) fn claim_free_grant(ctx: Context<'_>, account: &Name, amount: Credits) -> Result<Draft, Refusal> {
    let until = ctx.account.recorded_at.after(FREE_GRANT_EVERY);
    if ctx.account.is_open() && ctx.now < until {
        return Err(Refusal::FreeGrantTooSoon(until));
    }
    Ok(draft(AbuseEvent::FreeGrant { account: account.clone(), amount }))
}

/// In the log of the daily budget of a unit: a free grant, unless the day's budget does not cover it.
pub(super) fn draw_trial_budget(
    ctx: Context<'_>,
    account: &Name,
    (amount, unit): (Credits, Option<&Name>),
    most: Credits,
) -> Result<Draft, Refusal> {
    let used = trial_budget_used(ctx.account, ctx.now);
    if used.checked_add(amount).is_none_or(|sum| sum > most) {
        return Err(Refusal::TrialBudgetSpent(trial_day(ctx.now).1, unit.cloned()));
    }
    Ok(draft(AbuseEvent::FreeGrant { account: account.clone(), amount }))
}

/// The credits that the log of the daily budget has given on the day of an instant.
#[must_use]
pub fn trial_budget_used(budget: &Account, now: Instant) -> Credits {
    let day = budget.windows.first().and_then(|w| w.used.period());
    day.filter(|d| d.start == trial_day(now).0).map_or(Credits::ZERO, |d| Credits::from_nano(d.used))
}
