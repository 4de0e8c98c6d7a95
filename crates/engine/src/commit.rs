//! Group commit: everything waiting is written as one batch while the next batch forms.
//!
//! G1 a waiter gets `Durable` only after its batch is stored. G2 after a failed write nobody gets `Durable` again
//! (`failed_write_stops`). G3 the waiting records are bounded in number and bytes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headworks_core::record::Name;
use headworks_store::{Batch, Store, wait};
use tokio::sync::oneshot;

use crate::doubt;
use crate::stats::Stats;

/// The longest pause before an append in doubt is tried again; the first is a sixty-fourth of it.
const PAUSE_MAX: Duration = Duration::from_millis(640);
/// The most bytes of records that may wait for one write.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// The fate of a batch, for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Stored.
    Durable,
    /// Another writer was first: none of the account's records was stored.
    Conflict,
    /// Unknown; the engine has stopped.
    Stopped,
}

/// A watch on one batch.
pub(crate) enum Watch {
    Over(Committed),
    Waiting(oneshot::Receiver<Committed>),
}

impl Watch {
    /// Waits until the batch is stored or lost.
    pub(crate) async fn wait(self) -> Committed {
        match self {
            Self::Over(committed) => committed,
            Self::Waiting(receiver) => receiver.await.unwrap_or(Committed::Stopped),
        }
    }
}

/// Number of a batch, from 1.
pub(crate) type Ticket = u64;

struct Waiter {
    account: Name,
    tell: oneshot::Sender<Committed>,
}

#[derive(Default)]
struct Waiting {
    open: Batch,
    open_waiters: Vec<Waiter>,
    written_waiters: Vec<Waiter>,
    /// The batch being filled; earlier ones are written or being written.
    ticket: Ticket,
    stopped: Option<String>,
    closing: bool,
}

/// The queue between deciding and storing.
pub(crate) struct Commits {
    waiting: Mutex<Waiting>,
    /// The last stored batch; written while `waiting` is locked.
    durable: AtomicU64,
    filled: Condvar,
    stored: Condvar,
    waiters_max: usize,
    /// No thread waits: a simulation does each step itself.
    is_standing: bool,
}

impl Commits {
    pub(crate) fn new(waiters_max: usize, is_standing: bool) -> Self {
        let waiting = Waiting { ticket: 1, ..Waiting::default() };
        Self {
            waiting: Mutex::new(waiting),
            durable: AtomicU64::new(0),
            filled: Condvar::new(),
            stored: Condvar::new(),
            waiters_max,
            is_standing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so much is waiting that new work must be refused.
    pub(crate) fn is_full(&self) -> bool {
        let waiting = self.lock();
        waiting.open_waiters.len() >= self.waiters_max || waiting.open.len_bytes() >= WAITING_BYTES_MAX
    }

    /// Lets `fill` add records to the open batch; returns the number of the batch. Records that `fill`
    /// could not add are not written; the others stay. `None` if the engine has stopped.
    pub(crate) fn add<E>(&self, fill: impl FnOnce(&mut Batch) -> Result<(), E>) -> Option<Result<Ticket, E>> {
        let mut waiting = self.lock();
        if waiting.stopped.is_some() {
            return None;
        }
        let was_empty = waiting.open.is_empty();
        let filled = fill(&mut waiting.open);
        let ticket = waiting.ticket;
        let begins = was_empty && !waiting.open.is_empty();
        drop(waiting);
        if begins {
            self.filled.notify_one();
        }
        Some(filled.map(|()| ticket))
    }

    /// Watches for a batch to be stored. Call it while the account's shard is locked: a conflict marks the state as
    /// stale before the watchers are notified, so a watch set on a live state cannot miss it.
    pub(crate) fn watch(&self, ticket: Ticket, account: &Name) -> Watch {
        let mut waiting = self.lock();
        if ticket <= self.durable() {
            return Watch::Over(Committed::Durable);
        }
        if waiting.stopped.is_some() {
            return Watch::Over(Committed::Stopped);
        }
        let (tell, receiver) = oneshot::channel();
        let waiter = Waiter { account: account.clone(), tell };
        if ticket == waiting.ticket {
            waiting.open_waiters.push(waiter);
        } else {
            waiting.written_waiters.push(waiter);
        }
        Watch::Waiting(receiver)
    }

    /// Blocks until a batch is stored; `false` if the engine has stopped.
    pub(crate) fn wait_blocking(&self, ticket: Ticket) -> bool {
        let mut waiting = self.lock();
        while self.durable() < ticket && waiting.stopped.is_none() {
            waiting = self.stored.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        self.durable() >= ticket
    }

    /// The last stored batch.
    pub(crate) fn durable(&self) -> Ticket {
        self.durable.load(Ordering::Acquire)
    }

    /// Why the engine has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.lock().stopped.clone()
    }

    /// Writes everything waiting, then ends the loop.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.filled.notify_all();
    }

    /// The commit loop; returns when closed and empty, or after a failed write. It passes the stored batch and the
    /// accounts in conflict to `after` before it notifies anyone.
    pub(crate) fn run(&self, store: &dyn Store, stats: &Stats, after: impl Fn(&Batch, &[Name])) {
        let mut batch = Batch::default();
        while let Some(ticket) = self.next(&mut batch) {
            self.write(store, stats, &after, &mut batch, ticket);
        }
        self.stop_waiters();
    }

    /// Writes the waiting records, if there are any, without blocking for more.
    pub(crate) fn run_once(&self, store: &dyn Store, stats: &Stats, after: impl Fn(&Batch, &[Name])) -> bool {
        let mut batch = Batch::default();
        if self.lock().open.is_empty() {
            return false;
        }
        let Some(ticket) = self.next(&mut batch) else {
            self.stop_waiters();
            return false;
        };
        self.write(store, stats, &after, &mut batch, ticket);
        if self.stopped().is_some() {
            self.stop_waiters();
        }
        true
    }

    fn write(
        &self,
        store: &dyn Store,
        stats: &Stats,
        after: &impl Fn(&Batch, &[Name]),
        batch: &mut Batch,
        ticket: Ticket,
    ) {
        let started = std::time::Instant::now();
        match wait(doubt::append(store, batch, |attempt| self.asks_again(stats, attempt))) {
            Ok(conflicts) => {
                let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                stats.append_micros.fetch_add(took, Ordering::Relaxed);
                stats.commits.fetch_add(1, Ordering::Relaxed);
                stats.bytes.fetch_add(u64::try_from(batch.len_bytes()).unwrap_or(0), Ordering::Relaxed);
                stats.records.fetch_add(u64::try_from(batch.entries().len()).unwrap_or(0), Ordering::Relaxed);
                stats.conflicts.fetch_add(u64::try_from(conflicts.len()).unwrap_or(0), Ordering::Relaxed);
                after(batch, &conflicts);
                self.stored(ticket, &conflicts);
            }
            Err(e) => {
                tracing::error!(error = %e, "a write failed; the engine stops and answers nothing more");
                self.stop(e.to_string());
            }
        }
        batch.clear();
    }

    /// Waits before an append in doubt is tried again; `false` if the engine closes.
    fn asks_again(&self, stats: &Stats, attempt: u32) -> bool {
        stats.doubts.fetch_add(1, Ordering::Relaxed);
        if self.is_standing {
            return true;
        }
        if attempt == 1 {
            tracing::warn!("the outcome of a write is in doubt; nobody is answered until it is known");
        }
        let pause = PAUSE_MAX / 64 * 2_u32.pow((attempt - 1).min(6));
        let closing = |waiting: &mut Waiting| !waiting.closing;
        let waiting = self.filled.wait_timeout_while(self.lock(), pause, closing);
        !waiting.unwrap_or_else(PoisonError::into_inner).0.closing
    }

    fn next(&self, batch: &mut Batch) -> Option<Ticket> {
        let mut waiting = self.lock();
        loop {
            if waiting.stopped.is_some() || (waiting.closing && waiting.open.is_empty()) {
                return None;
            }
            if !waiting.open.is_empty() {
                break;
            }
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut waiting.open, batch);
        let waiters = std::mem::take(&mut waiting.open_waiters);
        waiting.written_waiters = waiters;
        waiting.ticket += 1;
        Some(waiting.ticket - 1)
    }

    fn stored(&self, ticket: Ticket, conflicts: &[Name]) {
        let waiters = {
            let mut waiting = self.lock();
            self.durable.store(ticket, Ordering::Release);
            std::mem::take(&mut waiting.written_waiters)
        };
        self.stored.notify_all();
        let lost: HashSet<&Name> = conflicts.iter().collect();
        for waiter in waiters {
            let became =
                if lost.contains(&waiter.account) { Committed::Conflict } else { Committed::Durable };
            // A caller that has gone needs no answer; its key will find it.
            let _ = waiter.tell.send(became);
        }
    }

    fn stop(&self, why: String) {
        self.lock().stopped = Some(why);
    }

    fn stop_waiters(&self) {
        let waiters = {
            let mut waiting = self.lock();
            waiting.stopped.get_or_insert_with(|| "the engine was closed".into());
            let mut all = std::mem::take(&mut waiting.open_waiters);
            all.append(&mut waiting.written_waiters);
            all
        };
        self.stored.notify_all();
        for waiter in waiters {
            let _ = waiter.tell.send(Committed::Stopped);
        }
    }
}

/// The thread that runs a commit loop.
pub(crate) fn spawn(
    commits: Arc<Commits>,
    store: Arc<dyn Store>,
    stats: Arc<Stats>,
    after: impl Fn(&Batch, &[Name]) + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("commit".into()).spawn(move || commits.run(&*store, &stats, after))
}
