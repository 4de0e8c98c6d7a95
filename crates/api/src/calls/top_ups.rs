//! Automatic top-ups.

use std::collections::BTreeSet;

use headworks_core::life::still_needs_top_up;
use headworks_core::record::{CREDITS, Name, Standing};
use headworks_core::waterfall::Context;
use headworks_engine::Caller;
use headworks_wire as wire;
use wire::Scope;

use super::change;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

fn standing(ctx: Context<'_>) -> wire::TopUps {
    let account = ctx.account;
    let one = |unit: Option<&Name>| {
        let balance = account.balance(unit);
        wire::UnitTopUps {
            unit: unit.map_or(CREDITS, Name::as_str).into(),
            standing: balance.map_or(Standing::Fine, |b| b.standing),
            in_flight: balance.and_then(|b| b.asked).map(|asked| wire::TopUpInFlight {
                number: asked.number,
                amount: asked.amount,
                needed: still_needs_top_up(account, unit, ctx.now),
            }),
            month_total: account.bought_in_month(unit, ctx.now),
        }
    };
    let marked = account.settings.alerts.iter().map(|marks| marks.unit.as_ref());
    let kept = account.rare().balances.iter().map(|balance| balance.unit.as_ref());
    let units: BTreeSet<Option<&Name>> = marked.chain(kept).collect();
    let mut units = units.into_iter();
    let first = one(units.next().unwrap_or(ctx.catalog.credit_unit()));
    wire::TopUps { crossings: account.rare().crossings, first, other_units: units.map(one).collect() }
}

impl Api {
    /// Show the state of an account's alerts and automatic top-ups.
    ///
    /// # Errors
    /// With a problem.
    pub async fn top_ups(&self, access: &Access, id: &str) -> Result<wire::TopUps, Problem> {
        let account = access.account(Scope::Read, id)?;
        Ok(self.engine.view(&account, |ctx| Ok(standing(ctx))).await?)
    }

    /// Report the outcome of a top-up's payment.
    ///
    /// # Errors
    /// With a problem.
    pub async fn confirm_top_up(
        &self,
        access: &Access,
        id: &str,
        number: u64,
        key: Key,
        ask: wire::ConfirmTopUpRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::ConfirmTopUp, id)?;
        self.confirm(&account, number, &ask, key, access.actor()).await
    }

    /// The key is the top-up itself, so it is confirmed only once, whichever route is used.
    pub(super) async fn confirm(
        &self,
        account: &Name,
        number: u64,
        ask: &wire::ConfirmTopUpRequest,
        key: Key,
        actor: Option<&Name>,
    ) -> Result<wire::Change, Problem> {
        let key = key.of(None, Some(format!("top-up {number}")), &(number, ask))?;
        let caller = Caller { actor, ..Caller::default() };
        change(&self.engine.run(account, key.as_ref(), caller, &ask.command(number)?).await?)
    }
}
