//! Commands that bank and redeem resets.

use headworks_core::command::Command;
use headworks_core::record::Name;

use super::{Malformed, number};
use crate::resets::{BankResetRequest, ClosePeriodsRequest, RedeemResetRequest};

impl ClosePeriodsRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        let (windows, path) = (self.windows.clone(), self.path.clone());
        Command::ClosePeriods { windows, path, reason: self.reason.clone() }
    }
}

impl BankResetRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Bank {
            windows: self.windows.clone(),
            expires_at: self.expires_at,
            reference: self.reference.clone(),
        }
    }
}

impl RedeemResetRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the reset belongs to another account.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let reset =
            self.reset.as_ref().map(|of| number(account, of, Malformed::UnknownRecord)).transpose()?;
        Ok(Command::Redeem { reset, path: self.path.clone(), reason: None })
    }
}
