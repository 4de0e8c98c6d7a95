//! Commands that correct a charge or decide about late use.

use headworks_core::command::{Command, Correct};
use headworks_core::record::Name;

use super::decisions::{Named, named};
use super::{Malformed, invalid, number};
use crate::corrections::{CorrectRequest, LateAction, LateRequest};
use crate::reference::Reference;

impl CorrectRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When the charge belongs to another account, or the request both deletes and changes it or names quantities twice.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let charge = number(account, &self.charge, Malformed::UnknownRecord)?;
        let changes = self.dimensions.is_some() || !self.quantities.is_empty() || self.parts.is_some();
        if self.delete && (self.reprice || changes) {
            return invalid("`delete` goes with none of `quantities`, `dimensions`, `parts` and `reprice`");
        }
        let Named { dimensions, quantities, more, has_parts } =
            named(self.dimensions.as_ref(), &self.quantities, self.parts.as_ref())?;
        let to = if self.delete {
            Correct::Delete
        } else {
            Correct::To { quantities, dimensions, more: has_parts.then_some(more), reprice: self.reprice }
        };
        Ok(Command::Correct { charge, to, reason: self.reason.clone() })
    }
}

impl LateRequest {
    /// The command of this request, on use in the account's quarantine.
    ///
    /// # Errors
    /// When the use belongs to another account.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let kept = number(account, of, Malformed::NotInQuarantine)?;
        Ok(match self.action {
            LateAction::Accept => Command::AcceptLate { kept },
            LateAction::Discard => Command::DiscardLate { kept, reason: self.reason.clone() },
        })
    }
}
