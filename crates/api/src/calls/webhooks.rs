//! Webhooks: making, showing and removing them; accounts that wait in them; signed reports and confirmations.

use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::{Label, Name, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{EngineError, Hook, Parked, wall};
use headworks_wire as wire;
use wire::Scope;

use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::outbox::Signed;
use crate::problem::{Kind, Problem};
use crate::render::events::{ALERTS, DATASETS};
use crate::unauthenticated::Network;

fn name_of(name: &str) -> Result<Name, Problem> {
    Name::new(name).map_err(|e| Problem::invalid(format!("the webhook's name: {e}")))
}

/// The headers of a call that is signed with a webhook's secret, as defined by Standard Webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

/// Checks a request for a webhook.
fn check(ask: &wire::WebhookRequest) -> Result<(), Problem> {
    if !ask.url.starts_with("https://") && !ask.url.starts_with("http://") {
        return Err(Problem::invalid("`url` begins with https:// or http://"));
    }
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
    ) -> Result<wire::Webhook, Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        check(&ask)?;
        let key = key.required_of(None, None, &(&name, &ask))?;
        let before = self.engine.webhooks().get(&name).cloned();
        if let Some(before) = &before
            && (before.webhook.format, before.webhook.stripe) != (ask.format, ask.stripe)
        {
            // Otherwise the events already sent could no longer be adjusted.
            return Err(Problem::invalid("a webhook keeps its `format` and `stripe`; make another one"));
        }
        let rotation =
            before.map_or(0, |hook| hook.webhook.rotation).saturating_add(u32::from(ask.rotate_secret));
        let webhook = Webhook {
            name: name.clone(),
            url: ask.url,
            events: ask.events,
            format: ask.format,
            rotation,
            stripe: ask.stripe,
            since: None,
        };
        let beginning = ask.from == wire::WebhookFrom::Beginning;
        self.engine.set_webhook(webhook, beginning, (&key, access.actor())).await?;
        self.board.apply(&self.engine).await;
        Ok(self.shown_webhook(self.hook(name.as_str())?).await)
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
            account: account.clone(),
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
        let account = Name::new(account).map_err(wrong)?;
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

    /// The id of a call that was recently signed with one of a webhook's secrets. Ask for it before parsing the body.
    ///
    /// # Errors
    /// When it was not.
    pub fn signed(
        &self,
        name: &str,
        from: Network,
        shown: Signature<'_>,
        body: &[u8],
    ) -> Result<SignedId, Problem> {
        let bad = || {
            let detail = "the signature does not match; sign `id.timestamp.body` with the webhook's secret and the current time";
            Problem::new(Kind::BadSignature, detail)
        };
        let now = self.engine.clock().now();
        let refused = || match self.unauthenticated.note(from, Misdeed::ForgedWebhook, now) {
            Ok(()) => bad(),
            Err(after) => Problem::too_many(after),
        };
        let webhooks = self.engine.webhooks();
        let webhook = &webhooks.get(name).ok_or_else(refused)?.webhook;
        let secs = shown.timestamp.and_then(|text| text.parse().ok()).ok_or_else(refused)?;
        let (id, signature) = shown.id.zip(shown.signature).ok_or_else(refused)?;
        // The sender's timestamp is wall-clock time, even if the server runs on a test clock.
        match self.board.secrets().verify(webhook, (id, secs, signature), body, wall()) {
            Signed::Now => {}
            Signed::Stale => return Err(bad()),
            Signed::Wrong => return Err(refused()),
        }
        Label::new(id).map(SignedId).map_err(|e| Problem::invalid(format!("webhook-id: {e}")))
    }

    /// Report a payment system's observation about an account, signed with a webhook's secret instead of an API key.
    ///
    /// # Errors
    /// With a problem.
    pub async fn signed_signal(
        &self,
        SignedId(id): SignedId,
        ask: &wire::SignedSignal,
    ) -> Result<(), Problem> {
        // Each id takes effect once. A retry is signed again, with a new timestamp, and is the same event.
        let key = Key::Given(id).required_of(None, None, ask)?;
        self.note(&ask.account, &key, None, &ask.report).await
    }

    /// Report the outcome of a top-up's payment, signed with a webhook's secret instead of an API key.
    ///
    /// # Errors
    /// With a problem.
    pub async fn signed_top_up(&self, _: SignedId, ask: &wire::SignedTopUp) -> Result<wire::Change, Problem> {
        self.confirm(&ask.account, ask.number, &ask.payment, Key::Missing, None).await
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
            secret: self.board.secrets().secret(webhook),
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

/// The id of a call whose signature matches.
#[derive(Clone, Debug)]
pub struct SignedId(Label);
