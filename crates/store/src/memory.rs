//! The store of tests and simulations: the same contract, lost when the process ends.

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};

use crate::batch::Batch;
use crate::contract::{Appended, Cursor, Fed, LogEnd, Reply, Store, StoreError};
use crate::stored::{Checkpoint, Stored};

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
    states: BTreeMap<Name, Checkpoint>,
    /// Account and index in its log, in the order they were stored.
    order: Vec<(Name, usize)>,
    cursors: HashMap<Name, Cursor>,
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

impl Inner {
    fn end(&self, account: &Name) -> LogEnd {
        let last = self.logs.get(account).and_then(|log| log.last());
        last.map_or_else(LogEnd::default, |last| LogEnd { seq: last.seq, hash: last.hash })
    }

    fn append(&mut self, batch: &Batch) -> Appended {
        let mut conflicts: Vec<Name> = Vec::new();
        let mut ends: HashMap<&Name, LogEnd> = HashMap::new();
        for entry in batch.entries() {
            let end = ends.entry(&entry.account).or_insert_with(|| self.end(&entry.account));
            let follows = end.seq + 1 == entry.seq && (end.seq == 0 || end.hash == entry.previous);
            if follows {
                *end = LogEnd { seq: entry.seq, hash: entry.hash };
            } else if !conflicts.contains(&entry.account) {
                conflicts.push(entry.account.clone());
            }
        }
        for entry in batch.entries().iter().filter(|e| !conflicts.contains(&e.account)) {
            let stored = batch.stored(entry);
            let log = self.logs.entry(entry.account.clone()).or_default();
            log.push(stored);
            let at = log.len() - 1;
            for key in &entry.keys {
                self.keys.insert(*key, (entry.account.clone(), at));
            }
            self.order.push((entry.account.clone(), at));
        }
        Appended { conflicts, in_doubt: Vec::new() }
    }

    fn feed(&self, from: &Cursor) -> Result<Option<Fed>, StoreError> {
        let from = position(from)?;
        let next = self.order.iter().skip(from).take(FED_AT_ONCE);
        let records: Vec<Stored> =
            next.filter_map(|(account, at)| self.logs.get(account)?.get(*at).cloned()).collect();
        let next = Cursor::new(&(from + records.len()).to_string());
        Ok((!records.is_empty()).then_some(Fed { records, next }))
    }
}

/// How many records are before a cursor.
fn position(cursor: &Cursor) -> Result<usize, StoreError> {
    let text = cursor.as_str();
    let records = if text.is_empty() { Some(0) } else { text.parse().ok() };
    records.ok_or_else(|| StoreError::Refused(format!("`{text}` is not a cursor of this feed")))
}

fn reply<'a, T: Send + 'a>(value: T) -> Reply<'a, T> {
    Box::pin(ready(Ok(value)))
}

impl Store for Memory {
    fn append<'a>(&'a self, batch: &'a Batch) -> Reply<'a, Appended> {
        reply(self.lock().append(batch))
    }

    fn ends<'a>(&'a self, accounts: &'a [Name]) -> Reply<'a, Vec<LogEnd>> {
        let inner = self.lock();
        reply(accounts.iter().map(|account| inner.end(account)).collect())
    }

    fn is_surely_absent(&self, key: IndexKey) -> bool {
        !self.lock().keys.contains_key(&key)
    }

    fn find(&self, key: IndexKey) -> Reply<'_, Option<Stored>> {
        let inner = self.lock();
        reply(inner.keys.get(&key).and_then(|(account, at)| inner.logs.get(account)?.get(*at)).cloned())
    }

    fn state<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<(Seq, Vec<u8>)>> {
        reply(self.lock().states.get(account).map(|c| (c.seq, c.bytes.clone())))
    }

    fn read<'a>(&'a self, account: &'a Name, from: Seq, max: usize) -> Reply<'a, Vec<Stored>> {
        let inner = self.lock();
        let log = inner.logs.get(account).map_or(&[][..], |log| log);
        reply(log.iter().skip(index(from.saturating_sub(1))).take(max).cloned().collect())
    }

    fn checkpoint(&self, states: Vec<Checkpoint>) -> Reply<'_, ()> {
        let mut inner = self.lock();
        for state in states {
            if inner.states.get(&state.account).is_none_or(|kept| kept.seq <= state.seq) {
                inner.states.insert(state.account.clone(), state);
            }
        }
        reply(())
    }

    fn accounts<'a>(&'a self, after: Option<&'a Name>, max: usize) -> Reply<'a, Vec<Name>> {
        let inner = self.lock();
        let names = inner.logs.keys().filter(|name| after.is_none_or(|after| *name > after));
        reply(names.take(max).cloned().collect())
    }

    fn due(&self, now: Instant, max: usize) -> Reply<'_, Vec<Name>> {
        let inner = self.lock();
        let due = inner.states.values().filter(|s| s.wakes_at <= now).map(|s| s.account.clone());
        reply(due.take(max).collect())
    }

    fn unsettled(&self) -> Reply<'_, Vec<Name>> {
        let inner = self.lock();
        let kept = |name: &Name| inner.states.get(name).map_or(0, |state| state.seq);
        reply(inner.logs.keys().filter(|name| kept(name) < inner.end(name).seq).cloned().collect())
    }

    fn feed<'a>(&'a self, from: &'a Cursor) -> Reply<'a, Option<Fed>> {
        Box::pin(ready(self.lock().feed(from)))
    }

    fn feed_end(&self) -> Reply<'_, Cursor> {
        reply(Cursor::new(&self.lock().order.len().to_string()))
    }

    fn acknowledged<'a>(&'a self, reader: &'a Name) -> Reply<'a, Option<Cursor>> {
        let inner = self.lock();
        let whole = |at: &&Cursor| position(at).is_ok_and(|at| at <= inner.order.len());
        reply(inner.cursors.get(reader).filter(whole).cloned())
    }

    fn acknowledge<'a>(&'a self, reader: &'a Name, to: &'a Cursor) -> Reply<'a, ()> {
        let known = position(to).map(|_| drop(self.lock().cursors.insert(reader.clone(), to.clone())));
        Box::pin(ready(known))
    }

    fn forget<'a>(&'a self, reader: &'a Name) -> Reply<'a, ()> {
        self.lock().cursors.remove(reader);
        reply(())
    }

    fn latest(&self) -> Reply<'_, Option<Instant>> {
        let inner = self.lock();
        reply(inner.logs.values().filter_map(|log| Record::recorded_at(&log.last()?.bytes)).max())
    }
}
