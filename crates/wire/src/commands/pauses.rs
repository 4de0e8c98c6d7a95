//! Pauses as commands.

use headworks_core::command::Command;

use crate::pauses::{PauseAccountRequest, ResumeAccountRequest};

impl PauseAccountRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Pause { until: self.until, reason: self.reason.clone() }
    }
}

impl ResumeAccountRequest {
    /// The command that is meant.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Resume { reason: self.reason.clone() }
    }
}
