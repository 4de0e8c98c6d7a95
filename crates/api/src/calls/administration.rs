//! API keys, health and metrics.

use headworks_core::record::{ApiKey, Instant, Name};
use headworks_engine::EngineError;
use headworks_wire as wire;
use wire::Scope;

use crate::access::Access;
use crate::access::scopes;
use crate::api::Api;
use crate::idempotency::Key;
use crate::keys::{self, CreateKeyError};
use crate::problem::{Kind, Problem};

fn shown(key: &ApiKey) -> wire::Key {
    wire::Key {
        id: key.id.clone(),
        scopes: scopes(key),
        accounts: key.accounts.clone(),
        expires_at: Some(key.expires_at).filter(|at| *at < Instant::NEVER),
        note: key.note.clone(),
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
        ask: wire::CreateKeyRequest,
    ) -> Result<wire::KeyCreated, Problem> {
        access.everywhere(Scope::Admin)?;
        if ask.scopes.is_empty() {
            return Err(Problem::invalid("`scopes`: name at least one of decide, record, read, admin"));
        }
        let new = keys::create_key(&self.engine, &ask, access.actor()).await.map_err(|e| match e {
            CreateKeyError::Engine(e) => Problem::from(e),
            CreateKeyError::NoRandomness(_) => Problem::failed(e),
        })?;
        Ok(wire::KeyCreated { key: shown(&new.key), secret: new.secret })
    }

    /// List the API keys in force, without their secrets.
    ///
    /// # Errors
    /// With a problem.
    pub fn keys(&self, access: &Access) -> Result<wire::Keys, Problem> {
        access.everywhere(Scope::Admin)?;
        Ok(wire::Keys { keys: self.engine.keyring().list().into_iter().map(shown).collect() })
    }

    /// Revoke an API key at once.
    ///
    /// # Errors
    /// With a problem.
    pub async fn revoke_key(&self, access: &Access, id: &str) -> Result<(), Problem> {
        access.everywhere(Scope::Admin)?;
        let unknown = |_| Problem::new(Kind::UnknownKey, format!("there is no API key `{id}`"));
        let id = Name::new(id).map_err(unknown)?;
        // Keys are random, so no request repeats another.
        let once = Key::Missing.required_of(None, Some(format!("revoke {id}")), &id)?;
        self.engine.revoke_key(&id, (&once, access.actor())).await?;
        Ok(())
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
