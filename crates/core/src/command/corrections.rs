//! Correcting charges: other quantities, or the right prices. The correction takes the charge's place.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::draft::Draft;
use super::history::{History, Stop};
use super::receipts::{Happened, counted_with, given_back, pay_excess, recount};
use super::refunds::{Standing, Unwinding, live_charge, postpaid_back};
use super::turned_out::{Asked, Pricing, Unnamed, by_part, note_card, of_one_catalog, turned_out};
use super::volumes::shifts;
use crate::catalog::{Catalog, FREE, NoPrice};
use crate::record::{
    Book, Charge, Correcting, Credits, Dimensions, Draws, Event, Excess, Instant, Label, Line, Name,
    Overshoot, Priced, REQUESTS, Record, Seq, Source, Use,
};
use crate::waterfall::{AskedPart, Context, Need, QUANTITY_MAX, Quantities, Refusal, keep_front};

/// The right content of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correct {
    /// Other quantities of some meters, other dimensions; the others stay. With `reprice`, at the prices that the catalog in
    /// force has for the instant of the use.
    To {
        /// The meters that change.
        quantities: Quantities,
        /// All dimensions of the use; `None`: they stay.
        dimensions: Option<Dimensions>,
        /// All parts after the first; `None`: they stay.
        more: Option<Vec<AskedPart>>,
        /// Whether prices are looked up again.
        reprice: bool,
    },
    /// The use did not happen.
    Delete,
    /// Exactly this use, prices and all: out of a record.
    Exactly(Box<Use>),
}

impl Correct {
    /// The same quantities at the right prices.
    #[must_use]
    pub fn reprice() -> Self {
        Self::To { quantities: Quantities::new(), dimensions: None, more: None, reprice: true }
    }

    /// The use as it should have been; `priced_at` is the instant that its prices are those of.
    fn of(&self, catalog: &Catalog, charge: &Charge, priced_at: Instant) -> Result<Use, Refusal> {
        match self {
            Self::To { quantities, dimensions, more, reprice } => {
                let first = Asked { dimensions: dimensions.as_deref(), quantities };
                let had = charge.usage.parts();
                let stay = || Cow::Owned(alloc::vec![AskedPart::default(); had - 1]);
                let more = more.as_ref().map_or_else(stay, |more| Cow::Borrowed(more.as_slice()));
                let each = |part, asked: Asked<'_>, place, pricing| {
                    // A part that was not charged has no other dimensions than those it names.
                    let asked = if place < had { asked } else { asked.or_none() };
                    corrected_part(catalog, (&charge.usage, part), asked, (priced_at, *reprice, pricing))
                };
                if *reprice {
                    // All parts have the prices of the catalog.
                    let each = |part, asked: Asked<'_>, place| each(part, asked, place, Pricing::Anew);
                    return by_part(&charge.usage, first, &more, each);
                }
                of_one_catalog(catalog, &charge.usage, first, &more, each)
            }
            Self::Delete => Ok(charge.usage.clone().with_quantities(|_| 0).with_requests(0)),
            Self::Exactly(usage) => Ok((**usage).clone()),
        }
    }
}

/// One part as it should have been.
fn corrected_part(
    catalog: &Catalog,
    (whole, part): (&Use, Use),
    asked: Asked<'_>,
    (priced_at, reprice, pricing): (Instant, bool, Pricing),
) -> Result<Use, Refusal> {
    let was_unpriced = part.unpriced;
    // What is only priced again keeps its dimensions.
    let is_other = !reprice || !asked.quantities.is_empty() || asked.dimensions.is_some();
    let turned_out = |part| turned_out(catalog, (whole, part), asked, (priced_at, Unnamed::Stay, pricing));
    let mut usage = if is_other { turned_out(part) } else { part };
    if usage.unpriced && !was_unpriced && !reprice && asked.dimensions.is_some() {
        let feature = catalog.feature(usage.feature.as_str());
        let feature = feature.ok_or(Refusal::UnknownFeature(usage.feature))?;
        return Err(Refusal::no_price(feature, NoPrice::NoMatch, &usage.dimensions, priced_at));
    }
    for (meter, quantity) in asked.quantities {
        if *quantity > QUANTITY_MAX {
            return Err(Refusal::TooLarge);
        }
        if meter.as_str() == REQUESTS {
            let requests = Some(*quantity).filter(|n| *n > 0).ok_or(Refusal::NoRequests)?;
            usage = usage.with_requests(requests);
            continue;
        }
        let line = usage.lines.iter_mut().find(|l| l.meter == *meter);
        let Some(line) = line else {
            let unknown = Refusal::UnknownMeter(meter.clone());
            return Err(unknown.or_since(catalog.feature(usage.feature.as_str()), Refusal::MeterUnpriced));
        };
        line.quantity = *quantity;
    }
    // A use that did not happen, and did after all, is a request again.
    let is_request = |line: &Line| line.meter.as_str() == REQUESTS && line.quantity == 0;
    if asked.quantities.iter().any(|(_, n)| *n > 0) && usage.lines.iter().any(is_request) {
        usage = usage.with_requests(1);
    }
    if reprice {
        repriced(&mut usage, catalog, priced_at)?;
    }
    Ok(usage)
}

/// Takes the prices that a catalog has for an instant.
fn repriced(usage: &mut Use, catalog: &Catalog, priced_at: Instant) -> Result<(), Refusal> {
    let feature = catalog.feature(usage.feature.as_str());
    let feature = feature.ok_or_else(|| Refusal::UnknownFeature(usage.feature.clone()))?;
    let quantity = |meter: &Name| usage.lines.iter().find(|l| l.meter == *meter).map_or(0, |l| l.quantity);
    if let Some(derived) = feature.derived_for_price(&usage.dimensions, priced_at, quantity) {
        usage.dimensions = derived;
    }
    let found = feature
        .prices(&usage.dimensions, priced_at)
        .map_err(|why| Refusal::no_price(feature, why, &usage.dimensions, priced_at))?;
    for line in &mut usage.lines {
        let price = feature.price_of(&found, &line.meter);
        if price.is_none() && line.meter.as_str() != REQUESTS {
            return Err(Refusal::UnknownMeter(line.meter.clone()));
        }
        price.unwrap_or(&FREE).give(line);
    }
    note_card(usage, catalog, &found);
    Ok(())
}

/// The cost of a charge on a catalog at the prices of an instant; `None` if that is what it cost already, or if it was deleted. Use
/// under a hold has the prices of the hold: [`priced_at`] looks them up.
///
/// # Errors
/// Refuses a charge that has no price there.
pub fn corrected_price(
    catalog: &Catalog,
    charge: &Charge,
    priced_at: Instant,
) -> Result<Option<Credits>, Refusal> {
    if charge.closes() || charge.usage.is_deleted() {
        return Ok(None);
    }
    let usage = Correct::reprice().of(catalog, charge, priced_at)?;
    let price = usage.price().ok_or(Refusal::TooLarge)?;
    Ok(Some(price).filter(|price| *price != charge.price))
}

/// The instant whose prices a charge has: a change of prices does not affect use under an earlier hold.
/// `look` tells when an earlier record takes effect, and which record it was priced by.
///
/// # Errors
/// When a record cannot be looked up.
pub fn priced_at<E>(
    charge: &Record,
    mut look: impl FnMut(Seq) -> Result<(Instant, Option<Seq>), E>,
) -> Result<Instant, E> {
    let (mut at, mut by) = (charge.effective_at, charge.event.priced_by());
    while let Some(seq) = by {
        (at, by) = look(seq)?;
    }
    Ok(at)
}

/// Corrects a charge: keeps the front of its receipt, gives back from its end, and draws the missing part.
pub(super) fn correct(
    ctx: Context<'_>,
    seq: Seq,
    to: &Correct,
    reason: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    let Standing { record, charge, .. } = live_charge(ctx, seq, history)?;
    let priced_at = match to {
        Correct::To { reprice: true, .. } => priced_at(record, |seq| {
            let earlier = history.record(ctx, seq)?;
            Ok::<_, Stop>((earlier.effective_at, earlier.event.priced_by()))
        })?,
        Correct::To { .. } | Correct::Delete | Correct::Exactly(_) => record.effective_at,
    };
    let mut usage = to.of(ctx.catalog, charge, priced_at)?;
    if usage.is_same_use(&charge.usage) || charge.closes() {
        return Err(Refusal::NothingToCorrect.into());
    }
    // Its price as it turned out may count in a volume that it did not count in before: from the beginning of the period.
    ctx.date(&mut usage, record.effective_at);
    let mut volumes = shifts(ctx.account, &charge.usage, &usage)?;
    let priced = Priced::from(&usage);
    let mut need = Need::of(&priced).ok_or(Refusal::TooLarge)?;
    let price = Credits::from_nano(need.credits());
    let kept = keep_front(&mut need, &charge.draws);
    let rule = ctx.feature(&usage.feature).map_or(Overshoot::Refund, |f| f.overshoot);
    // A correction is beyond no hold.
    let rule = if rule == Overshoot::Goodwill { Overshoot::Refund } else { rule };
    let consented = charge.draws.iter().any(|d| d.source.is_paid());
    let happened = Happened { at: record.effective_at.min(ctx.now), overshoot: rule, consented };
    let (more, excess) = pay_excess(ctx, happened, &priced, &priced, need, &Priced::from(&charge.usage))?;
    drop(priced);
    let mut back = Unwinding::new(ctx, charge, history)?;
    let given = given_back(&charge.draws, &kept);
    back.keep_for_close(volumes.due_at_once(ctx), &given);
    for (draw, part) in given.into_iter().rev() {
        back.unwind(draw, part);
    }
    let (mut moves, reopened) = back.close();
    // The draws of the correction take the place of all of them, also of those that are kept.
    let all: Vec<_> = charge.draws.iter().map(|draw| (draw, draw.amount)).collect();
    let postpaid = postpaid_back(charge, &all);
    moves.draw(&more, Book::Spent);
    let (corrections, counted) = recount(&charge.counted, &usage, &kept);
    let visits = excess.map_or_else(Vec::new, |e| e.visits);
    let counted = counted_with(counted, &visits, happened.at);
    let draws = joined(kept, more);
    let of = |source: Source| {
        Credits::from_nano(draws.iter().filter(|d| d.source == source).map(|d| d.amount).sum())
    };
    let (owed, refunded) = (of(Source::Debt), of(Source::Goodwill));
    let has_excess = !visits.is_empty() || owed.is_positive() || refunded.is_positive();
    let excess = has_excess.then_some(Excess { visits, refunded, owed });
    let corrected = Charge { usage, price, draws, excess, counted };
    volumes.pay(
        ctx.account,
        &charge.usage,
        Credits::ZERO.checked_sub(charge.paid()).ok_or(Refusal::TooLarge)?,
    )?;
    volumes.pay(ctx.account, &corrected.usage, corrected.paid())?;
    let volumes = volumes.close();
    let correcting = Correcting { charge: seq, reopened, reason, postpaid, volumes };
    let event = Event::Corrected { correcting, charge: Box::new(corrected) };
    let effective_at = Some(record.effective_at);
    Ok(Draft { corrections, effective_at, ..Draft::moving(event, moves).following(seq) })
}

/// Additional draws come last, so that they are the first to be given back.
fn joined(mut draws: Draws, more: Draws) -> Draws {
    for draw in more {
        match draws.last_mut().filter(|last| last.is_like(&draw)) {
            Some(last) => {
                last.amount += draw.amount;
                last.worth += draw.worth;
            }
            None => draws.push(draw),
        }
    }
    draws
}
