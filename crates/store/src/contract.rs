//! The contract of every store; [`crate::suite`] tests each store against it.
//!
//! Two writers may share one account. A store decides between them only by the hash that each append names.
//! Reads never block the thread that polls them. `append` and `checkpoint` may:
//! the engine polls them on its own threads.
//!
//! K1 an append commits all records of an account in the batch, or none (`append_or_conflict`).
//! K2 appended records are found by number and by index key, at once and after reopening (`found_after_reopen`).
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

/// The reply of a store's method.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Stored {
    /// The record decoded from the bytes.
    ///
    /// # Errors
    /// When the bytes are not a record.
    pub fn record(&self) -> Result<Record, StoreError> {
        let what = |e| format!("account {}, record {}: {e}", self.account, self.seq);
        Record::from_bytes(&self.bytes).map_err(|e| StoreError::Unreadable(what(e)))
    }
}

/// The end of an account's log: the number and chain hash of its last record; 0 and zeros if it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogEnd {
    /// The number.
    pub seq: Seq,
    /// The hash.
    pub hash: [u8; 32],
}

/// The fate of an account's records in an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are stored, durably.
    Committed,
    /// The log does not end with the hash that they name: none of them is stored, now or later.
    Conflict,
    /// Unknown, as when the connection was lost after the batch was sent: they are stored, or will be, or never.
    InDoubt,
}

/// The fate of a batch: every account that is not named is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// The accounts whose records are in conflict.
    pub conflicts: Vec<Name>,
    /// The accounts whose records are in doubt.
    pub in_doubt: Vec<Name>,
}

impl Appended {
    /// The fate of an account's records.
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

/// A place in a store's files, for messages.
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

/// How far a reader of the feed has come. Only the store that made it can interpret it; cursors have no order. The
/// default is the beginning of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor from the text that a store put into it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that the store put into it; empty at the beginning of the feed.
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
    /// The cursor after them.
    pub next: Cursor,
}

/// A failure of a store.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the directory.
    Locked(PathBuf),
    /// A restore, an erasure or a first backup into the directory was cut off: the directory is not the whole ledger.
    Unfinished(PathBuf),
    /// The journal is damaged before its end; nothing was changed.
    Damaged {
        /// Where.
        place: Location,
        /// What is wrong there.
        what: String,
        /// The number of intact records before it.
        intact: u64,
    },
    /// A file operation failed.
    Io {
        /// The operation.
        doing: &'static str,
        /// The path it was applied to.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A record cannot be read, or does not follow from those before it.
    Unreadable(String),
    /// The request does not fit the stored data. The text says why and what to do. Nothing was changed.
    Refused(String),
    /// The key-value index failed.
    Index(String),
    /// An earlier write failed; the store accepts nothing more.
    Stopped,
}

impl StoreError {
    /// An error from a failed file operation.
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
                 run it again; it starts over",
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
                f.write_str("an earlier write failed, so nothing more is stored; see the log and restart")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// A place for logs.
pub trait Store: Send + Sync {
    /// Appends a batch durably. An account's records are stored if its log ends
    /// with the hash that the first of them names.
    ///
    /// # Errors
    /// When nothing more can be stored: nothing of the batch may be
    /// acknowledged, and the store accepts no further batch.
    fn append<'a>(&'a self, batch: &'a Batch) -> Reply<'a, Appended>;

    /// Whether others write into this store. If so, states in memory are checked
    /// against [`Self::ends`] before they are shown.
    fn is_shared(&self) -> bool {
        false
    }

    /// The current ends of these accounts' logs, in order.
    ///
    /// # Errors
    /// When reading fails.
    fn ends<'a>(&'a self, accounts: &'a [Name]) -> Reply<'a, Vec<LogEnd>>;

    /// Whether it is certain, without waiting, that no stored record has this key. `false` says nothing.
    fn is_surely_absent(&self, key: IndexKey) -> bool {
        let _ = key;
        false
    }

    /// The record that an index key leads to.
    ///
    /// # Errors
    /// When reading fails.
    fn find(&self, key: IndexKey) -> Reply<'_, Option<Stored>>;

    /// Everything needed to rebuild an account's state; `None` for an account without a log.
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

    /// Stores checkpoints, so that loading stays short. The records they include are durable. Other accounts keep
    /// their checkpoints, and so do accounts that have a newer one.
    ///
    /// # Errors
    /// When writing fails; the logs stay complete.
    fn checkpoint(&self, states: Vec<Checkpoint>) -> Reply<'_, ()>;

    /// Whether enough has been appended for a checkpoint to be due.
    fn wants_checkpoint(&self) -> bool {
        false
    }

    /// At most `max` accounts after `after`, in order of name.
    ///
    /// # Errors
    /// When reading fails.
    fn accounts<'a>(&'a self, after: Option<&'a Name>, max: usize) -> Reply<'a, Vec<Name>>;

    /// At most `max` accounts whose checkpoint has a hold or grant that ends by `now`. The list may include an
    /// account that has nothing left to end.
    ///
    /// # Errors
    /// When reading fails.
    fn due(&self, now: Instant, max: usize) -> Reply<'_, Vec<Name>>;

    /// The accounts with records after their checkpoints: [`Self::due`] may not know what ends in those.
    ///
    /// # Errors
    /// When reading fails.
    fn unsettled(&self) -> Reply<'_, Vec<Name>>;

    /// The next records in the feed; `None` if there are none yet.
    ///
    /// # Errors
    /// When reading fails.
    fn feed<'a>(&'a self, from: &'a Cursor) -> Reply<'a, Option<Fed>>;

    /// A cursor after everything stored so far.
    ///
    /// # Errors
    /// When reading fails.
    fn feed_end(&self) -> Reply<'_, Cursor>;

    /// How far a reader of the feed has come; `None` if that is not known: it never acknowledged anything, or its
    /// position is damaged or lies behind the end of the feed.
    ///
    /// # Errors
    /// When reading fails.
    fn acknowledged<'a>(&'a self, reader: &'a Name) -> Reply<'a, Option<Cursor>>;

    /// Stores how far a reader has come; durable on return.
    ///
    /// # Errors
    /// When writing fails; the earlier cursor stays.
    fn acknowledge<'a>(&'a self, reader: &'a Name, to: &'a Cursor) -> Reply<'a, ()>;

    /// Forgets a reader and its position.
    ///
    /// # Errors
    /// When writing fails.
    fn forget<'a>(&'a self, reader: &'a Name) -> Reply<'a, ()>;

    /// The latest instant at which a record was written; `None` if there is no
    /// record, or the instant is no longer known.
    ///
    /// # Errors
    /// When reading fails.
    fn latest(&self) -> Reply<'_, Option<Instant>>;

    /// Reads everything stored again from the beginning, and reports each place that differs from what was written.
    /// Blocks the thread that polls it, and goes on while `goes_on` allows, which is asked after every small step. A
    /// store that checks itself has no such places.
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
