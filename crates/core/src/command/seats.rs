//! Setting, assigning and removing seats.

use super::draft::Draft;
use crate::account::SEATS_MAX;
use crate::record::{CycleEvent, Label, Level, Name, SeatTerms, Segment};
use crate::waterfall::{Context, Refusal};

/// A seat as it is to be. What is left out stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSeat {
    /// Its name in the account.
    pub name: Name,
    /// Its type; `Some(None)`: none.
    pub kind: Option<Option<Name>>,
    /// The member that holds it; `Some(None)`: nobody.
    pub member: Option<Option<Segment>>,
    /// The account must have it already.
    pub exists: bool,
    /// Why.
    pub reason: Option<Label>,
}

pub(super) fn set(ctx: Context<'_>, new: &NewSeat) -> Result<Draft, Refusal> {
    let known = ctx.account.seat(&new.name).map(|seat| &seat.terms);
    if known.is_none() && new.exists {
        return Err(Refusal::UnknownSeat(new.name.clone()));
    }
    if known.is_none() && ctx.account.rare().seats.len() >= SEATS_MAX {
        return Err(Refusal::AccountFull);
    }
    let kind = new.kind.clone().unwrap_or_else(|| known.and_then(|terms| terms.kind.clone()));
    let member = new.member.clone().unwrap_or_else(|| known.and_then(|terms| terms.member.clone()));
    if let Some(kind) = &kind
        && known.is_none_or(|terms| terms.kind.as_ref() != Some(kind))
        && !ctx.plan()?.has_seats_of(kind)
    {
        return Err(Refusal::BadSeat("the account's plan has no seats of this type"));
    }
    if let Some(member) = &member {
        if member.level == Level::Seat {
            return Err(Refusal::BadSeat("a seat is held by a member such as user:alice, not by a seat"));
        }
        if let Some(other) = ctx.account.seat_of(member).filter(|seat| **seat != new.name) {
            return Err(Refusal::HasSeat(other.clone()));
        }
    }
    let terms = SeatTerms { name: new.name.clone(), kind, member, reason: new.reason.clone() };
    Ok(Draft::of_cycle(CycleEvent::SeatSet(terms)))
}

pub(super) fn remove(ctx: Context<'_>, seat: &Name, reason: Option<Label>) -> Result<Draft, Refusal> {
    ctx.account.seat(seat).ok_or_else(|| Refusal::UnknownSeat(seat.clone()))?;
    Ok(Draft::of_cycle(CycleEvent::SeatRemoved { seat: seat.clone(), reason }))
}
