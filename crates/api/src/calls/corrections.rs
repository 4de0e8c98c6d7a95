//! Correcting charges, singly or for a whole period; late use.

use std::sync::Arc;

use headworks_core::record::{Dimensions, LateUse, Quantity};
use headworks_engine::{Effect, Reprice};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::{change, known, named};
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::lane::Stop;
use crate::problem::{Kind, Problem};
use crate::render;

/// Records that one repricing goes through.
const REPRICED_MAX: u64 = 100_000;

impl Api {
    /// Correct a charge: its quantities, its prices, or that it happened at all.
    ///
    /// # Errors
    /// With a problem.
    pub async fn correct(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::CorrectRequest,
    ) -> Result<wire::Charge, Problem> {
        let account = access.account(Act::Correct, id)?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        let answer = self.run(access, &account, key.as_ref(), &ask.command(&account)?).await?;
        match &answer.effect {
            Effect::Recorded(record) => render::charge_of_record(&account, record, answer.replayed),
            Effect::Denied(_) | Effect::Unrecorded(_) => None,
        }
        .ok_or_else(|| Problem::invalid("nothing was recorded"))
    }

    /// Reprice every charge of a period: first as a dry run, then for real.
    ///
    /// # Errors
    /// With a problem.
    pub async fn reprice(
        &self,
        access: &Access,
        ask: wire::RepriceRequest,
    ) -> Result<wire::Repriced, Problem> {
        access.may(Act::Reprice)?;
        if ask.from >= ask.to {
            return Err(Problem::invalid("`from` must be before `to`"));
        }
        known::features(&self.engine, &known::REPRICED, &ask.features)?;
        let after = match &ask.after {
            None => None,
            Some(Reference::Record(account, seq)) => Some((account.clone(), *seq)),
            Some(Reference::Denial(..)) => {
                return Err(Problem::invalid("`after` is the `next` of an earlier answer"));
            }
        };
        let reprice = Reprice {
            from: ask.from,
            to: ask.to,
            features: ask.features.clone(),
            accounts: ask.accounts.iter().map(|id| id.0.clone()).collect(),
            apply: ask.apply,
            after,
            records_max: REPRICED_MAX,
            reason: ask.reason.clone(),
        };
        let (engine, actor) = (Arc::clone(&self.engine), access.actor().cloned());
        let survey = move |stop: &Stop| {
            let done = stop.run(engine.reprice(&reprice, actor.as_ref()))?;
            Ok(render::repriced(&done, reprice.apply))
        };
        self.lanes.surveys.run(access, survey).await
    }

    /// Show the use that waits in an account's quarantine.
    ///
    /// # Errors
    /// With a problem.
    pub async fn quarantine(&self, access: &Access, id: &str) -> Result<wire::Quarantine, Problem> {
        let account = access.account(Scope::Read, id)?;
        let kept = self.engine.quarantined(&account).await?;
        let uses = kept.into_iter().map(|(seq, recorded_at, late)| wire::QuarantinedUse {
            id: Reference::Record(account.clone(), seq),
            parts: parts(&late),
            recorded_at,
            effective_at: late.at,
            feature: late.feature,
            path: late.path,
            dimensions: late.dimensions.into_iter().map(|d| (d.name, d.value)).collect(),
            quantities: late.quantities.into_iter().map(|q| (q.meter, q.quantity)).collect(),
        });
        Ok(wire::Quarantine { uses: uses.collect() })
    }

    /// Charge use in quarantine after all, or discard it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn decide_late(
        &self,
        access: &Access,
        id: &str,
        kept: &str,
        key: Key,
        ask: wire::LateRequest,
    ) -> Result<wire::Change, Problem> {
        let account = access.account(Act::DecideLateUse, id)?;
        let reference = named(kept, Kind::NotInQuarantine)?;
        let key = key.of(None, Some(reference.to_string()), &(&reference, &ask))?;
        change(&self.run(access, &account, key.as_ref(), &ask.command(&account, &reference)?).await?)
    }
}

/// The parts of use in quarantine, if there are several.
fn parts(late: &LateUse) -> Vec<wire::PartRequest> {
    if late.more.is_empty() {
        return Vec::new();
    }
    let part = |dimensions: &Dimensions, quantities: &[Quantity]| wire::PartRequest {
        dimensions: Some(dimensions.iter().map(|d| (d.name.clone(), d.value.clone())).collect()),
        quantities: quantities.iter().map(|q| (q.meter.clone(), q.quantity)).collect(),
    };
    let first = part(&late.dimensions, &late.quantities);
    let more = late.more.iter().map(|p| part(&p.dimensions, &p.quantities));
    core::iter::once(first).chain(more).collect()
}
