//! Adding, taking back, correcting and refunding credits.

use headworks_core::command::Command;
use headworks_core::record::Category;
use headworks_wire as wire;

use super::{change, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};

impl Api {
    /// Add credits.
    ///
    /// # Errors
    /// With a problem.
    pub async fn grant(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::GrantRequest,
    ) -> Result<wire::Change, Problem> {
        let act = if ask.category == Category::Free { Act::GrantFree } else { Act::Grant };
        let account = access.account(act, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        let command = ask.command(self.engine.clock().now())?;
        change(&self.run(access, &account, key.as_ref(), &command).await?)
    }

    /// Take back the remainder of a grant.
    ///
    /// # Errors
    /// With a problem.
    pub async fn void_grant(
        &self,
        access: &Access,
        id: &str,
        grant: &str,
        key: Key,
        mut ask: wire::VoidRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::VoidGrant, id)?;
        let grant = named(grant, Kind::UnknownGrant)?;
        let key = key.of(ask.idempotency_key.take(), None, &(&grant, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &grant)?).await?)
    }

    /// Correct a grant by hand.
    ///
    /// # Errors
    /// With a problem.
    pub async fn adjust(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::AdjustRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::Adjust, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        let command = ask.command(&account)?;
        if let Command::Adjust(ask) = &command
            && ask.by.is_positive()
        {
            // More of a free grant is another free grant.
            let is_free = self
                .engine
                .view(&account, |ctx| {
                    let grant = ctx.account.grant(ask.grant);
                    Ok(grant.is_some_and(|grant| grant.terms.category == Category::Free))
                })
                .await?;
            if is_free {
                access.account(Act::GrantFree, id)?;
            }
        }
        change(&self.run(access, &account, key.as_ref(), &command).await?)
    }

    /// Give back a charge, once, wholly or in part.
    ///
    /// # Errors
    /// With a problem.
    pub async fn refund(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::RefundRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::Refund, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account)?).await?)
    }
}
