//! Commands that change the plan.

use headworks_core::command::{ChangePlan, Command, When};
use headworks_core::record::{Credits, Name, Proration};

use super::{Malformed, grant};
use crate::plans::{ChangePlanRequest, PeriodEnd, PlanAnchor, PlanAt, Prorate, StopRequest};
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
            at: self.at.map(|at| match at {
                PlanAt::Named(PeriodEnd::PeriodEnd) => When::PeriodEnd,
                PlanAt::Instant(at) => When::At(at),
            }),
            reason: self.reason.clone(),
        }))
    }
}

impl StopRequest {
    /// The command that lets a recurring grant end with its period.
    ///
    /// # Errors
    /// When the grant belongs to another account.
    pub fn stop_renewal(&self, account: &Name, of: &Reference) -> Result<Command, Malformed> {
        Ok(Command::StopRenewal { grant: grant(account, of)?, reason: self.reason.clone() })
    }
}
