//! Idempotency: the first answer to a key, and records that happen at most once.

use std::sync::atomic::Ordering;

use headworks_core::record::{IndexKey, Key, Record, Span};

use crate::answer::{Answer, Effect, EngineError};
use crate::cache::{Pending, Slot};
use crate::commit::Ticket;
use crate::engine::Engine;
use crate::states::decode;

/// How long the key of a denial is remembered.
const DENIAL_REMEMBERED: Span = Span::from_secs(30);

/// Where a record that happens at most once is.
pub(crate) enum Found {
    Nowhere,
    InFlight(Ticket),
    Stored(Box<Record>),
}

impl Engine {
    /// The first answer to a key, if there is one, and the batch that it waits for.
    pub(crate) fn first_answer(
        &self,
        pending: &Pending,
        slot: &Slot,
        key: &Key,
    ) -> Result<Option<(Answer, Ticket)>, EngineError> {
        let account = &slot.account.id;
        let again = |first: &Key, effect: Effect, ticket: Ticket| {
            if first.digest != key.digest {
                return Err(EngineError::KeyReused(key.operation, key.text.clone()));
            }
            self.stats().replays.fetch_add(1, Ordering::Relaxed);
            Ok(Some((Answer { account: account.clone(), effect, replayed: true }, ticket)))
        };
        match self.find(pending, IndexKey::of_key(account, key.operation, &key.text))? {
            Found::InFlight(_) => {
                return Err(EngineError::KeyInProgress(key.operation, key.text.clone()));
            }
            Found::Stored(record) => {
                // A record that is found by a key has one; where it has not, somebody else's request is no answer to this.
                let first = record.key.clone();
                let first = first.ok_or_else(|| EngineError::KeyReused(key.operation, key.text.clone()))?;
                return again(&first, Effect::Recorded(record), 0);
            }
            Found::Nowhere => {}
        }
        let Some(denials) = &slot.denials else { return Ok(None) };
        let since = self.clock().now().before(DENIAL_REMEMBERED);
        let known = |k: &&Key| k.operation == key.operation && k.text == key.text;
        let remembered = denials.recent.iter().rev().filter(|r| r.denial.at >= since);
        let mut found = remembered.filter_map(|r| Some((r.key.as_ref().filter(known)?, &r.denial)));
        match found.next() {
            Some((first, denial)) => again(first, Effect::Denied(Box::new(denial.clone())), slot.ticket),
            None => Ok(None),
        }
    }

    /// The record that an index key leads to, wherever it is.
    pub(crate) fn find(&self, pending: &Pending, key: IndexKey) -> Result<Found, EngineError> {
        // What is stored has left `pending` only after the store could find it.
        if let Some(ticket) = pending.get(key, self.commits.durable()) {
            return Ok(Found::InFlight(ticket));
        }
        match self.store.find(key)? {
            None => Ok(Found::Nowhere),
            Some(stored) => Ok(Found::Stored(Box::new(decode(&stored.bytes)?))),
        }
    }
}
