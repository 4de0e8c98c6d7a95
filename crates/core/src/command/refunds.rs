//! Giving charges back, and what refunds share with corrections: draws unwound to where they came from.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::draft::{Draft, Moves, Returns};
use super::history::{History, Stop};
use super::receipts::correction;
use crate::record::{
    Basis, Book, Category, Charge, Counted, Credits, Draw, Event, GrantId, GrantTerms, Instant, Label, Once,
    Record, Seq, Source,
};
use crate::waterfall::{Context, Refusal};

/// A charge that has neither been given back nor corrected before.
pub(super) fn live_charge<'a>(
    ctx: Context<'_>,
    seq: Seq,
    history: &'a History,
) -> Result<(&'a Record, &'a Charge), Stop> {
    if let Some(by) = history.once(ctx, Once::Refunds(seq))? {
        return Err(Refusal::AlreadyRefunded(seq, by.seq).into());
    }
    let record = history.record(ctx, seq)?;
    Ok((record, record.charge().ok_or(Refusal::NotACharge(seq))?))
}

/// Gives back a charge, all of it or `amount` credits, unwinding its draws from the last to the first.
///
/// What a grant paid that has left the state comes back to it, or to the operator who took it back, or is breakage.
pub(super) fn refund(
    ctx: Context<'_>,
    seq: Seq,
    amount: Option<Credits>,
    reason: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    let (_, charge) = live_charge(ctx, seq, history)?;
    let charged = Credits::from_nano(charge.draws.iter().map(|d| d.credits().nano()).sum());
    let wanted = amount.unwrap_or(charged);
    if wanted > charged {
        return Err(Refusal::MoreThanCharged(charged).into());
    }
    if amount.is_some() && !wanted.is_positive() {
        return Err(Refusal::NotPositive.into());
    }
    let mut back = Unwinding::new(ctx, charge, history)?;
    let mut left = wanted.nano();
    for draw in charge.draws.iter().rev() {
        let part = draw.credits().nano().min(left);
        left -= part;
        back.unwind(draw, part);
    }
    let (moves, reopened) = back.close();
    let whole = wanted == charged;
    let give =
        |c: &Counted| correction(c, if whole || c.basis != Basis::Spend { -c.cost } else { -wanted.nano() });
    let counted = charge.counted.iter().filter(|c| whole || c.basis == Basis::Spend);
    let corrections = counted.map(give).collect();
    let path = charge.usage.path.clone();
    let event = Event::Refunded { charge: seq, amount: wanted, reopened, reason, path };
    Ok(Draft { corrections, ..Draft::moving(event, moves).following(seq) })
}

/// A grant that a charge drew and that has left the state.
struct Closed<'a> {
    id: GrantId,
    terms: Option<&'a GrantTerms>,
    voided: bool,
}

/// Gives draws of a charge back to where they came from, or to where that has gone since.
pub(super) struct Unwinding<'a> {
    ctx: Context<'a>,
    closed: Vec<Closed<'a>>,
    moves: Moves,
    returns: Returns<'a>,
    reopened: Vec<(GrantId, GrantTerms)>,
    /// What came back to debt or overdraft that a grant has repaid since.
    repaid: Credits,
    debt: i64,
    overdraft: i64,
    /// What stands in grants once everything has come back.
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
                let terms = history.record(ctx, id.0)?.opens.as_ref();
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
            debt,
            overdraft,
            coming: BTreeMap::new(),
        })
    }

    /// Gives back `part` nano-credits of a draw.
    pub(super) fn unwind(&mut self, draw: &Draw, part: i64) {
        if part == 0 {
            return;
        }
        let owed = match draw.source {
            Source::Debt => Some(&mut self.debt),
            Source::Overdraft => Some(&mut self.overdraft),
            Source::Allowance | Source::Goodwill | Source::Grant(..) => None,
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
        let closed = self.closed.iter().find(|c| c.id == id && !c.voided).and_then(|c| c.terms);
        let Some(terms) = closed.filter(|t| self.ctx.now < t.expires_at) else { return false };
        self.hold_room(id, terms, 0, part);
        true
    }

    /// A grant is worth at least what comes back to it: it may have been worth more once than its terms say.
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

    /// What has moved, and the grants that are open again. What a charge had left owing and a grant has repaid since becomes a
    /// grant.
    pub(super) fn close(self) -> (Moves, Vec<(GrantId, GrantTerms)>) {
        let Self { ctx, mut moves, returns, reopened, repaid, .. } = self;
        returns.close(&mut moves);
        let terms = GrantTerms {
            amount: repaid,
            category: Category::Purchased,
            priority: 0,
            effective_from: ctx.now,
            expires_at: Instant::NEVER,
            features: SmallVec::new(),
            reference: None,
            recurrence: None,
            unit: moves.unit().cloned(),
        };
        moves.make_up(ctx, Book::Spent, repaid, terms);
        (moves, reopened)
    }
}
