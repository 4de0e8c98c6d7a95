//! Growing holds and ending them at the caller's word.
//!
//! O2 a hold ends once (`hold_ends_once`). O3 settle keeps the front of the receipt (`settle_keeps_the_front`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::draft::{Draft, Moves};
use super::history::{History, Stop};
use super::receipts::{Happened, charge_happened, end_charged, end_free};
use super::requests::{deadline, decided};
use super::step::{Need, Step};
use super::turned_out::{Asked, Unnamed, by_part, of_one_catalog, turned_out};
use crate::account::{EXTENSIONS_MAX, Hold};
use crate::catalog::NoPrice;
use crate::record::{Book, Decision, Event, Grown, HoldId, Name, Once, Priced, REQUESTS, Record, Span, Use};
use crate::waterfall::{
    AskedPart, Context, Minimum, Mode, QUANTITY_MAX, Quantities, Refusal, Scene, check_named, decide_use,
    names, wanted_more,
};

/// Most counts in windows that one hold keeps for its end.
const COUNTED_MAX: usize = 4_096;

/// More for an open hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// The hold.
    pub hold: HoldId,
    /// The additional quantity of each meter; may be empty.
    pub quantities: Quantities,
    /// The additional quantities of the parts after the first; a part beyond those of the hold is a new one.
    pub more: Vec<AskedPart>,
    /// Accept less.
    pub minimum: Option<Minimum>,
    /// The new life from now; `None` leaves the deadline.
    pub life: Option<Span>,
    /// Use of the first part so far, charged if the hold expires and its feature says so.
    pub progress: Option<Quantities>,
    /// The caller agrees to paid sources.
    pub consented: bool,
}

/// The hold's use with other quantities: meters that are not named count zero, requests as held.
fn requantify(held: Use, quantities: &[(Name, u64)], named_only: bool) -> Result<Use, Refusal> {
    let unknown =
        quantities.iter().find(|(m, _)| m.as_str() != REQUESTS && held.lines.iter().all(|l| l.meter != *m));
    if quantities.iter().any(|(_, n)| *n > QUANTITY_MAX) {
        return Err(Refusal::TooLarge);
    }
    if let Some((meter, _)) = unknown {
        return Err(Refusal::UnknownMeter(meter.clone()));
    }
    let named = |meter: &Name| quantities.iter().find(|(m, _)| m == meter).map(|&(_, n)| n);
    let other = held.with_quantities(|line| {
        let keeps = line.meter.as_str() == REQUESTS && !named_only;
        named(&line.meter).unwrap_or(if keeps { line.quantity } else { 0 })
    });
    Ok(match quantities.iter().find(|(m, _)| m.as_str() == REQUESTS) {
        Some((_, 0)) => return Err(Refusal::NoRequests),
        Some(&(_, n)) => other.with_requests(n),
        None => other,
    })
}

/// A settlement names the meters that the feature's prices and guards count.
fn names_all(ctx: Context<'_>, actual: &Use, first: Asked<'_>, more: &[AskedPart]) -> Result<(), Refusal> {
    let Some(feature) = ctx.catalog.feature(actual.feature.as_str()) else { return Ok(()) };
    let program = ctx.plan()?.program(feature);
    check_named(feature, program, &Priced::from(actual), |meter| names(first.quantities, more, meter))
}

/// Whether a settlement names exactly a use.
pub(super) fn is_use(usage: &Use, first: Asked<'_>, more: &[AskedPart]) -> bool {
    if usage.parts() != more.len() + 1 {
        return false;
    }
    let same = by_part(usage, first, more, |part, asked, place| {
        let mut same = requantify(part, asked.quantities, place > 0)?;
        if let Some(dimensions) = asked.dimensions {
            same.dimensions = dimensions.into();
        }
        Ok(same)
    });
    same.is_ok_and(|same| same == *usage)
}

/// An open hold; for one that has ended, the refusal names the record that ended it.
fn open_hold<'a>(ctx: Context<'a>, history: &History, id: HoldId) -> Result<&'a Hold, Stop> {
    match ctx.account.hold(id) {
        Some(hold) => Ok(hold),
        None => Err(ended(history.once(ctx, Once::Ends(id))?, id)),
    }
}

fn ended(end: Option<&Record>, id: HoldId) -> Stop {
    end.map_or(Refusal::UnknownHold(id), |end| Refusal::hold_ended(id, end)).into()
}

/// The growth of a hold: what the units that it holds are billed beyond themselves covers it first, and so does what their price is
/// rounded up by. A part that the hold does not have is priced as one that turned out.
pub(crate) fn growth(ctx: Context<'_>, hold: &Hold, ask: &Extend) -> Result<Use, Refusal> {
    let first = Asked { dimensions: None, quantities: &ask.quantities };
    let mut more =
        of_one_catalog(ctx.catalog, &hold.usage, first, &ask.more, |mut part, asked, place, pricing| {
            if place >= hold.usage.parts() {
                let how = (ctx.now, Unnamed::Vanish, pricing);
                part = turned_out(ctx.catalog, (&hold.usage, part), asked.or_none(), how);
                if part.unpriced && !hold.usage.unpriced {
                    let feature = ctx.feature(&part.feature)?;
                    return Err(Refusal::no_price(feature, NoPrice::NoMatch, &part.dimensions, ctx.now));
                }
            } else if asked.dimensions.is_some_and(|other| *other != *part.dimensions) {
                return Err(Refusal::BadParts(
                    "the hold has other dimensions in that part; leave them out, or extend by a further part",
                ));
            }
            for line in &mut part.lines {
                let units = line.billed();
                if let Some(of) = line.graduated.as_mut().filter(|_| place < hold.usage.parts()) {
                    of.grows = Some(Grown { units, at: of.at, to: of.to });
                }
                line.price = line.price.after(line.quantity);
            }
            requantify(part, asked.quantities, true).map_err(|e| {
                e.or_since(ctx.catalog.feature(hold.usage.feature.as_str()), Refusal::MeterNotHeld)
            })
        })?;
    if more.lines.iter().any(|line| line.graduated.is_some()) {
        // It has a price of its own, which is rounded by itself.
        ctx.place_growth(&mut more);
    } else if let Some(factor) = &mut more.factor {
        *factor = factor.after(Priced::from(&hold.usage).sum().ok_or(Refusal::TooLarge)?);
    }
    Ok(more)
}

/// The context of a decision on the growth of a hold.
pub(crate) fn growing<'a>(ctx: Context<'a>, hold: &'a Hold, ask: &Extend) -> Result<Scene<'a>, Refusal> {
    let (feature, plan) = (ctx.feature(&hold.usage.feature)?, ctx.plan()?);
    Ok(Scene::new(ctx, plan, plan.program(feature), Mode::Grow(hold), ask.consented))
}

/// Grows a hold, moves its deadline, or notes progress.
pub(super) fn extend(ctx: Context<'_>, ask: &Extend, history: &History) -> Result<Step, Stop> {
    let hold = open_hold(ctx, history, ask.hold)?;
    if let Some(wanted) = wanted_more(hold, &ask.quantities, &ask.more).filter(|_| ctx.live.is_none()) {
        return Ok(Step::Needs(Need::Live(Box::new(wanted))));
    }
    if hold.counted.len() >= COUNTED_MAX {
        return Err(Refusal::TooManyExtensions(hold.id).into());
    }
    let until = match ask.life {
        None => hold.terms.deadline,
        Some(life) => deadline(ctx.now, life, hold.terms.life_max)?,
    };
    if until != hold.terms.deadline && hold.extensions >= EXTENSIONS_MAX {
        return Err(Refusal::TooManyExtensions(hold.id).into());
    }
    let progress = ask.progress.as_ref().map(|p| requantify(hold.usage.only(0), p, false)).transpose()?;
    let asked = growth(ctx, hold, ask)?;
    let mut more = Priced::from(&asked);
    let decision = if asked.lines.iter().all(|line| line.quantity == 0) {
        Decision::allowed()
    } else {
        let scene = growing(ctx, hold, ask)?;
        let decision = decide_use(scene, &mut more, ask.minimum.as_ref())?;
        hold.usage.price().and_then(|p| p.checked_add(decision.price)).ok_or(Refusal::TooLarge)?;
        decision
    };
    let usage = more.to_use();
    Ok(decided(usage, decision, |usage, decision| {
        let moves = Moves::of_draws(usage.credit_unit.as_ref(), &decision.draws, Book::Hold(hold.id));
        let progress = progress.map(Box::new);
        let event = Event::Extended { hold: hold.id, usage, decision, deadline: until, progress };
        Draft::moving(event, moves).following(hold.id.0)
    }))
}

/// Ends a hold at its actual use. The rest goes back; use that the hold does not cover walks the waterfall again. A hold that
/// expired before at zero is charged directly, once.
pub(super) fn settle(
    ctx: Context<'_>,
    id: HoldId,
    first: Asked<'_>,
    more: &[AskedPart],
    history: &History,
) -> Result<Draft, Stop> {
    let used = |held: &Use| {
        let actual = of_one_catalog(ctx.catalog, held, first, more, |part, asked, place, pricing| {
            // A part that was not held has no other dimensions than those it names.
            let asked = if place < held.parts() { asked } else { asked.or_none() };
            let part = turned_out(ctx.catalog, (held, part), asked, (ctx.now, Unnamed::Vanish, pricing));
            requantify(part, asked.quantities, place > 0)
                .map_err(|e| e.or_since(ctx.catalog.feature(held.feature.as_str()), Refusal::MeterUnpriced))
        })?;
        names_all(ctx, &actual, first, more)?;
        let mut actual = actual.charged();
        ctx.place(&mut actual, ctx.now);
        Ok::<_, Refusal>(actual)
    };
    if let Some(hold) = ctx.account.hold(id) {
        let actual = used(&hold.usage)?;
        let event = |charge| Event::Settled { hold: id, charge: Box::new(charge), is_late: false };
        return Ok(end_charged(ctx, hold, actual, event)?);
    }
    let end = history.once(ctx, Once::Ends(id))?;
    if !end.is_some_and(|end| matches!(end.event, Event::Expired { charge: None, .. })) {
        return Err(ended(end, id));
    }
    if let Some(late) = history.once(ctx, Once::SettlesLate(id))? {
        return Err(ended(Some(late), id));
    }
    let Event::Authorized { usage: held, terms, .. } = &history.record(ctx, id.0)?.event else {
        return Err(Refusal::UnknownHold(id).into());
    };
    let actual = used(held)?;
    let happened = Happened { at: ctx.now, overshoot: terms.overshoot, consented: false };
    let (mut charge, decision) = charge_happened(ctx, happened, &Priced::from(&actual))?;
    charge.excess.get_or_insert_default().visits = decision.visits;
    let moves = Moves::of_draws(charge.usage.credit_unit.as_ref(), &charge.draws, Book::Spent);
    let event = Event::Settled { hold: id, charge: Box::new(charge), is_late: true };
    Ok(Draft::moving(event, moves).following(id.0))
}

/// Ends a hold at zero.
pub(super) fn release(ctx: Context<'_>, id: HoldId, history: &History) -> Result<Draft, Stop> {
    let hold = open_hold(ctx, history, id)?;
    Ok(end_free(ctx, hold, Event::Released(id)))
}
