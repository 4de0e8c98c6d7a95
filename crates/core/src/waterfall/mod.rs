//! The waterfall: from a request to the decision, step by step in one declared order.
//!
//! `walk` is the whole list; each step has a file. Never changes anything: everything is computed before the first
//! effect, and a refusal carries none.
//! F1 of several refusals the first in [`Reason`]'s order is reported (`reasons_in_order`).
//! F2 draws add up to the price, or nothing is drawn (`money_adds_up`).
//! F3 an indivisible request is paid whole by one allowance, or in credits (`requests_are_paid_whole`).
//! Units: nano-credits; allowances in their feature's [`crate::record::Unit`].

use crate::record::{Credits, Decision, Outcome, Priced, Reason, Wall};

mod abuse;
mod account;
mod caps;
mod close;
mod context;
mod graduated;
mod guards;
mod need;
mod prepare;
mod price;
mod refusal;
mod request;
mod rollout;
mod run;
mod sources;
mod supply;

pub(crate) use abuse::{CLAMPED_FOR, holds_max};
pub use context::{Context, Live};
pub(crate) use need::{Need, keep_front, left_after};
pub use prepare::{Prepared, Purpose, Wanted, prepare};
pub(crate) use prepare::{check_named, check_seat, fold_path, price_then, wanted_more};
pub(crate) use price::check_parts;
pub use refusal::Refusal;
pub use request::{AskedPart, Authorize, Minimum, Quantities, Request};
pub(crate) use request::{QUANTITY_MAX, names, quantity_of};
pub(crate) use run::{Mode, Run, Scene, Until};

/// Decides one use; `None` when its price is out of range.
///
/// This is the order of every decision. A refusing step reports its reason; of several reasons the first in the
/// order of [`Reason`] counts. Sources are checked only if nothing before them refuses.
#[inline]
pub(crate) fn walk(scene: Scene<'_>, usage: &Priced<'_>) -> Option<Decision> {
    let mut run = Run::new(scene, usage, needed(scene, usage)?);
    Some(go(&mut run))
}

/// The part of a use that is to be paid.
fn needed<'a>(scene: Scene<'a>, usage: &Priced<'_>) -> Option<Need<'a>> {
    match scene.mode {
        Mode::Grow(hold) => Need::of_growth(usage, &hold.draws),
        Mode::Hold | Mode::Charge | Mode::Happened(_) => Need::of(usage),
    }
}

#[inline]
fn go(run: &mut Run<'_, '_>) -> Decision {
    if run.entitlement() {
        run.account();
        run.abuse();
        run.guards();
        if !run.is_refused() {
            run.sources();
            run.caps();
            run.held_share();
        }
        run.consent();
        run.supply();
    }
    run.close()
}

/// Counts and draws the part of a use beyond the amount `held` for it. It has happened, so nothing refuses it; whether sources pay
/// is the overshoot rule's to say.
pub(crate) fn draw_more<'a, 'p, 'u>(
    scene: Scene<'a>,
    usage: &'a Priced<'p>,
    held: &Priced<'u>,
    need: Need<'a>,
    priced_before: &Priced<'u>,
    asks_sources: bool,
) -> Run<'a, 'p> {
    let mut run = Run::new(scene, usage, need);
    run.abuse_beyond(held);
    run.guards_beyond(held, priced_before);
    run.spend_caps();
    if asks_sources {
        run.sources();
    } else {
        run.only_covered();
    }
    run.caps();
    run.mark();
    run
}

/// Decides a priced use; shrinks it to the possible quantity if a minimum allows that.
///
/// # Errors
/// Refuses minimums that do not fit the use, and prices out of range.
pub(crate) fn decide_use(
    scene: Scene<'_>,
    usage: &mut Priced<'_>,
    minimum: Option<&Minimum>,
) -> Result<Decision, Refusal> {
    let shrinks = minimum.map(|m| shrinkable(usage, m)).transpose()?;
    let full = walk(scene, usage).ok_or(Refusal::TooLarge)?;
    let short = full.outcome == Outcome::Deny && full.wall != Some(Wall::Capacity) && scene.program.is_some();
    let Some((line, least)) = shrinks.filter(|_| short) else { return Ok(full) };
    let asked = usage.lines.get(line).map_or(0, |l| l.quantity);
    let set = |usage: &mut Priced<'_>, n: u64| {
        if let Some(l) = usage.lines.get_mut(line) {
            l.quantity = n;
        }
    };
    let mut granted = None;
    let (mut low, mut high) = (least, asked);
    // A smaller quantity is never harder to grant, so bisection finds the largest that is granted. Supplies are asked
    // for the cost of that quantity.
    let without_offers = Scene { offers: &[], ..scene };
    while low < high {
        let middle = if granted.is_none() { low } else { low + (high - low) / 2 };
        set(usage, middle);
        if walk(without_offers, usage).ok_or(Refusal::TooLarge)?.outcome != Outcome::Deny {
            low = middle + 1;
            granted = Some(middle);
        } else if granted.is_none() {
            break;
        } else {
            high = middle;
        }
    }
    let Some(granted) = granted else {
        // What is too large as a whole may only have to wait for its least part.
        if full.reason != Reason::ExceedsCapacity {
            set(usage, asked);
            return Ok(full);
        }
        set(usage, least);
        let short = walk(without_offers, usage).ok_or(Refusal::TooLarge)?;
        set(usage, asked);
        return Ok(Decision { price: full.price, ..short });
    };
    set(usage, granted);
    let mut decision = walk(scene, usage).ok_or(Refusal::TooLarge)?;
    if decision.outcome == Outcome::Allow {
        (decision.outcome, decision.reason) = (Outcome::Partial, Reason::Partial);
        decision.wall = full.wall;
    }
    Ok(decision)
}

/// The result of a decision, and how long something before the sources refuses the least that is accepted.
pub(crate) fn look(
    scene: Scene<'_>,
    usage: &mut Priced<'_>,
    minimum: Option<&Minimum>,
) -> Option<(Decision, Until)> {
    if minimum.is_some() {
        let decision = decide_use(scene, usage, minimum).ok()?;
        if decision.outcome != Outcome::Deny {
            return Some((decision, Until::Now));
        }
        shrink(usage, minimum);
    }
    let mut run = Run::new(scene, usage, needed(scene, usage)?);
    let decision = go(&mut run);
    Some((decision, run.until))
}

/// The part of the least accepted quantity that sources leave unpaid, if nothing else refuses it.
pub(crate) fn shortfall(
    scene: Scene<'_>,
    usage: &mut Priced<'_>,
    minimum: Option<&Minimum>,
) -> Option<Credits> {
    shrink(usage, minimum);
    let mut run = Run::new(scene, usage, Need::of(usage)?);
    run.spend_caps();
    run.sources();
    Some(Credits::from_nano(run.need.credits()))
}

fn shrink(usage: &mut Priced<'_>, minimum: Option<&Minimum>) {
    if let Some((at, least)) = minimum.and_then(|m| shrinkable(usage, m).ok())
        && let Some(line) = usage.lines.get_mut(at)
    {
        line.quantity = least;
    }
}

/// The line that a minimum lets shrink, and its least quantity.
fn shrinkable(usage: &Priced<'_>, minimum: &Minimum) -> Result<(usize, u64), Refusal> {
    if !usage.more.is_empty() {
        return Err(Refusal::BadParts("`min` goes with a use of one part"));
    }
    let line = usage.lines.iter().position(|l| *l.meter == minimum.meter && l.quantity >= minimum.quantity);
    let line =
        line.filter(|_| minimum.quantity > 0).ok_or_else(|| Refusal::BadMinimum(minimum.meter.clone()))?;
    Ok((line, minimum.quantity))
}
