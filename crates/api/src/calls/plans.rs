//! Changes of plan.

use headworks_wire as wire;

use super::change;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

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
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account)?).await?)
    }
}
