//! States: bringing accounts into memory, and appending the records that change them.

use headworks_core::account::Account;
use headworks_core::catalog::Catalog;
use headworks_core::command::Draft;
use headworks_core::record::{Event, Instant, Key, Name, Record, SYSTEM, Seq};
use headworks_store::{StoreError, Stored};

use crate::answer::EngineError;
use crate::cache::{Pending, Slot};
use crate::capacity::Supplies;
use crate::commit::Ticket;
use crate::engine::Engine;

impl Engine {
    /// The state of an account, folded from its checkpoint and the records after it.
    pub(crate) async fn stored_state(&self, account: &Name) -> Result<Account, EngineError> {
        let Some(loaded) = self.store.load(account).await? else {
            return Ok(Account::empty(account.clone()));
        };
        let mut state = match &loaded.checkpoint {
            Some((_, bytes)) => Account::from_bytes(bytes).map_err(|e| damaged(account, &e.to_string()))?,
            None => Account::empty(account.clone()),
        };
        for record in &loaded.records {
            let hash = state.apply_bytes(&record.bytes).map_err(|e| damaged(account, &e.to_string()))?;
            if hash != record.hash {
                return Err(damaged(account, &format!("the chain breaks at record {}", record.seq)));
            }
        }
        Ok(state)
    }

    /// Sets the instant at which the sweeper looks at the account.
    pub(crate) fn register(&self, slot: &mut Slot) {
        if slot.account.wakes_at < slot.wakes_at {
            slot.wakes_at = slot.account.wakes_at;
            self.timers.wake(slot.wakes_at, &slot.account.id);
        }
    }

    /// Folds a record into its state and passes it to the commit loop. A record that does not follow from the state
    /// is not stored: its account is frozen, and others go on.
    pub(crate) fn append(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        record: &Record,
    ) -> Result<Ticket, EngineError> {
        let account = &mut slot.account;
        let ending = Supplies::ending(account, &slot.sharers, record);
        let mut keys = None;
        let ticket = self.commits.add(|batch| {
            let hash = batch.push(account, record);
            if let Err(e) = account.apply(record, hash) {
                batch.pop();
                return Err(e.to_string());
            }
            keys = batch.entries().last().map(|entry| entry.keys.clone());
            Ok(())
        });
        let ticket = match ticket {
            Some(Ok(ticket)) => ticket,
            Some(Err(what)) => return Err(slot.freeze(what)),
            None => {
                if let Some(why) = self.commits.stopped() {
                    tracing::error!(why, "the engine has stopped");
                }
                return Err(EngineError::Stopped);
            }
        };
        if let Some(ending) = &ending {
            Supplies::end(ending, self.clock().now());
        }
        if let Event::Changed { .. } | Event::Cycle(_) = &record.event {
            Supplies::changed(&slot.account, &slot.sharers);
        }
        slot.ticket = ticket;
        slot.dirty = true;
        pending.note(&keys.unwrap_or_default(), ticket, || self.commits.durable());
        Ok(ticket)
    }

    /// A stored record.
    pub(crate) async fn record_of(&self, account: &Name, seq: Seq) -> Result<Option<Record>, EngineError> {
        self.stored_of(account, seq).await?.map(|stored| decode(&stored.bytes)).transpose()
    }

    /// A stored record of an account by its number, if there is one.
    pub(crate) async fn stored_of(&self, account: &Name, seq: Seq) -> Result<Option<Stored>, EngineError> {
        Ok(self.store.read(account, seq, 1).await?.into_iter().next().filter(|stored| stored.seq == seq))
    }
}

/// The record of a draft, with the catalog it was decided under if that is new to the account.
pub(crate) fn record(
    draft: Draft,
    account: &Account,
    catalog: &Catalog,
    now: Instant,
    (key, actor): (Option<Key>, Option<Name>),
) -> Record {
    let mut record = draft.into_record(account, now, key, actor);
    // The server's own log is not decided under itself.
    let under = catalog.under.filter(|under| account.under.is_none_or(|before| before < under.seq));
    record.under = under.filter(|_| account.id.as_str() != SYSTEM);
    record
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Record, EngineError> {
    Record::from_bytes(bytes).map_err(|e| EngineError::Store(StoreError::Unreadable(e.to_string())))
}

fn damaged(account: &Name, what: &str) -> EngineError {
    EngineError::Store(StoreError::Unreadable(format!("account {account}: {what}")))
}
