//! Incidents: one act for all accounts that match.

use std::sync::Arc;

use headworks_core::record::{Incident, Name, Seq, is_internal};
use headworks_engine::{Engine, IncidentAsk, Used};
use headworks_wire as wire;
use wire::{IncidentAct, Reference};

use super::known;
use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::of_incident;
use crate::lane::Stop;
use crate::problem::{Kind, Problem};
use crate::render;

/// Accounts of one part.
const ACCOUNTS_MAX: usize = 1_000;
/// Records that one part goes through, about.
const RECORDS_MAX: u64 = 100_000;

impl Api {
    /// Give all accounts that match a grant, a reset or a higher limit: first as a dry run, then for real.
    ///
    /// # Errors
    /// With a problem.
    pub async fn incident(
        &self,
        access: &Access,
        ask: wire::IncidentRequest,
    ) -> Result<wire::IncidentAnswer, Problem> {
        access.may(Act::RunIncident)?;
        let incident = asked(&ask, &self.engine)?;
        // One that has been shown goes on, even if the catalog has changed since.
        if ask.apply.is_none() {
            known::incident(&self.engine, &incident)?;
        }
        let digest = render::hex(&incident.key.digest);
        if ask.apply.as_ref().is_some_and(|quoted| *quoted != digest) {
            return Err(Problem::invalid(
                "`apply` is the `digest` of a dry run with the same id, cause, act and match; make one first",
            ));
        }
        let (engine, actor) = (Arc::clone(&self.engine), access.actor().cloned());
        let begun = Incident { id: ask.id.clone(), cause: ask.cause.clone() };
        let entry = access.begins(begun, engine.clock().now());
        let survey = move |stop: &Stop| {
            let applied = ask.apply.is_some();
            let done = stop.run(async {
                match applied {
                    true => engine.run_incident(&incident, entry, actor.as_ref()).await,
                    false => engine.try_incident(&incident).await,
                }
            });
            let done = done.map_err(|problem| {
                if problem.kind != Kind::IdempotencyConflict {
                    return problem;
                }
                let why = format!(
                    "incident `{}` has begun with another cause, act or match; give this one another id",
                    ask.id
                );
                Problem::new(problem.kind, why)
            })?;
            Ok(render::incident((ask.id.clone(), digest.clone()), applied, done))
        };
        self.lanes.surveys.run(access, survey).await
    }
}

fn asked(ask: &wire::IncidentRequest, engine: &Engine) -> Result<IncidentAsk, Problem> {
    if ask.used.as_ref().is_some_and(|used| used.from >= used.to) {
        return Err(Problem::invalid("`from` must be before `to`"));
    }
    let known = |account: &Name| match is_internal(account) {
        true => Err(Problem::unknown_account(account.as_str())),
        false => Ok(account.clone()),
    };
    let after: Option<(Name, Seq)> = match &ask.after {
        None => None,
        Some(Reference::Record(account, seq)) => Some((known(account)?, *seq)),
        Some(Reference::Denial(..)) => {
            return Err(Problem::invalid("`after` is the `next` of an earlier answer"));
        }
    };
    let accounts = ask.accounts.iter().map(|id| known(&id.0)).collect::<Result<_, _>>()?;
    let used = ask.used.as_ref();
    Ok(IncidentAsk {
        key: of_incident(ask.id.as_str(), &(&ask.id, &ask.cause, &ask.act, &ask.accounts, &ask.plans, used))?,
        cause: ask.cause.clone(),
        act: ask.act.command(&ask.cause, engine.clock().now())?,
        redeems: matches!(&ask.act, IncidentAct::Reset(reset) if reset.redeem),
        accounts,
        plans: ask.plans.clone(),
        used: used.map(|used| Used { features: used.features.clone(), from: used.from, to: used.to }),
        after,
        accounts_max: ACCOUNTS_MAX,
        records_max: RECORDS_MAX,
    })
}
