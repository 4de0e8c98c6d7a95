//! The cost of identity: free grants of one identity are 90 days apart, and all
//! free grants of a day stay within a budget.
//!
//! An account claims for itself and for every cluster that it is or was in, so a change of cluster does not clear its
//! claims.
//! Each identity has its own log, and so has the budget: a claim is recorded there before the grant is recorded in
//! the account's log. A retry finds its own claim by its key. A crash between
//! the two leaves a claim that the retry uses.

use headworks_core::catalog::Mode;
use headworks_core::command::{Adjust, Command, History, NewGrant, run, trial_budget_used};
use headworks_core::record::{Category, Credits, IndexKey, Label, Name, Operation, Rule, internal, own_unit};
use headworks_core::waterfall::Refusal;

use crate::answer::{Caller, EngineError, Idempotency};
use crate::engine::Engine;

/// The log of the daily budget of free credits.
const BUDGET: &str = "trial_budget";
/// The log of the daily budget of another unit of credits.
const BUDGET_OF: &str = "trial_budget_of";

/// The owner of the claims in a log.
#[derive(Clone, Copy)]
enum Identity<'a> {
    Cluster(&'a Name),
    Account(&'a Name),
}

fn hashed(kind: &str, name: &str) -> Name {
    let first: String = blake3::hash(name.as_bytes()).to_hex().chars().take(32).collect();
    internal(&format!("{kind}.{first}"))
}

/// The log of an identity: a cluster, or an account by itself.
fn log_of(identity: Identity<'_>) -> Name {
    match identity {
        Identity::Cluster(cluster) => hashed("identity", cluster.as_str()),
        Identity::Account(account) => hashed("identity_of", account.as_str()),
    }
}

/// The log of the daily budget of a unit of credits.
fn budget_of(unit: Option<&Name>) -> Name {
    unit.map_or_else(|| internal(BUDGET), |unit| hashed(BUDGET_OF, unit.as_str()))
}

/// The key of a claim: that of the grant, for this account.
fn own_key(account: &Name, key: &Idempotency) -> Idempotency {
    let digest = blake3::hash(format!("{account}\n{}", key.text).as_bytes());
    let text = Label::new(&digest.to_hex()).unwrap_or_else(|_| key.text.clone());
    Idempotency { text, digest: key.digest }
}

impl Engine {
    /// Claims a free grant for the identities behind an account, if the rule is on.
    pub(crate) async fn claim(
        &self,
        account: &Name,
        key: &Idempotency,
        new: &NewGrant,
    ) -> Result<(), EngineError> {
        let rules = self.catalog();
        let mode = rules.abuse.mode(Rule::Identity);
        if new.category != Category::Free || mode == Mode::Off {
            return Ok(());
        }
        // A retry gets the first answer, even if the grant would differ now.
        if self.is_known(account, IndexKey::of_key(account, Operation::Grant, &key.text)).await? {
            return Ok(());
        }
        // One at a time: without a claim the budget must stay unused; with the budget spent, the claim remains.
        let _turn = self.claims.lock().await;
        let identities = self.may_claim_all(account, key, new).await?;
        let claims = Command::ClaimFreeGrant { account: account.clone(), amount: new.amount };
        self.draw_budget(account, key, (new.amount, own_unit(new.unit.as_ref()))).await?;
        for identity in &identities {
            let claimed = self.note_claim(identity, account, key, &claims).await;
            self.or_observed(account, mode, claimed)?;
        }
        Ok(())
    }

    /// The identities behind an account, if it and they may have a free grant now.
    pub(crate) async fn may_claim_all(
        &self,
        account: &Name,
        key: &Idempotency,
        new: &NewGrant,
    ) -> Result<Vec<Name>, EngineError> {
        let mode = self.catalog().abuse.mode(Rule::Identity);
        // A grant that would be refused anyway must not use up the claim.
        let clusters = self
            .view(account, |ctx| {
                run(ctx, &Command::Grant(new.clone()), &History::new())?;
                Ok(ctx.account.clusters().cloned().collect::<Vec<_>>())
            })
            .await?;
        let own = log_of(Identity::Account(account));
        let identities: Vec<Name> =
            clusters.iter().map(|cluster| log_of(Identity::Cluster(cluster))).chain([own]).collect();
        let claims = Command::ClaimFreeGrant { account: account.clone(), amount: new.amount };
        for identity in identities.iter().filter(|_| mode != Mode::Off) {
            let looked = self.may_claim(identity, account, key, &claims).await;
            self.or_observed(account, mode, looked)?;
        }
        Ok(identities)
    }

    /// A free grant that is raised by hand is as much free credit as another one: it has the same budget.
    pub(crate) async fn claim_raise(
        &self,
        account: &Name,
        key: &Idempotency,
        ask: &Adjust,
    ) -> Result<(), EngineError> {
        if self.catalog().abuse.mode(Rule::Identity) == Mode::Off
            || self.is_known(account, IndexKey::of_key(account, Operation::Adjust, &key.text)).await?
        {
            return Ok(());
        }
        let raised = self
            .view(account, |ctx| {
                let grant = ctx.account.grant(ask.grant).filter(|g| g.terms.category == Category::Free);
                let Some(grant) = grant else { return Ok(None) };
                run(ctx, &Command::Adjust(ask.clone()), &History::new())?;
                Ok(Some(grant.terms.unit.clone()))
            })
            .await?;
        let Some(unit) = raised else { return Ok(()) };
        let _turn = self.claims.lock().await;
        let text = Label::new(&format!("raise {}", blake3::hash(key.text.as_str().as_bytes()).to_hex()));
        let own = Idempotency { text: text.unwrap_or_else(|_| key.text.clone()), digest: key.digest };
        self.draw_budget(account, &own, (ask.by, own_unit(unit.as_ref()))).await
    }

    /// Draws free credits from the budget of the day, if there is one.
    async fn draw_budget(
        &self,
        account: &Name,
        key: &Idempotency,
        (amount, unit): (Credits, Option<&Name>),
    ) -> Result<(), EngineError> {
        let rules = self.catalog();
        let budget = rules.abuse.trial_budget.as_ref();
        let Some(most) = budget.and_then(|budget| budget.of(unit, rules.credit_unit())) else {
            return Ok(());
        };
        let draws = Command::DrawTrialBudget { account: account.clone(), amount, unit: unit.cloned(), most };
        let drawn = self.note_claim(&budget_of(unit), account, key, &draws).await;
        self.or_observed(account, rules.abuse.mode(Rule::Identity), drawn)
    }

    /// Whether an identity has no claim except that of this grant.
    async fn may_claim(
        &self,
        identity: &Name,
        account: &Name,
        key: &Idempotency,
        claim: &Command,
    ) -> Result<(), EngineError> {
        let own = own_key(account, key);
        if self.is_known(identity, IndexKey::of_key(identity, Operation::Grant, &own.text)).await? {
            return Ok(());
        }
        match self.view(identity, |ctx| Ok(run(ctx, claim, &History::new()).map(drop)?)).await {
            Err(EngineError::Refused(Refusal::UnknownAccount(_))) => Ok(()),
            looked => looked,
        }
    }

    /// Whether an operation with this key is in a log or under way there.
    pub(crate) async fn is_known(&self, log: &Name, key: IndexKey) -> Result<bool, EngineError> {
        let is_coming = || self.cache.lock(log).pending.get(key, self.commits.durable()).is_some();
        // Checked before the store is asked: a record stored in between is found there.
        Ok(is_coming() || (!self.store.is_surely_absent(key) && self.store.find(key).await?.is_some()))
    }

    /// Writes a claim into one of the server's own logs, once for each grant.
    async fn note_claim(
        &self,
        log: &Name,
        account: &Name,
        key: &Idempotency,
        claim: &Command,
    ) -> Result<(), EngineError> {
        let own = own_key(account, key);
        self.run_plain(log, Some(&own), Caller::default(), claim).await.map(drop)
    }

    fn or_observed(
        &self,
        account: &Name,
        mode: Mode,
        result: Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match result {
            Err(EngineError::Refused(refusal)) if mode == Mode::Observe => {
                tracing::info!(%account, %refusal, "a free grant that is only observed");
                self.stats().observed(Rule::Identity);
                Ok(())
            }
            other => other,
        }
    }

    /// Free credits of a unit granted on the current day; `None`: `credits`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn trial_budget_used(&self, unit: Option<&Name>) -> Result<Credits, EngineError> {
        let used = self.view(&budget_of(unit), |ctx| Ok(trial_budget_used(ctx.account, ctx.now))).await;
        match used {
            Err(EngineError::Refused(Refusal::UnknownAccount(_))) => Ok(Credits::ZERO),
            other => other,
        }
    }
}
