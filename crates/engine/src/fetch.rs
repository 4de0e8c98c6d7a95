//! Reads from the store for a request, with nothing locked, before it is decided again.
//!
//! F1 nothing is read under a shard's lock (`a_store_that_answers_late_holds_up_nobody_else`). F2 a key counts as
//! absent only while no record can have arrived with it since (`one_effect_per_key`).

use headworks_core::record::{IndexKey, Name, Record, Seq};
use headworks_store::{StoreError, wait};
use smallvec::SmallVec;
use tokio::sync::watch;

use crate::answer::EngineError;
use crate::cache::{AsOf, Pending, Slot};
use crate::engine::Engine;
use crate::loads::Load;
use crate::states::decode;

/// The data that must be read first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fetch {
    /// The account's state.
    State,
    /// The record that a key leads to.
    Key(IndexKey, AsOf),
    /// A record by its number.
    Record(Seq),
    /// The server's own log.
    System,
}

/// A record that was read; `None` if there was none.
type Read = Option<Box<Record>>;

/// The data read for a request.
#[derive(Default)]
pub(crate) struct Fetched {
    /// The account turned out to have no log; still true for the next attempt.
    pub(crate) is_unknown: bool,
    followed: u8,
    keys: SmallVec<[(IndexKey, AsOf, Read); 1]>,
    records: SmallVec<[(Seq, Read); 1]>,
}

impl Fetched {
    /// The record of an index key; `Some(None)`: there was none, as of then; `None`: it has not been read.
    pub(crate) fn key(&self, key: IndexKey) -> Option<(AsOf, Option<&Record>)> {
        self.keys.iter().find(|(k, ..)| *k == key).map(|(_, as_of, record)| (*as_of, record.as_deref()))
    }

    /// A record by its number, as [`Self::key`].
    pub(crate) fn record(&self, seq: Seq) -> Option<Option<&Record>> {
        self.records.iter().find(|(s, _)| *s == seq).map(|(_, record)| record.as_deref())
    }

    /// Asks to follow the server's own log.
    ///
    /// # Errors
    /// When following did not help before: the account was decided under a record that the log does not have.
    pub(crate) fn may_follow(&mut self) -> Result<(), EngineError> {
        /// The engine may fall behind again while the request waits for something else.
        const FOLLOWED_MAX: u8 = 100;
        self.followed += 1;
        if self.followed < FOLLOWED_MAX {
            return Ok(());
        }
        let what = "an account was decided under a record that the server's own log does not have";
        Err(EngineError::Store(StoreError::Unreadable(what.into())))
    }

    /// Discards a missing record, so that it is read again.
    pub(crate) fn forget_record(&mut self, seq: Seq) {
        self.records.retain(|(s, _)| *s != seq);
    }
}

/// A load of an account in progress; others wait for it.
struct Loading<'a> {
    engine: &'a Engine,
    account: &'a Name,
    end: watch::Sender<Load>,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.engine.cache.lock(self.account).loads.end(self.account);
    }
}

impl Engine {
    /// Reads the data that a request needs.
    pub(crate) async fn fetch(
        &self,
        account: &Name,
        what: Fetch,
        fetched: &mut Fetched,
    ) -> Result<(), EngineError> {
        match what {
            Fetch::State => fetched.is_unknown = !self.bring_in(account).await?,
            Fetch::Key(key, as_of) => {
                let stored = self.store.find(key).await?;
                let record = stored.map(|stored| decode(&stored.bytes).map(Box::new)).transpose()?;
                fetched.keys.retain(|(k, ..)| *k != key);
                fetched.keys.push((key, as_of, record));
            }
            Fetch::Record(seq) => {
                let record = self.record_of(account, seq).await?.map(Box::new);
                fetched.records.push((seq, record));
            }
            Fetch::System => self.follow().await?,
        }
        Ok(())
    }

    /// Brings an account into memory, unless it is there already; `false` if it
    /// has no log. One load serves all that wait.
    pub(crate) async fn bring_in(&self, account: &Name) -> Result<bool, EngineError> {
        self.damaged.check(account)?;
        let end = {
            let mut shard = self.cache.lock(account);
            if shard.live(account).is_some() {
                return Ok(true);
            }
            if !shard.make_room(self.cache.shard_max(), self.clock().now(), || self.commits.durable()) {
                self.timers.request_checkpoint();
                // Slots that wait for a checkpoint may take the cache to twice its size, no further.
                if shard.slots.len() >= self.cache.shard_max() * 2 {
                    return Err(EngineError::Overloaded);
                }
            }
            shard.loads.begin(account)
        };
        let end = match end {
            Ok(end) => end,
            Err(mut others) => {
                // The channel closes at the latest when the loading caller goes away.
                let _ = others.changed().await;
                let is_unknown = *others.borrow() == Load::Unknown;
                return Ok(!is_unknown);
            }
        };
        let loading = Loading { engine: self, account, end };
        let read_at = self.cache.begin_moment();
        let state = self.stored_state(account).await;
        let state = state.map_err(|e| self.damaged.unreadable(account, e))?;
        // The room that its holds take counts in the supplies they were decided under.
        if self.store.is_shared() && state.under > self.catalog().under.map(|under| under.seq) {
            self.follow().await?;
        }
        {
            let mut shard = self.cache.lock(account);
            // An account without a log may have been opened meanwhile: the state in
            // memory is then newer than what was read.
            if shard.live(account).is_none() {
                if !state.is_open() {
                    // The record that opened it was lost.
                    shard.remove(account);
                    loading.end.send_replace(Load::Unknown);
                    return Ok(false);
                }
                let slot = shard.insert(state, read_at);
                self.in_force.supplies.restore(&slot.account, &mut slot.sharers);
                self.register(slot);
            }
        }
        loading.end.send_replace(Load::Done);
        Ok(true)
    }

    /// Runs `f` with an account in memory on a thread that may block, unless the account has no log or is frozen.
    pub(crate) fn with_slot<T>(
        &self,
        account: &Name,
        then: impl FnOnce(&mut Pending, &mut Slot) -> Result<T, EngineError>,
    ) -> Result<Option<T>, EngineError> {
        loop {
            if !wait(self.bring_in(account))? {
                return Ok(None);
            }
            let mut shard = self.cache.lock(account);
            let Some((pending, slot)) = shard.live(account) else { continue };
            return if slot.check_frozen().is_ok() { then(pending, slot).map(Some) } else { Ok(None) };
        }
    }
}
