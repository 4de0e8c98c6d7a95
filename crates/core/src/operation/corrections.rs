//! Correcting charges: other quantities, or the prices that should have been. The correction takes the charge's place.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::credits::Unwinding;
use super::holds::{open_goodwill, pay_excess, recount};
use super::{Context, Draft, QUANTITY_MAX, Quantities, Refusal, charge_of, refundable, taken};
use crate::catalog::Catalog;
use crate::record::{
    Book, CardRef, Charge, Correcting, Counted, Credits, Draw, Event, Excess, Label, Overshoot, Priced,
    REQUESTS, Record, Source, Use,
};
use crate::waterfall::{self, Need};

/// What a charge should have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correct {
    /// Quantities of meters that change; the others stay. All zero: the use did not happen.
    pub quantities: Quantities,
    /// Take the prices that the catalog in force has for the instant of the use.
    pub reprice: bool,
}

impl Correct {
    /// The use as it should have been.
    fn of(&self, catalog: &Catalog, record: &Record, charge: &Charge) -> Result<Use, Refusal> {
        let mut usage = charge.usage.clone();
        for (meter, quantity) in &self.quantities {
            let line = usage.lines.iter_mut().find(|l| l.meter == *meter);
            line.ok_or_else(|| Refusal::UnknownMeter(meter.clone()))?.quantity = *quantity;
            if *quantity > QUANTITY_MAX {
                return Err(Refusal::TooLarge);
            }
        }
        if self.reprice {
            let feature = catalog.feature(usage.feature.as_str());
            let feature = feature.ok_or_else(|| Refusal::UnknownFeature(usage.feature.clone()))?;
            let found = feature
                .prices(&usage.dimensions, record.effective_at)
                .map_err(|why| Refusal::NoPrice(feature.name.clone(), why))?;
            for line in &mut usage.lines {
                let at = feature.meters.iter().position(|m| *m == line.meter);
                if at.is_none() && line.meter.as_str() != REQUESTS {
                    return Err(Refusal::UnknownMeter(line.meter.clone()));
                }
                line.price =
                    at.and_then(|i| found.prices.and_then(|p| p.get(i).copied())).unwrap_or_default();
            }
            usage.card =
                found.card.map(|(name, effective_from)| CardRef { name: name.clone(), effective_from });
            usage.catalog = catalog.version.clone();
        }
        Ok(usage)
    }
}

/// What a charge costs on a catalog; `None` when that is what it was charged.
///
/// # Errors
/// Refuses a charge that has no price there.
pub fn corrected_price(
    catalog: &Catalog,
    record: &Record,
    charge: &Charge,
) -> Result<Option<Credits>, Refusal> {
    let usage = Correct { reprice: true, ..Correct::default() }.of(catalog, record, charge)?;
    if usage.lines == charge.usage.lines {
        return Ok(None);
    }
    usage.price().map(Some).ok_or(Refusal::TooLarge)
}

/// Corrects a charge: keeps the front of its receipt, gives back from its end, and draws what is missing.
///
/// `closed` has the records of grants that have left the state, as for a refund.
///
/// # Errors
/// Refuses records that are no charge, unknown meters and prices, and corrections that change nothing.
pub fn correct(
    ctx: Context<'_>,
    record: &Record,
    ask: &Correct,
    closed: &[Record],
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let charge = charge_of(record).ok_or(Refusal::NotACharge(record.seq))?;
    let usage = ask.of(ctx.catalog, record, charge)?;
    if usage.lines == charge.usage.lines {
        return Err(Refusal::NothingToCorrect);
    }
    let mut draft = correct_to(ctx, record, charge, usage, closed, reason)?;
    draft.effective_at = Some(record.effective_at);
    Ok(draft)
}

pub(crate) fn correct_to(
    ctx: Context<'_>,
    record: &Record,
    charge: &Charge,
    usage: Use,
    closed: &[Record],
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let priced = Priced::from(&usage);
    let mut need = Need::of(&priced).ok_or(Refusal::TooLarge)?;
    let price = Credits::from_nano(need.credits);
    let kept = waterfall::keep_front(&mut need, &charge.draws);
    let rule = ctx.feature(&usage.feature).map_or(Overshoot::Refund, |f| f.overshoot);
    let consented = charge.draws.iter().any(|d| d.source.is_paid());
    let (more, excess) = pay_excess(ctx, rule, consented, &priced, need)?;
    let unit = charge.usage.credit_unit.clone();
    let mut back = Unwinding::new(ctx, closed, unit.as_ref());
    let mut draft = Draft { unit, ..Draft::following(record.seq, Event::Granted) };
    // A source may stand twice in a receipt, for the hold and for what was beyond it: what is kept is in the same order.
    let mut rest = kept.iter().peekable();
    let parts: Vec<i64> = charge
        .draws
        .iter()
        .map(|draw| {
            let same = |k: &&Draw| k.source == draw.source && k.layer == draw.layer;
            draw.credits().nano() - rest.next_if(same).map_or(0, |k| k.credits().nano())
        })
        .collect();
    for (draw, part) in charge.draws.iter().zip(parts).rev() {
        back.unwind(&mut draft, draw, part);
    }
    open_goodwill(ctx, &mut draft, back.goodwill);
    back.open_repaid(&mut draft);
    draft.movements.extend(taken(&more, Book::Spent));
    let (corrections, counted) = recount(&charge.counted, &usage, &kept);
    draft.corrections = corrections;
    let visits = excess.map_or_else(Vec::new, |e| e.visits);
    let counted_now = visits.iter().filter(|v| v.terms.is_some()).map(|v| Counted {
        name: v.name.clone(),
        level: v.level,
        at: ctx.now,
        cost: v.cost,
        basis: v.basis.clone(),
    });
    let counted = refundable(counted.into_iter().chain(counted_now));
    let mut draws = kept;
    for draw in more {
        match draws.iter_mut().find(|d| d.source == draw.source && d.layer == draw.layer) {
            Some(same) => same.amount += draw.amount,
            None => draws.push(draw),
        }
    }
    let of = |source: Source| {
        Credits::from_nano(draws.iter().filter(|d| d.source == source).map(|d| d.amount).sum())
    };
    let (owed, refunded) = (of(Source::Debt), of(Source::Goodwill));
    let has_excess = !visits.is_empty() || owed.is_positive() || refunded.is_positive();
    let excess = has_excess.then_some(Excess { visits, refunded, owed });
    drop(priced);
    let corrected = Charge { usage, price, draws, excess, counted };
    let correcting = Correcting { charge: record.seq, reopened: back.reopened, reason };
    draft.event = Event::Corrected { correcting, charge: Box::new(corrected) };
    Ok(draft)
}
