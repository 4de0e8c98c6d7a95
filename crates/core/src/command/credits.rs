//! Adding, correcting and taking back credits.

use alloc::boxed::Box;

use smallvec::SmallVec;

use super::draft::{Draft, Moves, own_grant};
use crate::account::{GRANTS_MAX, SCHEDULES_MAX};
use crate::record::{
    Book, CREDITS, Category, Credits, Event, GrantId, GrantTerms, Instant, Label, Name, Recurrence, Rollover,
    Seq, WHOLE,
};
use crate::waterfall::{Context, Refusal};

/// Most carried blocks of one recurring grant that may be open at the same time.
const CARRIED_MAX: u64 = 100;

/// A grant to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// How much.
    pub amount: Credits,
    /// Its kind.
    pub category: Category,
    /// Small first.
    pub priority: u16,
    /// Usable from; `None`: at once.
    pub effective_from: Option<Instant>,
    /// Usable before; `None`: it never expires.
    pub expires_at: Option<Instant>,
    /// The features it pays for; empty: all.
    pub features: SmallVec<[Name; 1]>,
    /// The operator's reference.
    pub reference: Option<Label>,
    /// How it comes again; `expires_at` is then when it stops doing so, and each expires at its next boundary.
    pub recurrence: Option<Box<Recurrence>>,
    /// The record of the top-up that paid for it.
    pub top_up: Option<Seq>,
    /// The unit of its credits; `None`: `credits`.
    pub unit: Option<Name>,
}

impl NewGrant {
    /// A grant for everything, from now on and for ever.
    #[must_use]
    pub fn new(amount: Credits, category: Category) -> Self {
        Self {
            amount,
            category,
            priority: 0,
            effective_from: None,
            expires_at: None,
            features: SmallVec::new(),
            reference: None,
            recurrence: None,
            top_up: None,
            unit: None,
        }
    }
}

/// Adds credits; what is owed is repaid first, debt before overdraft.
pub(super) fn grant(ctx: Context<'_>, new: &NewGrant) -> Result<Draft, Refusal> {
    let effective_from = new.effective_from.unwrap_or(ctx.now);
    let expires_at = new.expires_at.unwrap_or(Instant::NEVER);
    if !new.amount.is_positive() {
        return Err(Refusal::NotPositive);
    }
    if expires_at <= ctx.now.max(effective_from) {
        return Err(Refusal::BadExpiry);
    }
    if ctx.account.grants.len() >= GRANTS_MAX {
        return Err(Refusal::AccountFull);
    }
    if let Some(unknown) = new.features.iter().find(|f| ctx.catalog.feature(f.as_str()).is_none()) {
        return Err(Refusal::UnknownFeature(unknown.clone()));
    }
    let unit = new.unit.clone().filter(|u| u.as_str() != CREDITS);
    let books = ctx.account.books_of(unit.as_ref());
    books.issued.checked_add(new.amount).ok_or(Refusal::TooLarge)?;
    let recurrence =
        new.recurrence.as_ref().map(|r| Box::new(Recurrence { until: expires_at, ..(**r).clone() }));
    let ends_at = recurrence.as_ref().map(|r| first_boundary(ctx, r, effective_from)).transpose()?;
    let mut moves = Moves::new(unit.clone());
    moves.open(GrantTerms {
        amount: new.amount,
        category: new.category,
        priority: new.priority,
        effective_from,
        expires_at: ends_at.unwrap_or(expires_at),
        features: new.features.clone(),
        reference: new.reference.clone(),
        recurrence,
        unit,
    });
    moves.add(Book::Operator, own_grant(ctx), new.amount);
    // Credits that cannot be used yet, or not for everything, do not repay.
    if effective_from <= ctx.now && new.features.is_empty() {
        repay(ctx, &mut moves, own_grant(ctx), new.amount);
    }
    let draft = Draft::moving(Event::Granted, moves);
    Ok(Draft { parents: new.top_up.into_iter().collect(), ..draft })
}

/// Checks how a new grant recurs, and when its first period ends.
fn first_boundary(ctx: Context<'_>, recurrence: &Recurrence, from: Instant) -> Result<Instant, Refusal> {
    if ctx.account.extras().schedules.len() >= SCHEDULES_MAX {
        return Err(Refusal::AccountFull);
    }
    let anchor = ctx.account.settings.billing_anchor;
    let (start, end) = recurrence.period(from, anchor).ok_or(Refusal::UnknownZone)?;
    if recurrence.until <= end {
        return Err(Refusal::BadExpiry);
    }
    if let Some(Rollover { min, max, fraction, life }) = recurrence.rollover {
        let blocks = life.map_or(1, |l| l.micros() / end.since(start).micros().max(1));
        if min < Credits::ZERO || min > max || fraction > WHOLE || blocks > CARRIED_MAX {
            return Err(Refusal::BadRollover);
        }
    }
    Ok(end)
}

/// What is still owed and could shrink: debt, and overdraft that no hold has set aside.
pub(crate) fn owed(ctx: Context<'_>, unit: Option<&Name>) -> (i64, i64) {
    let books = ctx.account.books_of(unit);
    (books.debt.nano(), books.overdraft.nano() - ctx.account.overdraft_held(unit).nano())
}

/// Repays what is owed out of a new grant: debt, then overdraft that no hold has set aside.
pub(crate) fn repay(ctx: Context<'_>, moves: &mut Moves, from: Book, amount: Credits) {
    let (debt, overdraft) = owed(ctx, moves.unit());
    let debt = debt.min(amount.nano());
    moves.add(from, Book::Debt, Credits::from_nano(debt));
    moves.add(from, Book::Overdraft, Credits::from_nano(overdraft.min(amount.nano() - debt)));
}

/// Takes back what is left of a grant; what holds have set aside follows when they give it back. A recurring grant, by
/// its own name or that of its period under way, comes no more.
pub(super) fn void(ctx: Context<'_>, id: GrantId, reason: Option<Label>) -> Result<Draft, Refusal> {
    let schedule = ctx.account.schedule(id);
    let id = schedule.map_or(id, |s| s.current);
    let (left, unit) = match (ctx.account.grant(id), schedule) {
        (Some(grant), _) => (grant.remaining, grant.terms.unit.clone()),
        (None, Some(schedule)) => (Credits::ZERO, schedule.terms.unit.clone()),
        (None, None) => return Err(Refusal::UnknownGrant(id)),
    };
    let mut moves = Moves::new(unit);
    moves.add(Book::Grant(id), Book::Operator, left);
    Ok(Draft::moving(Event::Voided { grant: id, reason }, moves).following(id.0))
}

/// Corrects a grant by hand, up or down.
pub(super) fn adjust(
    ctx: Context<'_>,
    id: GrantId,
    by: Credits,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let grant = ctx.account.grant(id).filter(|g| !g.voided).ok_or(Refusal::UnknownGrant(id))?;
    if by.is_zero() {
        return Err(Refusal::NotPositive);
    }
    if grant.remaining.nano().checked_add(by.nano()).is_none_or(|left| left < 0) {
        return Err(Refusal::MoreThanLeft(grant.remaining));
    }
    let unit = grant.terms.unit.clone();
    ctx.account.books_of(unit.as_ref()).issued.checked_add(by).ok_or(Refusal::TooLarge)?;
    let mut moves = Moves::new(unit);
    if by.is_positive() {
        moves.add(Book::Operator, Book::Grant(id), by);
    } else {
        moves.add(Book::Grant(id), Book::Operator, Credits::from_nano(-by.nano()));
    }
    Ok(Draft::moving(Event::Adjusted { grant: id, by, reason }, moves).following(id.0))
}
