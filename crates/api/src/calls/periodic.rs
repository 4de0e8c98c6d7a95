//! Changes of plan, banked resets, automatic top-ups.

use std::collections::BTreeSet;

use headworks_core::life::still_needs_top_up;
use headworks_core::record::{CREDITS, Event, Name, Periodic, Standing};
use headworks_core::waterfall::{Context, Refusal};
use headworks_engine::{Caller, Effect, EngineError};
use headworks_wire as wire;
use wire::{RedeemOutcome, Reference, Scope};

use super::change;
use crate::access::Access;
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
    let kept = account.extras().balances.iter().map(|balance| balance.unit.as_ref());
    let units: BTreeSet<Option<&Name>> = marked.chain(kept).collect();
    let mut units = units.into_iter();
    let first = one(units.next().unwrap_or(ctx.catalog.credit_unit()));
    wire::TopUps { crossings: account.extras().crossings, first, other_units: units.map(one).collect() }
}

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
        let account = access.account(Scope::Admin, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account)?).await?)
    }

    /// Bank a reset.
    ///
    /// # Errors
    /// With a problem.
    pub async fn bank_reset(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::BankResetRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Scope::Admin, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// Show an account's banked resets.
    ///
    /// # Errors
    /// With a problem.
    pub async fn resets(&self, access: &Access, id: &str) -> Result<wire::Resets, Problem> {
        let account = access.account(Scope::Read, id)?;
        let mut resets = self
            .engine
            .view(&account, |ctx| {
                let usable = ctx.account.extras().resets.iter().filter(|r| r.terms.expires_at > ctx.now);
                let shown = usable.map(|r| wire::BankedReset {
                    id: Reference::Record(account.clone(), r.id),
                    windows: r.terms.windows.clone(),
                    expires_at: r.terms.expires_at,
                    reference: r.terms.reference.clone(),
                });
                Ok(shown.collect::<Vec<_>>())
            })
            .await?;
        resets.sort_by_key(|r| r.expires_at);
        Ok(wire::Resets { resets })
    }

    /// Redeem a banked reset.
    ///
    /// # Errors
    /// With a problem.
    pub async fn redeem_reset(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::RedeemResetRequest,
    ) -> Result<wire::Redeemed, Problem> {
        let account = access.account(Scope::Decide, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        let nothing = |outcome| wire::Redeemed {
            outcome,
            id: None,
            reset: ask.reset.clone(),
            cleared: Vec::new(),
            replayed: false,
        };
        let answer = match self.run(access, &account, key.as_ref(), &ask.command(&account)?).await {
            Err(EngineError::Refused(Refusal::NoReset)) => return Ok(nothing(RedeemOutcome::NoneLeft)),
            Err(EngineError::Refused(Refusal::NothingToReset)) => {
                return Ok(nothing(RedeemOutcome::NothingToReset));
            }
            Err(EngineError::Refused(Refusal::AlreadyRedeemed(..))) => {
                return Ok(nothing(RedeemOutcome::AlreadyRedeemed));
            }
            answer => answer?,
        };
        if let Effect::Recorded(record) = &answer.effect
            && let Event::Periodic(event) = &record.event
            && let Periodic::Redeemed { token, cleared, .. } = &**event
        {
            let window = |c: &headworks_core::record::Cleared| wire::ClearedWindow {
                name: c.name.clone(),
                level: c.level,
            };
            return Ok(wire::Redeemed {
                outcome: RedeemOutcome::ResetDone,
                id: Some(Reference::Record(account.clone(), record.seq)),
                reset: Some(Reference::Record(account, *token)),
                cleared: cleared.iter().map(window).collect(),
                replayed: answer.replayed,
            });
        }
        Err(Problem::invalid("nothing was recorded"))
    }

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
        let account = access.account(Scope::Admin, id)?;
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
