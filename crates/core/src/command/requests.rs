//! Deciding, holding and charging use.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;

use super::draft::{Draft, Moves};
use super::quarantine;
use super::receipts::{Happened, charge_happened, counted_by};
use super::step::{Need, Step};
use crate::catalog::Feature;
use crate::record::{Book, Charge, Decision, Event, HoldId, HoldTerms, Instant, Path, Span, Use, Visit};
use crate::waterfall::{Authorize, Context, Refusal, Request, check_seat, fold_path, prepare, price_then};
use crate::window::Used;

/// A decision as a step: a granted request becomes a draft.
pub(super) fn decided(usage: Use, decision: Decision, draft: impl FnOnce(Use, Decision) -> Draft) -> Step {
    if decision.outcome.is_granted() {
        Step::Append(Box::new(draft(usage, decision)))
    } else {
        Step::Deny(usage, decision)
    }
}

/// Decides, and holds the estimate or charges it at once.
pub(super) fn authorize(ctx: Context<'_>, ask: &Authorize) -> Result<Step, Refusal> {
    let prepared = prepare(ctx, ask)?;
    let feature = prepared.feature;
    let deadline = deadline(ctx.now, ask.life.unwrap_or(feature.hold_life), feature.hold_life_max)?;
    if ctx.live.is_none()
        && let Some(wanted) = prepared.wanted(ctx)
    {
        return Ok(Step::Needs(Need::Live(Box::new(wanted))));
    }
    let (usage, mut decision) = prepared.decide(ctx)?;
    prepared.add_observed(ctx, &mut decision);
    let usage = usage.to_use();
    if decision.outcome.is_granted() && !is_recorded(ctx, feature, &usage.path, &decision.visits) {
        return Ok(Step::Count(usage, decision));
    }
    Ok(decided(usage, decision, |usage, decision| {
        if ask.settle_now || !feature.ledger {
            charged(ctx, usage, decision)
        } else {
            held(ctx, feature, usage, decision, deadline)
        }
    }))
}

/// Whether use is recorded: if its feature is, or if a window that counts has durable use from before its terms
/// changed, which only a record may take out of the state.
fn is_recorded(ctx: Context<'_>, feature: &Feature, path: &Path, visits: &[Visit]) -> bool {
    let used = |v: &Visit| ctx.account.window(&v.name, v.level, path);
    let stays = |used: &Used| !used.is_volatile() && !used.is_over(ctx.account.recorded_at);
    let counts = visits.iter().filter(|v| v.terms.is_some() && v.cost != 0);
    feature.ledger || counts.filter_map(used).any(stays)
}

pub(super) fn deadline(now: Instant, life: Span, life_max: Span) -> Result<Instant, Refusal> {
    if life == Span::ZERO || life > life_max {
        return Err(Refusal::BadLife(life_max.to_string()));
    }
    Ok(now.after(life))
}

fn held(ctx: Context<'_>, feature: &Feature, usage: Use, decision: Decision, deadline: Instant) -> Draft {
    let offers = ctx.live.unwrap_or_default().offers;
    let terms = HoldTerms {
        deadline,
        overshoot: feature.overshoot,
        expiry_charges: feature.expiry_charges.clone(),
        life_max: feature.hold_life_max,
        capacity: offers.iter().find(|offer| offer.fits).map(|offer| Box::new(offer.held())),
    };
    let own = Book::Hold(HoldId(ctx.account.seq + 1));
    let moves = Moves::of_draws(usage.credit_unit.as_ref(), &decision.draws, own);
    Draft::moving(Event::Authorized { usage, decision, terms }, moves)
}

fn charged(ctx: Context<'_>, usage: Use, decision: Decision) -> Draft {
    let charge = Charge {
        usage,
        price: decision.price,
        draws: decision.draws.clone(),
        excess: None,
        counted: counted_by(&decision.visits, ctx.now),
    };
    charge_draft(charge, decision, None)
}

fn charge_draft(charge: Charge, decision: Decision, said_at: Option<Instant>) -> Draft {
    let moves = Moves::of_draws(charge.usage.credit_unit.as_ref(), &charge.draws, Book::Spent);
    Draft::moving(Event::Charged { charge: Box::new(charge), decision, said_at }, moves)
}

/// Charges use that has happened, never refused for lack of room or funds; a shortfall follows the overshoot rule. Use
/// past the catalog's horizon waits in quarantine.
pub(super) fn record(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Step, Refusal> {
    let mut request = Cow::Borrowed(request);
    if !request.recorded {
        check_seat(&request.path)?;
        if let Some(path) = ctx.account.seated(&request.path) {
            request.to_mut().path = path;
        }
        if let Some(path) = fold_path(ctx, &request.path) {
            request.to_mut().path = path;
        }
        let feature = ctx.catalog.feature(request.feature.as_str());
        if let Some(feature) = feature.filter(|feature| feature.derives()) {
            request.to_mut().derive(feature, at.min(ctx.now));
        }
    }
    if ctx.now.since(at) > ctx.catalog.late_horizon {
        return quarantine::keep(ctx, &request, at).map(Step::append);
    }
    charge_at(ctx, &request, at)
}

/// Charges use that happened at `at`, at the prices and in the windows of that instant, to the grants as they stand now.
pub(super) fn charge_at(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Step, Refusal> {
    // Clocks differ a little: use just ahead of this clock counts as now, and keeps the reported instant.
    let said_at = (at > ctx.now).then_some(at);
    if at.since(ctx.now) > ctx.catalog.ahead_max {
        return Err(Refusal::InTheFuture(at));
    }
    let at = at.min(ctx.now);
    let feature = ctx.feature(&request.feature)?;
    let usage = price_then(ctx, feature, request, at)?;
    let happened = Happened { at, overshoot: feature.overshoot, consented: request.consented };
    let (charge, decision) = charge_happened(ctx, happened, &usage)?;
    if !is_recorded(ctx, feature, &charge.usage.path, &decision.visits) {
        return Ok(Step::Count(charge.usage, decision));
    }
    let effective_at = (at < ctx.now).then_some(at);
    Ok(Step::append(Draft { effective_at, ..charge_draft(charge, decision, said_at) }))
}
