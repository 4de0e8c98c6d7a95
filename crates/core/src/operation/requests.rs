//! Opening and changing accounts; deciding, holding and charging use.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::holds::pay_shortfall;
use super::{Context, Decided, Draft, Quantities, Refusal, refundable, taken};
use crate::account::SEGMENTS_MAX;
use crate::capacity::Offer;
use crate::catalog::Feature;
use crate::record::{
    Basis, Book, Charge, Counted, Credits, Decision, Dimension, Draws, Event, HoldId, HoldTerms, Instant,
    Label, Level, Name, Outcome, Path, Place, Priced, Reason, Settings, Span, Unblock, Use, Verdict, Visit,
    Wall,
};
use crate::waterfall::{self, Mode, Scene};
use crate::window::Used;

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The feature.
    pub feature: Name,
    /// Where in the account.
    pub path: Path,
    /// Dimensions such as the model.
    pub dimensions: SmallVec<[Dimension; 1]>,
    /// How much of each meter.
    pub quantities: Quantities,
    /// The caller agrees to paid sources.
    pub consented: bool,
}

/// The least of one meter that is still of use to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// The meter that may shrink.
    pub meter: Name,
    /// The least of it.
    pub quantity: u64,
}

/// A request to decide and hold, or to charge at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorize {
    /// What is asked for.
    pub request: Request,
    /// Accept less.
    pub minimum: Option<Minimum>,
    /// How long the hold lives; `None`: as the feature says.
    pub life: Option<Span>,
    /// Charge at once, without a hold.
    pub settle_now: bool,
}

/// Opens the account.
///
/// # Errors
/// Refuses unknown plans and too many segments.
pub fn open(ctx: Context<'_>, settings: Settings) -> Result<Draft, Refusal> {
    Ok(Draft::new(Event::Opened(checked(ctx, settings)?)))
}

/// Replaces the account's settings.
///
/// # Errors
/// Refuses unknown plans and too many segments.
pub fn change(ctx: Context<'_>, settings: Settings, reason: Option<Label>) -> Result<Draft, Refusal> {
    Ok(Draft::new(Event::Changed { settings: checked(ctx, settings)?, reason }))
}

fn checked(ctx: Context<'_>, mut settings: Settings) -> Result<Settings, Refusal> {
    if ctx.catalog.plan(settings.plan.as_str()).is_none() {
        return Err(Refusal::UnknownPlan(settings.plan));
    }
    if settings.segments.len() > SEGMENTS_MAX {
        return Err(Refusal::AccountFull);
    }
    if settings.segments.iter().filter_map(|s| s.pool_cap).any(|cap| cap < Credits::ZERO) {
        return Err(Refusal::NotPositive);
    }
    let fits = match (settings.alerts, settings.top_up) {
        (None, top_up) => top_up.is_none(),
        (Some(marks), top_up) => {
            marks.low >= Credits::ZERO
                && marks.recovered >= marks.low
                && top_up.is_none_or(|t| t.amount.is_positive() && t.amount <= t.monthly_max)
        }
    };
    if !fits {
        return Err(Refusal::BadAlerts);
    }
    if let Some(rank) = &settings.rank {
        let knows =
            |class: &Name| ctx.catalog.pools.values().any(|pool| pool.class(class.as_str()).is_some());
        if rank.weight == 0 || rank.max.is_some_and(|max| max < rank.floor) {
            return Err(Refusal::BadPool("a weight is above zero, and a maximum not below the floor".into()));
        }
        if let Some(class) = rank.class.as_ref().filter(|class| !knows(class)) {
            return Err(Refusal::BadPool(alloc::format!("no pool of the catalog has a class `{class}`")));
        }
    }
    settings.segments.sort_by(|a, b| a.segment.cmp(&b.segment));
    Ok(settings)
}

/// Decides without any effect: the waterfall for one request.
///
/// # Errors
/// Refuses what the catalog does not know and quantities whose price is out of range.
pub fn decide<'a>(ctx: Context<'a>, ask: &'a Authorize) -> Result<(Priced<'a>, Decision), Refusal> {
    ctx.account.warm_up();
    decide_for(ctx, ctx.feature(&ask.request.feature)?, ask)
}

fn decide_for<'a>(
    ctx: Context<'a>,
    feature: &'a Feature,
    ask: &'a Authorize,
) -> Result<(Priced<'a>, Decision), Refusal> {
    if !feature.ledger && !ask.settle_now {
        return Err(Refusal::NotRecorded(feature.name.clone()));
    }
    let request = &ask.request;
    let mut usage = ctx.price(feature, &request.path, &request.dimensions, &request.quantities)?;
    let mode = if ask.settle_now { Mode::Charge } else { Mode::Hold };
    let decision = decide_use(ctx, feature, &mut usage, mode, request.consented, ask.minimum.as_ref())?;
    Ok((usage, decision))
}

/// Decides a priced use; shrinks it to what can be had when a minimum allows that.
pub(super) fn decide_use(
    ctx: Context<'_>,
    feature: &Feature,
    usage: &mut Priced<'_>,
    mode: Mode,
    consented: bool,
    minimum: Option<&Minimum>,
) -> Result<Decision, Refusal> {
    let shrinks = minimum.map(|m| shrinkable(usage, m)).transpose()?;
    let plan = ctx.plan()?;
    let Some(program) = plan.program(feature) else {
        return not_entitled(usage);
    };
    let run = |usage: &Priced<'_>| {
        let scene = Scene::new(ctx, plan, program, usage, mode, consented);
        waterfall::decide(scene).ok_or(Refusal::TooLarge)
    };
    let full = run(usage)?;
    let fits = |decision| Ok(under_capacity(decision, ctx.offers));
    let Some((line, least)) = shrinks.filter(|_| full.outcome == Outcome::Deny) else {
        return fits(full);
    };
    let asked = usage.lines.get(line).map_or(0, |l| l.quantity);
    let set = |usage: &mut Priced<'_>, n: u64| {
        if let Some(l) = usage.lines.get_mut(line) {
            l.quantity = n;
        }
    };
    let mut best = None;
    let (mut low, mut high) = (least, asked);
    // What can be had only grows as the quantity shrinks, so the largest that is granted is found by halving.
    while low < high {
        let middle = if best.is_none() { low } else { low + (high - low) / 2 };
        set(usage, middle);
        let decision = run(usage)?;
        if decision.outcome == Outcome::Deny {
            if best.is_none() {
                break;
            }
            high = middle;
        } else {
            low = middle + 1;
            best = Some((middle, decision));
        }
    }
    let Some((granted, mut decision)) = best else {
        set(usage, asked);
        return fits(full);
    };
    set(usage, granted);
    if decision.outcome == Outcome::Allow {
        (decision.outcome, decision.reason) = (Outcome::Partial, Reason::Partial);
        (decision.wall, decision.unblock) = (full.wall, full.unblock);
    }
    fits(decision)
}

/// The last condition: a request that everything else allows still needs room in a pool, or waits for it.
fn under_capacity(decision: Decision, offers: &[Offer]) -> Decision {
    if !decision.outcome.is_granted() || offers.is_empty() {
        return decision;
    }
    let taken = offers.iter().position(|offer| offer.fits);
    let mut visits = decision.visits;
    for (i, offer) in offers.iter().enumerate().take(taken.map_or(offers.len(), |at| at + 1)) {
        let verdict = match taken {
            Some(at) if at == i => Verdict::Passed,
            Some(_) => Verdict::Empty,
            None if offer.too_large => Verdict::Refused(Reason::ExceedsCapacity),
            None => Verdict::Refused(Reason::Capacity),
        };
        let passed = verdict == Verdict::Passed;
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        visits.push(Visit {
            place: Place::Pool,
            name: offer.pool.clone(),
            level: Level::Account,
            verdict,
            terms: None,
            before: signed(offer.used),
            cost: if passed { signed(offer.cost) } else { 0 },
            basis: Basis::InFlight(if passed { offer.in_flight } else { 0 }),
        });
    }
    if taken.is_some() {
        return Decision { visits, ..decision };
    }
    // Waiting helps only where a pool could ever hold it.
    let (outcome, reason) = if offers.iter().all(|offer| offer.too_large) {
        (Outcome::Deny, Reason::ExceedsCapacity)
    } else {
        (Outcome::Wait, Reason::Capacity)
    };
    let at = offers.iter().filter(|offer| !offer.too_large).filter_map(|offer| offer.at).min();
    Decision {
        outcome,
        reason,
        wall: Some(Wall::Capacity),
        paid_price: Credits::ZERO,
        draws: Draws::new(),
        visits,
        unblock: Some(Unblock { at, purchase: None, by: reason.lifter() }),
        ..decision
    }
}

/// Which line a minimum lets shrink, and to what.
fn shrinkable(usage: &Priced<'_>, minimum: &Minimum) -> Result<(usize, u64), Refusal> {
    let line = usage.lines.iter().position(|l| *l.meter == minimum.meter && l.quantity >= minimum.quantity);
    let line =
        line.filter(|_| minimum.quantity > 0).ok_or_else(|| Refusal::BadMinimum(minimum.meter.clone()))?;
    Ok((line, minimum.quantity))
}

fn not_entitled(usage: &Priced<'_>) -> Result<Decision, Refusal> {
    let price = usage.price().ok_or(Refusal::TooLarge)?;
    Ok(Decision {
        outcome: Outcome::Deny,
        reason: Reason::NotEntitled,
        wall: Some(Wall::Plan),
        price,
        paid_price: Credits::ZERO,
        draws: Draws::new(),
        visits: Vec::new(),
        unblock: Some(Unblock { at: None, purchase: None, by: Reason::NotEntitled.lifter() }),
    })
}

/// Decides, and holds the estimate or charges it at once.
///
/// # Errors
/// As [`decide`], and a life out of range.
pub fn authorize(ctx: Context<'_>, ask: &Authorize) -> Result<Decided, Refusal> {
    let feature = ctx.feature(&ask.request.feature)?;
    let deadline = deadline(ctx.now, ask.life.unwrap_or(feature.hold_life), feature.hold_life_max)?;
    let (usage, decision) = decide_for(ctx, feature, ask)?;
    let usage = usage.to_use();
    Ok(if !decision.outcome.is_granted() {
        Decided::Denied(usage, decision)
    } else if !feature.ledger && !counts_durably(ctx, &usage.path, &decision.visits) {
        Decided::Counted(usage, decision)
    } else if ask.settle_now || !feature.ledger {
        Decided::Granted(Box::new(charged(ctx, usage, decision)))
    } else {
        Decided::Granted(Box::new(held(ctx, feature, usage, decision, deadline)))
    })
}

/// Whether a window that counts has durable use from before its terms changed: only a record may take that out of the state.
fn counts_durably(ctx: Context<'_>, path: &Path, visits: &[Visit]) -> bool {
    let used = |v: &Visit| ctx.account.window(&v.name, v.level, path.at(v.level));
    let stays = |used: &Used| !used.is_volatile() && !used.is_over(ctx.account.recorded_at);
    visits.iter().filter(|v| v.terms.is_some() && v.cost != 0).filter_map(used).any(stays)
}

pub(super) fn deadline(now: Instant, life: Span, life_max: Span) -> Result<Instant, Refusal> {
    if life == Span::ZERO || life > life_max {
        return Err(Refusal::BadLife(life_max.to_string()));
    }
    Ok(now.after(life))
}

fn held(ctx: Context<'_>, feature: &Feature, usage: Use, decision: Decision, deadline: Instant) -> Draft {
    let terms = HoldTerms {
        deadline,
        overshoot: feature.overshoot,
        expiry_charges: feature.expiry_charges.clone(),
        life_max: feature.hold_life_max,
        capacity: ctx.offers.iter().find(|offer| offer.fits).map(|offer| Box::new(offer.held())),
    };
    let movements = taken(&decision.draws, Book::Hold(HoldId(ctx.account.seq + 1)));
    let unit = usage.credit_unit.clone();
    Draft { movements, unit, ..Draft::new(Event::Authorized { usage, decision, terms }) }
}

fn counted_by(visits: &[Visit], now: Instant) -> Vec<Counted> {
    refundable(visits.iter().filter(|v| v.is_given_back()).map(|v| Counted {
        name: v.name.clone(),
        level: v.level,
        at: now,
        cost: v.cost,
        basis: v.basis.clone(),
    }))
}

fn charged(ctx: Context<'_>, usage: Use, decision: Decision) -> Draft {
    let charge = Charge {
        usage,
        price: decision.price,
        draws: decision.draws.clone(),
        excess: None,
        counted: counted_by(&decision.visits, ctx.now),
    };
    charge_draft(charge, decision)
}

fn charge_draft(charge: Charge, decision: Decision) -> Draft {
    let movements = taken(&charge.draws, Book::Spent);
    let unit = charge.usage.credit_unit.clone();
    Draft { movements, unit, ..Draft::new(Event::Charged { charge: Box::new(charge), decision }) }
}

/// Charges use that has happened: never refused for lack of room or funds; a shortfall follows the overshoot rule.
///
/// # Errors
/// Refuses what the catalog does not know, and a shortfall where the feature rejects it.
pub fn record(ctx: Context<'_>, request: &Request) -> Result<Decided, Refusal> {
    record_at(ctx, request, ctx.now)
}

/// Charges use that happened at `at`, at the prices of that instant, to the sources and windows as they stand now.
///
/// # Errors
/// As [`record`], and an instant that is still to come.
pub fn record_at(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Decided, Refusal> {
    if at > ctx.now {
        return Err(Refusal::InTheFuture(at));
    }
    let feature = ctx.feature(&request.feature)?;
    let then = Context { now: at, ..ctx };
    let usage = then.price(feature, &request.path, &request.dimensions, &request.quantities)?;
    let (charge, decision) = charge_happened(ctx, feature.overshoot, &usage, request.consented)?;
    if !feature.ledger && !counts_durably(ctx, &charge.usage.path, &decision.visits) {
        return Ok(Decided::Counted(charge.usage, decision));
    }
    let effective_at = (at < ctx.now).then_some(at);
    Ok(Decided::Granted(Box::new(Draft { effective_at, ..charge_draft(charge, decision) })))
}

/// Runs the waterfall for use that has happened and finds payers for all of it.
pub(super) fn charge_happened(
    ctx: Context<'_>,
    overshoot: crate::record::Overshoot,
    usage: &Priced<'_>,
    consented: bool,
) -> Result<(Charge, Decision), Refusal> {
    let plan = ctx.plan()?;
    let nothing = crate::catalog::Program::default();
    let program =
        ctx.catalog.feature(usage.feature.as_str()).and_then(|f| plan.program(f)).unwrap_or(&nothing);
    let scene = Scene::new(ctx, plan, program, usage, Mode::Happened, consented);
    let mut decision = waterfall::decide(scene).ok_or(Refusal::TooLarge)?;
    let short = waterfall::left_after(usage, &decision.draws).ok_or(Refusal::TooLarge)?;
    let mut excess = crate::record::Excess::default();
    pay_shortfall(ctx, overshoot, usage.credit_unit, program, short, &mut decision.draws, &mut excess)?;
    let charge = Charge {
        usage: usage.to_use(),
        price: decision.price,
        draws: decision.draws.clone(),
        excess: (short.is_positive()).then_some(excess),
        counted: counted_by(&decision.visits, ctx.now),
    };
    Ok((charge, decision))
}
