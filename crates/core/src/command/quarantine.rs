//! Quarantine: use reported too late to be charged without asking, kept as it was reported.

use alloc::boxed::Box;

use smallvec::SmallVec;

use super::draft::Draft;
use crate::account::QUARANTINE_MAX;
use crate::catalog::NoPrice;
use crate::record::{Event, Instant, Late, LatePart, LateUse, Name, Quantity, REQUESTS};
use crate::waterfall::{AskedPart, Context, Quantities, Refusal, Request, price_then};

/// Keeps use aside that was reported past the horizon.
pub(super) fn keep(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Draft, Refusal> {
    let feature = ctx.feature(&request.feature)?;
    let known = |m: &Name| feature.meters.contains(m) || m.as_str() == REQUESTS;
    let of_parts = request.more.iter().flat_map(|part| &part.quantities);
    if let Some((unknown, _)) = request.quantities.iter().chain(of_parts).find(|(m, _)| !known(m)) {
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
    let part = |part: &AskedPart| LatePart {
        dimensions: part.dimensions.clone().unwrap_or_default(),
        quantities: kept(&part.quantities),
    };
    let late = LateUse {
        feature: request.feature.clone(),
        path: request.path.clone(),
        dimensions: request.dimensions.clone(),
        quantities: kept(&request.quantities),
        consented: request.consented,
        at,
        more: request.more.iter().map(part).collect(),
    };
    let event = Event::Late(Late::Quarantined(Box::new(late)));
    Ok(Draft { effective_at: Some(at), ..Draft::new(event) })
}

fn kept(quantities: &Quantities) -> SmallVec<[Quantity; 3]> {
    quantities
        .iter()
        .map(|(meter, quantity)| Quantity { meter: meter.clone(), quantity: *quantity })
        .collect()
}

fn asked(kept: &[Quantity]) -> Quantities {
    kept.iter().map(|q| (q.meter.clone(), q.quantity)).collect()
}

/// The request behind use in quarantine.
pub(super) fn request(late: &LateUse) -> Request {
    let part = |part: &LatePart| AskedPart {
        dimensions: Some(part.dimensions.clone()),
        quantities: asked(&part.quantities),
    };
    Request {
        feature: late.feature.clone(),
        path: late.path.clone(),
        dimensions: late.dimensions.clone(),
        quantities: asked(&late.quantities),
        more: late.more.iter().map(part).collect(),
        consented: late.consented,
        recorded: true,
    }
}
