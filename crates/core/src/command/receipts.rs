//! Receipts: the cost of a use once it is known, its payers, and the right counts of windows.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::draft::{Draft, Moves, Returns};
use crate::account::Hold;
use crate::record::{
    Amount, Basis, Book, Charge, Correction, Counted, Credits, Decision, Draw, Draws, Event, Excess, Instant,
    Name, Overshoot, Priced, PricedLine, REQUESTS, Source, Use, Visit,
};
use crate::waterfall::{Context, Mode, Need, Refusal, Scene, draw_more, keep_front, left_after, walk};

/// The layer of draws that no source of the waterfall pays.
const OVERSHOOT: &str = "overshoot";

/// The counts that stay: allowances and caps give back the amount drawn, but not the request itself.
fn refundable(counted: impl Iterator<Item = Counted>) -> Vec<Counted> {
    counted
        .filter(|c| matches!(c.basis, Basis::Layer(_) | Basis::Spend | Basis::Price(_)) && c.cost != 0)
        .collect()
}

/// The counts of visits that a refund gives back.
pub(super) fn counted_by(visits: &[Visit], now: Instant) -> Vec<Counted> {
    refundable(visits.iter().filter(|v| v.is_given_back()).map(|v| Counted::of(v, now)))
}

/// The counts once the actual use is known: the earlier counts, and those of additional draws.
pub(super) fn counted_with(counted: Vec<Counted>, more: &[Visit], now: Instant) -> Vec<Counted> {
    let more = more.iter().filter(|v| v.terms.is_some()).map(|v| Counted::of(v, now));
    refundable(counted.into_iter().chain(more))
}

/// Use that has happened: when, and how it is paid.
#[derive(Clone, Copy)]
pub(super) struct Happened {
    pub(super) at: Instant,
    pub(super) overshoot: Overshoot,
    /// The caller agreed to paid sources.
    pub(super) consented: bool,
}

impl Happened {
    /// The scene. Nobody pays for a feature that is gone.
    fn scene<'a>(self, ctx: Context<'a>, feature: &Name) -> Result<Scene<'a>, Refusal> {
        let plan = ctx.plan()?;
        let program = ctx.catalog.feature(feature.as_str()).and_then(|f| plan.program(f));
        Ok(Scene::new(ctx, plan, program, Mode::Happened(self.at), self.consented))
    }
}

/// Runs the waterfall for use that has happened and finds payers for all of it.
pub(super) fn charge_happened(
    ctx: Context<'_>,
    happened: Happened,
    usage: &Priced<'_>,
) -> Result<(Charge, Decision), Refusal> {
    let scene = happened.scene(ctx, usage.feature)?;
    let mut decision = walk(scene, usage).ok_or(Refusal::TooLarge)?;
    let short = left_after(usage, &decision.draws).ok_or(Refusal::TooLarge)?;
    let excess = pay_shortfall(scene, happened.overshoot, usage, short, &mut decision.draws)?;
    let charge = Charge {
        usage: usage.to_use(),
        price: decision.price,
        draws: decision.draws.clone(),
        excess: short.is_positive().then_some(excess),
        counted: counted_by(&decision.visits, happened.at),
    };
    Ok((charge, decision))
}

/// Walks the waterfall for use that a receipt does not cover, and counts use beyond the hold.
pub(super) fn pay_excess<'u>(
    ctx: Context<'_>,
    happened: Happened,
    held: &Priced<'u>,
    actual: &Priced<'_>,
    mut need: Need<'_>,
    priced_before: &Priced<'u>,
) -> Result<(Draws, Option<Excess>), Refusal> {
    let grown = |l: &PricedLine<'_>| l.quantity > held.quantity_in(l.part, l.meter.as_str());
    // Of several parts one may cost more although all of them cost less.
    let has_parts = !actual.more.is_empty() || !held.more.is_empty();
    let is_within = need.is_paid() && !actual.lines.iter().any(grown);
    if is_within && !has_parts {
        return Ok((Draws::new(), None));
    }
    if is_within {
        // Its parts are counted. The request was let through, though nobody counted one that costs nothing.
        need.ask_credits();
    }
    let scene = happened.scene(ctx, actual.feature)?;
    let asks_sources = happened.overshoot != Overshoot::Goodwill;
    let run = draw_more(scene, actual, held, need, priced_before, asks_sources);
    let (mut draws, short, visits) = (run.draws, Credits::from_nano(run.need.credits()), run.visits);
    if is_within && visits.iter().all(|visit| visit.cost == 0) {
        return Ok((draws, None));
    }
    let excess = pay_shortfall(scene, happened.overshoot, actual, short, &mut draws)?;
    Ok((draws, Some(Excess { visits, ..excess })))
}

/// Use that no source pays follows the overshoot rule.
fn pay_shortfall(
    scene: Scene<'_>,
    rule: Overshoot,
    usage: &Priced<'_>,
    short: Credits,
    draws: &mut Draws,
) -> Result<Excess, Refusal> {
    if !short.is_positive() {
        return Ok(Excess::default());
    }
    let unit = usage.credit_unit;
    let books = scene.account.books_of(unit);
    let up_to = |limit: Credits, used: i64| (limit.nano() - used).clamp(0, short.nano());
    let owed = match rule {
        Overshoot::Reject => return Err(Refusal::NobodyPays(Amount::of(short, unit))),
        Overshoot::Refund | Overshoot::Goodwill => 0,
        Overshoot::Debt => {
            let drawn: i64 = draws.iter().filter(|d| d.source == Source::Overdraft).map(|d| d.amount).sum();
            let used = books.overdraft.nano() + books.debt.nano() + drawn;
            up_to(scene.overdraft_limit(usage.path), used)
        }
        Overshoot::DebtUpTo(limit) => up_to(limit, books.debt.nano()),
    };
    Ok(made_good(owed, short.nano() - owed, draws))
}

/// What is owed, and what the operator makes good.
fn made_good(owed: i64, refunded: i64, draws: &mut Draws) -> Excess {
    let layer = Name::new(OVERSHOOT).unwrap_or_else(|_| unreachable!("`{OVERSHOOT}` is a name"));
    for (source, amount) in [(Source::Debt, owed), (Source::Goodwill, refunded)] {
        if amount > 0 {
            draws.push(Draw { source, layer: layer.clone(), amount, worth: amount });
        }
    }
    let (owed, refunded) = (Credits::from_nano(owed), Credits::from_nano(refunded));
    Excess { owed, refunded, ..Excess::default() }
}

/// Ends a hold at a use that is known now: the front of its receipt is kept, the rest goes back, and use that it does not cover
/// walks the waterfall.
pub(super) fn end_charged(
    ctx: Context<'_>,
    hold: &Hold,
    actual: Use,
    event: impl FnOnce(Charge) -> Event,
) -> Result<Draft, Refusal> {
    let priced = Priced::from(&actual);
    let mut need = Need::of(&priced).ok_or(Refusal::TooLarge)?;
    let price = Credits::from_nano(need.credits());
    let kept = keep_front(&mut need, &hold.draws);
    let held = Priced::from(&hold.usage);
    // Consent to paid sources for a hold covers the actual use.
    let consented = hold.draws.iter().any(|d| d.source.is_paid());
    let happened = Happened { at: ctx.now, overshoot: hold.terms.overshoot, consented };
    let paid = pay_excess(ctx, happened, &held, &priced, need, &held);
    let (more, excess) = paid.map_err(Refusal::of_hold)?;
    drop(priced);
    Ok(end_paid(ctx, hold, (actual, price), kept, more, excess, event))
}

/// Ends a hold at a use within its estimate: its receipt pays all of it. Allowances of units pay parts in order, so that those of a hold
/// that has grown may be worth less together: then the operator makes good the rest, and nobody is charged beyond what was set aside.
/// Use that cannot be priced is not charged.
pub(crate) fn end_within(
    ctx: Context<'_>,
    hold: &Hold,
    actual: Use,
    event: impl FnOnce(Option<Charge>) -> Event,
) -> Draft {
    let Some(mut need) = Need::of(&Priced::from(&actual)) else { return end_free(ctx, hold, event(None)) };
    let price = Credits::from_nano(need.credits());
    let kept = keep_front(&mut need, &hold.draws);
    let mut more = Draws::new();
    let excess = (need.credits() > 0).then(|| made_good(0, need.credits(), &mut more));
    end_paid(ctx, hold, (actual, price), kept, more, excess, |charge| event(Some(charge)))
}

/// A hold's end, once the payers are known.
fn end_paid(
    ctx: Context<'_>,
    hold: &Hold,
    (actual, price): (Use, Credits),
    kept: Draws,
    more: Draws,
    excess: Option<Excess>,
    event: impl FnOnce(Charge) -> Event,
) -> Draft {
    let mut moves = Moves::new(hold.usage.credit_unit.clone());
    let own = Book::Hold(hold.id);
    let mut back = Returns::new(ctx, own);
    for (draw, rest) in given_back(&hold.draws, &kept) {
        moves.add(own, Book::Spent, Credits::from_nano(draw.credits().nano() - rest));
        back.give(&mut moves, draw, Credits::from_nano(rest));
    }
    back.close(&mut moves);
    moves.draw(&more, Book::Spent);
    let (corrections, counted) = recount(&hold.counted, &actual, &kept);
    let visits = excess.as_ref().map_or(&[][..], |e| &e.visits);
    let counted = counted_with(counted, visits, ctx.now);
    let draws = kept.into_iter().chain(more).collect();
    let charge = Charge { usage: actual, price, draws, excess, counted };
    let draft = Draft::moving(event(charge), moves).following(hold.id.0);
    Draft { corrections, ..draft }
}

/// Ends a hold at zero: everything goes back, from the last draw to the first.
pub(crate) fn end_free(ctx: Context<'_>, hold: &Hold, event: Event) -> Draft {
    let mut moves = Moves::new(hold.usage.credit_unit.clone());
    let mut back = Returns::new(ctx, Book::Hold(hold.id));
    for draw in hold.draws.iter().rev() {
        back.give(&mut moves, draw, draw.credits());
    }
    back.close(&mut moves);
    let corrections = hold.counted.iter().map(|c| correction(c, -c.cost)).collect();
    Draft { corrections, ..Draft::moving(event, moves).following(hold.id.0) }
}

/// The part of each draw that is not kept. A source may appear twice in a receipt, for the hold and for the excess: the kept part
/// is in the same order.
pub(super) fn given_back<'a>(draws: &'a [Draw], kept: &[Draw]) -> Vec<(&'a Draw, i64)> {
    let mut rest = kept.iter().peekable();
    let part = |draw: &'a Draw| {
        let kept = rest.next_if(|k| k.is_like(draw)).map_or(0, |k| k.credits().nano());
        (draw, draw.credits().nano() - kept)
    };
    draws.iter().map(part).collect()
}

pub(super) fn correction(c: &Counted, delta: i64) -> Correction {
    Correction { name: c.name.clone(), level: c.level, counted_at: c.at, delta }
}

/// The right count of each window, now that the actual use is known.
pub(super) fn recount(
    all: &[Counted],
    actual: &Use,
    kept: &[Draw],
) -> (SmallVec<[Correction; 2]>, Vec<Counted>) {
    let mut corrections = SmallVec::new();
    let mut counted: Vec<Counted> = Vec::new();
    for c in all {
        let same = |o: &&Counted| o.name == c.name && o.level == c.level;
        let before: i64 = counted.iter().filter(same).map(|o| o.cost).sum();
        let left = actual_cost(&c.basis, c.cost, actual, kept).saturating_sub(before);
        let stays = match c.basis {
            Basis::Slot | Basis::InFlight(_) => 0,
            Basis::None => c.cost,
            // Several counts of one window fill up in order.
            Basis::Requests | Basis::Meters(..) | Basis::Layer(_) | Basis::Spend | Basis::Price(_) => {
                left.clamp(0, c.cost)
            }
        };
        if stays != c.cost {
            corrections.push(correction(c, stays - c.cost));
        }
        counted.push(Counted { cost: stays, ..c.clone() });
    }
    (corrections, counted)
}

fn actual_cost(basis: &Basis, held: i64, actual: &Use, kept: &[Draw]) -> i64 {
    match basis {
        Basis::None => held,
        Basis::Requests => i64::try_from(actual.quantity(REQUESTS)).unwrap_or(i64::MAX),
        Basis::Slot | Basis::InFlight(_) => 0,
        Basis::Meters(meters, parts) => {
            i64::try_from(Priced::from(actual).sum_of(meters, *parts)).unwrap_or(i64::MAX)
        }
        Basis::Layer(layer) => kept.iter().filter(|d| d.layer == *layer).map(|d| d.amount).sum(),
        Basis::Price(parts) => Priced::from(actual).price_of(*parts).map_or(i64::MAX, Credits::nano),
        Basis::Spend => kept.iter().filter(|d| d.source.is_capped()).map(|d| d.amount).sum(),
    }
}
