//! States: bringing accounts into memory, and appending the records that change them.

use headworks_core::account::Account;
use headworks_core::record::{Event, Name, Record, Seq};
use headworks_store::{StoreError, Stored};

use crate::answer::EngineError;
use crate::cache::{Pending, Shard, Slot};
use crate::capacity::Supplies;
use crate::commit::Ticket;
use crate::engine::Engine;

impl Engine {
    /// Brings an account into memory; leaves an empty slot for one that has no log.
    pub(crate) fn load(&self, shard: &mut Shard, account: &Name) -> Result<(), EngineError> {
        self.damaged.check(account)?;
        if shard.slots.contains_key(account) {
            return Ok(());
        }
        if !shard.make_room(self.cache.shard_max, self.clock().now(), || self.commits.durable()) {
            self.timers.request_checkpoint();
            // Slots that wait for a checkpoint may take the cache to twice its size, no further.
            if shard.slots.len() >= self.cache.shard_max * 2 {
                return Err(EngineError::Overloaded);
            }
        }
        let mut slot =
            Slot::new(self.stored_state(account).map_err(|e| self.damaged.unreadable(account, e))?);
        self.in_force.supplies.restore(&slot.account, &mut slot.seats);
        self.register(&mut slot);
        shard.slots.insert(account.clone(), slot);
        Ok(())
    }

    /// The state that an account's checkpoint and the records after it come to.
    fn stored_state(&self, account: &Name) -> Result<Account, EngineError> {
        let Some(loaded) = self.store.load(account)? else { return Ok(Account::empty(account.clone())) };
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

    /// Tells the sweeper when to look at the account.
    pub(crate) fn register(&self, slot: &mut Slot) {
        if slot.account.wakes_at < slot.wakes_at {
            slot.wakes_at = slot.account.wakes_at;
            self.timers.wake(slot.wakes_at, &slot.account.id);
        }
    }

    /// Folds a record into its state and hands it to the commit loop. One that does not follow from the state is not stored:
    /// its account is frozen, and others go on.
    pub(crate) fn append(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        record: &Record,
    ) -> Result<Ticket, EngineError> {
        let account = &mut slot.account;
        let ending = Supplies::ending(account, record);
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
            Supplies::end(&slot.seats, ending, self.clock().now());
        }
        if let Event::Changed { .. } | Event::Cycle(_) = &record.event {
            Supplies::changed(&slot.account, &slot.seats);
        }
        slot.ticket = ticket;
        slot.dirty = true;
        pending.note(&keys.unwrap_or_default(), ticket, || self.commits.durable());
        Ok(ticket)
    }

    /// A stored record.
    pub(crate) fn record_of(&self, account: &Name, seq: Seq) -> Result<Option<Record>, EngineError> {
        self.stored_of(account, seq)?.map(|stored| decode(&stored.bytes)).transpose()
    }

    /// A record of an account as it is stored, if there is one of this number.
    pub(crate) fn stored_of(&self, account: &Name, seq: Seq) -> Result<Option<Stored>, EngineError> {
        Ok(self.store.read(account, seq, 1)?.into_iter().next().filter(|stored| stored.seq == seq))
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Record, EngineError> {
    Record::from_bytes(bytes).map_err(|e| EngineError::Store(StoreError::Unreadable(e.to_string())))
}

fn damaged(account: &Name, what: &str) -> EngineError {
    EngineError::Store(StoreError::Unreadable(format!("account {account}: {what}")))
}
