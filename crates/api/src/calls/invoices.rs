//! Invoices of postpaid layers.

use headworks_wire as wire;
use wire::Scope;

use super::accounts::as_shown;
use super::{change, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};
use crate::render;

impl Api {
    /// Show an account's invoices.
    ///
    /// # Errors
    /// With a problem.
    pub async fn invoices(&self, access: &Access, id: &str) -> Result<wire::Invoices, Problem> {
        let account = access.account(Scope::Read, id)?;
        let read = |ctx: headworks_core::waterfall::Context<'_>| {
            let none = || wire::Invoices { invoices: Vec::new(), open: Vec::new() };
            Ok(as_shown(ctx, |ctx| {
                ctx.account.postpaid().map_or_else(none, |postpaid| render::invoices(&account, postpaid))
            }))
        };
        Ok(self.engine.view(&account, read).await?)
    }

    /// Mark an invoice paid.
    ///
    /// # Errors
    /// With a problem.
    pub async fn pay_invoice(
        &self,
        access: &Access,
        id: &str,
        of: &str,
        key: Key,
        mut ask: wire::PayInvoiceRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::PayInvoice, id)?;
        let of = named(of, Kind::UnknownRecord)?;
        let key = key.of(ask.idempotency_key.take(), None, &(&of, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &of)?).await?)
    }
}
