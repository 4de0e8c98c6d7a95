//! Commands that change the plan, and that bank and redeem resets.

use headworks_core::command::{ChangePlan, Command};
use headworks_core::record::{Credits, Name, Proration};

use super::{Malformed, grant, number};
use crate::periodic::{BankResetRequest, ChangePlanRequest, PlanAnchor, Prorate, RedeemResetRequest};
use crate::reference::Reference;

impl ChangePlanRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When a grant belongs to another account.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let amount = |(of, amount): (&Reference, &Credits)| Ok((grant(account, of)?, *amount));
        Ok(Command::ChangePlan(ChangePlan {
            plan: self.plan.clone(),
            move_anchor: self.anchor == PlanAnchor::Move,
            amounts: self.amounts.iter().map(amount).collect::<Result<_, Malformed>>()?,
            prorate: match self.prorate.unwrap_or(Prorate::Is(true)) {
                Prorate::Is(false) => None,
                Prorate::Is(true) => Some(Proration::Instant),
                Prorate::By(by) => Some(by),
            },
            reason: self.reason.clone(),
        }))
    }
}

impl BankResetRequest {
    /// The command of this request.
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
    /// The command of this request.
    ///
    /// # Errors
    /// When the reset belongs to another account.
    pub fn command(&self, account: &Name) -> Result<Command, Malformed> {
        let token =
            self.reset.as_ref().map(|of| number(account, of, Malformed::UnknownRecord)).transpose()?;
        Ok(Command::Redeem { token, path: self.path.clone() })
    }
}
