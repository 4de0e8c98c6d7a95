//! Growing and ending holds: receipts are kept from the front and given back from the end.

use alloc::boxed::Box;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::requests::{charge_happened, deadline, decide_use};
use super::{Context, Decided, Draft, Minimum, QUANTITY_MAX, Quantities, Refusal, refundable, taken};
use crate::account::{EXTENSIONS_MAX, Hold};
use crate::catalog::Program;
use crate::catalog::source::ExpiredDraws;
use crate::record::{
    Basis, Book, Category, Charge, Correction, Counted, Credits, Decision, Draw, Draws, Event, Excess,
    GrantId, GrantTerms, HoldId, Instant, Movement, Name, Overshoot, Priced, REQUESTS, Seq, Source, Span,
    Use,
};
use crate::waterfall::{self, Mode, Need, Scene};

/// How long the promotional grant lives that replaces draws given back to an expired grant.
const GOODWILL_LIFE: Span = Span::from_secs(30 * 86_400);

/// Most counts in windows that one hold keeps for its end.
const COUNTED_MAX: usize = 4_096;

/// More for an open hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// The hold.
    pub hold: HoldId,
    /// How much more of each meter; may be empty.
    pub quantities: Quantities,
    /// Accept less.
    pub minimum: Option<Minimum>,
    /// New life from now; `None` leaves the deadline.
    pub life: Option<Span>,
    /// Use so far, charged if the hold expires and its feature says so.
    pub progress: Option<Quantities>,
    /// The caller agrees to paid sources.
    pub consented: bool,
}

/// Which record ended a hold, for the answer to a second end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The record.
    pub by: Seq,
    /// When.
    pub at: Instant,
}

/// The hold's use with other quantities: meters that are not named count zero, requests as held.
fn requantify(held: &Use, quantities: &[(Name, u64)], named_only: bool) -> Result<Use, Refusal> {
    let unknown =
        quantities.iter().find(|(m, _)| m.as_str() != REQUESTS && held.lines.iter().all(|l| l.meter != *m));
    if quantities.iter().any(|(_, n)| *n > QUANTITY_MAX) {
        return Err(Refusal::TooLarge);
    }
    if let Some((meter, _)) = unknown {
        return Err(Refusal::UnknownMeter(meter.clone()));
    }
    let named = |meter: &Name| quantities.iter().find(|(m, _)| m == meter).map(|&(_, n)| n);
    Ok(held.with_quantities(|meter, old| {
        let keeps = meter.as_str() == REQUESTS && !named_only;
        named(meter).unwrap_or(if keeps { old } else { 0 })
    }))
}

/// Grows a hold, moves its deadline, or notes progress.
///
/// # Errors
/// Refuses unknown holds and meters, and deadlines out of range.
pub fn extend(ctx: Context<'_>, ask: &Extend) -> Result<Decided, Refusal> {
    let hold = ctx.account.hold(ask.hold).ok_or(Refusal::UnknownHold(ask.hold))?;
    if hold.counted.len() >= COUNTED_MAX {
        return Err(Refusal::TooManyExtensions(hold.id));
    }
    let until = match ask.life {
        None => hold.terms.deadline,
        Some(_) if hold.extensions >= EXTENSIONS_MAX => {
            return Err(Refusal::TooManyExtensions(hold.id));
        }
        Some(life) => deadline(ctx.now, life, hold.terms.life_max)?,
    };
    let progress = ask.progress.as_ref().map(|p| requantify(&hold.usage, p, false)).transpose()?;
    let asked = requantify(&hold.usage, &ask.quantities, true)?;
    let mut more = Priced::from(&asked);
    let decision = if ask.quantities.iter().all(|(_, n)| *n == 0) {
        nothing_more()
    } else {
        let feature = ctx.feature(&hold.usage.feature)?;
        let decision = decide_use(ctx, feature, &mut more, Mode::Grow, ask.consented, ask.minimum.as_ref())?;
        hold.usage.price().and_then(|p| p.checked_add(decision.price)).ok_or(Refusal::TooLarge)?;
        decision
    };
    let more = more.to_use();
    if !decision.outcome.is_granted() {
        return Ok(Decided::Denied(more, decision));
    }
    let movements = taken(&decision.draws, Book::Hold(hold.id));
    let unit = more.credit_unit.clone();
    let event = Event::Extended {
        hold: hold.id,
        usage: more,
        decision,
        deadline: until,
        progress: progress.map(Box::new),
    };
    Ok(Decided::Granted(Box::new(Draft { movements, unit, ..Draft::following(hold.id.0, event) })))
}

fn nothing_more() -> Decision {
    Decision {
        outcome: crate::record::Outcome::Allow,
        reason: crate::record::Reason::Allowed,
        wall: None,
        price: Credits::ZERO,
        paid_price: Credits::ZERO,
        draws: Draws::new(),
        visits: Vec::new(),
        unblock: None,
    }
}

/// Ends a hold at its actual use. The rest goes back; what the hold does not cover walks the waterfall again.
///
/// # Errors
/// Refuses unknown holds and meters, and use beyond the hold where the feature rejects it.
pub fn settle(ctx: Context<'_>, id: HoldId, quantities: &[(Name, u64)]) -> Result<Draft, Refusal> {
    let hold = ctx.account.hold(id).ok_or(Refusal::UnknownHold(id))?;
    let actual = requantify(&hold.usage, quantities, false)?;
    end_charged(ctx, hold, actual, |charge| Event::Settled {
        hold: id,
        charge: Box::new(charge),
        is_late: false,
    })
}

/// Charges a hold that expired before it was settled: the use has happened.
///
/// # Errors
/// As [`settle`].
pub fn settle_late(
    ctx: Context<'_>,
    id: HoldId,
    held: &Use,
    overshoot: Overshoot,
    quantities: &[(Name, u64)],
) -> Result<Draft, Refusal> {
    let actual = requantify(held, quantities, false)?;
    let (mut charge, decision) = charge_happened(ctx, overshoot, &Priced::from(&actual), false)?;
    charge.excess.get_or_insert_default().visits = decision.visits;
    let movements = taken(&charge.draws, Book::Spent);
    let unit = charge.usage.credit_unit.clone();
    Ok(Draft {
        movements,
        unit,
        ..Draft::following(id.0, Event::Settled { hold: id, charge: Box::new(charge), is_late: true })
    })
}

/// Ends a hold at zero.
///
/// # Errors
/// Refuses unknown holds.
pub fn release(ctx: Context<'_>, id: HoldId) -> Result<Draft, Refusal> {
    let hold = ctx.account.hold(id).ok_or(Refusal::UnknownHold(id))?;
    Ok(end_free(ctx, hold, Event::Released(id)))
}

/// Ends a hold that has passed its deadline.
///
/// # Errors
/// Refuses unknown holds.
pub fn expire_hold(ctx: Context<'_>, id: HoldId) -> Result<Draft, Refusal> {
    let hold = ctx.account.hold(id).ok_or(Refusal::UnknownHold(id))?;
    let Some(charges) = &hold.terms.expiry_charges else {
        return Ok(end_free(ctx, hold, Event::Expired { hold: id, charge: None }));
    };
    let progressed = |meter: &Name| {
        let line = hold.progress.as_ref().and_then(|p| p.lines.iter().find(|l| l.meter == *meter));
        line.map_or(0, |l| l.quantity)
    };
    let used = hold.usage.with_quantities(|meter, held| {
        // An expired hold is never charged beyond what it set aside.
        if charges.contains(meter) || meter.as_str() == REQUESTS { held } else { progressed(meter).min(held) }
    });
    end_charged(ctx, hold, used, |charge| Event::Expired { hold: id, charge: Some(Box::new(charge)) })
}

fn end_free(ctx: Context<'_>, hold: &Hold, event: Event) -> Draft {
    let unit = hold.usage.credit_unit.clone();
    let mut draft = Draft { unit, ..Draft::following(hold.id.0, event) };
    let mut goodwill = Credits::ZERO;
    for draw in hold.draws.iter().rev() {
        give_back(ctx, &mut draft, Book::Hold(hold.id), draw, draw.credits(), &mut goodwill);
    }
    open_goodwill(ctx, &mut draft, goodwill);
    for c in &hold.counted {
        draft.corrections.push(correction(c, -c.cost));
    }
    draft
}

fn correction(c: &Counted, delta: i64) -> Correction {
    Correction { name: c.name.clone(), level: c.level, counted_at: c.at, delta }
}

fn end_charged(
    ctx: Context<'_>,
    hold: &Hold,
    actual: Use,
    event: impl FnOnce(Charge) -> Event,
) -> Result<Draft, Refusal> {
    let priced = Priced::from(&actual);
    let mut need = Need::of(&priced).ok_or(Refusal::TooLarge)?;
    let price = Credits::from_nano(need.credits);
    let kept = waterfall::keep_front(&mut need, &hold.draws);
    // Whoever agreed to paid sources for the hold has agreed for what it turned out to be.
    let consented = hold.draws.iter().any(|d| d.source.is_paid());
    let (more, excess) = pay_excess(ctx, hold.terms.overshoot, consented, &priced, need)?;
    let (corrections, counted) = recount(&hold.counted, &actual, &kept);
    let mut draws = kept.clone();
    draws.extend(more.iter().cloned());
    let of_excess = excess.iter().flat_map(|e| &e.visits).filter(|v| v.terms.is_some());
    let counted_now = of_excess.map(|v| Counted {
        name: v.name.clone(),
        level: v.level,
        at: ctx.now,
        cost: v.cost,
        basis: v.basis.clone(),
    });
    let counted = refundable(counted.into_iter().chain(counted_now));
    drop(priced);
    let charge = Charge { usage: actual, price, draws, excess, counted };
    let unit = hold.usage.credit_unit.clone();
    let mut draft = Draft { corrections, unit, ..Draft::following(hold.id.0, event(charge)) };
    let mut goodwill = Credits::ZERO;
    for draw in &hold.draws {
        let same = |k: &&Draw| k.source == draw.source && k.layer == draw.layer;
        let kept_part = kept.iter().find(same).map_or(Credits::ZERO, Draw::credits);
        if draw.source != Source::Allowance {
            draft.moves(Book::Hold(hold.id), Book::Spent, kept_part);
            let back = Credits::from_nano(draw.credits().nano() - kept_part.nano());
            give_back(ctx, &mut draft, Book::Hold(hold.id), draw, back, &mut goodwill);
        }
    }
    open_goodwill(ctx, &mut draft, goodwill);
    draft.movements.extend(taken(&more, Book::Spent));
    Ok(draft)
}

/// Returns credits to where they came from; a source that has closed meanwhile is settled by the plan's rule.
pub(super) fn give_back(
    ctx: Context<'_>,
    draft: &mut Draft,
    from: Book,
    draw: &Draw,
    amount: Credits,
    goodwill: &mut Credits,
) {
    let to = match draw.source {
        Source::Allowance => return,
        Source::Overdraft => Book::Overdraft,
        Source::Debt => Book::Debt,
        Source::Goodwill => Book::Goodwill,
        Source::Grant(id, _) => match ctx.account.grant(id) {
            Some(grant) if grant.voided => Book::Operator,
            Some(grant) if grant.terms.expires_at <= ctx.now => {
                return expired_draw(ctx, draft, from, amount, goodwill);
            }
            Some(_) | None => Book::Grant(id),
        },
    };
    draft.moves(from, to, amount);
}

/// Gives back a draw whose grant has expired since: it is breakage, and made good where the plan says so.
pub(super) fn expired_draw(
    ctx: Context<'_>,
    draft: &mut Draft,
    from: Book,
    amount: Credits,
    goodwill: &mut Credits,
) {
    let rule = ctx.plan().map_or(ExpiredDraws::Breakage, |p| p.expired_draws);
    if rule == ExpiredDraws::Goodwill {
        *goodwill = goodwill.checked_add(amount).unwrap_or(Credits::MAX);
    }
    draft.moves(from, Book::Breakage, amount);
}

/// Opens the grant that makes expired draws good.
pub(super) fn open_goodwill(ctx: Context<'_>, draft: &mut Draft, amount: Credits) {
    if !amount.is_positive() {
        return;
    }
    draft.opens = Some(GrantTerms {
        amount,
        category: Category::Promotional,
        priority: 0,
        effective_from: ctx.now,
        expires_at: ctx.now.after(GOODWILL_LIFE),
        features: SmallVec::new(),
        reference: None,
        recurrence: None,
        unit: draft.unit.clone(),
    });
    let to = Book::Grant(GrantId(ctx.account.seq + 1));
    draft.movements.push(Movement { from: Book::Goodwill, to, amount });
}

/// Walks the waterfall for what the hold does not cover.
pub(super) fn pay_excess(
    ctx: Context<'_>,
    rule: Overshoot,
    consented: bool,
    actual: &Priced<'_>,
    need: Need,
) -> Result<(Draws, Option<Excess>), Refusal> {
    if need.credits == 0 && need.in_allowance_unit() == 0 {
        return Ok((Draws::new(), None));
    }
    let plan = ctx.plan()?;
    let nothing = Program::default();
    let feature = ctx.catalog.feature(actual.feature.as_str());
    let program = feature.and_then(|f| plan.program(f)).unwrap_or(&nothing);
    let scene = Scene::new(ctx, plan, program, actual, Mode::Happened, consented);
    let run = waterfall::draw_more(scene, need);
    let (mut draws, short) = (run.draws, Credits::from_nano(run.need.credits));
    let mut excess = Excess { visits: run.visits, ..Excess::default() };
    pay_shortfall(ctx, rule, actual.credit_unit, program, short, &mut draws, &mut excess)?;
    Ok((draws, Some(excess)))
}

/// What no source pays follows the overshoot rule.
pub(super) fn pay_shortfall(
    ctx: Context<'_>,
    rule: Overshoot,
    unit: Option<&Name>,
    program: &Program,
    short: Credits,
    draws: &mut Draws,
    excess: &mut Excess,
) -> Result<(), Refusal> {
    if !short.is_positive() {
        return Ok(());
    }
    let owed = match rule {
        Overshoot::Reject => return Err(Refusal::BeyondHold(short)),
        Overshoot::Refund => 0,
        Overshoot::Debt => {
            let books = ctx.account.books_of(unit);
            let drawn: i64 = draws.iter().filter(|d| d.source == Source::Overdraft).map(|d| d.amount).sum();
            let used = books.overdraft.nano() + books.debt.nano() + drawn;
            (program.overdraft_limit().nano() - used).clamp(0, short.nano())
        }
    };
    let layer = overshoot_layer();
    for (source, amount) in [(Source::Debt, owed), (Source::Goodwill, short.nano() - owed)] {
        if amount > 0 {
            draws.push(Draw { source, layer: layer.clone(), amount });
        }
    }
    excess.owed = Credits::from_nano(owed);
    excess.refunded = Credits::from_nano(short.nano() - owed);
    Ok(())
}

fn overshoot_layer() -> Name {
    Name::new("overshoot").unwrap_or_else(|_| unreachable!("`overshoot` is a name"))
}

/// What each window should have counted, now that the actual use is known.
pub(super) fn recount(
    all: &[Counted],
    actual: &Use,
    kept: &[Draw],
) -> (SmallVec<[Correction; 2]>, Vec<Counted>) {
    let mut corrections = SmallVec::new();
    let mut counted = Vec::new();
    for (i, c) in all.iter().enumerate() {
        let same = |o: &&Counted| o.name == c.name && o.level == c.level;
        let before: i64 = all.iter().take(i).filter(same).map(|o| o.cost).sum();
        let is_last = !all.iter().skip(i + 1).any(|o| same(&o));
        let left = actual_cost(&c.basis, c.cost, actual, kept).saturating_sub(before);
        let stays = match c.basis {
            Basis::Slot | Basis::InFlight(_) => 0,
            Basis::None | Basis::Requests => c.cost,
            // Several counts of one window fill up in order; what is beyond them all falls to the last.
            Basis::Meters(_) | Basis::Layer(_) | Basis::Spend if is_last => left.max(0),
            Basis::Meters(_) | Basis::Layer(_) | Basis::Spend => left.clamp(0, c.cost),
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
        Basis::None | Basis::Requests => held,
        Basis::Slot | Basis::InFlight(_) => 0,
        Basis::Meters(meters) => {
            let counted = actual.lines.iter().filter(|l| meters.contains(&l.meter));
            i64::try_from(counted.map(|l| l.quantity).fold(0, u64::saturating_add)).unwrap_or(i64::MAX)
        }
        Basis::Layer(layer) => kept.iter().filter(|d| d.layer == *layer).map(|d| d.amount).sum(),
        Basis::Spend => kept.iter().map(|d| d.credits().nano()).sum(),
    }
}
