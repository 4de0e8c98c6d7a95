//! Commands that ask for higher limits and answer.

use headworks_core::command::{AnswerIncrease, Command};
use headworks_core::record::Name;

use super::{Malformed, number};
use crate::increases::{ApproveIncreaseRequest, DenyIncreaseRequest};
use crate::reference::Reference;

impl ApproveIncreaseRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the request belongs to another account, or the figure is too long.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let asked = number(account, of, Malformed::UnknownRecord)?;
        let figure = self.value.as_ref().map(super::overrides::figure).transpose()?;
        let answer = AnswerIncrease::Approve { figure, until: self.until, reason: self.reason.clone() };
        Ok(Command::AnswerIncrease { asked, answer })
    }
}

impl DenyIncreaseRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the request belongs to another account.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let asked = number(account, of, Malformed::UnknownRecord)?;
        Ok(Command::AnswerIncrease { asked, answer: AnswerIncrease::Deny { reason: self.reason.clone() } })
    }
}
