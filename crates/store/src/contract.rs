//! The contract that every store fulfils; `tests/suite.rs` runs it against each.
//!
//! K1 an append commits all records of an account in the batch or none (`append_or_conflict`).
//! K2 what was appended is found by number and by index key, at once and after reopening (`found_after_reopen`).
//! K3 a checkpoint never hides a record (`a_checkpoint_hides_no_record`).
//! K4 the feed has every record once, in order, and keeps places (`the_feed_has_every_record_in_order`).
//! K5 the latest instant of a record is known, also after reopening (`found_after_reopen`).

use std::fmt;
use std::path::{Path, PathBuf};

use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};

use crate::batch::Batch;

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whose log it is in.
    pub account: Name,
    /// Its number.
    pub seq: Seq,
    /// The chain hash after it.
    pub hash: [u8; 32],
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

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

/// The durable state of an account as of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose state.
    pub account: Name,
    /// The last record in it.
    pub seq: Seq,
    /// The state's canonical bytes.
    pub bytes: Vec<u8>,
    /// When a hold or grant in it ends; [`Instant::NEVER`] when none does.
    pub wakes_at: Instant,
}

/// What an account's state is rebuilt from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The newest checkpoint: its number and bytes.
    pub checkpoint: Option<(Seq, Vec<u8>)>,
    /// The records after it, in order.
    pub records: Vec<Stored>,
}

/// A place in the journal, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The byte offset in it.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file.display(), self.offset)
    }
}

/// A piece of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Records, in the order in which they were stored.
    pub records: Vec<Stored>,
    /// The place after them.
    pub next: u64,
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
        place: Place,
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
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
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
    /// Appends a batch durably. Returns the accounts whose log does not end with the hash the batch says: nothing of theirs
    /// was written, everything of the others was.
    ///
    /// # Errors
    /// After an error nothing of the batch may be acknowledged, and the store takes no further batch.
    fn append(&self, batch: &Batch) -> Result<Vec<Name>, StoreError>;

    /// What an account's state is rebuilt from; `None` for an account without a log.
    ///
    /// # Errors
    /// When reading fails.
    fn load(&self, account: &Name) -> Result<Option<Loaded>, StoreError> {
        let checkpoint = self.state(account)?;
        let from = checkpoint.as_ref().map_or(1, |(seq, _)| seq + 1);
        let records = self.read(account, from, usize::MAX)?;
        let found = checkpoint.is_some() || !records.is_empty();
        Ok(found.then_some(Loaded { checkpoint, records }))
    }

    /// The newest checkpoint of an account: its number and bytes.
    ///
    /// # Errors
    /// When reading fails.
    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError>;

    /// The record that an index key leads to.
    ///
    /// # Errors
    /// When reading fails.
    fn find(&self, key: IndexKey) -> Result<Option<Stored>, StoreError>;

    /// At most `max` records of an account from number `from` on.
    ///
    /// # Errors
    /// When reading fails.
    fn read(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, StoreError>;

    /// Keeps states so that loading stays short. `states` is called once; it must return states whose records are all
    /// durable, and at least those that changed since the last checkpoint. `None`: it cannot, and nothing is kept.
    ///
    /// # Errors
    /// When writing fails; the journal is not touched and stays complete.
    fn checkpoint(&self, states: &mut dyn FnMut() -> Option<Vec<Checkpoint>>) -> Result<(), StoreError>;

    /// Whether so much was appended that a checkpoint is due.
    fn wants_checkpoint(&self) -> bool;

    /// At most `max` accounts by name, after `after`.
    ///
    /// # Errors
    /// When reading fails.
    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError>;

    /// At most `max` accounts whose checkpoint has something that ends before `now`. An account may be named although
    /// it has nothing left to end.
    ///
    /// # Errors
    /// When reading fails.
    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError>;

    /// The records stored next after a place of the feed, which begins at 0; `None` at its end.
    ///
    /// # Errors
    /// When reading fails.
    fn feed(&self, from: u64) -> Result<Option<Fed>, StoreError>;

    /// The end of the feed.
    fn feed_end(&self) -> u64;

    /// The place of the feed that a reader has acknowledged; 0 when it never has.
    ///
    /// # Errors
    /// When reading fails.
    fn acknowledged(&self, reader: &Name) -> Result<u64, StoreError>;

    /// Keeps the place that a reader has acknowledged; durable when it returns.
    ///
    /// # Errors
    /// When writing fails; the place before it stays.
    fn acknowledge(&self, reader: &Name, at: u64) -> Result<(), StoreError>;

    /// The latest instant at which a record was written; `None` when none was, or nothing knows any more.
    fn latest(&self) -> Option<Instant>;
    /// Reads again how everything is stored, from the beginning, and tells each place that is not what was written. Goes
    /// on as long as `goes_on`, which is asked after every small step. A store in memory has no such places.
    ///
    /// # Errors
    /// When reading fails.
    fn damage(&self, goes_on: &mut dyn FnMut() -> bool) -> Result<Vec<(Place, String)>, StoreError> {
        let _ = goes_on;
        Ok(Vec::new())
    }

    /// The accounts with records since the last checkpoint, whose ends only their logs know.
    fn unsettled(&self) -> Vec<Name>;
}
