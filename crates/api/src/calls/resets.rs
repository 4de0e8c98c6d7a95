//! Banked resets.

use headworks_core::record::{CycleEvent, Event};
use headworks_core::waterfall::{Context, Refusal};
use headworks_engine::{Effect, EngineError};
use headworks_wire as wire;
use wire::{RedeemOutcome, Reference, Scope};

use super::accounts::as_shown;
use super::change;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

impl Api {
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
        let account = access.account(Act::BankReset, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// Close periods that end when they are closed.
    ///
    /// # Errors
    /// With a problem.
    pub async fn close_periods(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::ClosePeriodsRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::ClosePeriods, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// Show an account's banked resets.
    ///
    /// # Errors
    /// With a problem.
    pub async fn resets(&self, access: &Access, id: &str) -> Result<wire::Resets, Problem> {
        let account = access.account(Scope::Read, id)?;
        let usable = |ctx: Context<'_>| {
            let usable = ctx.account.rare().resets.iter().filter(|r| r.terms.expires_at > ctx.now);
            let shown = usable.map(|r| wire::BankedReset {
                id: Reference::Record(account.clone(), r.id),
                windows: r.terms.windows.clone(),
                expires_at: r.terms.expires_at,
                reference: r.terms.reference.clone(),
            });
            shown.collect::<Vec<_>>()
        };
        let mut resets = self.engine.view(&account, |ctx| Ok(as_shown(ctx, usable))).await?;
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
            && let Event::Cycle(event) = &record.event
            && let CycleEvent::Redeemed { reset, cleared, .. } = &**event
        {
            let window = |c: &headworks_core::record::Cleared| wire::ClearedWindow {
                name: c.name.clone(),
                level: c.level,
            };
            return Ok(wire::Redeemed {
                outcome: RedeemOutcome::ResetDone,
                id: Some(Reference::Record(account.clone(), record.seq)),
                reset: Some(Reference::Record(account, *reset)),
                cleared: cleared.iter().map(window).collect(),
                replayed: answer.replayed,
            });
        }
        Err(Problem::invalid("nothing was recorded"))
    }
}
