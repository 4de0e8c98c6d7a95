//! Giving charges back, at once or in parts, and the part shared with corrections: unwinding draws to their sources.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::draft::{Draft, Moves, Returns};
use super::history::{History, Stop};
use super::receipts::correction;
use super::volumes::given_back;
use crate::record::{
    Amount, Basis, Book, Category, Charge, Correction, Credits, Draw, Event, GrantId, GrantTerms, Instant,
    InvoiceLine, Label, Name, Once, PostpaidBack, Priced, Record, Seq, Source, Unit, paid,
};
use crate::waterfall::{Context, Refusal};

/// Most refunds of one charge.
const REFUNDS_MAX: u8 = 100;

/// A charge that has not been corrected, and the amount given back so far.
pub(super) struct Standing<'a> {
    pub(super) record: &'a Record,
    pub(super) charge: &'a Charge,
    refunds: u8,
    returned: i64,
}

impl<'a> Standing<'a> {
    fn of(ctx: Context<'_>, seq: Seq, history: &'a History) -> Result<Self, Stop> {
        let (mut refunds, mut returned, mut last) = (0, 0, seq);
        while let Some(by) = history.once(ctx, Once::Refunds(seq, refunds))? {
            let Some(used_up) = by.event.uses_up() else {
                return Err(Refusal::AlreadyRefunded(seq, by.seq).into());
            };
            (refunds, returned, last) = (refunds + 1, returned + used_up, by.seq);
            if refunds == REFUNDS_MAX {
                return Err(Refusal::TooManyRefunds(seq).into());
            }
        }
        let record = history.record(ctx, seq)?;
        let charge = record.charge().ok_or(Refusal::NotACharge(seq))?;
        let standing = Self { record, charge, refunds, returned };
        if refunds > 0 && standing.left() == 0 {
            return Err(Refusal::AlreadyRefunded(seq, last).into());
        }
        Ok(standing)
    }

    /// Nano-credits that have not been given back.
    fn left(&self) -> i64 {
        self.charge.divisible() - self.returned
    }
}

/// A charge that has neither been given back nor corrected before.
pub(super) fn live_charge<'a>(
    ctx: Context<'_>,
    seq: Seq,
    history: &'a History,
) -> Result<Standing<'a>, Stop> {
    if let Some(by) = history.once(ctx, Once::Refunds(seq, 0))? {
        return Err(Refusal::AlreadyRefunded(seq, by.seq).into());
    }
    Standing::of(ctx, seq, history)
}

/// Gives back a charge, its remainder or `amount` credits, unwinding its draws from the last to the first.
///
/// Credits paid by a grant that has left the state come back to it, or to the operator who took it back, or are breakage.
pub(super) fn refund(
    ctx: Context<'_>,
    seq: Seq,
    amount: Option<Credits>,
    reason: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    let standing = Standing::of(ctx, seq, history)?;
    let Standing { charge, refunds, returned, .. } = standing;
    let Refundable { most, closed } = refundable(ctx, &standing)?;
    let left = Credits::from_nano(most);
    let wanted = amount.unwrap_or(left);
    let too_much = || Refusal::MoreThanCharged(Amount::of(left, charge.usage.credit_unit.as_ref()));
    if wanted > left {
        return Err(too_much().into());
    }
    // Closes have given back from the end: what allowances paid comes back after that.
    let passed_over = if wanted < left && fits(ctx, &standing, (0, wanted.nano()))? { 0 } else { closed };
    let is_last = wanted.nano() + passed_over == standing.left();
    if left == Credits::ZERO && standing.left() > 0 {
        return Err(too_much().into());
    }
    if amount.is_some() && !wanted.is_positive() {
        return Err(Refusal::NotPositive.into());
    }
    let returned = returned + passed_over;
    let given = charge.parts(returned, wanted.nano());
    let mut back = Unwinding::new(ctx, charge, history)?;
    for (draw, part) in &given {
        back.unwind(draw, *part);
    }
    let (moves, reopened) = back.close();
    let postpaid = postpaid_back(charge, &given);
    let before = charge.parts(0, returned);
    let corrections = uncounted(charge, &before, &given, is_last);
    let path = charge.usage.path.clone();
    let back = paid(given.iter().map(|(draw, part)| (*draw, *part)));
    let volumes = given_back(ctx.account, &charge.usage, back)?;
    let event = Event::Refunded {
        charge: seq,
        amount: wanted,
        reopened,
        reason,
        path,
        before: refunds,
        postpaid,
        volumes,
        passed_over: Some(Credits::from_nano(passed_over)).filter(|amount| amount.is_positive()),
    };
    Ok(Draft { corrections, ..Draft::moving(event, moves).following(seq) })
}

/// What can still come back of a charge, in nano-credits.
struct Refundable {
    most: i64,
    /// What closes of graduated prices have given back, and stands before what an allowance paid.
    closed: i64,
}

/// Whether credits have paid as much for graduated prices as would come back.
fn fits(
    ctx: Context<'_>,
    Standing { charge, returned, .. }: &Standing<'_>,
    (passed_over, amount): (i64, i64),
) -> Result<bool, Refusal> {
    let parts = charge.parts(returned + passed_over, amount);
    let back = paid(parts.iter().map(|(draw, part)| (*draw, *part)));
    let volumes = given_back(ctx.account, &charge.usage, back)?;
    Ok(volumes.iter().all(|shift| {
        let volume = ctx.account.volume(&shift.volume, shift.from);
        volume.is_none_or(|volume| volume.paid.nano().saturating_add(shift.paid.nano()) >= 0)
    }))
}

/// Not what the close of a period has given back of what its charges had cost too much.
fn refundable(ctx: Context<'_>, standing: &Standing<'_>) -> Result<Refundable, Refusal> {
    let left = standing.left();
    if fits(ctx, standing, (0, left))? {
        return Ok(Refundable { most: left, closed: 0 });
    }
    // The more comes back, the less stays paid.
    if standing.charge.draws.iter().any(|draw| draw.source == Source::Allowance) {
        let closed = first(left, |closed| fits(ctx, standing, (closed, left - closed)))?;
        return Ok(Refundable { most: left - closed, closed });
    }
    let most = first(left, |amount| Ok(!fits(ctx, standing, (0, amount))?))? - 1;
    Ok(Refundable { most, closed: 0 })
}

/// The first of the numbers up to `last` for which it holds; it holds for all after it, and for `last`.
fn first(last: i64, holds: impl Fn(i64) -> Result<bool, Refusal>) -> Result<i64, Refusal> {
    let (mut below, mut at) = (-1, last);
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if holds(middle)? {
            at = middle;
        } else {
            below = middle;
        }
    }
    Ok(at)
}

/// What postpaid layers no longer have of a charge.
pub(super) fn postpaid_back(charge: &Charge, parts: &[(&Draw, i64)]) -> Option<Vec<PostpaidBack>> {
    let back = parts.iter().filter(|(_, part)| *part > 0).filter_map(|(draw, part)| {
        let Source::Postpaid(period) = draw.source else { return None };
        let (feature, amount) = (charge.usage.feature.clone(), Credits::from_nano(*part));
        Some(PostpaidBack { layer: draw.layer.clone(), line: InvoiceLine { feature, period, amount } })
    });
    let back: Vec<PostpaidBack> = back.collect();
    (!back.is_empty()).then_some(back)
}

/// The counts that windows give back: caps and allowances of credits the amount that comes back, latest counts first; other
/// allowances everything, with the last of the charge.
fn uncounted(
    charge: &Charge,
    before: &[(&Draw, i64)],
    given: &[(&Draw, i64)],
    is_last: bool,
) -> SmallVec<[Correction; 2]> {
    let of_basis = |basis: &Basis, given: &[&[(&Draw, i64)]]| -> i64 {
        let counts = |draw: &Draw| match basis {
            Basis::Spend => draw.source.is_capped(),
            Basis::Price(_) => true,
            Basis::Layer(layer) => draw.layer == *layer,
            Basis::None | Basis::Slot | Basis::Requests | Basis::Meters(..) | Basis::InFlight(_) => false,
        };
        let given = given.iter().flat_map(|parts| parts.iter());
        let sum = given.filter(|(draw, _)| counts(draw)).map(|(_, part)| part).sum();
        if let Basis::Price(parts) = basis { Priced::from(&charge.usage).last_of(sum, *parts) } else { sum }
    };
    let is_whole = |layer: &Name| {
        let is_of = |d: &Draw| d.source == Source::Allowance && d.layer == *layer;
        charge.usage.unit != Unit::Credits && charge.draws.iter().any(is_of)
    };
    let mut corrections = SmallVec::new();
    for (i, c) in charge.counted.iter().enumerate() {
        if let Basis::Layer(layer) = &c.basis
            && is_whole(layer)
        {
            if is_last {
                corrections.push(correction(c, -c.cost));
            }
            continue;
        }
        let later = charge.counted.iter().skip(i + 1).filter(|o| o.name == c.name && o.level == c.level);
        let mut later: i64 = later.map(|o| o.cost).sum();
        if let Basis::Price(parts) = c.basis
            && let Some(price) = Priced::from(&charge.usage).price_of(parts)
        {
            // It counts the front of a price that has become higher under other dimensions.
            let earlier = charge.counted.iter().take(i).filter(|o| o.name == c.name && o.level == c.level);
            let up_to = earlier.map(|o| o.cost).fold(c.cost, i64::saturating_add);
            later = later.max(price.nano().saturating_sub(up_to));
        }
        // The part of this count given back, before and now.
        let reached = |sum: i64| (sum - later).clamp(0, c.cost);
        let sum = of_basis(&c.basis, &[before]);
        // What allowances paid comes back with the last of the charge, and with it all that a cap on the price counts.
        let with_last = is_last && matches!(c.basis, Basis::Price(_));
        let to = if with_last { c.cost } else { reached(of_basis(&c.basis, &[before, given])) };
        let part = to - reached(sum);
        if part > 0 {
            corrections.push(correction(c, -part));
        }
    }
    corrections
}

/// A grant that a charge drew and that has left the state.
struct Closed {
    id: GrantId,
    /// As pauses have moved them since.
    terms: Option<GrantTerms>,
    voided: bool,
}

/// Gives draws of a charge back to their sources, or to where those have gone since.
pub(super) struct Unwinding<'a> {
    ctx: Context<'a>,
    closed: Vec<Closed>,
    moves: Moves,
    returns: Returns<'a>,
    reopened: Vec<(GrantId, GrantTerms)>,
    /// The amount given back to debt or overdraft that a grant has repaid since, or kept for the close.
    repaid: Credits,
    /// What the close of a period charges again at once, because it has been given back before.
    for_close: i64,
    debt: i64,
    overdraft: i64,
    /// The contents of grants once everything has come back.
    coming: BTreeMap<GrantId, i64>,
}

impl<'a> Unwinding<'a> {
    pub(super) fn new(ctx: Context<'a>, charge: &Charge, history: &'a History) -> Result<Self, Stop> {
        let unit = charge.usage.credit_unit.clone();
        let (debt, overdraft) = super::credits::owed(ctx, unit.as_ref());
        let mut closed = Vec::new();
        for draw in &charge.draws {
            if let Source::Grant(id, _) = draw.source
                && ctx.account.grant(id).is_none()
            {
                // A grant whose record is missing must not pass for one that has expired.
                let opened = history.record(ctx, id.0)?;
                let terms = opened.opens.as_ref();
                let terms = terms.map(|terms| ctx.account.terms_after_pauses(opened.gives_back_at(), terms));
                closed.push(Closed { id, terms, voided: history.once(ctx, Once::Voids(id))?.is_some() });
            }
        }
        Ok(Self {
            ctx,
            closed,
            moves: Moves::new(unit),
            returns: Returns::new(ctx, Book::Spent),
            reopened: Vec::new(),
            repaid: Credits::ZERO,
            for_close: 0,
            debt,
            overdraft,
            coming: BTreeMap::new(),
        })
    }

    /// The close of a period charges `due` again at once, because it has given it back before. What goes back to sources that are still
    /// there pays for it; the rest of it is not lost with sources that are gone, but opens a grant that pays.
    pub(super) fn keep_for_close(&mut self, due: Credits, parts: &[(&Draw, i64)]) {
        let is_gone = |id: GrantId| {
            let closed = self.closed.iter().find(|closed| closed.id == id);
            closed.is_some_and(|c| c.voided || c.terms.as_ref().is_none_or(|t| t.expires_at <= self.ctx.now))
        };
        let stays = |draw: &Draw| match draw.source {
            Source::Grant(id, _) => !is_gone(id),
            Source::Overdraft | Source::Debt | Source::Postpaid(_) => true,
            Source::Allowance | Source::Goodwill => false,
        };
        let back: i64 = parts.iter().filter(|(draw, _)| stays(draw)).map(|(_, part)| part).sum();
        self.for_close = due.nano().saturating_sub(back).max(0);
    }

    /// Gives back `part` nano-credits of a draw.
    pub(super) fn unwind(&mut self, draw: &Draw, part: i64) {
        if part == 0 || draw.source == Source::Allowance {
            return;
        }
        let owed = match draw.source {
            Source::Debt => Some(&mut self.debt),
            Source::Overdraft => Some(&mut self.overdraft),
            Source::Allowance | Source::Goodwill | Source::Grant(..) | Source::Postpaid(_) => None,
        };
        if let Some(owed) = owed {
            let shrinks = part.min(*owed);
            *owed -= shrinks;
            self.returns.give(&mut self.moves, draw, Credits::from_nano(shrinks));
            self.repaid = Credits::from_nano(self.repaid.nano() + part - shrinks);
            return;
        }
        let amount = Credits::from_nano(part);
        if let Source::Grant(id, _) = draw.source
            && !self.grant_takes(id, part)
        {
            let kept = part.min(self.for_close);
            self.for_close -= kept;
            self.repaid = Credits::from_nano(self.repaid.nano() + kept);
            let amount = Credits::from_nano(part - kept);
            return match self.closed.iter().any(|c| c.id == id && c.voided) {
                true => self.moves.add(Book::Spent, Book::Operator, amount),
                // It has expired since.
                false => self.returns.expired(&mut self.moves, amount),
            };
        }
        self.returns.give(&mut self.moves, draw, amount);
    }

    /// Whether a grant is still there to give back to, or can be opened again.
    fn grant_takes(&mut self, id: GrantId, part: i64) -> bool {
        if let Some(grant) = self.ctx.account.grant(id) {
            let stands = grant.remaining.nano() + grant.held.nano();
            if !grant.voided && self.ctx.now < grant.terms.expires_at {
                self.hold_room(id, &grant.terms, stands, part);
            }
            return true;
        }
        let closed = self.closed.iter().find(|c| c.id == id && !c.voided);
        let terms = closed.and_then(|c| c.terms.clone());
        let Some(terms) = terms.filter(|t| self.ctx.now < t.expires_at) else { return false };
        self.hold_room(id, &terms, 0, part);
        true
    }

    /// A grant is worth at least the amount that comes back to it: it may once have been worth more than its terms say.
    fn hold_room(&mut self, id: GrantId, terms: &GrantTerms, stands: i64, part: i64) {
        let coming = self.coming.entry(id).or_insert(stands);
        *coming += part;
        let amount = Credits::from_nano(*coming).max(terms.amount);
        if self.ctx.account.grant(id).is_some() && amount == terms.amount {
            return;
        }
        match self.reopened.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.amount = amount,
            None => self.reopened.push((id, GrantTerms { amount, ..terms.clone() })),
        }
    }

    /// The movements, and the grants that are open again. Debt of a charge that a grant has repaid since becomes a
    /// grant, and so does what is kept for the close.
    pub(super) fn close(self) -> (Moves, Vec<(GrantId, GrantTerms)>) {
        let Self { ctx, mut moves, returns, reopened, repaid, .. } = self;
        returns.close(&mut moves);
        let terms = GrantTerms::plain(repaid, Category::Purchased, (ctx.now, Instant::NEVER), moves.unit());
        moves.make_up(ctx, Book::Spent, repaid, terms);
        (moves, reopened)
    }
}
