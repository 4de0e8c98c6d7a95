//! A ledger rewritten from another one: restored, whole or up to a point in time, or with personal data erased.
//!
//! U2 only intact records are written, and no existing ledger is overwritten. U3 a place in the feed means the same
//! records in the new ledger, or fewer (simulation, `copies`).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use headworks_core::account::Account;
use headworks_core::command::Draft;
use headworks_core::record::{
    Erased, Erasure, Event, Instant, Label, Name, Record, SYSTEM, Seq, Server, is_internal,
};

use super::backup::{apart, copy_key, each, has};
use super::disk::{Directory, Disk};
use super::frame::Position;
use super::ledger::Ledger;
use super::{MemoryIndex, Options, feed, lock_any, unfinished};
use crate::batch::Batch;
use crate::contract::{Cursor, StoreError};
use crate::stored::Stored;

/// The extent of a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Records restored.
    pub records: u64,
    /// Records left out because they are later.
    pub later: u64,
    /// Accounts with records.
    pub accounts: u64,
}

fn broken(account: &Name, seq: Seq, what: &str) -> StoreError {
    StoreError::Unreadable(format!("account {account}, record {seq}: {what}"))
}

/// The end of an account's log being written.
struct Written {
    /// Name, number, hash and instant of the last record.
    state: Account,
    /// Later records are left out.
    is_over: bool,
    /// Erased records that no written record vouches for yet.
    bare: BTreeMap<Seq, Erased>,
}

impl Written {
    fn new(account: &Name) -> Self {
        Self { state: Account::empty(account.clone()), is_over: false, bare: BTreeMap::new() }
    }
}

/// A ledger being rewritten, record by record, into a data directory that has none.
struct Rewrite {
    ledger: Ledger,
    batch: Batch,
    ends: HashMap<Name, Written>,
    /// Readers of the feed: the place each acknowledged in the old ledger, and
    /// the number of written records before it.
    readers: Vec<(Name, u64, usize)>,
    /// The place of the last copied record.
    last: u64,
    done: Restored,
}

impl Rewrite {
    fn begin(from: &dyn Disk, to: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        unfinished::check(from)?;
        if !has(from, "journal")? {
            return Err(StoreError::Refused(format!("{} has no ledger", from.path().display())));
        }
        to.make().map_err(StoreError::io("creating", &to.path()))?;
        // Nobody else may write here.
        let lock = lock_any(&**to)?;
        if !unfinished::is_there(&**to)? && has(&**to, "journal")? {
            let there = to.path().display().to_string();
            return Err(StoreError::Refused(format!(
                "{there} has a ledger already; name a directory without one"
            )));
        }
        unfinished::begin(&**to)?;
        unfinished::clear(&**to)?;
        let readers = feed::readers(from)?.into_iter();
        let readers = readers.map(|(name, at)| Ok((name, feed::position(&at)?.to_u64(), 0)));
        let readers = readers.collect::<Result<_, StoreError>>()?;
        // The index is built when the ledger is first opened.
        let index = Arc::new(MemoryIndex::default());
        Ok(Self {
            ledger: Ledger::open(Arc::clone(to), index, lock, Options::default())?,
            batch: Batch::default(),
            ends: HashMap::new(),
            readers,
            last: 0,
            done: Restored::default(),
        })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let appended = self.ledger.append(&self.batch)?;
        self.batch.clear();
        match appended.conflicts.first() {
            None => Ok(()),
            Some(account) => {
                Err(StoreError::Unreadable(format!("account {account}: its records do not follow")))
            }
        }
    }

    /// Copies a record, which must have this hash.
    fn take(
        &mut self,
        account: &Name,
        record: &Record,
        hash: [u8; 32],
        at: Position,
    ) -> Result<(), StoreError> {
        const AT_ONCE: usize = 4_096;
        // A block ends at each reader's place, so that the place exists in the new feed too.
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

    /// Leaves out the account's later records.
    fn end(&mut self, account: &Name) {
        self.ends.entry(account.clone()).or_insert_with(|| Written::new(account)).is_over = true;
    }

    /// Vouches for erased records when the record of the erasure is left out.
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

    /// Records that these records of an account were erased.
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

    /// Finishes the ledger: copies each reader's acknowledged place and the signing key.
    fn finish(mut self, from: &dyn Disk, to: &dyn Disk) -> Result<Restored, StoreError> {
        self.flush()?;
        self.done.accounts = u64::try_from(self.ledger.accounts(None, usize::MAX)?.len()).unwrap_or(0);
        let (mut place, mut seen) = (Cursor::default(), 0);
        self.readers.sort_by_key(|(_, _, before)| *before);
        for (reader, _, before) in std::mem::take(&mut self.readers) {
            while let Some(fed) = self.ledger.feed(&place)? {
                if seen + fed.records.len() > before {
                    break;
                }
                (place, seen) = (fed.next, seen + fed.records.len());
            }
            self.ledger.acknowledge(&reader, &place)?;
        }
        copy_key(from, to)?;
        let Self { ledger, done, .. } = self;
        unfinished::end(to)?;
        drop(ledger);
        Ok(done)
    }
}

/// Writes the ledger of a backup into a new data directory; with an instant, only the records before it. Every record
/// goes through the store again, so the restored records are intact and in sequence.
///
/// # Errors
/// When `to` has a ledger, a file cannot be read or written, or a record is damaged or out of sequence.
pub fn restore(from: &Path, to: &Path, until: Option<Instant>) -> Result<Restored, StoreError> {
    apart(from, to)?;
    restore_on(&Directory::at(from), &directory(to), until)
}

fn directory(path: &Path) -> Arc<dyn Disk> {
    Arc::new(Directory::at(path))
}

/// [`restore`] between data directories on any disks.
///
/// # Errors
/// As [`restore`].
pub fn restore_on(
    from: &dyn Disk,
    to: &Arc<dyn Disk>,
    until: Option<Instant>,
) -> Result<Restored, StoreError> {
    let is_test = until.is_some() && is_test(from)?;
    let mut rewrite = Rewrite::begin(from, to)?;
    let (mut last, mut is_past) = (Position { segment: 0, offset: 0 }, false);
    each(&*from.below("journal"), |stored, at| {
        let record = stored.record()?;
        let Stored { account, hash, .. } = stored;
        // In a test ledger the server's own log starts on the machine's clock, so it ends where the accounts end.
        let by_others = is_test && is_internal(&account);
        let is_later =
            if by_others { is_past } else { until.is_some_and(|until| record.recorded_at >= until) };
        is_past |= is_later;
        // An account ends before its first later record, even if earlier ones follow it.
        if is_later {
            rewrite.end(&account);
        }
        last = at;
        rewrite.take(&account, &record, hash, at)
    })?;
    rewrite.vouch(last)?;
    rewrite.finish(from, &**to)
}

/// Whether a ledger runs on a test clock.
fn is_test(from: &dyn Disk) -> Result<bool, StoreError> {
    let mut found = false;
    each(&*from.below("journal"), |stored, _| {
        if stored.account.as_str() == SYSTEM && !found {
            let moves = |server: &Server| matches!(server, Server::TestClockMoved(_));
            found = matches!(&stored.record()?.event, Event::Server(server) if moves(server));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The number of an account's records that an erasure affects.
fn concerned(from: &dyn Disk, account: &Name, erasure: &Erasure) -> Result<u64, StoreError> {
    let (mut is_there, mut concerned) = (false, 0);
    each(&*from.below("journal"), |stored, _| {
        if stored.account == *account {
            is_there = true;
            concerned += u64::from(erasure.erase(&mut stored.record()?, stored.hash).is_some());
        }
        Ok(())
    })?;
    if is_there {
        Ok(concerned)
    } else {
        Err(StoreError::Refused(format!("there is no account {account}; nothing was written")))
    }
}

/// Writes a ledger into a new data directory with personal data of one account erased. No file of the new directory
/// has the erased data; the operator must destroy the old directory and its backups.
///
/// # Errors
/// As [`restore`], and when no record of the account has the data to erase.
pub fn erase(
    from: &Path,
    to: &Path,
    account: &Name,
    erasure: &Erasure,
    now: Instant,
    reason: Option<&Label>,
) -> Result<u64, StoreError> {
    apart(from, to)?;
    erase_on(&Directory::at(from), &directory(to), account, erasure, (now, reason))
}

/// [`erase`] between data directories on any disks.
///
/// # Errors
/// As [`erase`].
pub fn erase_on(
    from: &dyn Disk,
    to: &Arc<dyn Disk>,
    account: &Name,
    erasure: &Erasure,
    (now, reason): (Instant, Option<&Label>),
) -> Result<u64, StoreError> {
    unfinished::check(from)?;
    if concerned(from, account, erasure)? == 0 {
        let nothing = format!("no record of account {account} has what is to be erased; nothing was written");
        return Err(StoreError::Refused(nothing));
    }
    let mut rewrite = Rewrite::begin(from, to)?;
    let mut state = Account::empty(account.clone());
    let mut erased = Vec::new();
    let mut last = Position { segment: 0, offset: 0 };
    each(&*from.below("journal"), |stored, at| {
        last = at;
        let mut record = stored.record()?;
        if stored.account == *account {
            erased.extend(erasure.erase(&mut record, stored.hash));
            state
                .apply(&record, stored.hash)
                .map_err(|e| StoreError::Unreadable(format!("account {account}: {e}")))?;
        }
        rewrite.take(&stored.account, &record, stored.hash, at)
    })?;
    rewrite.erased(&mut state, &erased, (now, reason), last)?;
    rewrite.finish(from, &**to)?;
    Ok(u64::try_from(erased.len()).unwrap_or(u64::MAX))
}
