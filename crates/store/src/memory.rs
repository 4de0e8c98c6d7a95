//! The store of tests and simulations: the same contract, lost at the end of the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};

use crate::batch::Batch;
use crate::contract::{Checkpoint, Fed, Store, StoreError, Stored};

const FED_AT_ONCE: usize = 256;

/// Logs in memory.
#[derive(Debug, Default)]
pub struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    logs: BTreeMap<Name, Vec<Stored>>,
    keys: HashMap<IndexKey, (Name, usize)>,
    states: HashMap<Name, Checkpoint>,
    unsettled: BTreeSet<Name>,
    /// Account and index in its log, in the order in which they were stored.
    order: Vec<(Name, usize)>,
    places: HashMap<Name, u64>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(seq: Seq) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}

impl Store for Memory {
    fn append(&self, batch: &Batch) -> Result<Vec<Name>, StoreError> {
        let mut inner = self.lock();
        let mut conflicts: Vec<Name> = Vec::new();
        let mut ends: HashMap<&Name, (Seq, Option<[u8; 32]>)> = HashMap::new();
        for entry in batch.entries() {
            let last = || inner.logs.get(&entry.account).and_then(|log| log.last());
            let end = ends
                .entry(&entry.account)
                .or_insert_with(|| last().map_or((0, None), |last| (last.seq, Some(last.hash))));
            if end.0 + 1 == entry.seq && end.1.is_none_or(|hash| hash == entry.previous) {
                *end = (entry.seq, Some(entry.hash));
            } else if !conflicts.contains(&entry.account) {
                conflicts.push(entry.account.clone());
            }
        }
        for entry in batch.entries().iter().filter(|e| !conflicts.contains(&e.account)) {
            let stored = Stored {
                account: entry.account.clone(),
                seq: entry.seq,
                hash: entry.hash,
                bytes: batch.bytes(entry).to_vec(),
            };
            let log = inner.logs.entry(entry.account.clone()).or_default();
            log.push(stored);
            let at = log.len() - 1;
            for key in &entry.keys {
                inner.keys.insert(*key, (entry.account.clone(), at));
            }
            inner.order.push((entry.account.clone(), at));
            inner.unsettled.insert(entry.account.clone());
        }
        Ok(conflicts)
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        Ok(self.lock().states.get(account).map(|c| (c.seq, c.bytes.clone())))
    }

    fn find(&self, key: IndexKey) -> Result<Option<Stored>, StoreError> {
        let inner = self.lock();
        let found = inner.keys.get(&key).and_then(|(account, at)| inner.logs.get(account)?.get(*at));
        Ok(found.cloned())
    }

    fn read(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, StoreError> {
        let inner = self.lock();
        let log = inner.logs.get(account).map_or(&[][..], |log| log);
        Ok(log.iter().skip(index(from.saturating_sub(1))).take(max).cloned().collect())
    }

    fn checkpoint(&self, states: &mut dyn FnMut() -> Option<Vec<Checkpoint>>) -> Result<(), StoreError> {
        let before = std::mem::take(&mut self.lock().unsettled);
        let states = states();
        let mut inner = self.lock();
        let Some(states) = states else {
            inner.unsettled.extend(before);
            return Ok(());
        };
        let kept: BTreeSet<&Name> = states.iter().map(|s| &s.account).collect();
        let missing: Vec<Name> = before.into_iter().filter(|a| !kept.contains(a)).collect();
        inner.unsettled.extend(missing);
        for state in states {
            inner.states.insert(state.account.clone(), state);
        }
        Ok(())
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        let inner = self.lock();
        let names = inner.logs.keys().filter(|name| after.is_none_or(|after| *name > after));
        Ok(names.take(max).cloned().collect())
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        let inner = self.lock();
        let due = inner.states.values().filter(|s| s.wakes_at <= now).map(|s| s.account.clone());
        Ok(due.take(max).collect())
    }

    fn feed(&self, from: u64) -> Result<Option<Fed>, StoreError> {
        let inner = self.lock();
        let records: Vec<Stored> = inner
            .order
            .iter()
            .skip(index(from))
            .take(FED_AT_ONCE)
            .filter_map(|(account, at)| inner.logs.get(account)?.get(*at).cloned())
            .collect();
        let next = from + u64::try_from(records.len()).unwrap_or(0);
        Ok((!records.is_empty()).then_some(Fed { records, next }))
    }

    fn feed_end(&self) -> u64 {
        u64::try_from(self.lock().order.len()).unwrap_or(u64::MAX)
    }

    fn acknowledged(&self, reader: &Name) -> Result<u64, StoreError> {
        Ok(self.lock().places.get(reader).copied().unwrap_or(0))
    }

    fn acknowledge(&self, reader: &Name, at: u64) -> Result<(), StoreError> {
        self.lock().places.insert(reader.clone(), at);
        Ok(())
    }

    fn latest(&self) -> Option<Instant> {
        let inner = self.lock();
        inner.logs.values().filter_map(|log| Record::recorded_at(&log.last()?.bytes)).max()
    }

    fn unsettled(&self) -> Vec<Name> {
        self.lock().unsettled.iter().cloned().collect()
    }
}
