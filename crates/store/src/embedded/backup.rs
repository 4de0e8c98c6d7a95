//! Backup while a server runs, and restore to a point in time.
//!
//! The journal is appended and never changed, so a prefix of it that ends with a whole block is the ledger as it was at
//! one moment: a backup copies such a prefix, and is itself a data directory. The index is rebuilt when it is first opened.
//! U1 a backup taken under load holds every record acknowledged before it began (`a_backup_under_load_is_a_prefix`).
//! U2 a restore writes nothing that is not intact, and nothing over what is there.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use headworks_core::account::Account;
use headworks_core::ledger::Record;
use headworks_core::name::Name;
use headworks_core::time::Instant;

use super::frame::{self, BLOCK_HEADER, SEGMENT_HEADER};
use super::journal::{has_block_after, list};
use super::{Embedded, Options};
use crate::batch::Batch;
use crate::contract::{Place, Store as _, StoreError, Stored};

/// What a backup copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Journal segments in the backup.
    pub segments: u64,
    /// Those of them that were copied now; the others were there already.
    pub copied: u64,
    /// Bytes of the ledger in the backup.
    pub bytes: u64,
}

/// What a restore wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Records restored.
    pub records: u64,
    /// Records left out because they are later.
    pub later: u64,
    /// Accounts with records.
    pub accounts: u64,
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| StoreError::Io { doing, path, source }
}

fn segment_name(number: u32) -> String {
    format!("{number:08}.journal")
}

/// The length of a segment up to the end of its last whole block.
fn whole(bytes: &[u8], path: &Path, number: u32, is_last: bool) -> Result<usize, StoreError> {
    let damaged = |offset: usize, what: &str| StoreError::Damaged {
        place: Place { file: path.to_path_buf(), offset: u64::try_from(offset).unwrap_or(u64::MAX) },
        what: what.into(),
        intact: 0,
    };
    if bytes.len() < SEGMENT_HEADER && is_last {
        return Ok(0);
    }
    frame::check_segment_header(bytes, number).map_err(|what| damaged(0, &what))?;
    let mut at = SEGMENT_HEADER;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match frame::block(rest) {
            Some(payload) => at += BLOCK_HEADER + payload.len(),
            // Zeros written ahead, or a block that is being written: not acknowledged yet.
            None if is_last && !has_block_after(rest) => break,
            None => return Err(damaged(at, "a block's checksum does not hold")),
        }
    }
    Ok(at)
}

/// Copies the ledger of a data directory, which a server may have open. A backup made before is brought up to date.
///
/// # Errors
/// When a file cannot be read or written, the journal is damaged, or `to` holds another ledger.
pub fn backup(data: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    let (from_dir, to_dir) = (data.join("journal"), to.join("journal"));
    let numbers = list(&from_dir)?;
    std::fs::create_dir_all(&to_dir).map_err(io("creating", &to_dir))?;
    let mut done = BackedUp::default();
    for &number in &numbers {
        let (from, to) = (from_dir.join(segment_name(number)), to_dir.join(segment_name(number)));
        let mut bytes = std::fs::read(&from).map_err(io("reading", &from))?;
        let is_last = numbers.last() == Some(&number);
        bytes.truncate(whole(&bytes, &from, number, is_last)?);
        done.segments += 1;
        done.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let old = if to.exists() { std::fs::read(&to).map_err(io("reading", &to))? } else { Vec::new() };
        if old == bytes {
            continue;
        }
        if !bytes.starts_with(&old) {
            return Err(StoreError::Damaged {
                place: Place { file: to, offset: 0 },
                what: "this is not an earlier backup of the same ledger; name another directory".into(),
                intact: 0,
            });
        }
        write_whole(&to, &bytes)?;
        done.copied += 1;
    }
    let (from, to_key) = (data.join("signing.key"), to.join("signing.key"));
    if from.exists() {
        std::fs::copy(&from, &to_key).map_err(io("copying", &from))?;
    }
    File::open(&to_dir).and_then(|dir| dir.sync_all()).map_err(io("syncing", &to_dir))?;
    Ok(done)
}

/// Writes a file beside its name, then gives it the name: an interrupted backup leaves the one before.
fn write_whole(to: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let partial = to.with_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, to)
    };
    write().map_err(io("writing", to))
}

/// Reads every record of a journal in the order it was written.
fn each(journal: &Path, mut take: impl FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let numbers = list(journal)?;
    for &number in &numbers {
        let path = journal.join(segment_name(number));
        let bytes = std::fs::read(&path).map_err(io("reading", &path))?;
        let end = whole(&bytes, &path, number, numbers.last() == Some(&number))?;
        let mut at = SEGMENT_HEADER;
        while let Some(payload) = bytes.get(at..end).and_then(frame::block) {
            let mut inside = 0;
            while let Some(parsed) =
                payload.get(inside..).filter(|rest| !rest.is_empty()).and_then(frame::entry)
            {
                inside += parsed.length;
                take(parsed.stored)?;
            }
            at += BLOCK_HEADER + payload.len();
        }
    }
    Ok(())
}

/// Writes the ledger of a backup into a new data directory, up to before the instant where one is given. Every record
/// goes through the store again, so that what is restored is intact and follows.
///
/// # Errors
/// When `to` has a ledger, a file cannot be read or written, or a record is damaged or does not follow.
pub fn restore(from: &Path, to: &Path, until: Option<Instant>) -> Result<Restored, StoreError> {
    const AT_ONCE: usize = 4_096;
    let there = to.join("journal");
    if there.exists() {
        let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(StoreError::Io { doing: "restoring over the ledger in", path: there, source });
    }
    let journal = from.join("journal");
    if !journal.is_dir() {
        return Err(io("restoring from", &journal)(std::io::Error::from(std::io::ErrorKind::NotFound)));
    }
    std::fs::create_dir_all(to).map_err(io("creating", to))?;
    let store = Embedded::open(to, Options::default())?;
    // Only name, number and hash of these states are kept; nothing is folded.
    let mut ends: HashMap<Name, Option<Account>> = HashMap::new();
    let (mut batch, mut done) = (Batch::default(), Restored::default());
    let broken = |stored: &Stored, what: String| {
        StoreError::Index(format!("account {}, record {}: {what}", stored.account, stored.seq))
    };
    let flush = |batch: &mut Batch| -> Result<(), StoreError> {
        let lost = store.append(batch)?;
        batch.clear();
        match lost.first() {
            None => Ok(()),
            Some(account) => Err(StoreError::Index(format!("account {account}: its records do not follow"))),
        }
    };
    each(&journal, |stored| {
        let record = Record::from_bytes(&stored.bytes).map_err(|e| broken(&stored, e.to_string()))?;
        let end = ends
            .entry(stored.account.clone())
            .or_insert_with(|| Some(Account::empty(stored.account.clone())));
        // An account ends with its first later record, whatever stands behind it.
        if until.is_some_and(|until| record.recorded_at >= until) {
            *end = None;
        }
        let Some(state) = end else {
            done.later += 1;
            return Ok(());
        };
        if record.seq != state.seq + 1 {
            return Err(broken(&stored, "it does not follow the one before it".into()));
        }
        let hash = batch.push(state, &record);
        if hash != stored.hash {
            return Err(broken(&stored, "its bytes do not have the stored hash".into()));
        }
        (state.seq, state.chain) = (record.seq, hash);
        done.records += 1;
        if batch.entries().len() >= AT_ONCE { flush(&mut batch) } else { Ok(()) }
    })?;
    flush(&mut batch)?;
    done.accounts = u64::try_from(store.accounts(None, usize::MAX)?.len()).unwrap_or(0);
    let key = from.join("signing.key");
    if key.exists() {
        std::fs::copy(&key, to.join("signing.key")).map_err(io("copying", &key))?;
    }
    Ok(done)
}
