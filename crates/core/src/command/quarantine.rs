//! Quarantine: use reported too late to be charged without asking, kept as it was reported.

use alloc::boxed::Box;

use super::draft::Draft;
use crate::account::QUARANTINE_MAX;
use crate::catalog::NoPrice;
use crate::record::{Event, Instant, Late, LateUse, Name, Quantity, REQUESTS};
use crate::waterfall::{Context, Refusal, Request, price_then};

/// Keeps use aside that was reported past the horizon.
pub(super) fn keep(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Draft, Refusal> {
    let feature = ctx.feature(&request.feature)?;
    let known = |m: &Name| feature.meters.contains(m) || m.as_str() == REQUESTS;
    if let Some((unknown, _)) = request.quantities.iter().find(|(m, _)| !known(m)) {
        return Err(Refusal::UnknownMeter(unknown.clone()));
    }
    match price_then(ctx, feature, request, at) {
        // A card that does not reach back that far may get a version that does.
        Ok(_) | Err(Refusal::NoPrice(_, NoPrice::NotYet, _)) => {}
        Err(wrong) => return Err(wrong),
    }
    if ctx.account.rare().quarantine.len() >= QUARANTINE_MAX {
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
