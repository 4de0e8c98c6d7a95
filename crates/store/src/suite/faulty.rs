//! A store in front of another one, in which calls fail when a test says so.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use headworks_core::record::{IndexKey, Instant, Name, Seq};

use crate::batch::Batch;
use crate::contract::{Appended, Cursor, Fed, LogEnd, Reply, Store, StoreError};
use crate::stored::{Checkpoint, Loaded, Stored};

/// A fault of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    None,
    /// The store accepts nothing more: its disk is full.
    Stops,
    /// The batch is stored, but its answer is lost.
    LostAnswer,
    /// The batch is lost, and its outcome is unknown.
    LostBatch,
    /// The batch is under way: its outcome is unknown, and it arrives before the next append.
    Late,
}

/// The faults that a test injects.
pub trait Faults: Send + Sync {
    /// The fault of the next append.
    fn append(&self) -> Fault {
        Fault::None
    }

    /// Whether the next read fails.
    fn fails_to_read(&self) -> bool {
        false
    }

    /// Whether the next checkpoint fails.
    fn fails_to_keep(&self) -> bool {
        false
    }

    /// Alters the records that were read.
    fn alter(&self, records: &mut [Stored]) {
        let _ = records;
    }

    /// Whether others write into the store as well.
    fn is_shared(&self) -> bool {
        true
    }

    /// Whether each call lets others go first, once; and the answer where a log ends, to a key, and of a load once more.
    fn yields(&self) -> bool {
        false
    }
}

/// A store in which calls fail, shared by several writers.
pub struct Faulty<F> {
    inner: Arc<dyn Store>,
    /// The faults.
    pub faults: F,
    late: Arc<Mutex<Vec<Batch>>>,
}

impl<F> std::fmt::Debug for Faulty<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faulty").finish_non_exhaustive()
    }
}

impl<F: Faults> Faulty<F> {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, faults: F) -> Self {
        Self { inner, faults, late: Arc::default() }
    }

    /// Wraps the same store; a batch under way through one wrapper arrives through any.
    #[must_use]
    pub fn beside(&self, faults: F) -> Self {
        Self { inner: Arc::clone(&self.inner), faults, late: Arc::clone(&self.late) }
    }

    /// Lets everything under way arrive.
    ///
    /// # Errors
    /// When the store accepts nothing more.
    pub async fn arrive(&self) -> Result<(), StoreError> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for batch in &late {
            self.inner.append(batch).await?;
        }
        Ok(())
    }

    async fn let_others_go(&self) {
        let mut goes = !self.faults.yields();
        poll_fn(|context| {
            if std::mem::replace(&mut goes, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn before_read(&self) -> Result<(), StoreError> {
        self.let_others_go().await;
        let lost = || StoreError::Refused("the connection was lost".into());
        if self.faults.fails_to_read() { Err(lost()) } else { Ok(()) }
    }
}

fn all(batch: &Batch) -> Vec<Name> {
    let mut names: Vec<Name> = batch.entries().iter().map(|entry| entry.account.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl<F: Faults> Store for Faulty<F> {
    fn append<'a>(&'a self, batch: &'a Batch) -> Reply<'a, Appended> {
        Box::pin(async move {
            self.let_others_go().await;
            self.arrive().await?;
            let in_doubt = || Ok(Appended { conflicts: Vec::new(), in_doubt: all(batch) });
            match self.faults.append() {
                Fault::None => self.inner.append(batch).await,
                Fault::Stops => {
                    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                    Err(StoreError::Io { doing: "syncing", path: "journal".into(), source })
                }
                Fault::LostAnswer => {
                    self.inner.append(batch).await?;
                    in_doubt()
                }
                Fault::LostBatch => in_doubt(),
                Fault::Late => {
                    self.late.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
                    in_doubt()
                }
            }
        })
    }

    fn is_shared(&self) -> bool {
        self.faults.is_shared()
    }

    fn ends<'a>(&'a self, accounts: &'a [Name]) -> Reply<'a, Vec<LogEnd>> {
        Box::pin(async move {
            self.before_read().await?;
            let answer = self.inner.ends(accounts).await;
            self.let_others_go().await;
            answer
        })
    }

    fn find(&self, key: IndexKey) -> Reply<'_, Option<Stored>> {
        Box::pin(async move {
            self.before_read().await?;
            let answer = self.inner.find(key).await;
            self.let_others_go().await;
            answer
        })
    }

    fn load<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<Loaded>> {
        Box::pin(async move {
            self.before_read().await?;
            let mut loaded = self.inner.load(account).await?;
            loaded.iter_mut().for_each(|loaded| self.faults.alter(&mut loaded.records));
            self.let_others_go().await;
            Ok(loaded)
        })
    }

    fn state<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<(Seq, Vec<u8>)>> {
        self.inner.state(account)
    }

    fn read<'a>(&'a self, account: &'a Name, from: Seq, max: usize) -> Reply<'a, Vec<Stored>> {
        Box::pin(async move {
            self.before_read().await?;
            let mut records = self.inner.read(account, from, max).await?;
            self.faults.alter(&mut records);
            Ok(records)
        })
    }

    fn checkpoint(&self, states: Vec<Checkpoint>) -> Reply<'_, ()> {
        Box::pin(async move {
            let full = || StoreError::Refused("the disk is full".into());
            if self.faults.fails_to_keep() { Err(full()) } else { self.inner.checkpoint(states).await }
        })
    }

    fn wants_checkpoint(&self) -> bool {
        self.inner.wants_checkpoint()
    }

    fn accounts<'a>(&'a self, after: Option<&'a Name>, max: usize) -> Reply<'a, Vec<Name>> {
        self.inner.accounts(after, max)
    }

    fn due(&self, now: Instant, max: usize) -> Reply<'_, Vec<Name>> {
        self.inner.due(now, max)
    }

    fn unsettled(&self) -> Reply<'_, Vec<Name>> {
        self.inner.unsettled()
    }

    fn feed<'a>(&'a self, from: &'a Cursor) -> Reply<'a, Option<Fed>> {
        self.inner.feed(from)
    }

    fn feed_end(&self) -> Reply<'_, Cursor> {
        self.inner.feed_end()
    }

    fn acknowledged<'a>(&'a self, reader: &'a Name) -> Reply<'a, Option<Cursor>> {
        self.inner.acknowledged(reader)
    }

    fn acknowledge<'a>(&'a self, reader: &'a Name, to: &'a Cursor) -> Reply<'a, ()> {
        self.inner.acknowledge(reader, to)
    }

    fn forget<'a>(&'a self, reader: &'a Name) -> Reply<'a, ()> {
        self.inner.forget(reader)
    }

    fn latest(&self) -> Reply<'_, Option<Instant>> {
        self.inner.latest()
    }
}
