//! Commands that correct a charge or decide about use that came late.

use headworks_core::command::{Command, Correct};
use headworks_core::record::Name;

use super::{Malformed, invalid, number};
use crate::corrections::{CorrectRequest, LateAction, LateRequest};
use crate::quantities::pairs;
use crate::reference::Reference;

impl CorrectRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the charge is another account's, or it is to be deleted and changed at once.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let charge = number(account, &self.charge, Malformed::UnknownRecord)?;
        if self.delete && (self.reprice || !self.quantities.is_empty()) {
            return invalid("`delete` goes with neither `quantities` nor `reprice`");
        }
        let to = if self.delete {
            Correct::Delete
        } else {
            Correct::To { quantities: pairs(&self.quantities), reprice: self.reprice }
        };
        Ok(Command::Correct { charge, to, reason: self.reason.clone() })
    }
}

impl LateRequest {
    /// The command that is meant, on use in the account's quarantine.
    ///
    /// # Errors
    /// When the use is another account's.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let kept = number(account, of, Malformed::NotInQuarantine)?;
        Ok(match self.action {
            LateAction::Accept => Command::AcceptLate { kept },
            LateAction::Discard => Command::DiscardLate { kept, reason: self.reason.clone() },
        })
    }
}
