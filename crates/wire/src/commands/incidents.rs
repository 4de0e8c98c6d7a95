//! The act of an incident as a command.

use headworks_core::command::{Command, NewOverride};
use headworks_core::record::{Instant, Label, Path};

use super::overrides::figure;
use super::{Malformed, invalid};
use crate::incidents::IncidentAct;
use crate::requests::GrantRequest;

impl IncidentAct {
    /// The command for each account, received at `now`, for this cause.
    ///
    /// # Errors
    /// When the grant has a key or a reference of its own, or something is out of range.
    pub fn command(&self, cause: &Label, now: Instant) -> Result<Command, Malformed> {
        Ok(match self {
            Self::Grant(
                GrantRequest { reference: Some(_), .. } | GrantRequest { idempotency_key: Some(_), .. },
            ) => {
                return invalid(
                    "the grant of an incident has neither `reference` nor `idempotency_key`: its cause and name stand there",
                );
            }
            Self::Grant(grant) => {
                GrantRequest { reference: Some(cause.clone()), ..grant.clone() }.command(now)?
            }
            Self::Reset(reset) if reset.windows.is_empty() => {
                return invalid("a reset names at least one window: a guard or `allowance.window`");
            }
            Self::Reset(reset) => Command::Bank {
                windows: reset.windows.clone(),
                expires_at: reset.expires_at,
                reference: Some(cause.clone()),
            },
            Self::Raise(raise) => Command::Override(NewOverride {
                limit: raise.limit.clone(),
                path: Path::default(),
                figure: figure(&raise.value)?,
                until: Some(raise.until),
                reason: Some(cause.clone()),
            }),
        })
    }
}
