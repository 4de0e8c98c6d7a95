//! The contract that every store fulfils; [`crate::suite`] runs it against each.
//!
//! Two writers may have one account: a store decides between them by the hash that each append names, and by nothing else.
//! Reads never block the thread that polls them. `append` and `checkpoint` may: the engine polls them on threads of its own.
//!
//! K1 an append commits all records of an account in the batch or none (`append_or_conflict`).
//! K2 what was appended is found by number and by index key, at once and after reopening (`found_after_reopen`).
//! K3 a checkpoint never hides a record (`a_checkpoint_hides_no_record`).
//! K4 the feed has every record once, each account's in order, and keeps cursors (`the_feed_has_every_record_once`).
//! K5 the latest instant of a record is known, also after reopening (`found_after_reopen`).
//! K6 a key that is surely absent is absent (`no_stored_key_is_surely_absent`).

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};

use crate::batch::Batch;
use crate::stored::{Checkpoint, Loaded, Stored};

/// What a method of a store comes to.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Stored {
    /// The record that the bytes are.
    ///
    /// # Errors
    /// When they are none.
    pub fn record(&self) -> Result<Record, StoreError> {
        let what = |e| format!("account {}, record {}: {e}", self.account, self.seq);
        Record::from_bytes(&self.bytes).map_err(|e| StoreError::Unreadable(what(e)))
    }
}

/// The end of an account's log: the number and chain hash of its last record; 0 and zeros where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogEnd {
    /// The number.
    pub seq: Seq,
    /// The hash.
    pub hash: [u8; 32],
}

/// What became of an account's records in an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are stored, durably.
    Committed,
    /// The log does not end with the hash that they name: none of them is stored, now or later.
    Conflict,
    /// Nobody knows, as when a connection was lost after the batch was sent: they are stored, or will be, or never.
    InDoubt,
}

/// What became of a batch: every account that is not named is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// The accounts whose records are in conflict.
    pub conflicts: Vec<Name>,
    /// The accounts whose records are in doubt.
    pub in_doubt: Vec<Name>,
}

impl Appended {
    /// What became of an account's records.
    #[must_use]
    pub fn fate(&self, account: &Name) -> Fate {
        if self.conflicts.contains(account) {
            Fate::Conflict
        } else if self.in_doubt.contains(account) {
            Fate::InDoubt
        } else {
            Fate::Committed
        }
    }
}

/// Where something stands in a store's files, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// The byte offset in it.
    pub offset: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file.display(), self.offset)
    }
}

/// How far a reader of the feed has come. Only the store that gave it can read it; cursors have no order. The default is the
/// beginning of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor from what a store wrote into it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// What the store wrote into it; nothing at the beginning of the feed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A piece of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Records; each account's are in order.
    pub records: Vec<Stored>,
    /// How far the feed has come with them.
    pub next: Cursor,
}

/// What went wrong in a store.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the directory.
    Locked(PathBuf),
    /// A restore, an erasure or a first backup into the directory was cut off: what is there is not the whole ledger.
    Unfinished(PathBuf),
    /// The journal is damaged before its end; nothing was changed.
    Damaged {
        /// Where.
        place: Location,
        /// What is wrong there.
        what: String,
        /// The records before it that are intact.
        intact: u64,
    },
    /// A file operation failed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// How it failed.
        source: std::io::Error,
    },
    /// A record cannot be read, or does not follow from those before it.
    Unreadable(String),
    /// What is asked for does not fit what is there: what, and what to do. Nothing was changed.
    Refused(String),
    /// The key-value index failed.
    Index(String),
    /// An earlier write failed; the store takes no more.
    Stopped,
}

impl StoreError {
    /// What a failed file operation makes.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => {
                write!(
                    f,
                    "{} is in use by another process; stop it, or name another directory",
                    path.display()
                )
            }
            Self::Unfinished(path) => write!(
                f,
                "{} is not a whole ledger: the restore, erasure or backup that writes it was cut off or is still running; \
                 run it again, it begins anew",
                path.display()
            ),
            Self::Damaged { place, what, intact } => write!(
                f,
                "the journal is damaged: {place}: {what}; {intact} records before it are intact; \
                 nothing was changed; restore the file from a backup"
            ),
            Self::Io { doing, path, source } => write!(f, "{doing} {}: {source}", path.display()),
            Self::Unreadable(what) => {
                write!(f, "{what}; `headworks reconcile --data` names every record that differs")
            }
            Self::Refused(what) => f.write_str(what),
            Self::Index(what) => write!(
                f,
                "the index failed: {what}; it is rebuilt from the journal when its directory `index` is removed"
            ),
            Self::Stopped => {
                f.write_str("an earlier write failed, so nothing more is taken; see the log and restart")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// A place for logs.
pub trait Store: Send + Sync {
    /// Appends a batch durably. Each account's records are stored if its log ends with the hash that the first of them names.
    ///
    /// # Errors
    /// When nothing can be stored any more: nothing of the batch may be acknowledged, and the store takes no further batch.
    fn append<'a>(&'a self, batch: &'a Batch) -> Reply<'a, Appended>;

    /// Whether others write into this store. If so, what is in memory is checked against [`Self::ends`] before it is shown.
    fn is_shared(&self) -> bool {
        false
    }

    /// Where the logs of these accounts end now, in order.
    ///
    /// # Errors
    /// When reading fails.
    fn ends<'a>(&'a self, accounts: &'a [Name]) -> Reply<'a, Vec<LogEnd>>;

    /// Whether it is certain, without waiting for anything, that no stored record has this key. `false` says nothing.
    fn is_surely_absent(&self, key: IndexKey) -> bool {
        let _ = key;
        false
    }

    /// The record that an index key leads to.
    ///
    /// # Errors
    /// When reading fails.
    fn find(&self, key: IndexKey) -> Reply<'_, Option<Stored>>;

    /// What an account's state is rebuilt from; `None` for an account without a log.
    ///
    /// # Errors
    /// When reading fails.
    fn load<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<Loaded>> {
        Box::pin(async move {
            let checkpoint = self.state(account).await?;
            let from = checkpoint.as_ref().map_or(1, |(seq, _)| seq + 1);
            let records = self.read(account, from, usize::MAX).await?;
            let is_known = checkpoint.is_some() || !records.is_empty();
            Ok(is_known.then_some(Loaded { checkpoint, records }))
        })
    }

    /// The newest checkpoint of an account: its number and bytes.
    ///
    /// # Errors
    /// When reading fails.
    fn state<'a>(&'a self, account: &'a Name) -> Reply<'a, Option<(Seq, Vec<u8>)>>;

    /// At most `max` records of an account from number `from` on.
    ///
    /// # Errors
    /// When reading fails.
    fn read<'a>(&'a self, account: &'a Name, from: Seq, max: usize) -> Reply<'a, Vec<Stored>>;

    /// Keeps states, so that loading stays short. The records that they come of are durable. Accounts that are not among
    /// them keep the checkpoints they have, and so do those that have a newer one.
    ///
    /// # Errors
    /// When writing fails; the logs stay complete.
    fn checkpoint(&self, states: Vec<Checkpoint>) -> Reply<'_, ()>;

    /// Whether so much was appended that a checkpoint is due.
    fn wants_checkpoint(&self) -> bool {
        false
    }

    /// At most `max` accounts by name, after `after`.
    ///
    /// # Errors
    /// When reading fails.
    fn accounts<'a>(&'a self, after: Option<&'a Name>, max: usize) -> Reply<'a, Vec<Name>>;

    /// At most `max` accounts whose checkpoint has something that ends by `now`. An account may be named although it has
    /// nothing left to end.
    ///
    /// # Errors
    /// When reading fails.
    fn due(&self, now: Instant, max: usize) -> Reply<'_, Vec<Name>>;

    /// The accounts with records behind their checkpoints: [`Self::due`] may not know of what ends in them.
    ///
    /// # Errors
    /// When reading fails.
    fn unsettled(&self) -> Reply<'_, Vec<Name>>;

    /// The records that come next in the feed; `None` when there are none yet.
    ///
    /// # Errors
    /// When reading fails.
    fn feed<'a>(&'a self, from: &'a Cursor) -> Reply<'a, Option<Fed>>;

    /// A cursor behind everything that is stored now.
    ///
    /// # Errors
    /// When reading fails.
    fn feed_end(&self) -> Reply<'_, Cursor>;

    /// How far a reader of the feed has come: the beginning where it never said.
    ///
    /// # Errors
    /// When reading fails.
    fn acknowledged<'a>(&'a self, reader: &'a Name) -> Reply<'a, Cursor>;

    /// Keeps how far a reader has come; durable at the end.
    ///
    /// # Errors
    /// When writing fails; what was kept before stays.
    fn acknowledge<'a>(&'a self, reader: &'a Name, to: &'a Cursor) -> Reply<'a, ()>;

    /// The latest instant at which a record was written; `None` when none was, or nothing knows any more.
    ///
    /// # Errors
    /// When reading fails.
    fn latest(&self) -> Reply<'_, Option<Instant>>;

    /// Reads everything that is stored again from the beginning, and reports each place that is not what was written. Blocks
    /// the thread that polls it, and goes on as long as `goes_on`, which is asked after every small step. A store that
    /// checks itself has no such places.
    ///
    /// # Errors
    /// When reading fails.
    fn damage<'a>(
        &'a self,
        goes_on: &'a mut (dyn FnMut() -> bool + Send),
    ) -> Reply<'a, Vec<(Location, String)>> {
        let _ = goes_on;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
