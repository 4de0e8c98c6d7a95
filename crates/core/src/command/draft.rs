//! A record without its place in the log, and its movements.

use alloc::boxed::Box;

use smallvec::SmallVec;

use crate::account::{Account, Grant};
use crate::catalog::source::ExpiredDraws;
use crate::record::{
    Book, Category, Correction, Credits, CycleEvent, Draw, Event, GrantId, GrantTerms, Instant, Key,
    Movement, Name, Record, Recurrence, Seq, Source, Span,
};
use crate::waterfall::Context;

/// How long the promotional grant lives that replaces draws given back to an expired grant.
const GOODWILL_LIFE: Span = Span::from_secs(30 * 86_400);

/// A record without its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The event.
    pub event: Event,
    /// Records it follows from.
    pub parents: SmallVec<[Seq; 1]>,
    /// Balance updates.
    pub movements: SmallVec<[Movement; 3]>,
    /// Corrections of use counted earlier.
    pub corrections: SmallVec<[Correction; 2]>,
    /// The grant it opens.
    pub opens: Option<GrantTerms>,
    /// When it takes effect; `None`: when it is written.
    pub effective_at: Option<Instant>,
    /// The unit of credits of its movements.
    pub unit: Option<Name>,
}

impl Draft {
    /// An event of the billing cycle without any effect on balances.
    pub(crate) fn of_cycle(event: CycleEvent) -> Self {
        Self::new(Event::Cycle(Box::new(event)))
    }

    /// An event without any effect on balances.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self {
            event,
            parents: SmallVec::new(),
            movements: SmallVec::new(),
            corrections: SmallVec::new(),
            opens: None,
            effective_at: None,
            unit: None,
        }
    }

    /// An event with its movements.
    pub(crate) fn moving(event: Event, moves: Moves) -> Self {
        let Moves { unit, movements, opens } = moves;
        Self { movements, opens, unit, ..Self::new(event) }
    }

    /// As a consequence of an earlier record.
    pub(crate) fn following(self, parent: Seq) -> Self {
        let mut draft = self;
        draft.parents.push(parent);
        draft
    }

    /// Whether the account's books can take the movements: everything ever issued or lent to it stays within the range
    /// of [`Credits`], and so does every other sum.
    #[must_use]
    pub fn fits(&self, account: &Account) -> bool {
        let b = account.books_of(self.unit.as_ref());
        let inflow = |m: &&Movement| {
            matches!(m.from, Book::Operator | Book::Goodwill | Book::Debt | Book::Overdraft | Book::Postpaid)
        };
        let lent = account.lent(self.unit.as_ref());
        let standing = [b.issued, b.goodwill, b.debt, b.overdraft, lent].into_iter();
        let mut all = standing.chain(self.movements.iter().filter(inflow).map(|m| m.amount));
        all.try_fold(Credits::ZERO, |sum, amount| sum.checked_add(amount)).is_some()
    }

    /// The record at the end of the account's log.
    #[must_use]
    pub fn into_record(
        self,
        account: &Account,
        now: Instant,
        key: Option<Key>,
        actor: Option<Name>,
    ) -> Record {
        Record {
            seq: account.seq + 1,
            effective_at: self.effective_at.unwrap_or(now),
            recorded_at: now,
            parents: self.parents,
            key,
            actor,
            event: self.event,
            movements: self.movements,
            corrections: self.corrections,
            opens: self.opens,
            unit: self.unit,
            erased: None,
            under: None,
        }
    }
}

/// The movements of a record as it is put together: the one place where movements are made.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    unit: Option<Name>,
    movements: SmallVec<[Movement; 3]>,
    opens: Option<GrantTerms>,
}

impl Moves {
    /// Nothing yet, in a unit of credits.
    pub(crate) fn new(unit: Option<Name>) -> Self {
        Self { unit, ..Self::default() }
    }

    /// The amounts of draws, moved to `to`.
    pub(crate) fn of_draws(unit: Option<&Name>, draws: &[Draw], to: Book) -> Self {
        let mut moves = Self::new(unit.cloned());
        moves.draw(draws, to);
        moves
    }

    pub(crate) fn unit(&self) -> Option<&Name> {
        self.unit.as_ref()
    }

    /// Moves an amount, if there is any.
    pub(crate) fn add(&mut self, from: Book, to: Book, amount: Credits) {
        if amount.is_positive() {
            self.movements.push(Movement { from, to, amount });
        }
    }

    /// Moves the amounts of draws to `to`.
    pub(crate) fn draw(&mut self, draws: &[Draw], to: Book) {
        for draw in draws {
            if let Some(from) = draw.source.book() {
                self.add(from, to, draw.credits());
            }
        }
    }

    /// Opens a grant, named by the record.
    pub(crate) fn open(&mut self, terms: GrantTerms) {
        self.opens = Some(terms);
    }

    /// Opens a grant that makes up for something, or adds to the one that already does. A record opens one grant, so unlike
    /// amounts are under the terms that last longer: nobody loses credits.
    pub(crate) fn make_up(&mut self, ctx: Context<'_>, from: Book, amount: Credits, terms: GrantTerms) {
        if !amount.is_positive() {
            return;
        }
        match &mut self.opens {
            Some(open) => {
                let sum = Credits::from_nano(open.amount.nano() + amount.nano());
                let lasts = |terms: &GrantTerms| (terms.features.is_empty(), terms.expires_at);
                if lasts(&terms) > lasts(open) {
                    *open = terms;
                }
                open.amount = sum;
            }
            None => self.opens = Some(terms),
        }
        self.add(from, own_grant(ctx), amount);
    }
}

/// The amount of a recurring grant carried into the period that begins at its boundary, as a separate block. Since the boundary the
/// account has stood still for a while.
pub(crate) fn carried_block(
    terms: &GrantTerms,
    amount: Credits,
    (boundary, period_end): (Instant, Instant),
    stood_still: Span,
) -> GrantTerms {
    let life = terms.recurrence.as_ref().and_then(|r| r.rollover?.life);
    let expires_at = life.map_or(period_end, |life| boundary.after(life).after(stood_still));
    GrantTerms {
        amount,
        effective_from: boundary,
        expires_at,
        recurrence: None,
        burns_at: Some(expires_at.min(period_end)),
        ..terms.clone()
    }
}

/// The end of the period that began at a boundary, later by as long as the account has stood still since; and how long that was.
fn period_end(ctx: Context<'_>, recurrence: &Recurrence, boundary: Instant) -> Option<(Instant, Span)> {
    let (before, present) = ctx.account.stood_still(boundary, ctx.now);
    let (_, end) = recurrence.period(boundary.after(before), ctx.account.settings.billing_anchor)?;
    Some((end.after(present), Span::from_micros(before.micros() + present.micros())))
}

/// The book of the grant that the next record opens.
pub(crate) fn own_grant(ctx: Context<'_>) -> Book {
    Book::Grant(GrantId(ctx.account.seq + 1))
}

/// Draws on their way back: to where they came from, or to where that has gone since.
pub(crate) struct Returns<'a> {
    ctx: Context<'a>,
    /// The book that they leave.
    from: Book,
    /// The amount that the operator covers, from draws whose grants have expired.
    goodwill: Credits,
    /// The amounts that have come back so far to grants that have ended.
    back: SmallVec<[(GrantId, i64); 1]>,
}

impl<'a> Returns<'a> {
    pub(crate) fn new(ctx: Context<'a>, from: Book) -> Self {
        Self { ctx, from, goodwill: Credits::ZERO, back: SmallVec::new() }
    }

    /// Gives back a part of a draw; the plan's rule applies to a source that has closed in the meantime.
    pub(crate) fn give(&mut self, moves: &mut Moves, draw: &Draw, amount: Credits) {
        let to = match draw.source {
            Source::Allowance => return,
            Source::Overdraft => Book::Overdraft,
            Source::Postpaid(_) => Book::Postpaid,
            Source::Debt => Book::Debt,
            Source::Goodwill => Book::Goodwill,
            Source::Grant(id, _) => match self.ctx.account.grant(id) {
                Some(grant) if grant.voided => Book::Operator,
                Some(grant) if grant.terms.expires_at <= self.ctx.now => {
                    let carried = self.carry(moves, grant, amount);
                    return self.expired(moves, Credits::from_nano(amount.nano() - carried.nano()));
                }
                Some(_) | None => Book::Grant(id),
            },
        };
        moves.add(self.from, to, amount);
    }

    /// Credits that a hold gives back to a recurring grant after its boundary are carried over as far as the rollover has room,
    /// as if they had remained.
    fn carry(&mut self, moves: &mut Moves, grant: &Grant, amount: Credits) -> Credits {
        let ctx = self.ctx;
        let terms = &grant.terms;
        let boundary = terms.expires_at;
        let carries = terms.recurrence.as_deref().filter(|r| boundary < r.until);
        let rolls = carries.and_then(|r| r.rollover.as_ref().zip(period_end(ctx, r, boundary)));
        let Some((rollover, (period_end, stood_still))) =
            rolls.filter(|_| matches!(self.from, Book::Hold(_)))
        else {
            return Credits::ZERO;
        };
        let back = match self.back.iter_mut().find(|(id, _)| *id == grant.id) {
            Some((_, back)) => back,
            None => {
                self.back.push((grant.id, 0));
                self.back.last_mut().map(|(_, back)| back).unwrap_or_else(|| unreachable!("it was pushed"))
            }
        };
        let before = grant.left.map_or(0, Credits::nano) + *back;
        *back += amount.nano();
        let of = |left: i64| rollover.carried(Credits::from_nano(left)).nano();
        let carried = Credits::from_nano((of(before + amount.nano()) - of(before)).max(0));
        let block = carried_block(terms, carried, (boundary, period_end), stood_still);
        if block.expires_at <= ctx.now {
            return Credits::ZERO;
        }
        moves.make_up(ctx, self.from, carried, block);
        carried
    }

    /// Gives back a draw whose grant has expired since: it is breakage, and covered if the plan says so.
    pub(crate) fn expired(&mut self, moves: &mut Moves, amount: Credits) {
        let rule = self.ctx.plan().map_or(ExpiredDraws::Breakage, |p| p.expired_draws);
        if rule == ExpiredDraws::Goodwill {
            let sum = self.goodwill.checked_add(amount);
            self.goodwill = sum.unwrap_or_else(|| unreachable!("the draws of one receipt add up to credits"));
        }
        moves.add(self.from, Book::Breakage, amount);
    }

    /// Opens the grant that covers expired draws.
    pub(crate) fn close(self, moves: &mut Moves) {
        let Self { ctx, goodwill, .. } = self;
        let terms = GrantTerms::plain(
            goodwill,
            Category::Promotional,
            (ctx.now, ctx.now.after(GOODWILL_LIFE)),
            moves.unit(),
        );
        moves.make_up(ctx, Book::Goodwill, goodwill, terms);
    }
}
