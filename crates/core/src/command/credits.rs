//! Adding, correcting and taking back credits.

use alloc::boxed::Box;

use smallvec::SmallVec;

use super::accounts::check_units;
use super::draft::{Draft, Moves, own_grant};
use super::history::{History, Stop};
use crate::account::{GRANTS_MAX, SCHEDULES_MAX};
use crate::record::{
    Amount, Book, Category, Credits, Event, GrantId, GrantTerms, Instant, Label, Name, Recurrence, Rollover,
    Seq, WHOLE, own_unit,
};
use crate::waterfall::{Context, Refusal};

/// Most carried blocks of one recurring grant that may be open at the same time.
const CARRIED_MAX: u64 = 100;

/// A grant to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// The amount.
    pub amount: Credits,
    /// Its kind.
    pub category: Category,
    /// Lower numbers are drawn first.
    pub priority: u16,
    /// Usable from; `None`: at once.
    pub effective_from: Option<Instant>,
    /// Usable before; `None`: it never expires.
    pub expires_at: Option<Instant>,
    /// The features it pays for; empty: all.
    pub features: SmallVec<[Name; 1]>,
    /// The operator's reference.
    pub reference: Option<Label>,
    /// How it recurs; `expires_at` is then the end of the recurrence, and each grant expires at its next boundary.
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

/// Adds credits; they repay debt first, then overdraft.
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
    let unit = own_unit(new.unit.as_ref()).cloned();
    check_units(ctx, [unit.as_ref()])?;
    let books = ctx.account.books_of(unit.as_ref());
    books.issued.checked_add(new.amount).ok_or_else(|| Refusal::BooksFull(unit.clone()))?;
    let recurrence =
        new.recurrence.as_ref().map(|r| Box::new(Recurrence { until: expires_at, ..(**r).clone() }));
    let first = recurrence.as_ref().map(|r| first_period(ctx, r, effective_from)).transpose()?;
    let prorated =
        recurrence.as_ref().and_then(|r| Some(r.rest_of(new.amount, first?, effective_from, r.prorated?.by)));
    let amount = prorated.unwrap_or(new.amount);
    let mut moves = Moves::new(unit.clone());
    moves.open(GrantTerms {
        amount,
        category: new.category,
        priority: new.priority,
        effective_from,
        expires_at: first.map_or(expires_at, |(_, end)| end),
        features: new.features.clone(),
        reference: new.reference.clone(),
        recurrence,
        unit,
        burns_at: None,
    });
    moves.add(Book::Operator, own_grant(ctx), amount);
    // Credits that cannot be used yet, or not for everything, do not repay.
    if effective_from <= ctx.now && new.features.is_empty() {
        repay(ctx, &mut moves, own_grant(ctx), amount);
    }
    let draft = Draft::moving(Event::Granted, moves);
    Ok(Draft { parents: new.top_up.into_iter().collect(), ..draft })
}

/// Checks how a new grant recurs; returns the whole period that its first one is in. A grant that ends before the next boundary
/// occurs once.
fn first_period(
    ctx: Context<'_>,
    recurrence: &Recurrence,
    from: Instant,
) -> Result<(Instant, Instant), Refusal> {
    if ctx.account.rare().schedules.len() >= SCHEDULES_MAX {
        return Err(Refusal::AccountFull);
    }
    let anchor = ctx.account.settings.billing_anchor;
    let (start, end) = recurrence.period(from, anchor).ok_or(Refusal::UnknownZone)?;
    if let Some(Rollover { min, max, fraction, life }) = recurrence.rollover {
        let blocks = life.map_or(1, |l| l.micros() / end.since(start).micros().max(1));
        if min < Credits::ZERO || min > max || fraction > WHOLE || blocks > CARRIED_MAX {
            return Err(Refusal::BadRollover);
        }
    }
    Ok((start, end))
}

/// Debt that a grant could repay, and overdraft that no hold has set aside.
pub(crate) fn owed(ctx: Context<'_>, unit: Option<&Name>) -> (i64, i64) {
    let books = ctx.account.books_of(unit);
    (books.debt.nano(), books.overdraft.nano() - ctx.account.overdraft_held(unit).nano())
}

/// Repays out of a new grant: debt, then overdraft that no hold has set aside.
pub(crate) fn repay(ctx: Context<'_>, moves: &mut Moves, from: Book, amount: Credits) {
    let (debt, overdraft) = owed(ctx, moves.unit());
    let debt = debt.min(amount.nano());
    moves.add(from, Book::Debt, Credits::from_nano(debt));
    moves.add(from, Book::Overdraft, Credits::from_nano(overdraft.min(amount.nano() - debt)));
}

/// Takes back the remainder of a grant; credits set aside by holds follow when the holds give them back. A recurring grant, by
/// its own name or that of its current period, ends.
pub(super) fn void(
    ctx: Context<'_>,
    id: GrantId,
    reason: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    let schedule = ctx.account.schedule(id);
    let id = schedule.map_or(id, |s| s.current);
    let (left, unit) = match (ctx.account.grant(id).filter(|g| !g.voided), schedule) {
        (Some(grant), _) => (grant.remaining, grant.terms.unit.clone()),
        (None, Some(schedule)) => (Credits::ZERO, schedule.terms.unit.clone()),
        (None, None) => {
            let unit = gone(ctx, id, history)?.unit.as_ref();
            return Err(Refusal::MoreThanLeft(Amount::of(Credits::ZERO, unit)).into());
        }
    };
    let mut moves = Moves::new(unit);
    moves.add(Book::Grant(id), Book::Operator, left);
    Ok(Draft::moving(Event::Voided { grant: id, reason }, moves).following(id.0))
}

/// The terms of a grant with no remainder.
fn gone<'a>(ctx: Context<'a>, id: GrantId, history: &'a History) -> Result<&'a GrantTerms, Stop> {
    if id.0 == 0 || id.0 > ctx.account.seq {
        return Err(Refusal::UnknownGrant(id).into());
    }
    let opened = history.record(ctx, id.0)?.opens.as_ref();
    opened.ok_or(Refusal::UnknownGrant(id).into())
}

/// A change of a grant by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjust {
    /// The grant.
    pub grant: GrantId,
    /// By how much, up or down.
    pub by: Credits,
    /// The part that it no longer has is owed.
    pub as_debt: bool,
    /// Why.
    pub reason: Option<Label>,
}

/// Corrects a grant by hand, up or down.
pub(super) fn adjust(ctx: Context<'_>, ask: &Adjust, history: &History) -> Result<Draft, Stop> {
    let Adjust { grant: id, by, as_debt, reason } = ask;
    if by.is_zero() {
        return Err(Refusal::NoChange.into());
    }
    let own = Book::Grant(*id);
    let (left, unit) = match ctx.account.grant(*id).filter(|g| !g.voided) {
        Some(grant) => (grant.remaining, grant.terms.unit.clone()),
        None => (Credits::ZERO, gone(ctx, *id, history)?.unit.clone()),
    };
    let is_open = ctx.account.grant(*id).is_some_and(|g| !g.voided);
    let issued = ctx.account.books_of(unit.as_ref()).issued;
    issued.checked_add(*by).ok_or_else(|| Refusal::BooksFull(unit.clone()))?;
    let more_than_left = Refusal::MoreThanLeft(Amount::of(left, unit.as_ref()));
    let mut moves = Moves::new(unit);
    let mut owed = Credits::ZERO;
    if by.is_positive() {
        if !is_open {
            return Err(Refusal::GrantEnded(*id).into());
        }
        moves.add(Book::Operator, own, *by);
    } else {
        let wanted = Credits::from_nano(by.nano().checked_neg().ok_or(Refusal::TooLarge)?);
        owed = Credits::from_nano((wanted.nano() - left.nano()).max(0));
        if owed.is_positive() && !as_debt {
            return Err(more_than_left.into());
        }
        moves.add(own, Book::Operator, wanted.min(left));
        moves.add(Book::Debt, Book::Operator, owed);
    }
    let event = Event::Adjusted { grant: *id, by: *by, reason: reason.clone(), owed };
    Ok(Draft::moving(event, moves).following(id.0))
}
