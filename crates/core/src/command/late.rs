//! Use that came too late to be charged without being asked about.

use alloc::boxed::Box;

use super::Step;
use super::draft::Draft;
use super::history::{History, Stop};
use super::requests::charge_at;
use crate::account::QUARANTINE_MAX;
use crate::record::{Event, Instant, Label, Late, LateUse, Name, Quantity, REQUESTS, Seq};
use crate::waterfall::{Context, Refusal, Request};

/// Keeps use aside that came past the horizon.
pub(super) fn quarantine(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Draft, Refusal> {
    let feature = ctx.feature(&request.feature)?;
    let known = |m: &Name| feature.meters.contains(m) || m.as_str() == REQUESTS;
    if let Some((unknown, _)) = request.quantities.iter().find(|(m, _)| !known(m)) {
        return Err(Refusal::UnknownMeter(unknown.clone()));
    }
    if ctx.account.extras().quarantine.len() >= QUARANTINE_MAX {
        return Err(Refusal::AccountFull);
    }
    let quantity = |(meter, quantity): &(Name, u64)| Quantity { meter: meter.clone(), quantity: *quantity };
    let late = LateUse {
        feature: request.feature.clone(),
        path: request.path.clone(),
        dimensions: request.dimensions.clone(),
        quantities: request.quantities.iter().map(quantity).collect(),
        consented: request.consented,
        at,
    };
    let event = Event::Late(Late::Quarantined(Box::new(late)));
    Ok(Draft { effective_at: Some(at), ..Draft::new(event) })
}

/// The request behind use in quarantine.
pub(super) fn request(late: &LateUse) -> Request {
    Request {
        feature: late.feature.clone(),
        path: late.path.clone(),
        dimensions: late.dimensions.clone(),
        quantities: late.quantities.iter().map(|q| (q.meter.clone(), q.quantity)).collect(),
        consented: late.consented,
        recorded: true,
    }
}

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
    let found = ctx.account.extras().quarantine.contains(&kept);
    found.then_some(()).ok_or(Refusal::NotInQuarantine(kept))
}
