//! API keys, health and metrics.

use std::sync::Arc;

use headworks_core::record::{Id, Instant, Name, Span};
use headworks_engine::{EngineError, KeyState};
use headworks_wire as wire;

use crate::access::{Access, Act, scopes};
use crate::api::Api;
use crate::idempotency::Key;
use crate::keys::{self, CreateKeyError};
use crate::problem::{Kind, Problem};

/// The longest overlap of two secrets, and the usual one.
const OVERLAP_MAX: Span = Span::from_secs(30 * 86_400);
const OVERLAP: Span = Span::from_secs(86_400);
/// A last use is recorded when the recorded one is this much older.
const RECORDED_EVERY: Span = Span::from_secs(86_400);

fn shown(state: &KeyState, now: Instant) -> wire::Key {
    let KeyState { key, previous, live } = state;
    wire::Key {
        id: key.id.clone(),
        scopes: scopes(key),
        accounts: key.accounts.iter().map(Id::from).collect(),
        expires_at: Some(key.expires_at).filter(|at| *at < Instant::NEVER),
        note: key.note.clone(),
        limits: key.limits.clone(),
        gateway: key.gateway.clone(),
        last_used_at: live.last_used(),
        expires_soon: state.expires_soon(now),
        previous_until: previous.map(|(_, until)| until).filter(|until| now < *until),
    }
}

impl From<CreateKeyError> for Problem {
    fn from(e: CreateKeyError) -> Self {
        match e {
            CreateKeyError::Engine(e) => e.into(),
            CreateKeyError::Invalid(why) => Self::invalid(why),
            CreateKeyError::Expired(_) => Self::new(Kind::KeyExpired, e.to_string()),
            CreateKeyError::NoRandomness(_) => Self::failed(e),
        }
    }
}

impl Api {
    /// Make an API key; its secret is shown only once.
    ///
    /// # Errors
    /// With a problem.
    pub async fn create_key(
        &self,
        access: &Access,
        key: Key,
        ask: wire::CreateKeyRequest,
    ) -> Result<wire::KeyCreated, Problem> {
        access.may(Act::ManageKeys)?;
        // Without a key each request is a new one.
        let once = if key == Key::Missing { Key::Unknown } else { key };
        let once = once.of(None, None, &("create key", &ask))?;
        let new = keys::create_key(&self.engine, &ask, once, access.actor()).await?;
        let made = KeyState { key: new.key, previous: None, live: Arc::default() };
        let state = self.engine.keyring().get(made.key.id.as_str()).cloned();
        Ok(self.told(&state.unwrap_or_else(|| Arc::new(made)), new.secret))
    }

    /// Give an API key a new secret; the one before it works a while longer.
    ///
    /// # Errors
    /// With a problem.
    pub async fn rotate_key(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        ask: wire::RotateKeyRequest,
    ) -> Result<wire::KeyCreated, Problem> {
        access.may(Act::ManageKeys)?;
        let state = self.key_state(id)?;
        let overlap = ask.overlap.unwrap_or(OVERLAP);
        if overlap > OVERLAP_MAX {
            return Err(Problem::invalid("`overlap` is at most 30d"));
        }
        let once = if key == Key::Missing { Key::Unknown } else { key };
        let once = once.of(None, None, &("rotate key", &state.key.id, &ask))?;
        let secret = keys::rotate_key(&self.engine, &state, overlap, once, access.actor()).await?;
        Ok(self.told(&*self.key_state(id)?, secret))
    }

    fn told(&self, state: &KeyState, secret: Option<String>) -> wire::KeyCreated {
        let replayed = secret.is_none();
        let hint = "only the hash of its secret is stored; if you lost the first answer, rotate the key, or revoke it and \
                    make another";
        wire::KeyCreated {
            key: shown(state, self.engine.clock().now()),
            secret,
            replayed,
            hint: replayed.then(|| hint.to_owned()),
        }
    }

    fn key_state(&self, id: &str) -> Result<Arc<KeyState>, Problem> {
        let state = self.engine.keyring().get(id).cloned();
        state.ok_or_else(|| Problem::new(Kind::UnknownKey, format!("there is no API key `{id}`")))
    }

    /// List the API keys in force, without their secrets.
    ///
    /// # Errors
    /// With a problem.
    pub fn keys(&self, access: &Access) -> Result<wire::Keys, Problem> {
        access.may(Act::ManageKeys)?;
        let now = self.engine.clock().now();
        let keyring = self.engine.keyring();
        Ok(wire::Keys { keys: keyring.list().into_iter().map(|state| shown(state, now)).collect() })
    }

    /// Revoke an API key at once.
    ///
    /// # Errors
    /// With a problem.
    pub async fn revoke_key(&self, access: &Access, id: &str) -> Result<(), Problem> {
        access.may(Act::ManageKeys)?;
        let id = self.key_state(id)?.key.id.clone();
        // Keys are random, so no request repeats another.
        let once = Key::Missing.required_of(None, Some(format!("revoke {id}")), &id)?;
        self.engine.revoke_key(&id, false, (&once, access.actor())).await?;
        Ok(())
    }

    /// The API keys that stop working soon, soonest first.
    #[must_use]
    pub fn expiring_keys(&self) -> Vec<(Name, Instant)> {
        let (keyring, now) = (self.engine.keyring(), self.engine.clock().now());
        let expiring = keyring.expiring_soon(now);
        expiring.into_iter().map(|state| (state.key.id.clone(), state.key.expires_at)).collect()
    }

    /// Records the last uses of API keys: once a day for each, or all that are not recorded yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record_key_uses(&self, all: bool) -> Result<(), Problem> {
        let more_than = if all { Span::ZERO } else { RECORDED_EVERY };
        Ok(self.engine.record_key_uses(more_than).await?)
    }

    /// Ends when the use of a key has reached a mark of its limits.
    pub async fn key_warned(&self) {
        self.key_warnings.added().await;
    }

    /// Writes the marks of keys' limits that were reached, for webhooks.
    ///
    /// # Errors
    /// When the store fails; nothing is lost by it.
    pub async fn write_key_warnings(&self) -> Result<(), Problem> {
        Ok(self.key_warnings.write(&self.engine).await?)
    }

    /// Whether requests are taken.
    ///
    /// # Errors
    /// With why they are not.
    pub fn ready(&self) -> Result<(), Problem> {
        if let Some(why) = self.engine.stopped() {
            return Err(Problem::new(Kind::Stopped, why));
        }
        self.engine.clock().jump().map_or(Ok(()), |jump| Err(EngineError::ClockJumped(jump).into()))
    }
}
