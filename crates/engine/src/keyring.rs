//! API keys: made once, stored as hashes, checked in constant time.

use std::collections::HashMap;

use headworks_core::ledger::{ApiKey, Event};
use headworks_core::name::Name;
use headworks_core::time::Instant;

/// The keys in force.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: HashMap<Name, ApiKey>,
}

impl Keyring {
    /// Takes in what a record of the server's log says.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::KeyCreated(key) = event {
            self.keys.insert(key.id.clone(), key.clone());
        }
        if let Event::KeyRevoked(id) = event {
            self.keys.remove(id);
        }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, by name.
    #[must_use]
    pub fn list(&self) -> Vec<&ApiKey> {
        let mut keys: Vec<_> = self.keys.values().collect();
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        keys
    }

    /// A key by its name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&ApiKey> {
        self.keys.get(id)
    }

    /// The key that a secret belongs to, if it is in force. Takes the same time whatever part of the secret is wrong.
    #[must_use]
    pub fn check(&self, id: &str, secret: &str, now: Instant) -> Option<&ApiKey> {
        let key = self.keys.get(id)?;
        let same = blake3::hash(secret.as_bytes()) == blake3::Hash::from_bytes(key.hash);
        (same && now < key.expires_at).then_some(key)
    }
}
