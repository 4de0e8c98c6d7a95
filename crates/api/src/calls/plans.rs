//! Changes of plan.

use headworks_core::command::Command;
use headworks_wire as wire;

use super::{change, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};

impl Api {
    /// Change the plan, and with it recurring grants.
    ///
    /// # Errors
    /// With a problem.
    pub async fn change_plan(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::ChangePlanRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::ChangePlan, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &("change", &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account)?).await?)
    }

    /// Withdraw the change of plan that is planned.
    ///
    /// # Errors
    /// With a problem.
    pub async fn withdraw_plan_change(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::StopRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::ChangePlan, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &("withdraw", &ask))?;
        let command = Command::WithdrawPlanChange { reason: ask.reason };
        change(&self.run(access, &account, key.as_ref(), &command).await?)
    }

    /// Let a recurring grant keep its period and not renew.
    ///
    /// # Errors
    /// With a problem.
    pub async fn stop_renewal(
        &self,
        access: &Access,
        id: &str,
        grant: &str,
        key: Key,
        mut ask: wire::StopRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::ChangePlan, id)?;
        let of = named(grant, Kind::UnknownGrant)?;
        let key = key.of(ask.idempotency_key.take(), None, &("stop", &of, &ask))?;
        let command = ask.stop_renewal(&account, &of)?;
        change(&self.run(access, &account, key.as_ref(), &command).await?)
    }
}
