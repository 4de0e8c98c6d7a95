//! API keys: made once, stored as hashes, checked in constant time.

use std::collections::HashMap;

use headworks_core::record::{ApiKey, Event, Instant, Name, Server};

/// The keys in force.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: HashMap<Name, ApiKey>,
    check_key: Option<[u8; 32]>,
}

/// Digits of a check code, in hexadecimal.
const CODE_DIGITS: usize = 16;

impl Keyring {
    /// Whether a record of the server's log changes the keys.
    pub(crate) fn is_about(event: &Event) -> bool {
        let is_check_key = |server: &Server| matches!(server, Server::CheckKeyMade(_));
        matches!(event, Event::KeyCreated(_) | Event::KeyRevoked(_))
            || matches!(event, Event::Server(server) if is_check_key(server))
    }

    /// Applies a record of the server's log.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::KeyCreated(key) = event {
            self.keys.insert(key.id.clone(), key.clone());
        }
        if let Event::KeyRevoked(id) = event {
            self.keys.remove(id);
        }
        if let Event::Server(server) = event
            && let Server::CheckKeyMade(key) = &**server
        {
            self.check_key = Some(*key);
        }
    }

    /// The secret for check codes, once the first key has been made.
    #[must_use]
    pub fn check_key(&self) -> Option<[u8; 32]> {
        self.check_key
    }

    /// Whether a text ends in the check code of the part before it. Takes the same time wherever the text is wrong,
    /// looks nothing up and remembers nothing.
    #[must_use]
    pub fn is_genuine(&self, text: &str) -> bool {
        let Some((body, code)) = text.len().checked_sub(CODE_DIGITS).and_then(|at| text.split_at_checked(at))
        else {
            return false;
        };
        // Comparing hashes takes constant time.
        let own = self.check_key.map(|key| blake3::hash(check_code(&key, body).as_bytes()));
        own.is_some_and(|own| own == blake3::hash(code.as_bytes()))
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

    /// The key in force that a genuine text belongs to. Takes the same time wherever the secret is wrong.
    #[must_use]
    pub fn check(&self, text: &str, now: Instant) -> Option<&ApiKey> {
        let body = text.get(..text.len().checked_sub(CODE_DIGITS)?)?;
        let (id, secret) = body.split_once('_')?;
        let key = self.keys.get(id)?;
        let same = blake3::hash(secret.as_bytes()) == blake3::Hash::from_bytes(key.hash);
        (same && now < key.expires_at).then_some(key)
    }
}

/// The check code of a key's text: the part before it, hashed with the server's own secret.
#[must_use]
pub fn check_code(key: &[u8; 32], body: &str) -> String {
    blake3::keyed_hash(key, body.as_bytes()).to_hex().chars().take(CODE_DIGITS).collect()
}
