//! Abuse rules: an account's standing, lifting an effect, reports from the operator's own systems.

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::command::Command;
use headworks_core::record::{Id, Name};
use headworks_engine::{AbuseView, Caller, Idempotency};
use headworks_wire as wire;
use wire::{Scope, SignalKind};

use super::{change, page_size};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

fn shown(view: AbuseView) -> wire::AbuseState {
    let AbuseView { tier, terms, effects, penalties, expired } = view;
    let effects = effects.into_iter().map(|(effect, mode)| wire::AbuseEffect {
        rule: effect.rule,
        mode,
        key: effect.key.map(|key| (*key).into()),
        limit: effect.limit,
        figure: effect.figure,
        reference: effect.reference,
        since: effect.since,
        until: effect.until,
        step_up_at: effect.step_up_at,
    });
    let penalties = penalties.into_iter();
    wire::AbuseState {
        tier,
        terms: wire::TierTerms {
            holds: terms.holds,
            held_percent: terms.held_percent,
            velocity_floor: terms.velocity_floor,
            velocity_ceiling: terms.velocity_ceiling,
            ramp_floor: terms.ramp_floor,
            sub_keys: u64::try_from(terms.sub_keys).unwrap_or(u64::MAX),
            networks: terms.networks,
            shared_holds: terms.shared_holds,
            key_spend_floor: terms.key_spend_floor,
        },
        effects: effects.collect(),
        penalties: penalties
            .map(|(key, score_milli, level)| wire::Penalty { key: key.map(Id), score_milli, level })
            .collect(),
        expired_millionths: expired,
    }
}

impl Api {
    /// Show an account's standing under the abuse rules.
    ///
    /// # Errors
    /// With a problem.
    pub async fn abuse(&self, access: &Access, id: &str) -> Result<wire::AbuseState, Problem> {
        let account = access.account(Scope::Read, id)?;
        Ok(shown(self.engine.abuse(&account).await?))
    }

    /// List the accounts that abuse rules hold back now.
    ///
    /// # Errors
    /// With a problem.
    pub fn held_back(&self, access: &Access, query: wire::HeldBackQuery) -> Result<wire::HeldBack, Problem> {
        access.everywhere(Scope::Read)?;
        access.note_list();
        let held_back = self.engine.held_back(query.rule, page_size(query.max)).into_iter();
        let accounts =
            held_back.map(|held| wire::AccountAbuse { account: Id(held.account), abuse: shown(held.abuse) });
        Ok(wire::HeldBack { accounts: accounts.collect() })
    }

    /// End an effect of an abuse rule early.
    ///
    /// # Errors
    /// With a problem.
    pub async fn lift(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::LiftRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::LiftEffect, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        change(&self.run(access, &account, key.as_ref(), &ask.command()).await?)
    }

    /// Report an observation about an account from the operator's own systems.
    ///
    /// # Errors
    /// With a problem.
    pub async fn report(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::SignalRequest,
    ) -> Result<(), Problem> {
        let account = access.account(Scope::Record, id)?;
        let key = key.required_of(ask.idempotency_key.take(), None, &ask)?;
        self.note(&account, &key, access.actor(), &ask).await
    }

    /// Takes note of a report, once for each key.
    pub(super) async fn note(
        &self,
        account: &Name,
        key: &Idempotency,
        actor: Option<&Name>,
        ask: &wire::SignalRequest,
    ) -> Result<(), Problem> {
        let of = ask.key.as_deref();
        match ask.signal {
            SignalKind::InvalidKey => self.engine.report(account, key, Misdeed::InvalidKey, of).await?,
            SignalKind::ForgedWebhook => self.engine.report(account, key, Misdeed::ForgedWebhook, of).await?,
            SignalKind::Dispute => {
                let command = Command::Dispute { reason: ask.reason.clone() };
                let caller = Caller { actor, ..Caller::default() };
                self.engine.run(account, Some(key), caller, &command).await?;
            }
        }
        Ok(())
    }
}
