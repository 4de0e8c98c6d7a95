//! Pauses of accounts.

use headworks_wire as wire;

use super::change;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

impl Api {
    /// Pause an account: nothing of it is used, renews or expires.
    ///
    /// # Errors
    /// With a problem.
    pub async fn pause(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::PauseAccountRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &("pause", &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// End the pause of an account.
    ///
    /// # Errors
    /// With a problem.
    pub async fn resume(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::ResumeAccountRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &("resume", &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }
}
