//! The server's own log: API keys, and the secret for their check codes.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::Command;
use headworks_core::record::{
    ApiKey, Event, IndexKey, Instant, Label, Name, Operation, Seq, Server, Span, SystemRecord, system,
};
use headworks_store::{Store, wait};

use crate::answer::{Answer, Caller, Effect, EngineError, Idempotency, Keyed};
use crate::engine::Engine;
use crate::in_force::System;
use crate::keyring::KEYS_MAX;
use crate::states::decode;

impl Engine {
    /// The secret for the check codes of API keys. The first call makes it from these bytes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], EngineError> {
        if let Some(key) = self.keyring().check_key() {
            return Ok(key);
        }
        let text = Label::new("check key").unwrap_or_else(|_| unreachable!("two words are a label"));
        // Two callers that make one at the same time get the same record.
        let once = Idempotency { text, digest: [0; 16] };
        let made = Event::Server(Box::new(Server::CheckKeyMade(fresh)));
        let answer = self.administer(made, Some((&once, None))).await?;
        if let Effect::Recorded(record) = &answer.effect
            && let Event::Server(server) = &record.event
            && let Server::CheckKeyMade(key) = &**server
        {
            return Ok(*key);
        }
        unreachable!("the key of the request is that of the record that makes one")
    }

    /// Stores an API key.
    ///
    /// # Errors
    /// When there are too many, or the store fails.
    pub async fn create_key(&self, key: ApiKey, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _turn = self.key_changes.lock().await;
        if self.keyring().len() >= KEYS_MAX {
            return Err(EngineError::Full("API keys", KEYS_MAX));
        }
        self.administer(Event::KeyCreated(key), Some(keyed)).await
    }

    /// Whether an administrative request under this key has been done: what comes again is no new request.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_repeated(&self, key: &Idempotency) -> Result<bool, EngineError> {
        self.is_known(&system(), IndexKey::of_key(&system(), Operation::Administer, &key.text)).await
    }

    /// Gives an API key a new secret, by its hash. The one before it works until an instant.
    ///
    /// # Errors
    /// When there is no such key, or the store fails.
    pub async fn rotate_key(
        &self,
        id: &Name,
        hash: [u8; 32],
        previous_until: Instant,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let _turn = self.key_changes.lock().await;
        self.known_key(id)?;
        let rotated = Server::KeyRotated { key: id.clone(), hash, previous_until };
        self.administer(Event::Server(Box::new(rotated)), Some(keyed)).await
    }

    /// Revokes an API key at once; the last one that can make others only if that is forced.
    ///
    /// # Errors
    /// When there is no such key, it is the last, or the store fails.
    pub async fn revoke_key(
        &self,
        id: &Name,
        is_forced: bool,
        keyed: Keyed<'_>,
    ) -> Result<Answer, EngineError> {
        let _turn = self.key_changes.lock().await;
        self.known_key(id)?;
        if !is_forced && !self.keyring().may_go(id, self.clock().now()) {
            return Err(EngineError::LastAdminKey(id.clone()));
        }
        self.administer(Event::KeyRevoked(id.clone()), Some(keyed)).await
    }

    fn known_key(&self, id: &Name) -> Result<(), EngineError> {
        self.keyring().get(id.as_str()).map(drop).ok_or_else(|| EngineError::UnknownKey(id.clone()))
    }

    /// Records the last uses of API keys that are later than the recorded ones by more than a span.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record_key_uses(&self, more_than: Span) -> Result<(), EngineError> {
        /// The most uses of one record.
        const AT_ONCE: usize = 1_000;
        let more_than = i64::try_from(more_than.micros()).unwrap_or(i64::MAX);
        for uses in self.keyring().unrecorded_uses(more_than).chunks(AT_ONCE) {
            let used = Server::KeysUsed(uses.to_vec());
            self.administer(Event::Server(Box::new(used)), None).await?;
        }
        Ok(())
    }

    /// Records that reconciliation has found something.
    pub(crate) async fn reconcile_failed(&self, found: u64, first: String) -> Result<(), EngineError> {
        /// The most accounts that one record names; the next start checks them.
        const NAMED: usize = 1_000;
        let accounts = self.damaged.accounts(NAMED);
        let event = Event::Server(Box::new(Server::ReconcileFailed { found, first, accounts }));
        self.administer(event, None).await.map(drop)
    }

    /// Records an event of the server's own log. Only the server itself does so without a key.
    pub(crate) async fn administer(
        &self,
        event: Event,
        keyed: Option<Keyed<'_>>,
    ) -> Result<Answer, EngineError> {
        self.administer_after(None, event, keyed).await
    }

    /// As [`Self::administer`], but only if `after` is the last record of the server's own log.
    pub(crate) async fn administer_after(
        &self,
        after: Option<Seq>,
        event: Event,
        keyed: Option<Keyed<'_>>,
    ) -> Result<Answer, EngineError> {
        let (key, actor) = keyed.map_or((None, None), |(key, actor)| (Some(key), actor));
        let caller = Caller { actor, after, ..Caller::default() };
        self.run(&system(), key, caller, &Command::Administer(Box::new(event))).await
    }
}

pub(crate) fn read_system(store: &dyn Store) -> Result<System, EngineError> {
    let account = system();
    let mut system = System::default();
    let mut loaded = None;
    let mut from = 1;
    loop {
        let records = wait(store.read(&account, from, 1_000))?;
        let Some(last) = records.last() else { break };
        from = last.seq + 1;
        for stored in &records {
            let this = SystemRecord { seq: stored.seq, hash: stored.hash };
            loaded = system.take(decode(&stored.bytes)?).map(|catalog| (catalog, this)).or(loaded);
        }
    }
    if let Some(((label, text), this)) = loaded {
        let catalog = Catalog::parse(&text, Format::of(&text)).map_err(|problems| {
            EngineError::Store(headworks_store::StoreError::Unreadable(format!(
                "the stored catalog is not accepted: {problems}"
            )))
        })?;
        system.catalog = Some(catalog.in_force(label, this));
    }
    Ok(system)
}
