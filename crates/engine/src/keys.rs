//! Idempotency: the first answer to a key, and records that happen at most once.

use std::sync::atomic::Ordering;

use headworks_core::catalog::Catalog;
use headworks_core::command::Command;
use headworks_core::record::{IndexKey, Key, Name, Record};

use tokio::sync::watch;

use crate::answer::{Answer, Effect, EngineError};
use crate::cache::{Pending, Slot};
use crate::commit::Ticket;
use crate::engine::Engine;
use crate::fetch::{Fetch, Fetched};

/// The location of a record that happens at most once.
pub(crate) enum Lookup {
    Nowhere,
    InFlight(Ticket),
    Stored(Box<Record>),
    /// It must be read to know.
    Unread(Fetch),
}

/// The state of a key before its request is examined.
pub(crate) enum First {
    /// The first answer, and the batch that it waits for.
    Answer(Box<Answer>, Ticket),
    /// The record is being stored.
    Stores(Ticket),
    /// The same request waits for room; the channel closes when it has its answer.
    Waits(watch::Receiver<()>),
    /// It must be read to know.
    Unread(Fetch),
    Nothing,
}

/// The key of a request that waits for room: other requests with it wait for its answer.
pub(crate) struct WaitingKey<'a> {
    engine: &'a Engine,
    account: &'a Name,
    key: IndexKey,
    _ends: watch::Sender<()>,
}

impl<'a> WaitingKey<'a> {
    pub(crate) fn begin(engine: &'a Engine, pending: &mut Pending, account: &'a Name, key: &Key) -> Self {
        let index = IndexKey::of_key(account, key.operation, &key.text);
        Self { engine, account, key: index, _ends: pending.begin_waiting(index, key.digest) }
    }
}

impl Drop for WaitingKey<'_> {
    fn drop(&mut self) {
        self.engine.cache.lock(self.account).pending.end_waiting(self.key);
    }
}

impl Engine {
    /// The first answer to a request, if there is one or will be. If the first request is waiting for room, its
    /// answer counts only if this one `joins` it.
    pub(crate) fn first_answer(
        &self,
        pending: &Pending,
        slot: &Slot,
        catalog: &Catalog,
        (key, command, joins): (&Key, &Command, bool),
        fetched: &Fetched,
    ) -> Result<First, EngineError> {
        let account = &slot.account.id;
        let reused = || EngineError::KeyReused(key.operation, key.text.clone());
        let index = IndexKey::of_key(account, key.operation, &key.text);
        match self.find(pending, slot, index, fetched) {
            Lookup::Unread(fetch) => return Ok(First::Unread(fetch)),
            Lookup::InFlight(ticket) => return Ok(First::Stores(ticket)),
            Lookup::Stored(record) => {
                // A record found by a key has that key; a record without it belongs to another request and is no
                // answer to this one.
                let first = record.key.as_ref().ok_or_else(reused)?;
                if first.digest == key.digest || command.ends_as(&record) {
                    return Ok(First::Answer(
                        Box::new(self.again(account, Effect::Recorded(record), true)),
                        0,
                    ));
                }
                // The end of a hold is identified by the hold.
                return Err(command.conflict_with(&record).map_or_else(reused, Into::into));
            }
            Lookup::Nowhere => {}
        }
        // After the look-up: another engine may have answered the key while the request waits here.
        if let Some((digest, ends)) = pending.waiting(index).filter(|_| joins) {
            return if *digest == key.digest { Ok(First::Waits(ends.clone())) } else { Err(reused()) };
        }
        let Some(denials) = &slot.denials else { return Ok(First::Nothing) };
        let now = self.clock().now();
        let known = |k: &&Key| k.operation == key.operation && k.text == key.text;
        let mut found = denials.recent.iter().rev().filter_map(|r| Some((r.key.as_ref().filter(known)?, r)));
        let Some((first, remembered)) = found.next().filter(|(_, r)| r.answers(&slot.account, catalog, now))
        else {
            return Ok(First::Nothing);
        };
        if first.digest != key.digest {
            return Err(reused());
        }
        let effect = Effect::Denied(Box::new(remembered.denial.clone()));
        Ok(First::Answer(Box::new(self.again(account, effect, remembered.is_kept)), slot.ticket))
    }

    /// The answer to a second end of a hold, given the record that ended it, if both ends are the same.
    pub(crate) fn same_end(&self, account: &Name, command: &Command, by: Option<&Record>) -> Option<Answer> {
        let record = by.filter(|record| command.ends_as(record))?;
        Some(self.again(account, Effect::Recorded(Box::new(record.clone())), true))
    }

    fn again(&self, account: &Name, effect: Effect, is_kept: bool) -> Answer {
        self.stats().replays.fetch_add(1, Ordering::Relaxed);
        Answer { account: account.clone(), effect, replayed: true, is_kept }
    }

    /// The record of an account for an index key, wherever it is.
    pub(crate) fn find(&self, pending: &Pending, slot: &Slot, key: IndexKey, fetched: &Fetched) -> Lookup {
        // A stored record leaves `pending` only after the store can find it.
        let durable = self.commits.durable();
        if let Some(ticket) = pending.get(key, durable) {
            return Lookup::InFlight(ticket);
        }
        if slot.account.seq == 0 || self.store.is_surely_absent(key) {
            return Lookup::Nowhere;
        }
        match fetched.key(key) {
            Some((_, Some(record))) => Lookup::Stored(Box::new(record.clone())),
            Some((as_of, None)) if pending.is_absent_since(as_of, slot, key) => Lookup::Nowhere,
            Some((_, None)) | None => Lookup::Unread(Fetch::Key(key, pending.as_of(slot, durable))),
        }
    }
}
