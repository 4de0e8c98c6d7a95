//! Overrides of limits.

use headworks_wire as wire;
use wire::Scope;

use super::{change, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};
use crate::render;

impl Api {
    /// Override a limit.
    ///
    /// # Errors
    /// With a problem.
    pub async fn set_override(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::OverrideRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()?).await?)
    }

    /// Show an account's overrides.
    ///
    /// # Errors
    /// With a problem.
    pub async fn overrides(&self, access: &Access, id: &str) -> Result<wire::Overrides, Problem> {
        let account = access.account(Scope::Read, id)?;
        let read = |ctx: headworks_core::waterfall::Context<'_>| {
            let overrides = headworks_core::view::overrides(ctx);
            Ok(overrides
                .iter()
                .map(|(of, is_credits)| render::overriding(&account, of, *is_credits))
                .collect())
        };
        Ok(wire::Overrides { overrides: self.engine.view(&account, read).await? })
    }

    /// Remove an override.
    ///
    /// # Errors
    /// With a problem.
    pub async fn remove_override(
        &self,
        access: &Access,
        id: &str,
        of: &str,
        key: Key,
        ask: wire::RemoveOverrideRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::SetTerms, id)?;
        let of = named(of, Kind::UnknownRecord)?;
        let key = key.of(None, Some(of.to_string()), &(&of, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &of)?).await?)
    }
}
