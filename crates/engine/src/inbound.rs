//! Inbound callers as recorded in the server's own log: services that report to the server, each signing with secrets of its
//! own.
//!
//! C1 at most two secrets of a webhook or an inbound caller are live (`a_rotated_secret_lives_until_the_next_rotation`).

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::record::{Event, Inbound, Label, Name, Record, Sealed, SecretChange, Server};

/// The most webhooks, and the most inbound callers.
pub const ENDPOINTS_MAX: usize = 1_000;

/// The live secrets of a webhook or an inbound caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSecrets {
    /// The newest.
    pub newest: Option<Sealed>,
    /// The one before it, unless it was ended.
    pub previous: Option<Sealed>,
}

impl LiveSecrets {
    pub(crate) fn after(&self, change: &SecretChange) -> Self {
        let mut live = match &change.new {
            Some(new) => Self { newest: Some(new.clone()), previous: self.newest.clone() },
            None => self.clone(),
        };
        if change.ends_previous {
            live.previous = None;
        }
        live
    }

    /// All of them, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &Sealed> {
        self.newest.iter().chain(&self.previous)
    }
}

/// A caller's wishes about secrets, with a random one for when it is needed.
#[derive(Clone, Debug)]
pub struct SecretAsk {
    /// Random, and sealed.
    pub fresh: Sealed,
    /// Replace the newest.
    pub rotates: bool,
    /// End the one before the newest.
    pub ends_previous: bool,
}

impl SecretAsk {
    /// The change of a webhook or an inbound caller that is new, or not.
    pub(crate) fn change(self, is_new: bool) -> SecretChange {
        SecretChange {
            new: (is_new || self.rotates).then_some(self.fresh),
            ends_previous: self.ends_previous,
        }
    }
}

/// An inbound caller in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundCaller {
    /// Its settings.
    pub inbound: Inbound,
    /// The secrets that it may sign with.
    pub secrets: LiveSecrets,
}

/// The inbound callers in force, by name.
pub type Inbounds = BTreeMap<Name, Arc<InboundCaller>>;

/// Applies a record of the server's own log.
pub(crate) fn take(inbounds: &mut Inbounds, record: &Record) {
    let Event::Server(server) = &record.event else { return };
    if let Server::InboundSet { inbound, secrets } = &**server {
        let before = inbounds.get(&inbound.name).map(|before| before.secrets.clone()).unwrap_or_default();
        let caller = InboundCaller { inbound: inbound.clone(), secrets: before.after(secrets) };
        inbounds.insert(inbound.name.clone(), Arc::new(caller));
    }
    if let Server::InboundRemoved(name) = &**server {
        inbounds.remove(name);
    }
}

/// Whether one of these patterns is that of an account: its name, or a prefix that ends in `*`. No pattern: every account.
#[must_use]
pub fn reaches(patterns: &[Label], account: &Name) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| match pattern.as_str().strip_suffix('*') {
            Some(prefix) => account.as_str().starts_with(prefix),
            None => account.as_str() == pattern.as_str(),
        })
}
