//! Cached states: one slot for each account in memory, in shards of bounded size.
//!
//! B1 a slot with records that no checkpoint includes is never evicted. B2 a full shard refuses new accounts instead
//! of growing (`cache_is_bounded`).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::account::Account;
use headworks_core::record::{IndexKey, Instant, Name};

use tokio::sync::watch;

use crate::answer::EngineError;
use crate::callers::Callers;
use crate::capacity::{Sharers, Supplies};
use crate::commit::Ticket;
use crate::denials::DenialLog;
use crate::loads::Loads;

/// A moment between loads, from 1.
pub(crate) type Moment = u64;

/// An account in memory.
pub(crate) struct Slot {
    pub(crate) account: Account,
    /// The batch of the last record; answers wait until it is stored.
    pub(crate) ticket: Ticket,
    /// Whether records came after the last checkpoint.
    pub(crate) dirty: bool,
    /// Whether it was used since the last eviction pass.
    pub(crate) used: bool,
    /// When the sweeper must next look at it.
    pub(crate) wakes_at: Instant,
    /// The last instant assigned, denials included.
    pub(crate) last_at: Instant,
    pub(crate) denials: Option<Box<DenialLog>>,
    /// Its sharers in supplies.
    pub(crate) sharers: Sharers,
    /// Volatile memory of its callers.
    pub(crate) callers: Option<Box<Callers>>,
    /// Why nothing more is decided on it, if a record would not have followed from its state.
    frozen: Option<Box<str>>,
    /// Another writer was first: the state differs from the log. The memory kept beside the state remains.
    is_stale: bool,
    /// The moment at which its state began to be read, which no other load has; 0 for a state that was not read.
    read_at: Moment,
}

impl Slot {
    pub(crate) fn new(account: Account, read_at: Moment) -> Self {
        Self {
            read_at,
            is_stale: false,
            last_at: account.recorded_at,
            account,
            ticket: 0,
            dirty: false,
            used: true,
            wakes_at: Instant::NEVER,
            denials: None,
            sharers: Sharers::default(),
            callers: None,
            frozen: None,
        }
    }

    /// Advances the account's monotonic time.
    pub(crate) fn tick(&mut self, now: Instant) -> Instant {
        self.last_at = self.next_tick(now);
        self.last_at
    }

    /// The instant that [`Self::tick`] would return.
    pub(crate) fn next_tick(&self, now: Instant) -> Instant {
        let after_last = Instant::from_micros(self.last_at.micros().saturating_add(1));
        self.account.tick(now).max(after_last)
    }

    /// The state cannot be trusted any more: nothing is decided on it, and no checkpoint includes it.
    pub(crate) fn freeze(&mut self, what: String) -> EngineError {
        tracing::error!(account = %self.account.id, what, "a record does not follow; the account is frozen");
        let what = format!("{what}; restart the server, and report this");
        self.frozen = Some(what.clone().into());
        EngineError::Frozen(self.account.id.clone(), what)
    }

    /// Fails if nothing may be decided on the state.
    pub(crate) fn check_frozen(&self) -> Result<(), EngineError> {
        match &self.frozen {
            Some(what) => Err(EngineError::Frozen(self.account.id.clone(), what.to_string())),
            None => Ok(()),
        }
    }

    /// Another writer was first. Nothing more is decided on the state. The next request or the sweeper loads it
    /// again; until then its holds keep their room.
    pub(crate) fn go_stale(&mut self) {
        (self.is_stale, self.dirty, self.wakes_at) = (true, false, Instant::NEVER);
    }

    /// Whether the state was read after a moment: then it was that of the log at some moment since.
    pub(crate) fn is_read_since(&self, moment: Moment) -> bool {
        self.read_at > moment
    }

    /// Whether a checkpoint must include the state.
    pub(crate) fn wants_checkpoint(&self) -> bool {
        self.dirty && self.account.is_open() && self.frozen.is_none() && !self.is_stale
    }

    fn is_idle(&self, durable: Ticket, now: Instant) -> bool {
        let unwritten = self.denials.as_ref().is_some_and(|d| d.unwritten.is_some());
        let remembered = self.callers.as_ref().is_some_and(|w| !w.is_over(now));
        !self.dirty
            && self.frozen.is_none()
            && self.ticket <= durable
            && !unwritten
            && self.sharers.are_empty()
            && !remembered
    }
}

/// One shard of the cache.
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) slots: HashMap<Name, Slot>,
    pub(crate) pending: Pending,
    pub(crate) loads: Loads,
}

/// Requests whose answers are under way.
#[derive(Default)]
pub(crate) struct Pending {
    /// Index keys of records that are not stored yet, with their batch.
    records: HashMap<IndexKey, Ticket>,
    /// How often keys of stored records were forgotten.
    forgotten: u64,
    /// Keys of requests that wait for room, with the requests' digests. The
    /// channel closes once the request has its answer.
    waiting: HashMap<IndexKey, ([u8; 16], watch::Receiver<()>)>,
}

/// A moment in the life of an account in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf {
    read_at: Moment,
    forgotten: u64,
    durable: Ticket,
}

impl Pending {
    /// This moment.
    pub(crate) fn as_of(&self, slot: &Slot, durable: Ticket) -> AsOf {
        AsOf { read_at: slot.read_at, forgotten: self.forgotten, durable }
    }

    /// Whether a key that the store did not have after that moment is still absent.
    pub(crate) fn is_absent_since(&self, then: AsOf, slot: &Slot, key: IndexKey) -> bool {
        let came = self.records.get(&key).is_some_and(|ticket| *ticket > then.durable);
        then.read_at == slot.read_at && then.forgotten == self.forgotten && !came
    }

    /// The batch of a record with this key that is not yet stored.
    pub(crate) fn get(&self, key: IndexKey, durable: Ticket) -> Option<Ticket> {
        self.records.get(&key).copied().filter(|ticket| *ticket > durable)
    }

    /// Notes that a request with this key waits, until the returned sender is dropped.
    pub(crate) fn begin_waiting(&mut self, key: IndexKey, digest: [u8; 16]) -> watch::Sender<()> {
        let (sender, receiver) = watch::channel(());
        self.waiting.insert(key, (digest, receiver));
        sender
    }

    pub(crate) fn end_waiting(&mut self, key: IndexKey) {
        self.waiting.remove(&key);
    }

    /// The waiting request with this key: its digest, and the channel that closes once it has its answer.
    pub(crate) fn waiting(&self, key: IndexKey) -> Option<&([u8; 16], watch::Receiver<()>)> {
        self.waiting.get(&key)
    }

    pub(crate) fn note(&mut self, keys: &[IndexKey], ticket: Ticket, durable: impl FnOnce() -> Ticket) {
        if self.records.len() >= 1_024 {
            let durable = durable();
            self.records.retain(|_, ticket| *ticket > durable);
            self.forgotten += 1;
        }
        self.records.extend(keys.iter().map(|key| (*key, ticket)));
    }
}

impl Shard {
    /// An account in memory whose state matches its log.
    pub(crate) fn live(&mut self, account: &Name) -> Option<(&mut Pending, &mut Slot)> {
        let slot = self.slots.get_mut(account).filter(|slot| !slot.is_stale)?;
        Some((&mut self.pending, slot))
    }

    /// Removes an account from memory, and its holds' room from supplies.
    pub(crate) fn remove(&mut self, account: &Name) -> Option<Slot> {
        let slot = self.slots.remove(account)?;
        Supplies::forget(&slot.account, &slot.sharers);
        Some(slot)
    }

    /// Puts a state into memory. The memory kept beside a stale state remains.
    pub(crate) fn insert(&mut self, account: Account, read_at: Moment) -> &mut Slot {
        let id = account.id.clone();
        let mut slot = Slot::new(account, read_at);
        if let Some(stale) = self.remove(&id) {
            slot.last_at = slot.last_at.max(stale.last_at);
            (slot.denials, slot.callers) = (stale.denials, stale.callers);
        }
        self.slots.entry(id).insert_entry(slot).into_mut()
    }

    /// Makes room for one more account; `false` if every slot is needed.
    pub(crate) fn make_room(&mut self, max: usize, now: Instant, durable: impl FnOnce() -> Ticket) -> bool {
        if self.slots.len() < max {
            return true;
        }
        let durable = durable();
        // Second chance: slots used since the last pass stay for one more.
        let mut spared = 0_usize;
        let target = max - max / 8;
        let mut over = self.slots.len() - target.min(self.slots.len());
        self.slots.retain(|_, slot| {
            if over == 0 || !slot.is_idle(durable, now) {
                return true;
            }
            if std::mem::take(&mut slot.used) {
                spared += 1;
                return true;
            }
            over -= 1;
            false
        });
        if self.slots.len() >= max && spared > 0 {
            self.slots.retain(|_, slot| {
                let evict = over > 0 && slot.is_idle(durable, now);
                over -= usize::from(evict);
                !evict
            });
        }
        self.slots.len() < max
    }
}

/// All shards.
pub(crate) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// The most accounts of a shard, and how many of them there may be now.
    most: usize,
    now: AtomicUsize,
    /// Loads that have begun.
    moments: AtomicU64,
}

const SHARDS: usize = 64;

/// The part of one shard.
fn of_shard(accounts: usize) -> usize {
    accounts.div_ceil(SHARDS).max(8)
}

impl Cache {
    pub(crate) fn new(accounts_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
            most: of_shard(accounts_max),
            now: AtomicUsize::new(of_shard(accounts_max)),
            moments: AtomicU64::new(0),
        }
    }

    /// The most accounts that a shard holds now.
    pub(crate) fn shard_max(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Accounts in memory, and how many there may be now.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.shards().map(|shard| shard.slots.len()).sum(), self.shard_max() * SHARDS)
    }

    /// Holds so many accounts from now on, within the limit that it was made with; those beyond leave if they can.
    pub(crate) fn hold(&self, accounts: usize, now: Instant, durable: impl Fn() -> Ticket) {
        let max = of_shard(accounts).min(self.most);
        self.now.store(max, Ordering::Relaxed);
        for mut shard in self.shards() {
            shard.make_room(max, now, &durable);
        }
    }

    /// This moment: every load that begins from now on has a later one.
    pub(crate) fn moment(&self) -> Moment {
        self.moments.load(Ordering::SeqCst)
    }

    /// The moment of a load that begins.
    pub(crate) fn begin_moment(&self) -> Moment {
        self.moments.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn lock(&self, account: &Name) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(account);
        let at = usize::try_from(hash % 64).unwrap_or(0);
        let shard = self.shards.get(at).unwrap_or_else(|| unreachable!("there are 64 shards"));
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
