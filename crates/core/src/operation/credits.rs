//! Adding, correcting, taking back and refunding credits.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::holds::{expired_draw, give_back, open_goodwill};
use super::periodic::first_boundary;
use super::{Context, Draft, Refusal};
use crate::account::GRANTS_MAX;
use crate::record::{
    Book, CREDITS, Category, Charge, Correction, Credits, Draw, Event, GrantId, GrantTerms, Instant, Label,
    Name, Record, Recurrence, Seq, Source,
};

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
    /// The top-up that paid for it.
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
///
/// # Errors
/// Refuses amounts that are not above zero, unknown features, bad expiries and too many grants.
pub fn grant(ctx: Context<'_>, new: &NewGrant) -> Result<Draft, Refusal> {
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
    let mut draft = Draft { unit: unit.clone(), ..Draft::new(Event::Granted) };
    draft.parents.extend(new.top_up);
    draft.opens = Some(GrantTerms {
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
    let id = Book::Grant(GrantId(ctx.account.seq + 1));
    draft.moves(Book::Operator, id, new.amount);
    // Credits that cannot be used yet, or not for everything, do not repay.
    if effective_from <= ctx.now && new.features.is_empty() {
        repay(ctx, &mut draft, id, new.amount);
    }
    Ok(draft)
}

/// Repays what is owed out of a new grant: debt, then overdraft that no hold has set aside.
pub(super) fn repay(ctx: Context<'_>, draft: &mut Draft, from: Book, amount: Credits) {
    let (debt, overdraft) = owed(ctx, draft.unit.as_ref());
    let debt = debt.min(amount.nano());
    draft.moves(from, Book::Debt, Credits::from_nano(debt));
    draft.moves(from, Book::Overdraft, Credits::from_nano(overdraft.min(amount.nano() - debt)));
}

/// Books what is left of a grant that has expired as breakage.
///
/// # Errors
/// Refuses unknown grants.
pub fn expire_grant(ctx: Context<'_>, id: GrantId) -> Result<Draft, Refusal> {
    let grant = ctx.account.grant(id).ok_or(Refusal::UnknownGrant(id))?;
    let unit = grant.terms.unit.clone();
    let mut draft = Draft { unit, ..Draft::following(id.0, Event::GrantExpired(id)) };
    draft.moves(Book::Grant(id), Book::Breakage, grant.remaining);
    Ok(draft)
}

/// Takes back what is left of a grant; what holds have set aside follows when they give it back. A recurring grant, by
/// its own name or that of its period under way, comes no more.
///
/// # Errors
/// Refuses unknown grants.
pub fn void(ctx: Context<'_>, id: GrantId, reason: Option<Label>) -> Result<Draft, Refusal> {
    let schedule = ctx.account.schedule(id);
    let id = schedule.map_or(id, |s| s.current);
    let (left, unit) = match (ctx.account.grant(id), schedule) {
        (Some(grant), _) => (grant.remaining, grant.terms.unit.clone()),
        (None, Some(schedule)) => (Credits::ZERO, schedule.terms.unit.clone()),
        (None, None) => return Err(Refusal::UnknownGrant(id)),
    };
    let mut draft = Draft { unit, ..Draft::following(id.0, Event::Voided { grant: id, reason }) };
    draft.moves(Book::Grant(id), Book::Operator, left);
    Ok(draft)
}

/// Corrects a grant by hand, up or down.
///
/// # Errors
/// Refuses unknown and voided grants, zero, and taking more than is left.
pub fn adjust(ctx: Context<'_>, id: GrantId, by: Credits, reason: Option<Label>) -> Result<Draft, Refusal> {
    let grant = ctx.account.grant(id).filter(|g| !g.voided).ok_or(Refusal::UnknownGrant(id))?;
    if by.is_zero() {
        return Err(Refusal::NotPositive);
    }
    if grant.remaining.nano().checked_add(by.nano()).is_none_or(|left| left < 0) {
        return Err(Refusal::MoreThanLeft(grant.remaining));
    }
    let unit = grant.terms.unit.clone();
    ctx.account.books_of(unit.as_ref()).issued.checked_add(by).ok_or(Refusal::TooLarge)?;
    let mut draft = Draft { unit, ..Draft::following(id.0, Event::Adjusted { grant: id, by, reason }) };
    if by.is_positive() {
        draft.moves(Book::Operator, Book::Grant(id), by);
    } else {
        draft.moves(Book::Grant(id), Book::Operator, Credits::from_nano(-by.nano()));
    }
    Ok(draft)
}

/// The charge that a record made, if it made one.
#[must_use]
pub fn charge_of(record: &Record) -> Option<&Charge> {
    match &record.event {
        Event::Settled { charge, .. }
        | Event::Charged { charge, .. }
        | Event::Expired { charge: Some(charge), .. }
        | Event::Corrected { charge, .. } => Some(charge),
        Event::Opened(_)
        | Event::Changed { .. }
        | Event::Authorized { .. }
        | Event::Extended { .. }
        | Event::Released(_)
        | Event::Expired { charge: None, .. }
        | Event::Granted
        | Event::GrantExpired(_)
        | Event::Voided { .. }
        | Event::Adjusted { .. }
        | Event::Refunded { .. }
        | Event::Denied(_)
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Periodic(_)
        | Event::Late(_)
        | Event::Alert(_)
        | Event::Conduct(_)
        | Event::Server(_)
        | Event::Erased { .. } => None,
    }
}

/// Gives back a charge, all of it or `amount` credits, unwinding its draws from the last to the first.
///
/// `closed` has the records that opened the grants the charge drew and that have left the state, and those that voided
/// them. What a grant that is closed paid comes back to it, or to the operator who took it back, or is breakage.
///
/// # Errors
/// Refuses records that are no charge and more than was charged.
pub fn refund(
    ctx: Context<'_>,
    charge_record: &Record,
    amount: Option<Credits>,
    closed: &[Record],
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let charge = charge_of(charge_record).ok_or(Refusal::NotACharge(charge_record.seq))?;
    let charged = Credits::from_nano(charge.draws.iter().map(|d| d.credits().nano()).sum());
    let wanted = amount.unwrap_or(charged);
    if wanted > charged {
        return Err(Refusal::MoreThanCharged(charged));
    }
    if amount.is_some() && !wanted.is_positive() {
        return Err(Refusal::NotPositive);
    }
    let unit = charge.usage.credit_unit.clone();
    let mut back = Unwinding::new(ctx, closed, unit.as_ref());
    let mut draft = Draft { unit, ..Draft::new(Event::Granted) };
    let mut left = wanted.nano();
    for draw in charge.draws.iter().rev() {
        let part = draw.credits().nano().min(left);
        left -= part;
        back.unwind(&mut draft, draw, part);
    }
    open_goodwill(ctx, &mut draft, back.goodwill);
    back.open_repaid(&mut draft);
    let whole = wanted == charged;
    let give = |c: &crate::record::Counted| Correction {
        name: c.name.clone(),
        level: c.level,
        counted_at: c.at,
        delta: if whole || c.basis != crate::record::Basis::Spend { -c.cost } else { -wanted.nano() },
    };
    let counted = charge.counted.iter().filter(|c| whole || c.basis == crate::record::Basis::Spend);
    draft.corrections = counted.map(give).collect();
    draft.event = Event::Refunded {
        charge: charge_record.seq,
        amount: wanted,
        reopened: back.reopened,
        reason,
        path: charge.usage.path.clone(),
    };
    draft.parents.push(charge_record.seq);
    Ok(draft)
}

/// What is still owed and could shrink: debt, and overdraft that no hold has set aside.
pub(super) fn owed(ctx: Context<'_>, unit: Option<&Name>) -> (i64, i64) {
    let books = ctx.account.books_of(unit);
    (books.debt.nano(), books.overdraft.nano() - ctx.account.overdraft_held(unit).nano())
}

/// Gives draws of a charge back to where they came from, or to where that has gone since.
pub(super) struct Unwinding<'a> {
    ctx: Context<'a>,
    closed: &'a [Record],
    pub(super) reopened: Vec<(GrantId, GrantTerms)>,
    pub(super) goodwill: Credits,
    /// What came back to debt or overdraft that a grant has repaid since.
    repaid: Credits,
    debt: i64,
    overdraft: i64,
    /// What stands in grants once everything has come back.
    coming: BTreeMap<GrantId, i64>,
}

impl<'a> Unwinding<'a> {
    pub(super) fn new(ctx: Context<'a>, closed: &'a [Record], unit: Option<&Name>) -> Self {
        let (debt, overdraft) = owed(ctx, unit);
        let (goodwill, repaid) = (Credits::ZERO, Credits::ZERO);
        Self { ctx, closed, reopened: Vec::new(), goodwill, repaid, debt, overdraft, coming: BTreeMap::new() }
    }

    /// Gives back `part` nano-credits of a draw.
    pub(super) fn unwind(&mut self, draft: &mut Draft, draw: &Draw, part: i64) {
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
            give_back(self.ctx, draft, Book::Spent, draw, Credits::from_nano(shrinks), &mut self.goodwill);
            self.repaid = Credits::from_nano(self.repaid.nano() + part - shrinks);
            return;
        }
        let amount = Credits::from_nano(part);
        if let Source::Grant(id, _) = draw.source
            && let Some(grant) = self.ctx.account.grant(id)
        {
            let stands = grant.remaining.nano() + grant.held.nano();
            if !grant.voided && self.ctx.now < grant.terms.expires_at {
                self.hold_room(id, &grant.terms, stands, part);
            }
        } else if let Source::Grant(id, _) = draw.source {
            if self
                .closed
                .iter()
                .any(|r| matches!(r.event, Event::Voided { grant: voided, .. } if voided == id))
            {
                return draft.moves(Book::Spent, Book::Operator, amount);
            }
            if !self.reopen(id, part) {
                // It has expired since.
                return expired_draw(self.ctx, draft, Book::Spent, amount, &mut self.goodwill);
            }
        }
        give_back(self.ctx, draft, Book::Spent, draw, amount, &mut self.goodwill);
    }

    /// Opens a grant again that left the state because nothing was left of it.
    fn reopen(&mut self, id: GrantId, part: i64) -> bool {
        let terms = self.closed.iter().find(|r| r.seq == id.0).and_then(|r| r.opens.as_ref());
        let Some(terms) = terms.filter(|t| self.ctx.now < t.expires_at) else {
            return false;
        };
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

    /// A grant repaid what the charge had left owing, so the refund becomes a grant.
    pub(super) fn open_repaid(&self, draft: &mut Draft) {
        if !self.repaid.is_positive() {
            return;
        }
        let to = Book::Grant(GrantId(self.ctx.account.seq + 1));
        match &mut draft.opens {
            Some(terms) => terms.amount = Credits::from_nano(terms.amount.nano() + self.repaid.nano()),
            None => {
                draft.opens = Some(GrantTerms {
                    amount: self.repaid,
                    category: Category::Purchased,
                    priority: 0,
                    effective_from: self.ctx.now,
                    expires_at: Instant::NEVER,
                    features: SmallVec::new(),
                    reference: None,
                    recurrence: None,
                    unit: draft.unit.clone(),
                });
            }
        }
        draft.moves(Book::Spent, to, self.repaid);
    }
}
