//! Deciding, holding and charging use.

use futures_util::future::join_all;
use headworks_core::command::Command;
use headworks_core::waterfall::Authorize;
use headworks_engine::{Answer, Caller, Effect, Idempotency, Lease};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::{change, is_late, named};
use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::{Kind, Problem};
use crate::render::{self, Decided};

/// The outcome of recording use.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// It is charged.
    Charged(Box<wire::Charge>),
    /// It is past the horizon and waits in quarantine.
    Quarantined(Box<wire::Change>),
}

/// The outcome of one operation of a batch.
#[derive(Clone, Debug)]
pub enum ItemAnswer {
    /// Of `authorize`.
    Decision(Box<wire::Decision>),
    /// Of `settle` and `record`.
    Charge(Box<wire::Charge>),
    /// Of `record`, past the horizon.
    Quarantined(Box<wire::Change>),
}

/// The outcome of asking for a lease.
#[derive(Debug)]
pub enum Leased {
    /// The hold, with the decision that granted it.
    Held(Box<Lease>, Box<wire::Decision>),
    /// Not granted, or nothing to hold.
    Answered(Box<wire::Decision>),
}

/// An authorize call, read.
struct Asked<'a> {
    key: Option<Idempotency>,
    caller: Caller<'a>,
    request: Authorize,
}

fn asked<'a>(access: &'a Access, key: Key, ask: &mut wire::AuthorizeRequest) -> Result<Asked<'a>, Problem> {
    // A retry may come from another address.
    let caller = Caller {
        actor: access.actor(),
        max_wait: ask.max_wait,
        source: ask.source.take(),
        ..Caller::default()
    };
    // A user who agrees sends the same request again.
    let consent = std::mem::take(&mut ask.consent);
    let key = key.of(ask.idempotency_key.take(), None, ask)?;
    ask.consent = consent;
    Ok(Asked { key, caller, request: ask.authorize()? })
}

/// The decision of an answer to an authorize or extend.
///
/// # Errors
/// When it holds none.
pub fn decision(answer: &Answer) -> Result<Box<wire::Decision>, Problem> {
    let rendered = match &answer.effect {
        Effect::Recorded(record) => render::decision_of_record(&answer.account, record, answer.replayed),
        Effect::Denied(denial) => {
            let mut shown = render::decision_of_denial(&answer.account, denial, answer.replayed);
            if !answer.is_kept {
                (shown.decision_id, shown.kept) = (None, Some(false));
            }
            Some(shown)
        }
        Effect::Unrecorded(counted) => {
            let (at, usage, decision) = &**counted;
            let account = &answer.account;
            let parts = Decided { account, at: *at, usage, decision, id: None, hold: None, charge: None };
            Some(render::decision(parts, false))
        }
    };
    rendered.map(Box::new).ok_or_else(no_decision)
}

fn no_decision() -> Problem {
    Problem::new(Kind::UnknownDecision, "this record stores no decision")
}

fn charge(answer: &Answer) -> Result<Box<wire::Charge>, Problem> {
    let rendered = match &answer.effect {
        Effect::Recorded(record) => render::charge_of_record(&answer.account, record, answer.replayed),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    };
    rendered
        .map(Box::new)
        .ok_or_else(|| Problem::invalid("the feature is not recorded, so there is no charge"))
}

impl Api {
    /// Decides how much is allowed, and holds it or charges it at once.
    ///
    /// # Errors
    /// With a problem; a denial is an answer.
    pub async fn authorize(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::AuthorizeRequest,
    ) -> Result<Box<wire::Decision>, Problem> {
        access.on(Scope::Decide, &ask.account)?;
        let Asked { key, caller, request } = asked(access, key, &mut ask)?;
        let command = Command::Authorize(request);
        decision(&self.engine.run(&ask.account, key.as_ref(), caller, &command).await?)
    }

    /// As [`Self::authorize`], for an edge that serves the request itself: it gets the hold as a lease. The edge says which scope
    /// its callers need.
    ///
    /// # Errors
    /// With a problem; a denial is an answer.
    pub async fn lease(
        &self,
        access: &Access,
        scope: Scope,
        key: Key,
        mut ask: wire::AuthorizeRequest,
    ) -> Result<Leased, Problem> {
        access.on(scope, &ask.account)?;
        let Asked { key, caller, request } = asked(access, key, &mut ask)?;
        Ok(match self.engine.lease(&ask.account, key.as_ref(), caller, request).await? {
            headworks_engine::Leased::Held(lease, answer) => Leased::Held(lease, decision(&answer)?),
            headworks_engine::Leased::Answered(answer) => Leased::Answered(decision(&answer)?),
        })
    }

    /// Decides without any effect.
    ///
    /// # Errors
    /// With a problem.
    pub async fn check(
        &self,
        access: &Access,
        ask: &wire::AuthorizeRequest,
    ) -> Result<wire::Decision, Problem> {
        self.check_as(access, Scope::Decide, ask).await
    }

    /// The same for an edge, which says what scope its callers need.
    ///
    /// # Errors
    /// With a problem.
    pub async fn check_as(
        &self,
        access: &Access,
        scope: Scope,
        ask: &wire::AuthorizeRequest,
    ) -> Result<wire::Decision, Problem> {
        access.on(scope, &ask.account)?;
        let (at, usage, decision) = self.engine.check(&ask.account, &ask.authorize()?).await?;
        let account = &ask.account;
        let parts =
            Decided { account, at, usage: &usage, decision: &decision, id: None, hold: None, charge: None };
        Ok(render::decision(parts, false))
    }

    /// Grows a hold, moves its deadline, or records progress.
    ///
    /// # Errors
    /// With a problem.
    pub async fn extend(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::ExtendRequest,
    ) -> Result<Box<wire::Decision>, Problem> {
        access.on(Scope::Decide, ask.hold.account())?;
        let consent = std::mem::take(&mut ask.consent);
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        ask.consent = consent;
        decision(&self.run(access, ask.hold.account(), key.as_ref(), &ask.command()?).await?)
    }

    /// Ends a hold at the actual use.
    ///
    /// # Errors
    /// With a problem.
    pub async fn settle(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::SettleRequest,
    ) -> Result<Box<wire::Charge>, Problem> {
        access.on(Scope::Decide, ask.hold.account())?;
        let key = key.of(ask.idempotency_key.take(), Some(ask.hold.to_string()), &ask)?;
        charge(&self.run(access, ask.hold.account(), key.as_ref(), &ask.command()?).await?)
    }

    /// Ends a hold at zero.
    ///
    /// # Errors
    /// With a problem.
    pub async fn release(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::ReleaseRequest,
    ) -> Result<wire::Change, Problem> {
        access.on(Scope::Decide, ask.hold.account())?;
        let key = key.of(ask.idempotency_key.take(), Some(ask.hold.to_string()), &ask)?;
        change(&self.run(access, ask.hold.account(), key.as_ref(), &ask.command()?).await?)
    }

    /// Charges use that has happened.
    ///
    /// # Errors
    /// With a problem.
    pub async fn record(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::RecordRequest,
    ) -> Result<Recorded, Problem> {
        access.on(Scope::Record, &ask.account)?;
        let key = key.of_record(&mut ask)?;
        let answer = self.run(access, &ask.account, key.as_ref(), &ask.command()?).await?;
        if is_late(&answer) {
            return Ok(Recorded::Quarantined(Box::new(change(&answer)?)));
        }
        charge(&answer).map(Recorded::Charged)
    }

    /// Runs several operations. Each has its own answer, and one that fails does not stop the others.
    ///
    /// # Errors
    /// When there are too many.
    pub async fn batch(
        &self,
        access: &Access,
        items: Vec<Result<wire::BatchItem, Problem>>,
    ) -> Result<Vec<Result<ItemAnswer, Problem>>, Problem> {
        if items.len() > wire::BATCH_MAX {
            return Err(Problem::invalid(format!("a batch has at most {} items", wire::BATCH_MAX)));
        }
        // All items are decided, in their order, before any waits, so that they share a commit.
        Ok(join_all(items.into_iter().map(|item| self.item(access, item))).await)
    }

    async fn item(
        &self,
        access: &Access,
        item: Result<wire::BatchItem, Problem>,
    ) -> Result<ItemAnswer, Problem> {
        Ok(match item? {
            wire::BatchItem::Authorize(ask) => {
                ItemAnswer::Decision(self.authorize(access, Key::Missing, ask).await?)
            }
            wire::BatchItem::Settle(ask) => ItemAnswer::Charge(self.settle(access, Key::Missing, ask).await?),
            wire::BatchItem::Record(ask) => match self.record(access, Key::Missing, ask).await? {
                Recorded::Charged(charge) => ItemAnswer::Charge(charge),
                Recorded::Quarantined(change) => ItemAnswer::Quarantined(change),
            },
        })
    }

    /// Explains a past decision from what was stored with it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn explain(&self, access: &Access, id: &str) -> Result<wire::Decision, Problem> {
        access.scope(Scope::Read)?;
        let id = named(id, Kind::UnknownDecision)?;
        access.on(Scope::Read, id.account())?;
        let found = match &id {
            Reference::Record(account, seq) => {
                render::decision_of_record(account, &self.engine.record_at(account, *seq).await?, false)
            }
            Reference::Denial(account, at) => {
                let denial = self.engine.denial_at(account, *at).await?;
                Some(render::decision_of_denial(account, &denial, false))
            }
        };
        found.ok_or_else(no_decision)
    }
}
