//! Use in quarantine, decided by hand: charged after all, or dropped.

use super::draft::Draft;
use super::history::{History, Stop};
use super::quarantine::request;
use super::requests::charge_at;
use super::step::Step;
use crate::record::{Event, Label, Late, Seq};
use crate::waterfall::{Context, Refusal};

/// Charges use in quarantine after all, at the prices of its own time.
pub(super) fn accept(ctx: Context<'_>, kept: Seq, history: &History) -> Result<Draft, Stop> {
    waits(ctx, kept)?;
    let late = history.record(ctx, kept)?.quarantined().ok_or(Refusal::NotInQuarantine(kept))?;
    match charge_at(ctx, &request(late), late.at)? {
        Step::Append(draft) => Ok(draft.following(kept)),
        Step::Count(usage, _) | Step::Deny(usage, _) => Err(Refusal::NotRecorded(usage.feature).into()),
        Step::Needs(need) => Err(Stop::Needs(need)),
    }
}

/// Drops use in quarantine; the record of it stays.
pub(super) fn discard(ctx: Context<'_>, kept: Seq, reason: Option<Label>) -> Result<Draft, Refusal> {
    waits(ctx, kept)?;
    Ok(Draft::new(Event::Late(Late::Discarded { kept, reason })).following(kept))
}

fn waits(ctx: Context<'_>, kept: Seq) -> Result<(), Refusal> {
    let found = ctx.account.rare().quarantine.contains(&kept);
    found.then_some(()).ok_or(Refusal::NotInQuarantine(kept))
}
