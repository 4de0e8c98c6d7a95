//! The embedded store: a journal on the path, a key-value index off it.
//!
//! E1 nothing is acknowledged before it is durable (`journal`). E2 one process at a time has a directory
//! (`one_process_per_directory`).
//! E3 the start reads the journal from the index's watermark on, so its time does not grow with history.
//! Never writes to the key-value store on the path of a request.

use std::fs::File;
use std::future::ready;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headworks_core::record::{IndexKey, Instant, Name, Seq};
use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::contract::{Appended, Cursor, Fed, Location, LogEnd, Reply, Store, StoreError};
use crate::stored::{Checkpoint, Stored};
use crate::wait::may_block;

mod absent;
mod ahead;
mod backup;
mod check;
pub(crate) mod disk;
mod feed;
mod frame;
mod index;
mod index_kept;
mod index_memory;
mod journal;
mod ledger;
mod mark;
mod readers;
mod rewrite;
mod segments;
mod spare;
mod tails;
#[cfg(test)]
mod tests;
mod unfinished;
mod walk;
mod writer;

pub use backup::{BackedUp, backup, backup_on};
pub use check::{Checked, check_journal, journal_blocks};
use disk::{Directory, Disk};
pub use index::{Index, Watermark};
use index_kept::KeptIndex;
pub use index_memory::MemoryIndex;
use ledger::Ledger;
pub use ledger::{Options, Recovery};
use readers::Readers;
pub use rewrite::{Restored, erase, erase_on, restore, restore_on};

/// Logs in a directory.
#[derive(Debug)]
pub struct Embedded {
    // Before the ledger, so that no read runs after the directory is released.
    readers: Option<Readers>,
    ledger: Arc<Ledger>,
    /// Whether the keys of the index have been asked about, so that they are learnt.
    is_learning: AtomicBool,
}

impl Embedded {
    /// Opens the store in `dir`, and creates it if it does not exist.
    ///
    /// # Errors
    /// When another process has the directory, a file cannot be read or written, or the journal is damaged.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let disk = Arc::new(Directory::at(dir));
        let lock = take(&*disk)?;
        let path = dir.join("index");
        // For the owner alone, as the files of the journal are.
        disk.below("index").make().map_err(StoreError::io("creating", &path))?;
        let index = Arc::new(KeptIndex::open(&path)?);
        Self::start(Ledger::open(disk, index, lock, options)?)
    }

    /// Opens the store in a data directory on any disk and with any index, as a simulation does.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn on(dir: Arc<dyn Disk>, index: Arc<dyn Index>, options: Options) -> Result<Self, StoreError> {
        let lock = take(&*dir)?;
        Self::start(Ledger::open(dir, index, lock, options)?)
    }

    fn start(ledger: Ledger) -> Result<Self, StoreError> {
        let readers =
            (ledger.options.readers > 0).then(|| Readers::start(ledger.options.readers)).transpose();
        let readers =
            readers.map_err(|source| StoreError::Io { doing: "starting", path: "reader".into(), source })?;
        Ok(Self { readers, ledger: Arc::new(ledger), is_learning: AtomicBool::new(false) })
    }

    /// Learns the index's keys in the background. Until they are known, each look-up reads
    /// the index; after a failure that remains so.
    fn learn_keys(&self, keys: usize) {
        let Some(readers) = &self.readers else { return drop(self.ledger.learn_keys(keys, &|| true)) };
        let (ledger, is_closed) = (Arc::clone(&self.ledger), readers.is_closed());
        readers.run(move || drop(ledger.learn_keys(keys, &|| !is_closed())));
    }

    /// The outcome of opening.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.ledger.recovery
    }

    /// Runs a job that reads: here if this thread may block, otherwise on a reader.
    fn reply<'a, T: Send + 'static>(
        &'a self,
        job: impl FnOnce(&Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<'a, T> {
        Box::pin(async move {
            let Some(readers) = self.readers.as_ref().filter(|_| !may_block()) else {
                return job(&self.ledger);
            };
            let (answer, answered) = oneshot::channel();
            let ledger = Arc::clone(&self.ledger);
            // A caller that has gone needs no answer.
            readers.run(move || drop(answer.send(job(&ledger))));
            answered.await.unwrap_or(Err(StoreError::Stopped))
        })
    }
}

/// Locks a data directory for this process while the returned file lives.
///
/// # Errors
/// When another process has it, or it is not a whole ledger.
pub fn lock(dir: &Path) -> Result<Option<File>, StoreError> {
    let disk = Directory::at(dir);
    unfinished::check(&disk)?;
    lock_any(&disk)
}

/// Locks a data directory; it must be finished, and is created if it does not exist.
fn take(dir: &dyn Disk) -> Result<Option<File>, StoreError> {
    unfinished::check(dir)?;
    dir.make().map_err(StoreError::io("creating", &dir.path()))?;
    lock_any(dir)
}

fn lock_any(dir: &dyn Disk) -> Result<Option<File>, StoreError> {
    dir.lock().map_err(|source| {
        if source.kind() == ErrorKind::WouldBlock {
            return StoreError::Locked(dir.path());
        }
        StoreError::Io { doing: "locking", path: dir.path().join("lock"), source }
    })
}

impl Store for Embedded {
    fn append<'a>(&'a self, batch: &'a Batch) -> Reply<'a, Appended> {
        Box::pin(async move { self.ledger.append(batch) })
    }

    fn ends<'a>(&'a self, accounts: &'a [Name]) -> Reply<'a, Vec<LogEnd>> {
        let accounts = accounts.to_vec();
        self.reply(move |ledger| accounts.iter().map(|account| ledger.end(account)).collect())
    }

    fn is_surely_absent(&self, key: IndexKey) -> bool {
        // Commands that only read a ledger never ask, and need not learn.
        if !self.is_learning.load(Ordering::Relaxed) && !self.is_learning.swap(true, Ordering::Relaxed) {
            let records = usize::try_from(self.ledger.recovery.records).unwrap_or(usize::MAX);
            self.learn_keys(records.saturating_mul(2));
        }
        self.ledger.is_surely_absent(key)
    }

    fn find(&self, key: IndexKey) -> Reply<'_, Option<Stored>> {
        self.reply(move |ledger| ledger.find(key))
    }

    fn state<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<(Seq, Vec<u8>)>> {
        let account = account.clone();
        self.reply(move |ledger| ledger.index.state(&account))
    }

    fn read<'a>(&'a self, account: &'a Name, from: Seq, max: usize) -> Reply<'a, Vec<Stored>> {
        let account = account.clone();
        self.reply(move |ledger| ledger.read(&account, from, max))
    }

    fn checkpoint(&self, states: Vec<Checkpoint>) -> Reply<'_, ()> {
        Box::pin(async move {
            self.ledger.checkpoint(&states)?;
            if let Some(keys) = self.ledger.absent.outgrown() {
                self.learn_keys(keys);
            }
            Ok(())
        })
    }

    fn wants_checkpoint(&self) -> bool {
        self.ledger.wants_checkpoint()
    }

    fn accounts<'a>(&'a self, after: Option<&'a Name>, max: usize) -> Reply<'a, Vec<Name>> {
        let after = after.cloned();
        self.reply(move |ledger| ledger.accounts(after.as_ref(), max))
    }

    fn due(&self, now: Instant, max: usize) -> Reply<'_, Vec<Name>> {
        self.reply(move |ledger| ledger.index.due(now, max))
    }

    fn unsettled(&self) -> Reply<'_, Vec<Name>> {
        self.reply(Ledger::unsettled)
    }

    fn feed<'a>(&'a self, from: &'a Cursor) -> Reply<'a, Option<Fed>> {
        let from = from.clone();
        self.reply(move |ledger| ledger.feed(&from))
    }

    fn feed_end(&self) -> Reply<'_, Cursor> {
        Box::pin(ready(Ok(feed::cursor(self.ledger.feed_end()))))
    }

    fn acknowledged<'a>(&'a self, reader: &'a Name) -> Reply<'a, Option<Cursor>> {
        let reader = reader.clone();
        self.reply(move |ledger| ledger.acknowledged(&reader))
    }

    fn acknowledge<'a>(&'a self, reader: &'a Name, to: &'a Cursor) -> Reply<'a, ()> {
        let (reader, to) = (reader.clone(), to.clone());
        self.reply(move |ledger| ledger.acknowledge(&reader, &to))
    }

    fn forget<'a>(&'a self, reader: &'a Name) -> Reply<'a, ()> {
        let reader = reader.clone();
        self.reply(move |ledger| ledger.forget(&reader))
    }

    fn latest(&self) -> Reply<'_, Option<Instant>> {
        Box::pin(ready(Ok(self.ledger.latest())))
    }

    fn damage<'a>(
        &'a self,
        goes_on: &'a mut (dyn FnMut() -> bool + Send),
    ) -> Reply<'a, Vec<(Location, String)>> {
        Box::pin(async move { self.ledger.damage(goes_on) })
    }
}
