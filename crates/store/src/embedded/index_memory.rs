//! An index in memory, for simulations: writes happen in the same order as in the key-value store and can be cut off
//! between any two.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::record::{IndexKey, Instant, Name, Seq};

use super::index::{Index, Watermark};
use crate::contract::StoreError;
use crate::stored::Checkpoint;

#[derive(Clone, Debug, Default)]
struct Inner {
    keys: BTreeMap<IndexKey, u64>,
    logs: BTreeMap<Name, BTreeMap<Seq, u64>>,
    states: BTreeMap<Name, Checkpoint>,
    unsettled: BTreeMap<Name, Seq>,
    watermark: Watermark,
    /// Steps until a write is cut off.
    fails_after: Option<usize>,
}

/// The index of a simulation.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    inner: Mutex<Inner>,
}

impl Inner {
    fn step(&mut self) -> Result<(), StoreError> {
        match &mut self.fails_after {
            Some(0) => Err(StoreError::Index("cut off".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl MemoryIndex {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a write fail after this many steps; `None`: never.
    pub fn fail_after(&self, steps: Option<usize>) {
        self.lock().fails_after = steps;
    }

    /// Whether the steps are used up.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.lock().fails_after == Some(0)
    }
}

impl Index for MemoryIndex {
    fn watermark(&self) -> Result<Watermark, StoreError> {
        Ok(self.lock().watermark)
    }

    fn find(&self, key: IndexKey) -> Result<Option<u64>, StoreError> {
        Ok(self.lock().keys.get(&key).copied())
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        Ok(self.lock().states.get(account).map(|s| (s.seq, s.bytes.clone())))
    }

    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<u64>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .logs
            .get(account)
            .map_or_else(Vec::new, |log| log.range(from..).take(max).map(|(_, at)| *at).collect()))
    }

    fn last(&self, account: &Name) -> Result<Seq, StoreError> {
        Ok(self.lock().logs.get(account).and_then(|log| log.keys().next_back().copied()).unwrap_or(0))
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        let inner = self.lock();
        let later = inner.logs.keys().filter(|name| after.is_none_or(|after| *name > after));
        Ok(later.take(max).cloned().collect())
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        let inner = self.lock();
        let due = inner.states.values().filter(|s| s.wakes_at <= now);
        Ok(due.take(max).map(|s| s.account.clone()).collect())
    }

    fn unsettled(&self) -> Result<Vec<Name>, StoreError> {
        Ok(self.lock().unsettled.keys().cloned().collect())
    }

    fn each_key(&self, each: &mut dyn FnMut(IndexKey) -> bool) -> Result<bool, StoreError> {
        let keys: Vec<IndexKey> = self.lock().keys.keys().copied().collect();
        Ok(keys.into_iter().all(each))
    }

    fn write(
        &self,
        states: &[Checkpoint],
        keys: &mut [(IndexKey, u64)],
        logs: &mut dyn Iterator<Item = (&Name, Seq, Vec<u64>)>,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        let mut inner = self.lock();
        // Sorted, so that a simulation can be repeated.
        let mut states: Vec<&Checkpoint> = states.iter().collect();
        states.sort_by(|a, b| a.account.cmp(&b.account));
        for state in states {
            inner.step()?;
            if inner.states.get(&state.account).is_some_and(|kept| kept.seq > state.seq) {
                continue;
            }
            inner.states.insert(state.account.clone(), state.clone());
            if inner.unsettled.get(&state.account).is_some_and(|last| *last <= state.seq) {
                inner.unsettled.remove(&state.account);
            }
        }
        inner.step()?;
        inner.keys.extend(keys.iter().copied());
        for (account, first, positions) in logs {
            inner.step()?;
            let last = first + u64::try_from(positions.len()).unwrap_or(0) - 1;
            if inner.states.get(account).is_none_or(|state| state.seq < last) {
                inner.unsettled.insert(account.clone(), last);
            }
            inner.logs.entry(account.clone()).or_default().extend((first..).zip(positions));
        }
        inner.step()?;
        inner.watermark = watermark;
        Ok(())
    }
}
