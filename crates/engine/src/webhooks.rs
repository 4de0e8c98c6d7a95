//! Webhooks and inbound callers: made, changed, removed; the position of each webhook in the feed.
//!
//! W1 each webhook has a position of its own, also one that is made again under the same name
//! (`a_cursor_is_not_kept_for_a_webhook_that_was_made_again`). W3 a position that is lost or damaged is found again: events
//! may come twice, none is lost (`a_lost_position_is_found_again`).

use std::sync::Arc;

use headworks_core::record::{
    Event, Inbound, IndexKey, Name, Once, Record, Resume, SYSTEM, Seq, Server, Webhook,
};
use headworks_core::waterfall::Refusal;
use headworks_store::{Cursor, Stored};

use crate::answer::{Answer, Effect, EngineError, Keyed};
use crate::engine::Engine;
use crate::hooks::{Hook, Hooks};
use crate::inbound::{ENDPOINTS_MAX, Inbounds, SecretAsk};
use crate::states::decode;

impl Engine {
    /// The webhooks in force, by name.
    #[must_use]
    pub fn webhooks(&self) -> Arc<Hooks> {
        self.in_force.webhooks.load_full()
    }

    /// Makes a webhook, or changes one: its position, its waiting records, its secrets and its start stay. A new one gets
    /// a secret, and begins at the end of the feed or at its beginning.
    ///
    /// # Errors
    /// When there are too many, or the store fails.
    pub async fn set_webhook(
        &self,
        mut webhook: Webhook,
        from_beginning: bool,
        secrets: SecretAsk,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let _turn = self.endpoint_changes.lock().await;
        let webhooks = self.webhooks();
        let before = webhooks.get(&webhook.name);
        if before.is_none() && webhooks.len() >= ENDPOINTS_MAX {
            return Err(EngineError::Full("webhooks", ENDPOINTS_MAX));
        }
        let begin = if from_beginning { Cursor::default() } else { self.store.feed_end().await? };
        webhook.since =
            before.map_or_else(|| (!from_beginning).then(|| self.clock.now()), |before| before.webhook.since);
        let (name, secrets) = (webhook.name.clone(), secrets.change(before.is_none()));
        let set = Event::Server(Box::new(Server::WebhookSet { webhook, secrets }));
        let answer = self.administer(set, Some(keyed)).await?;
        if let Effect::Recorded(record) = &answer.effect
            && !answer.replayed
            && before.is_none()
        {
            // Without it, the sender finds its beginning by the record that made it.
            self.begin_at(&name, record.seq, &begin).await?;
        }
        Ok(answer)
    }

    /// Removes a webhook and drops its unsent events.
    ///
    /// # Errors
    /// When there is no such webhook, or the store fails.
    pub async fn remove_webhook(&self, name: &Name, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _turn = self.endpoint_changes.lock().await;
        let webhooks = self.webhooks();
        let hook = webhooks.get(name).ok_or_else(|| EngineError::UnknownWebhook(name.clone()))?;
        let removed = Event::Server(Box::new(Server::WebhookRemoved(name.clone())));
        let answer = self.administer(removed, Some(keyed)).await?;
        let _kept = self.cursors.lock().await;
        if let Err(e) = self.store.forget(&reader(hook.made)).await {
            tracing::warn!(webhook = %name, error = %e, "the position of a removed webhook stays behind");
        }
        Ok(answer)
    }

    /// Resumes an account that waits in a webhook.
    ///
    /// # Errors
    /// When there is no such webhook, the account does not wait in it, or the store fails.
    pub async fn resume_webhook(
        &self,
        name: &Name,
        account: &Name,
        resume: Resume,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let hooks = self.webhooks();
        let hook = hooks.get(name).ok_or_else(|| EngineError::UnknownWebhook(name.clone()))?;
        if !hook.parked.contains_key(account) {
            return Err(EngineError::NotParked(name.clone(), account.clone()));
        }
        let resumed = Server::WebhookResumed { webhook: name.clone(), account: account.clone(), resume };
        self.administer(Event::Server(Box::new(resumed)), Some(keyed)).await
    }

    /// Records an event of a webhook: it is gone, or an account waits or has caught up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_webhook(&self, what: Server) -> Result<(), EngineError> {
        self.administer(Event::Server(Box::new(what)), None).await.map(drop)
    }

    /// The position of a webhook in the feed; `None` if it is not known: then [`Engine::look_for_begin`] finds it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acknowledged(&self, hook: &Hook) -> Result<Option<Cursor>, EngineError> {
        Ok(self.store.acknowledged(&reader(hook.made)).await?)
    }

    /// Looks for the beginning of a webhook in the feed, for a number of blocks from a cursor on: the block of the record
    /// that made it, or the beginning of the feed if it sends that.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_for_begin(
        &self,
        hook: &Hook,
        mut from: Cursor,
        blocks: usize,
    ) -> Result<Looked, EngineError> {
        if hook.webhook.since.is_none() {
            return Ok(Looked::Found(Cursor::default()));
        }
        let made_it = |stored: &Stored| stored.seq == hook.made && stored.account.as_str() == SYSTEM;
        for _ in 0..blocks {
            match self.store.feed(&from).await? {
                Some(fed) if fed.records.iter().any(made_it) => return Ok(Looked::Found(from)),
                Some(fed) => from = fed.next,
                None => return Ok(Looked::Found(Cursor::default())),
            }
        }
        Ok(Looked::UpTo(from))
    }

    /// Stores the position of a webhook, unless it was removed or made again since.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acknowledge(&self, hook: &Hook, to: &Cursor) -> Result<(), EngineError> {
        let _kept = self.cursors.lock().await;
        if self.webhooks().get(&hook.webhook.name).is_some_and(|now| now.made == hook.made) {
            self.store.acknowledge(&reader(hook.made), to).await?;
        }
        Ok(())
    }

    /// Stores the first position of a webhook, unless its sender already has one.
    async fn begin_at(&self, name: &Name, made: Seq, at: &Cursor) -> Result<(), EngineError> {
        let _kept = self.cursors.lock().await;
        let is_in_force = self.webhooks().get(name).is_some_and(|now| now.made == made);
        if is_in_force && self.store.acknowledged(&reader(made)).await?.is_none() {
            self.store.acknowledge(&reader(made), at).await?;
        }
        Ok(())
    }

    /// The records that a correction or refund changes, oldest first, each with its chain hash: the charge, its
    /// corrections, and earlier refunds.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn charge_before(
        &self,
        account: &Name,
        record: &Record,
    ) -> Result<Vec<(Record, [u8; 32])>, EngineError> {
        let (charge, refunds) = if let Event::Refunded { charge, before, .. } = record.event {
            (charge, before)
        } else if let Some(charge) = corrected(record) {
            (charge, 0)
        } else {
            return Ok(Vec::new());
        };
        let linked = |stored: Option<Stored>, seq| {
            let stored = stored.ok_or(EngineError::Refused(Refusal::UnknownRecord(seq)))?;
            Ok::<_, EngineError>((decode(&stored.bytes)?, stored.hash))
        };
        let (mut found, mut next) = (Vec::new(), Some(charge));
        while let Some(seq) = next {
            let earlier = linked(self.stored_of(account, seq).await?, seq)?;
            next = corrected(&earlier.0);
            found.push(earlier);
        }
        found.reverse();
        for n in 0..refunds {
            let stored = self.store.find(IndexKey::of_once(account, Once::Refunds(charge, n))).await?;
            found.push(linked(stored, charge)?);
        }
        Ok(found)
    }

    /// The stored records of an account from number `from` on, without waiting for records that are being stored.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stored_records(
        &self,
        account: &Name,
        from: Seq,
        max: usize,
    ) -> Result<Vec<Stored>, EngineError> {
        Ok(self.store.read(account, from, max).await?)
    }
}

impl Engine {
    /// The inbound callers in force, by name.
    #[must_use]
    pub fn inbounds(&self) -> Arc<Inbounds> {
        self.in_force.inbounds.load_full()
    }

    /// Makes an inbound caller, or changes one. A new one gets a secret.
    ///
    /// # Errors
    /// When there are too many, or the store fails.
    pub async fn set_inbound(
        &self,
        inbound: Inbound,
        secrets: SecretAsk,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let _turn = self.endpoint_changes.lock().await;
        let inbounds = self.inbounds();
        let is_new = !inbounds.contains_key(&inbound.name);
        if is_new && inbounds.len() >= ENDPOINTS_MAX {
            return Err(EngineError::Full("inbound callers", ENDPOINTS_MAX));
        }
        let secrets = secrets.change(is_new);
        self.administer(Event::Server(Box::new(Server::InboundSet { inbound, secrets })), Some(keyed)).await
    }

    /// Removes an inbound caller; its secrets sign nothing any more.
    ///
    /// # Errors
    /// When there is no such caller, or the store fails.
    pub async fn remove_inbound(&self, name: &Name, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _turn = self.endpoint_changes.lock().await;
        if !self.inbounds().contains_key(name) {
            return Err(EngineError::UnknownInbound(name.clone()));
        }
        self.administer(Event::Server(Box::new(Server::InboundRemoved(name.clone()))), Some(keyed)).await
    }
}

/// How far the search for a webhook's beginning has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is here.
    Found(Cursor),
    /// It is not before this.
    UpTo(Cursor),
}

/// The reader of the feed that a webhook is. One that is made again is another reader.
fn reader(made: Seq) -> Name {
    Name::new(&format!("webhook-{made}")).unwrap_or_else(|_| unreachable!("a word and digits make a name"))
}

/// The charge that a correction replaces.
fn corrected(record: &Record) -> Option<Seq> {
    if let Event::Corrected { correcting, .. } = &record.event { Some(correcting.charge) } else { None }
}
