//! One account's whole log as a file that any Headworks can take over.
//!
//! A line for each record: its number, its chain hash and its canonical bytes. The hashes vouch for the file:
//! a statement's signed checkpoint names the last one.

use std::io::{self, BufRead, Write};

use headworks_core::account::Account;
use headworks_core::audit::{Auditor, Finding};
use headworks_core::record::{Id, Name, Record, Seq, system};
use headworks_store::{Batch, Fate, Memory, Store, StoreError, wait};
use serde::{Deserialize, Serialize};

use crate::reconcile::Progress;
use crate::replay::replay;

/// Why an account was not written to a file, or not taken over from one.
#[derive(Debug)]
pub enum ArchiveError {
    /// The store fails.
    Store(StoreError),
    /// The file cannot be read or written.
    Io(io::Error),
    /// A line of the file, from 1, is not what it should be.
    Line(usize, String),
    /// There is no record in the file.
    Empty,
    /// The log in the file is not sound.
    Unsound(Box<Finding>),
    /// The ledger has an account of that name.
    Taken(Name),
    /// Records that do not replay on any catalog that the ledger has had.
    Foreign {
        /// The account.
        account: Name,
        /// How many records.
        found: u64,
        /// The first of them.
        first: Seq,
        /// How it differs.
        why: String,
    },
}

impl From<StoreError> for ArchiveError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<io::Error> for ArchiveError {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    account: Id,
    seq: u64,
    hash: String,
    bytes: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair.filter(|p| p.len() == 2)?, 16).ok()).collect()
}

/// Writes the log of an account; returns how many records it has, 0 if there is no such account.
///
/// # Errors
/// When the store cannot be read or the file cannot be written.
pub fn export(store: &dyn Store, account: &Name, out: &mut impl Write) -> Result<u64, ArchiveError> {
    let mut next = 1;
    loop {
        let page = wait(store.read(account, next, 1_000))?;
        let Some(last) = page.last() else { return Ok(next - 1) };
        next = last.seq + 1;
        for record in &page {
            let line = Line {
                account: record.account.clone().into(),
                seq: record.seq,
                hash: hex(&record.hash),
                bytes: hex(&record.bytes),
            };
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
}

/// Takes over an account's log: checks all of it, then writes it as one batch. Returns the account and how many records it has.
/// With `any_catalog` it also takes over records decided on catalogs that this ledger never had.
///
/// # Errors
/// When the file is not sound, does not replay here, or the ledger has the account; nothing is written then.
pub fn import(store: &dyn Store, file: impl BufRead, any_catalog: bool) -> Result<(Name, u64), ArchiveError> {
    let (account, records) = read(file)?;
    if !wait(store.read(&account, 1, 1))?.is_empty() {
        return Err(ArchiveError::Taken(account));
    }
    if !any_catalog {
        replays(store, &account, &records)?;
    }
    write(store, &account, &records)?;
    Ok((account, u64::try_from(records.len()).unwrap_or(u64::MAX)))
}

/// The records of a file, audited.
fn read(file: impl BufRead) -> Result<(Name, Vec<Record>), ArchiveError> {
    let mut records: Vec<Record> = Vec::new();
    let mut auditor: Option<(Name, Auditor<'_>)> = None;
    for (n, line) in file.lines().enumerate() {
        let at = |what: &str| ArchiveError::Line(n + 1, what.to_owned());
        let line: Line = serde_json::from_str(&line?).map_err(|e| at(&e.to_string()))?;
        let parts = unhex(&line.bytes).zip(unhex(&line.hash).and_then(|h| <[u8; 32]>::try_from(h).ok()));
        let (bytes, hash) = parts.ok_or_else(|| at("`bytes` and `hash` are hexadecimal"))?;
        let (account, auditor) =
            auditor.get_or_insert_with(|| (line.account.0.clone(), Auditor::new(&line.account, &[])));
        if *account != *line.account {
            return Err(at("it is of another account"));
        }
        auditor.record(line.seq, hash, &bytes);
        records.push(Record::from_bytes(&bytes).map_err(|e| at(&e.to_string()))?);
    }
    let (account, auditor) = auditor.ok_or(ArchiveError::Empty)?;
    match auditor.into_findings().into_iter().next() {
        Some(finding) => Err(ArchiveError::Unsound(Box::new(finding))),
        None => Ok((account, records)),
    }
}

/// Tries the log on the catalogs that the ledger has had, in memory: records decided on another catalog would never replay here.
fn replays(store: &dyn Store, account: &Name, records: &[Record]) -> Result<(), ArchiveError> {
    let trial = Memory::new();
    let system = system();
    let own = wait(store.read(&system, 1, usize::MAX))?;
    let own: Vec<Record> = own.iter().map(|stored| stored.record()).collect::<Result<_, _>>()?;
    write(&trial, &system, &own)?;
    write(&trial, account, records)?;
    let report = replay(&trial, 1, &Progress::default())?;
    match report.differing.into_iter().next() {
        None => Ok(()),
        Some((account, first, why)) => {
            Err(ArchiveError::Foreign { account, found: report.found, first, why })
        }
    }
}

/// Writes the whole log as one batch, so that it is there whole or not at all.
fn write(store: &dyn Store, account: &Name, records: &[Record]) -> Result<(), ArchiveError> {
    if records.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::default();
    let mut end = Account::empty(account.clone());
    for record in records {
        let hash = batch.push(&end, record);
        (end.seq, end.chain) = (record.seq, hash);
    }
    let appended = wait(store.append(&batch))?;
    if appended.fate(account) == Fate::Committed { Ok(()) } else { Err(ArchiveError::Taken(account.clone())) }
}
