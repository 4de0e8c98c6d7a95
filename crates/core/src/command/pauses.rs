//! Pausing an account, and resuming it.

use alloc::vec::Vec;

use super::draft::Draft;
use crate::account::{Account, PAUSE_MAX, PAUSES_MAX};
use crate::record::{CycleEvent, Instant, Label, Name, Pause, PauseEnd};
use crate::waterfall::{Context, Refusal};
use crate::window::Used;

/// Pauses the account from now on.
pub(super) fn pause(
    ctx: Context<'_>,
    until: Option<Instant>,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let Context { account, now, .. } = ctx;
    if let Some(pause) = account.pause() {
        return Err(Refusal::Paused(pause.id));
    }
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::BadPause(
            "the end of a pause is to come; leave it out to pause until it is resumed",
        ));
    }
    if until.is_some_and(|until| now.after(PAUSE_MAX) < until) {
        return Err(Refusal::BadPause("a pause lasts at most 100 years"));
    }
    if account.rare().pauses.len() >= PAUSES_MAX {
        return Err(Refusal::AccountFull);
    }
    let pause = Pause { until, windows: billed_windows(ctx), reason };
    Ok(Draft::of_cycle(CycleEvent::Paused(pause)))
}

/// Ends the pause that the account is in.
pub(super) fn resume(ctx: Context<'_>, reason: Option<Label>) -> Result<Draft, Refusal> {
    let end = end_of_pause(ctx.account, ctx.now, billed_windows(ctx)).ok_or(Refusal::NotPaused)?;
    let pause = end.pause;
    Ok(Draft::of_cycle(CycleEvent::Resumed { end, reason }).following(pause))
}

/// The end of the pause that an account is in, at an instant; the windows move back by the rest.
pub(crate) fn end_of_pause(account: &Account, at: Instant, windows: Vec<Name>) -> Option<PauseEnd> {
    let pause = account.pause()?;
    let billing_anchor = account.anchor_after(pause.since, at.since(pause.since));
    Some(PauseEnd { pause: pause.id, billing_anchor, windows })
}

/// The open windows that follow the billing anchor; in a pause those that have moved, also where the plan has changed since
/// and they no longer do.
pub(crate) fn billed_windows(ctx: Context<'_>) -> Vec<Name> {
    let Context { account, catalog, now, .. } = ctx;
    let pause = account.pause();
    let to_come = |end: Instant| now < end && end < Instant::NEVER;
    let moves_end = |end: Instant| to_come(end) && pause.is_none_or(|p| p.ends_at() <= end);
    let moves = |used: &Used| match used {
        Used::Period(period) => moves_end(period.end),
        Used::Rate(_) | Used::Log(_) | Used::Cells(_) | Used::Slots(_) | Used::Growth(_) | Used::Habit(_) => {
            false
        }
    };
    let has_moved = |name: &Name| pause.is_some_and(|p| p.until.is_none() || p.windows.contains(name));
    let is_billed = |name: &&Name| has_moved(name) || catalog.is_billed(account, name);
    let open = account.windows.iter().filter(|w| moves(&w.used)).map(|w| &w.name);
    let invoices =
        account.postpaid().into_iter().flat_map(|p| &p.uninvoiced).filter_map(|u| u.period.as_ref());
    let invoices = invoices.filter(|period| moves_end(period.end)).map(|period| &period.layer);
    let volumes =
        account.volumes().iter().filter(|volume| moves_end(volume.until)).map(|volume| &volume.name);
    let mut names: Vec<Name> = open.chain(invoices).chain(volumes).filter(is_billed).cloned().collect();
    names.sort();
    names.dedup();
    names
}
