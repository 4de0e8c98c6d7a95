//! The seats of an account, and who holds them.
//!
//! E1 use is counted for the seat, not for its member: moving a seat gains nothing (`what_a_seat_has_used_stays_with_it`).

use alloc::string::String;

use super::rare::Seat;
use super::state::Account;
use crate::record::{Level, Name, Path, Record, SeatTerms, Segment};

impl Account {
    /// A seat, by its name.
    pub(crate) fn seat(&self, name: &Name) -> Option<&Seat> {
        let seats = &self.rare.as_deref()?.seats;
        let at = seats.binary_search_by(|seat| seat.terms.name.cmp(name)).ok()?;
        seats.get(at)
    }

    /// The seat that a member holds.
    pub(crate) fn seat_of(&self, member: &Segment) -> Option<&Name> {
        let members = &self.rare.as_deref()?.seated;
        let at = members.binary_search_by(|(known, _)| known.cmp(member)).ok()?;
        members.get(at).map(|(_, seat)| seat)
    }

    /// The seat that the innermost member of a path with one holds.
    fn held_on(&self, path: &Path) -> Option<&Name> {
        self.rare.as_deref().filter(|rare| !rare.seated.is_empty())?;
        path.segments().iter().rev().find_map(|segment| self.seat_of(segment))
    }

    /// A path with the seat that a member on it holds; `None`: nobody holds one, or it names one.
    pub(crate) fn seated(&self, path: &Path) -> Option<Path> {
        let seat = self.held_on(path).filter(|_| path.at(Level::Seat).is_none())?;
        Some(path.with(Segment { level: Level::Seat, name: seat.clone() }))
    }

    /// The type of the seat that a path names. Requests have the seat of their member from when they were made: a hold does not get
    /// one later.
    pub(crate) fn seat_kind(&self, path: &Path) -> Option<&Name> {
        self.seat(path.at(Level::Seat)?)?.terms.kind.as_ref()
    }

    pub(super) fn set_seat(&mut self, record: &Record, terms: &SeatTerms) {
        let rare = self.rare_mut();
        rare.seated.retain(|(_, seat)| *seat != terms.name);
        if let Some(member) = &terms.member {
            let at = rare.seated.partition_point(|(known, _)| known < member);
            rare.seated.insert(at, (member.clone(), terms.name.clone()));
        }
        let at = rare.seats.partition_point(|seat| seat.terms.name < terms.name);
        let known = rare.seats.get(at).filter(|seat| seat.terms.name == terms.name);
        let moved = known.is_none_or(|seat| seat.terms.member != terms.member);
        let since = known.filter(|_| !moved).map_or(record.recorded_at, |seat| seat.since);
        let seat = Seat { terms: terms.clone(), since, set_by: record.actor.clone() };
        match rare.seats.get_mut(at).filter(|seat| seat.terms.name == terms.name) {
            Some(known) => *known = seat,
            None => rare.seats.insert(at, seat),
        }
    }

    pub(super) fn remove_seat(&mut self, name: &Name) -> Result<(), String> {
        let rare = self.rare_mut();
        let at = rare.seats.binary_search_by(|seat| seat.terms.name.cmp(name)).map_err(|_| "no such seat")?;
        rare.seats.remove(at);
        rare.seated.retain(|(_, seat)| seat != name);
        Ok(())
    }
}
