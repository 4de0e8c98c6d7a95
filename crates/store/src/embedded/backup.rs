//! Backup while a server runs, and restore to a point in time.
//!
//! The journal is appended and never changed, so a prefix of it that ends with a whole block is the ledger as it was at
//! one moment: a backup copies such a prefix, and is itself a data directory. The index is rebuilt when it is first opened.
//! U1 a backup taken under load holds every record acknowledged before it began (`a_backup_under_load_is_a_prefix`).
//! U2 a restore writes nothing that is not intact, and nothing over what is there.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use headworks_core::account::Account;
use headworks_core::command::Draft;
use headworks_core::record::{Erased, Erasure, Event, Instant, Label, Name, Record, Seq};

use super::disk::{Directory, write_whole};
use super::feed;
use super::frame::{self, Block, Link, Position, SEGMENT_HEADER};
use super::journal::{RECORD, list, name_of};
use super::mark::{End, Mark};
use super::walk::{BROKEN, Wrong, walk};
use super::{Embedded, Options, lock_any, unfinished};
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

/// Walks the blocks of a segment and tells where they end. A block that is being written is not acknowledged yet.
fn blocks<'a>(
    bytes: &'a [u8],
    path: &Path,
    number: u32,
    is_last: bool,
    link: &mut Link,
    mut take: impl FnMut(usize, Block<'a>) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let damaged = |offset: usize, what: &str| StoreError::Damaged {
        place: Place { file: path.to_path_buf(), offset: u64::try_from(offset).unwrap_or(u64::MAX) },
        what: what.into(),
        intact: 0,
    };
    if bytes.len() < SEGMENT_HEADER && is_last {
        return Ok(0);
    }
    frame::check_segment_header(bytes, number).map_err(|what| damaged(0, &what))?;
    let walked = walk(bytes, SEGMENT_HEADER, Some(*link), &mut take)?;
    *link = walked.link;
    match walked.wrong {
        Some(Wrong::Damaged(what)) => Err(damaged(walked.end, &what)),
        Some(Wrong::Torn) if !is_last => Err(damaged(walked.end, BROKEN)),
        Some(Wrong::Torn) | None => Ok(walked.end),
    }
}

/// Copies the ledger of a data directory, which a server may have open. A backup made before is brought up to date.
///
/// # Errors
/// When a file cannot be read or written, the journal is damaged, or `to` holds another ledger.
pub fn backup(data: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    unfinished::check(data)?;
    let (from_dir, to_dir) = (data.join("journal"), to.join("journal"));
    // An earlier backup is whole, and stays so while it is brought up to date.
    if !to_dir.exists() {
        unfinished::begin(to)?;
    }
    std::fs::create_dir_all(&to_dir).map_err(StoreError::io("creating", &to_dir))?;
    // Before the journal: a place must not be ahead of what is copied.
    for (reader, at) in feed::readers(data)? {
        feed::acknowledge(to, &reader, at)?;
    }
    let numbers = list(&Directory(from_dir.clone()))?;
    let (mut done, mut link, mut end) = (BackedUp::default(), Link::FIRST, None);
    for &number in &numbers {
        let (from, to) = (from_dir.join(name_of(number)), to_dir.join(name_of(number)));
        let mut bytes = std::fs::read(&from).map_err(StoreError::io("reading", &from))?;
        let is_last = numbers.last() == Some(&number);
        bytes.truncate(blocks(&bytes, &from, number, is_last, &mut link, |_, _| Ok(()))?);
        let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        end = Some(End { at: Position { segment: number, offset }, link });
        done.segments += 1;
        done.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let old = if to.exists() {
            std::fs::read(&to).map_err(StoreError::io("reading", &to))?
        } else {
            Vec::new()
        };
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
        write_whole(&to, &bytes).map_err(StoreError::io("writing", &to))?;
        done.copied += 1;
    }
    let (from, to_key) = (data.join("signing.key"), to.join("signing.key"));
    if from.exists() {
        std::fs::copy(&from, &to_key).map_err(StoreError::io("copying", &from))?;
    }
    File::open(&to_dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("syncing", &to_dir))?;
    let mark = |end| Mark::open(&Directory(to_dir.clone())).and_then(|mark| mark.write(end));
    end.map_or(Ok(()), mark).map_err(StoreError::io("marking the end of", &to_dir))?;
    unfinished::end(to)?;
    Ok(done)
}

/// Reads every record of a journal in the order it was written, each with the place of its block in the feed.
fn each(
    journal: &Path,
    mut take: impl FnMut(Stored, Position) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let numbers = list(&Directory(journal.to_path_buf()))?;
    let mut link = Link::FIRST;
    for &number in &numbers {
        let path = journal.join(name_of(number));
        let bytes = std::fs::read(&path).map_err(StoreError::io("reading", &path))?;
        let is_last = numbers.last() == Some(&number);
        blocks(&bytes, &path, number, is_last, &mut link, |at, block| {
            let place = Position { segment: number, offset: u32::try_from(at).unwrap_or(u32::MAX) };
            for (inside, parsed) in block.records() {
                let offset = u64::try_from(at + inside).unwrap_or(u64::MAX);
                let parsed = parsed.ok_or_else(|| StoreError::Damaged {
                    place: Place { file: path.clone(), offset },
                    what: RECORD.into(),
                    intact: 0,
                })?;
                take(parsed.stored, place)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn broken(account: &Name, seq: Seq, what: &str) -> StoreError {
    StoreError::Unreadable(format!("account {account}, record {seq}: {what}"))
}

/// The end of an account's log that is being written.
struct Written {
    /// Name, number, hash and instant of the last record.
    state: Account,
    /// What follows is left out.
    is_over: bool,
    /// Erased records that no record written so far vouches for.
    bare: BTreeMap<Seq, Erased>,
}

impl Written {
    fn new(account: &Name) -> Self {
        Self { state: Account::empty(account.clone()), is_over: false, bare: BTreeMap::new() }
    }
}

/// A ledger being written anew, record by record, into a data directory that has none.
struct Rewrite {
    store: Embedded,
    batch: Batch,
    ends: HashMap<Name, Written>,
    /// Readers of the feed: the place acknowledged in the old one, and how many of the records written stand before it.
    readers: Vec<(Name, u64, usize)>,
    /// The place of the last record taken over.
    last: u64,
    done: Restored,
}

impl Rewrite {
    fn begin(from: &Path, to: &Path) -> Result<Self, StoreError> {
        unfinished::check(from)?;
        let there = to.join("journal");
        if unfinished::is_there(to) {
            // Nobody else may be at it.
            let _alone = lock_any(to)?;
            unfinished::clear(to)?;
        } else if there.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(StoreError::Io { doing: "restoring over the ledger in", path: there, source });
        }
        let journal = from.join("journal");
        if !journal.is_dir() {
            return Err(StoreError::io("restoring from", &journal)(std::io::Error::from(
                std::io::ErrorKind::NotFound,
            )));
        }
        unfinished::begin(to)?;
        let readers = feed::readers(from)?.into_iter().map(|(name, at)| (name, at, 0)).collect();
        Ok(Self {
            store: Embedded::open_any(to, Options::default())?,
            batch: Batch::default(),
            ends: HashMap::new(),
            readers,
            last: 0,
            done: Restored::default(),
        })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let lost = self.store.append(&self.batch)?;
        self.batch.clear();
        match lost.first() {
            None => Ok(()),
            Some(account) => {
                Err(StoreError::Unreadable(format!("account {account}: its records do not follow")))
            }
        }
    }

    /// Takes over a record that must have this hash.
    fn take(
        &mut self,
        account: &Name,
        record: &Record,
        hash: [u8; 32],
        at: Position,
    ) -> Result<(), StoreError> {
        const AT_ONCE: usize = 4_096;
        // A block ends where a reader has got to, so that it has the same place in the new feed.
        let at = at.to_u64();
        if self.readers.iter().any(|(_, place, _)| (self.last..at).contains(&(place.saturating_sub(1)))) {
            self.flush()?;
        }
        self.last = at;
        let written = self.ends.entry(account.clone()).or_insert_with(|| Written::new(account));
        let Written { state, is_over, bare } = written;
        if *is_over {
            self.done.later += 1;
            return Ok(());
        }
        if record.erased.is_some() {
            bare.insert(record.seq, Erased::of(record));
        }
        if let Event::Erased { records, .. } = &record.event {
            bare.retain(|_, left| !records.contains(left));
        }
        if record.seq != state.seq + 1 {
            return Err(broken(account, record.seq, "it does not follow the one before it"));
        }
        if self.batch.push(state, record) != hash {
            return Err(broken(account, record.seq, "its bytes do not have the stored hash"));
        }
        (state.seq, state.chain, state.recorded_at) = (record.seq, hash, record.recorded_at);
        self.done.records += 1;
        for (_, place, before) in &mut self.readers {
            *before += usize::from(at < *place);
        }
        if self.batch.entries().len() >= AT_ONCE { self.flush() } else { Ok(()) }
    }

    /// Leaves out what follows of an account.
    fn end(&mut self, account: &Name) {
        self.ends.entry(account.clone()).or_insert_with(|| Written::new(account)).is_over = true;
    }

    /// Vouches for erased records whose erasure itself is left out.
    fn vouch(&mut self, at: Position) -> Result<(), StoreError> {
        let reason = Label::new("restored to a time before the erasure").ok();
        let bare = self.ends.values_mut().filter(|written| !written.bare.is_empty());
        let bare: Vec<(Account, Vec<Erased>)> = bare
            .map(|written| {
                written.is_over = false;
                (written.state.clone(), std::mem::take(&mut written.bare).into_values().collect())
            })
            .collect();
        for (mut state, bare) in bare {
            let now = state.recorded_at;
            self.erased(&mut state, &bare, (now, reason.as_ref()), at)?;
        }
        Ok(())
    }

    /// Writes that these records of an account have been erased.
    fn erased(
        &mut self,
        state: &mut Account,
        erased: &[Erased],
        (now, reason): (Instant, Option<&Label>),
        at: Position,
    ) -> Result<(), StoreError> {
        /// Erased records that one record of the erasure names.
        const NAMED: usize = 4_096;
        for part in erased.chunks(NAMED) {
            let event = Event::Erased { records: part.to_vec(), reason: reason.cloned() };
            let record = Draft::new(event).into_record(state, state.tick(now), None, None);
            let hash = record.link(&state.chain, &record.to_bytes());
            self.take(&state.id.clone(), &record, hash, at)?;
            (state.seq, state.chain, state.recorded_at) = (record.seq, hash, record.recorded_at);
        }
        Ok(())
    }

    /// Ends the ledger: what readers of the feed have acknowledged, and the signing key, go with it.
    fn finish(mut self, from: &Path, to: &Path) -> Result<Restored, StoreError> {
        self.flush()?;
        self.done.accounts = u64::try_from(self.store.accounts(None, usize::MAX)?.len()).unwrap_or(0);
        let (mut place, mut seen) = (0, 0);
        self.readers.sort_by_key(|(_, _, before)| *before);
        for (reader, _, before) in std::mem::take(&mut self.readers) {
            while let Some(fed) = self.store.feed(place)? {
                if seen + fed.records.len() > before {
                    break;
                }
                (place, seen) = (fed.next, seen + fed.records.len());
            }
            self.store.acknowledge(&reader, place)?;
        }
        let key = from.join("signing.key");
        if key.exists() {
            std::fs::copy(&key, to.join("signing.key")).map_err(StoreError::io("copying", &key))?;
        }
        let done = self.done;
        drop(self);
        unfinished::end(to)?;
        Ok(done)
    }
}

/// Writes the ledger of a backup into a new data directory, up to before the instant where one is given. Every record
/// goes through the store again, so that what is restored is intact and follows.
///
/// # Errors
/// When `to` has a ledger, a file cannot be read or written, or a record is damaged or does not follow.
pub fn restore(from: &Path, to: &Path, until: Option<Instant>) -> Result<Restored, StoreError> {
    let mut rewrite = Rewrite::begin(from, to)?;
    let mut last = Position { segment: 0, offset: 0 };
    each(&from.join("journal"), |stored, at| {
        let Stored { account, seq, hash, bytes } = stored;
        let record = Record::from_bytes(&bytes).map_err(|e| broken(&account, seq, &e.to_string()))?;
        // An account ends with its first later record, whatever stands behind it.
        if until.is_some_and(|until| record.recorded_at >= until) {
            rewrite.end(&account);
        }
        last = at;
        rewrite.take(&account, &record, hash, at)
    })?;
    rewrite.vouch(last)?;
    rewrite.finish(from, to)
}

/// Writes a ledger into a new data directory with personal data of one account erased. What was erased is in no file of
/// the new directory; the old one is to be destroyed, and its backups.
///
/// # Errors
/// As [`restore`], and when the account has no log.
pub fn erase(
    from: &Path,
    to: &Path,
    account: &Name,
    erasure: &Erasure,
    now: Instant,
    reason: Option<&Label>,
) -> Result<u64, StoreError> {
    let mut rewrite = Rewrite::begin(from, to)?;
    let mut state = Account::empty(account.clone());
    let mut erased = Vec::new();
    let mut last = Position { segment: 0, offset: 0 };
    each(&from.join("journal"), |stored, at| {
        last = at;
        let mut record = Record::from_bytes(&stored.bytes)
            .map_err(|e| broken(&stored.account, stored.seq, &e.to_string()))?;
        if stored.account == *account {
            erased.extend(erasure.erase(&mut record, stored.hash));
            state
                .apply(&record, stored.hash)
                .map_err(|e| StoreError::Unreadable(format!("account {account}: {e}")))?;
        }
        rewrite.take(&stored.account, &record, stored.hash, at)
    })?;
    if !state.is_open() {
        return Err(StoreError::Unreadable(format!("there is no account {account}")));
    }
    rewrite.erased(&mut state, &erased, (now, reason), last)?;
    rewrite.finish(from, to)?;
    Ok(u64::try_from(erased.len()).unwrap_or(u64::MAX))
}
