//! Requests for higher limits.

use headworks_core::command::Command;
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::{change, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};
use crate::render;

impl Api {
    /// Ask for a higher limit.
    ///
    /// # Errors
    /// With a problem.
    pub async fn ask_increase(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::OverrideRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Scope::Decide, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &("ask", &ask))?;
        change(&self.run(access, &account, key.as_ref(), &Command::AskIncrease(ask.new_override()?)).await?)
    }

    /// Show an account's requests for higher limits.
    ///
    /// # Errors
    /// With a problem.
    pub async fn increases(&self, access: &Access, id: &str) -> Result<wire::Increases, Problem> {
        let account = access.account(Scope::Read, id)?;
        let read = |ctx: headworks_core::waterfall::Context<'_>| {
            let all = headworks_core::view::increases(ctx);
            Ok(all.iter().map(|(of, is_credits)| render::increase(&account, of, *is_credits)).collect())
        };
        Ok(wire::Increases { increases: self.engine.view(&account, read).await? })
    }

    /// Approve a request for a higher limit.
    ///
    /// # Errors
    /// With a problem.
    pub async fn approve_increase(
        &self,
        access: &Access,
        id: &str,
        of: &str,
        key: Key,
        ask: wire::ApproveIncreaseRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let of: Reference = named(of, Kind::UnknownRecord)?;
        let key = key.of(None, Some(format!("approve {of}")), &("approve", &of, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &of)?).await?)
    }

    /// Deny a request for a higher limit.
    ///
    /// # Errors
    /// With a problem.
    pub async fn deny_increase(
        &self,
        access: &Access,
        id: &str,
        of: &str,
        key: Key,
        ask: wire::DenyIncreaseRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let of: Reference = named(of, Kind::UnknownRecord)?;
        let key = key.of(None, Some(format!("deny {of}")), &("deny", &of, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &of)?).await?)
    }
}
