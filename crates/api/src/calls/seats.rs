//! Seats of an account.

use std::collections::BTreeMap;

use headworks_core::record::Name;
use headworks_wire as wire;
use wire::Scope;

use super::change;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};

impl Api {
    /// Add a seat, or change it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn set_seat(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::SeatRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        if ask.member.is_some() {
            access.account(Scope::Admin, id)?;
        }
        let key = key.of(ask.idempotency_key.take(), None, &("set", &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// Show an account's seats.
    ///
    /// # Errors
    /// With a problem.
    pub async fn seats(&self, access: &Access, id: &str) -> Result<wire::Seats, Problem> {
        let account = access.account(Scope::Read, id)?;
        let seats = self.engine.view(&account, |ctx| Ok(headworks_core::view::seats(ctx))).await?;
        let mut counts: BTreeMap<String, wire::SeatCount> = BTreeMap::new();
        for seat in &seats {
            let kind = seat.terms.kind.as_ref().map_or_else(String::new, ToString::to_string);
            let count = counts.entry(kind).or_default();
            count.all += 1;
            count.held += u64::from(seat.terms.member.is_some());
        }
        let seat = |seat: headworks_core::account::Seat| wire::Seat {
            seat: seat.terms.name,
            kind: seat.terms.kind,
            member: seat.terms.member,
            since: seat.since,
            reason: seat.terms.reason,
            set_by: seat.set_by,
        };
        Ok(wire::Seats { counts, seats: seats.into_iter().map(seat).collect() })
    }

    /// Give a seat to a member, or release it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn assign_seat(
        &self,
        access: &Access,
        id: &str,
        seat: &str,
        key: Key,
        mut ask: wire::AssignSeatRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Scope::Admin, id)?;
        let seat = named_seat(seat)?;
        let key = key.of(ask.idempotency_key.take(), None, &("assign", &seat, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(seat)).await?)
    }

    /// Remove a seat.
    ///
    /// # Errors
    /// With a problem.
    pub async fn remove_seat(
        &self,
        access: &Access,
        id: &str,
        seat: &str,
        key: Key,
        mut ask: wire::RemoveSeatRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let seat = named_seat(seat)?;
        let key = key.of(ask.idempotency_key.take(), None, &("remove", &seat, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(seat)).await?)
    }
}

fn named_seat(text: &str) -> Result<Name, Problem> {
    Name::new(text).map_err(|e| Problem::new(Kind::UnknownSeat, format!("`{text}` is no seat: {e}")))
}
