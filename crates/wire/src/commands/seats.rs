//! Commands about seats.

use headworks_core::command::{Command, NewSeat};
use headworks_core::record::Name;

use crate::seats::{AssignSeatRequest, RemoveSeatRequest, SeatRequest};

impl SeatRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::SetSeat(NewSeat {
            name: self.seat.clone(),
            kind: self.kind.clone().map(Some),
            member: self.member.clone().map(Some),
            exists: false,
            reason: self.reason.clone(),
        })
    }
}

impl AssignSeatRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self, seat: Name) -> Command {
        let member = Some(self.member.clone());
        Command::SetSeat(NewSeat {
            name: seat,
            kind: None,
            member,
            exists: true,
            reason: self.reason.clone(),
        })
    }
}

impl RemoveSeatRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self, seat: Name) -> Command {
        Command::RemoveSeat { seat, reason: self.reason.clone() }
    }
}
