//! Webhooks: made, changed, removed, and the position of each in the feed.
//!
//! W1 a cursor is stored only for the webhook that reached it, never for a later one of the same name
//! (`a_cursor_is_not_kept_for_a_webhook_that_was_made_again`).

use std::sync::Arc;

use headworks_core::record::{Event, IndexKey, Name, Once, Record, Resume, Seq, Server, Webhook};
use headworks_core::waterfall::Refusal;
use headworks_store::{Cursor, Stored};

use crate::answer::{Answer, EngineError, Keyed};
use crate::engine::Engine;
use crate::hooks::Hooks;
use crate::states::decode;

impl Engine {
    /// The webhooks in force, by name.
    #[must_use]
    pub fn webhooks(&self) -> Arc<Hooks> {
        self.in_force.webhooks.load_full()
    }

    /// Makes a webhook, or changes one: its position, its waiting records and its start stay. A new one begins at the
    /// end of the feed, or at its beginning.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_webhook(
        &self,
        mut webhook: Webhook,
        from_beginning: bool,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let _turn = self.webhook_changes.lock().await;
        let since = self.webhooks().get(&webhook.name).map(|hook| hook.webhook.since);
        if since.is_none() {
            // Before the webhook itself: a crash in between leaves a cursor that nobody reads.
            let at = if from_beginning { Cursor::default() } else { self.store.feed_end().await? };
            let _kept = self.cursors.lock().await;
            self.store.acknowledge(&webhook.name, &at).await?;
        }
        webhook.since = since.unwrap_or_else(|| (!from_beginning).then(|| self.clock.now()));
        self.administer(Event::Server(Box::new(Server::WebhookSet(webhook))), Some(keyed)).await
    }

    /// Removes a webhook and drops its unsent events.
    ///
    /// # Errors
    /// When there is no such webhook, or the store fails.
    pub async fn remove_webhook(&self, name: &Name, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _turn = self.webhook_changes.lock().await;
        if !self.webhooks().contains_key(name) {
            return Err(EngineError::UnknownWebhook(name.clone()));
        }
        let removed = Event::Server(Box::new(Server::WebhookRemoved(name.clone())));
        self.administer(removed, Some(keyed)).await
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

    /// The position of a webhook in the feed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acknowledged(&self, webhook: &Name) -> Result<Cursor, EngineError> {
        Ok(self.store.acknowledged(webhook).await?)
    }

    /// Stores the position of a webhook, unless it was removed or made again since `made`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acknowledge(&self, webhook: &Name, made: Seq, to: &Cursor) -> Result<(), EngineError> {
        let _kept = self.cursors.lock().await;
        if self.webhooks().get(webhook).is_some_and(|hook| hook.made == made) {
            self.store.acknowledge(webhook, to).await?;
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

/// The charge that a correction replaces.
fn corrected(record: &Record) -> Option<Seq> {
    if let Event::Corrected { correcting, .. } = &record.event { Some(correcting.charge) } else { None }
}
