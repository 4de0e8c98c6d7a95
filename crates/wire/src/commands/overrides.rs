//! Commands that override limits.

use headworks_core::command::{Command, NewFigure, NewOverride};
use headworks_core::record::{Label, Name};

use super::{Malformed, invalid, number};
use crate::overrides::{OverrideRequest, OverrideValue, RemoveOverrideRequest};
use crate::reference::Reference;

impl OverrideRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the figure is too long.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Override(self.new_override()?))
    }

    /// The override that is meant.
    ///
    /// # Errors
    /// When the figure is too long.
    pub fn new_override(&self) -> Result<NewOverride, Malformed> {
        Ok(NewOverride {
            limit: self.limit.clone(),
            path: self.path.clone(),
            figure: figure(&self.value)?,
            until: self.until,
            reason: self.reason.clone(),
        })
    }
}

/// A figure as the core takes it.
pub(super) fn figure(value: &OverrideValue) -> Result<NewFigure, Malformed> {
    Ok(match value {
        OverrideValue::Text(text) if text.as_str() == "none" => NewFigure::Unlimited,
        OverrideValue::Text(text) => NewFigure::Written(text.clone()),
        OverrideValue::Number(n) => {
            NewFigure::Written(Label::new(&n.to_string()).or_else(|_| invalid("`value` is too long"))?)
        }
    })
}

impl RemoveOverrideRequest {
    /// The command that is meant.
    ///
    /// # Errors
    /// When the override belongs to another account.
    pub fn command(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        let id = number(account, of, Malformed::UnknownRecord)?;
        Ok(Command::RemoveOverride { id, reason: self.reason.clone() })
    }
}
