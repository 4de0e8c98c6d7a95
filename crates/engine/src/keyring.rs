//! API keys: made once, stored as hashes, checked in constant time.
//!
//! Y1 at most two secrets of a key work, the second until its overlap is over (`a_rotated_key_works_until_its_overlap_ends`).
//! Y2 among the keys in force there is always one with the scope `admin` that reaches every account, and none of those lasts
//! longer than all that are left (`the_last_admin_key_stays`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use headworks_core::record::{ApiKey, Event, Instant, KeyUse, Name, Server, Span};

use crate::key_limits::{Entered, Limited, Reached, Requests};

/// The most API keys.
pub const KEYS_MAX: usize = 100_000;

/// How long before its end a key expires soon.
const EXPIRES_SOON: Span = Span::from_secs(14 * 86_400);

/// The scope without which nobody could make another key.
const ADMIN: &str = "admin";

/// A key in force.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// The key, with the hash of its newest secret.
    pub key: ApiKey,
    /// The hash of the secret before it, and until when that works too.
    pub previous: Option<([u8; 32], Instant)>,
    /// The part that changes with each request, and that changes of the key leave alone.
    pub live: Arc<KeyLive>,
}

impl KeyState {
    /// Whether it stops working soon, or has.
    #[must_use]
    pub fn expires_soon(&self, now: Instant) -> bool {
        self.key.expires_at <= now.after(EXPIRES_SOON)
    }

    /// A request with this key, at an instant of a clock that never goes back.
    ///
    /// # Errors
    /// When the key is over one of its limits; the request does not count then.
    pub fn enter(&self, now: Instant) -> Result<(Option<Entered>, Vec<Reached>), Limited> {
        let Some(limits) = &self.key.limits else { return Ok((None, Vec::new())) };
        self.live.requests.enter(limits, now)
    }

    /// Whether it may do everything: its scopes include `admin`, and it reaches every account.
    #[must_use]
    pub fn is_unlimited_admin(&self) -> bool {
        self.key.accounts.is_empty() && self.key.scopes.iter().any(|scope| scope.as_str() == ADMIN)
    }
}

/// The use of a key.
#[derive(Debug, Default)]
pub struct KeyLive {
    /// The minute of its last use, and the one that is recorded; 0: never.
    used: AtomicI64,
    recorded: AtomicI64,
    requests: Arc<Requests>,
}

const MINUTE: i64 = 60_000_000;

impl KeyLive {
    /// The key is used. Writes nothing that was written in the same minute.
    pub fn note_use(&self, now: Instant) {
        let minute = now.micros() - now.micros().rem_euclid(MINUTE);
        if self.used.load(Ordering::Relaxed) < minute {
            self.used.fetch_max(minute, Ordering::Relaxed);
        }
    }

    /// The minute of its last use.
    #[must_use]
    pub fn last_used(&self) -> Option<Instant> {
        Some(self.used.load(Ordering::Relaxed)).filter(|at| *at > 0).map(Instant::from_micros)
    }

    /// The minute of its last use, if that is later than the recorded one by more than this.
    fn unrecorded(&self, more_than_micros: i64) -> Option<Instant> {
        let ahead = |at: &Instant| at.micros() - self.recorded.load(Ordering::Relaxed) > more_than_micros;
        self.last_used().filter(ahead)
    }

    fn take(&self, recorded: Instant) {
        self.used.fetch_max(recorded.micros(), Ordering::Relaxed);
        self.recorded.fetch_max(recorded.micros(), Ordering::Relaxed);
    }
}

/// The keys in force.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: HashMap<Name, Arc<KeyState>>,
    check_key: Option<[u8; 32]>,
}

/// Digits of a check code, in hexadecimal.
const CODE_DIGITS: usize = 16;

impl Keyring {
    /// Whether a record of the server's log changes the keys.
    pub(crate) fn is_about(event: &Event) -> bool {
        let changes_keys = |server: &Server| {
            matches!(server, Server::CheckKeyMade(_) | Server::KeyRotated { .. } | Server::KeysUsed(_))
        };
        matches!(event, Event::KeyCreated(_) | Event::KeyRevoked(_))
            || matches!(event, Event::Server(server) if changes_keys(server))
    }

    /// Applies a record of the server's log.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::KeyCreated(key) = event {
            let state = KeyState { key: key.clone(), previous: None, live: Arc::default() };
            self.keys.insert(key.id.clone(), Arc::new(state));
        }
        if let Event::KeyRevoked(id) = event {
            self.keys.remove(id);
        }
        let Event::Server(server) = event else { return };
        if let Server::CheckKeyMade(key) = &**server {
            self.check_key = Some(*key);
        }
        if let Server::KeyRotated { key, hash, previous_until } = &**server
            && let Some(state) = self.keys.get_mut(key)
        {
            let state = Arc::make_mut(state);
            state.previous = Some((std::mem::replace(&mut state.key.hash, *hash), *previous_until));
        }
        if let Server::KeysUsed(uses) = &**server {
            for KeyUse { key, at } in uses {
                if let Some(state) = self.keys.get(key) {
                    state.live.take(*at);
                }
            }
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

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys, by name.
    #[must_use]
    pub fn list(&self) -> Vec<&Arc<KeyState>> {
        let mut keys: Vec<_> = self.keys.values().collect();
        keys.sort_by(|a, b| a.key.id.cmp(&b.key.id));
        keys
    }

    /// A key by its name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<KeyState>> {
        self.keys.get(id)
    }

    /// The key in force that a genuine text belongs to. Takes the same time wherever the secret is wrong.
    #[must_use]
    pub fn check(&self, text: &str, now: Instant) -> Option<&Arc<KeyState>> {
        let body = text.get(..text.len().checked_sub(CODE_DIGITS)?)?;
        let (id, secret) = body.split_once('_')?;
        let state = self.keys.get(id)?;
        let shown = blake3::hash(secret.as_bytes());
        let newest = shown == blake3::Hash::from_bytes(state.key.hash);
        let previous = state.previous.is_some_and(|(hash, until)| {
            let same = shown == blake3::Hash::from_bytes(hash);
            same && now < until
        });
        ((newest | previous) && now < state.key.expires_at).then_some(state)
    }

    /// The keys that will stop working within 14 days, soonest first.
    #[must_use]
    pub fn expiring_soon(&self, now: Instant) -> Vec<&Arc<KeyState>> {
        let soon = |state: &&Arc<KeyState>| now < state.key.expires_at && state.expires_soon(now);
        let mut expiring: Vec<_> = self.keys.values().filter(soon).collect();
        expiring.sort_by(|a, b| (a.key.expires_at, &a.key.id).cmp(&(b.key.expires_at, &b.key.id)));
        expiring
    }

    /// The last uses that are later than the recorded ones by more than this.
    pub(crate) fn unrecorded_uses(&self, more_than_micros: i64) -> Vec<KeyUse> {
        let used = self.list().into_iter().filter_map(|state| {
            Some(KeyUse { key: state.key.id.clone(), at: state.live.unrecorded(more_than_micros)? })
        });
        used.collect()
    }

    /// Whether a key may be revoked: another unlimited admin's key lasts at least as long, or it is none, or is over.
    pub(crate) fn may_go(&self, id: &Name, now: Instant) -> bool {
        let Some(state) = self.keys.get(id) else { return true };
        let lasts = |other: &KeyState| other.key.expires_at >= state.key.expires_at;
        let is_other = |other: &&Arc<KeyState>| other.key.id != *id && other.is_unlimited_admin();
        !state.is_unlimited_admin()
            || state.key.expires_at <= now
            || self.keys.values().filter(is_other).any(|other| lasts(other))
    }
}

/// The check code of a key's text: the part before it, hashed with the server's own secret.
#[must_use]
pub fn check_code(key: &[u8; 32], body: &str) -> String {
    blake3::keyed_hash(key, body.as_bytes()).to_hex().chars().take(CODE_DIGITS).collect()
}
