//! Webhooks: making, showing and removing them; accounts that wait in them.

use std::sync::Arc;

use headworks_core::record::{Label, Name, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{EngineError, Hook, Parked, SecretAsk};
use headworks_wire as wire;
use wire::Scope;

use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::outbox::Owner;
use crate::problem::Problem;
use crate::render::events::{ALERTS, DATASETS};

fn name_of(name: &str) -> Result<Name, Problem> {
    Name::new(name).map_err(|e| Problem::invalid(format!("the webhook's name: {e}")))
}

/// Checks a request for a webhook.
fn check(ask: &wire::WebhookRequest) -> Result<(), Problem> {
    let known = |kind: &&Label| ALERTS.iter().chain(&DATASETS).any(|k| *k == kind.as_str());
    if let Some(unknown) = ask.events.iter().find(|kind| !known(kind)) {
        let all: Vec<&str> = ALERTS.into_iter().chain(DATASETS).collect();
        return Err(Problem::invalid(format!(
            "there are no events `{unknown}`; write some of {}",
            all.join(", ")
        )));
    }
    if ask.format == WebhookFormat::StripeMeterEvents && !ask.events.is_empty() {
        return Err(Problem::invalid("Stripe meter events are made of charges; leave `events` out"));
    }
    if ask.format != WebhookFormat::StripeMeterEvents && ask.stripe != StripeValue::default() {
        return Err(Problem::invalid("`stripe` requires the format `stripe_meter_events`"));
    }
    Ok(())
}

impl Api {
    /// Make or replace a webhook.
    ///
    /// # Errors
    /// With a problem.
    pub async fn set_webhook(
        &self,
        access: &Access,
        name: &str,
        key: Key,
        ask: wire::WebhookRequest,
    ) -> Result<wire::ChangedWebhook, Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        check(&ask)?;
        let url = self.destinations.check(&ask.url, ask.format).map_err(Problem::invalid)?;
        let key = key.required_of(None, None, &(&name, &ask))?;
        let before = self.engine.webhooks().get(&name).cloned();
        if let Some(before) = &before
            && (before.webhook.format, before.webhook.stripe) != (ask.format, ask.stripe)
        {
            // Otherwise the events already sent could no longer be adjusted.
            return Err(Problem::invalid("a webhook keeps its `format` and `stripe`; make another one"));
        }
        let fresh = self.board.secrets().fresh(Owner::Webhook(&name)).map_err(Problem::failed)?;
        let secrets = SecretAsk { fresh, rotates: ask.rotate_secret, ends_previous: ask.end_previous_secret };
        let webhook = Webhook {
            name: name.clone(),
            url,
            events: ask.events,
            format: ask.format,
            stripe: ask.stripe,
            since: None,
        };
        let beginning = ask.from == wire::WebhookFrom::Beginning;
        let set = self.engine.set_webhook(webhook, beginning, secrets, (&key, access.actor())).await?;
        self.board.apply(&self.engine).await;
        // A repetition shows the webhook as it is now, so its secret is always one in force.
        let webhook = self.shown_webhook(self.hook(name.as_str())?).await;
        Ok(wire::ChangedWebhook { webhook, replayed: set.replayed })
    }

    /// List the webhooks and how they are doing.
    ///
    /// # Errors
    /// With a problem.
    pub async fn webhooks(&self, access: &Access) -> Result<wire::Webhooks, Problem> {
        access.everywhere(Scope::Admin)?;
        let mut webhooks = Vec::new();
        for hook in self.engine.webhooks().values() {
            webhooks.push(self.shown_webhook(Arc::clone(hook)).await);
        }
        Ok(wire::Webhooks { webhooks })
    }

    /// Show a webhook and how it is doing.
    ///
    /// # Errors
    /// With a problem.
    pub async fn webhook(&self, access: &Access, name: &str) -> Result<wire::Webhook, Problem> {
        access.everywhere(Scope::Admin)?;
        Ok(self.shown_webhook(self.hook(name)?).await)
    }

    /// List the accounts that wait in a webhook, because Stripe refused one of their records.
    ///
    /// # Errors
    /// With a problem.
    pub fn parked(&self, access: &Access, name: &str) -> Result<wire::ParkedAccounts, Problem> {
        access.everywhere(Scope::Admin)?;
        let hook = self.hook(name)?;
        let shown = |(account, parked): (&Name, &Parked)| wire::Parked {
            account: account.into(),
            record: wire::Reference::Record(account.clone(), parked.record),
            reason: parked.reason.clone(),
            since: parked.at,
            resume: parked.resumed.map(|(resume, _)| resume),
        };
        Ok(wire::ParkedAccounts { parked: hook.parked.iter().map(shown).collect() })
    }

    /// Let an account that waits in a webhook resume: send the refused record again, or pass over it.
    ///
    /// # Errors
    /// With a problem.
    pub async fn resume_webhook(
        &self,
        access: &Access,
        name: &str,
        account: &str,
        key: Key,
        ask: wire::ResumeRequest,
    ) -> Result<(), Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        let wrong = |e| Problem::invalid(format!("the account's name: {e}"));
        let account = Name::id(account).map_err(wrong)?;
        let key = key.required_of(None, None, &("resume", &name, &account, &ask))?;
        self.engine.resume_webhook(&name, &account, ask.resume, (&key, access.actor())).await?;
        self.board.apply(&self.engine).await;
        Ok(())
    }

    /// Remove a webhook; events that it has not sent yet are dropped.
    ///
    /// # Errors
    /// With a problem.
    pub async fn remove_webhook(&self, access: &Access, name: &str, key: Key) -> Result<(), Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        let key = key.required_of(None, None, &("remove", &name))?;
        self.engine.remove_webhook(&name, (&key, access.actor())).await?;
        self.board.apply(&self.engine).await;
        Ok(())
    }

    fn hook(&self, name: &str) -> Result<Arc<Hook>, Problem> {
        let name = name_of(name)?;
        let hook = self.engine.webhooks().get(&name).cloned();
        hook.ok_or_else(|| EngineError::UnknownWebhook(name).into())
    }

    /// How a webhook is doing. Its backlog is counted, so it may read a part of the feed.
    async fn shown_webhook(&self, hook: Arc<Hook>) -> wire::Webhook {
        let (webhook, status) = (&hook.webhook, self.board.status(&self.engine, &hook).await);
        wire::Webhook {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            format: webhook.format,
            stripe: (webhook.format == WebhookFormat::StripeMeterEvents).then_some(webhook.stripe),
            since: webhook.since,
            secret: self.board.secrets().shown(Owner::Webhook(&webhook.name), &hook.secrets).ok(),
            has_previous_secret: hook.secrets.previous.is_some(),
            state: match (&status.error, hook.is_gone) {
                (_, true) => "gone",
                (Some(_), false) => "failing",
                (None, false) => "ok",
            }
            .into(),
            behind: status.behind(),
            attempts: status.attempts.into(),
            delivered: status.delivered,
            error: if hook.is_gone { Some("it answered 410 Gone".into()) } else { status.error },
            parked: u64::try_from(hook.parked.len()).unwrap_or(u64::MAX),
        }
    }
}
