//! `headworks export-account` and `import-account`: one account's whole log as a file that any Headworks can take over.
//!
//! A line for each record: its number, its chain hash and its canonical bytes. The hashes are what vouches for the file:
//! a statement's signed checkpoint names the last one.

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use headworks_core::account::Account;
use headworks_core::audit::Auditor;
use headworks_core::record::{Name, Record, SYSTEM};
use headworks_store::reconcile::Progress;
use headworks_store::replay::replay;
use headworks_store::{Batch, Memory, Store};
use headworks_terminal::{Failed, Outcome, print::counted, say};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ledger::open;

#[derive(Serialize, Deserialize)]
struct Line {
    account: Name,
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

/// `headworks export-account`.
pub(crate) fn export(account: &Name, data: &Path, to: &Path, as_json: bool) -> Outcome {
    let store = open(data)?;
    let partial = to.with_extension("partial");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&partial)?);
    let mut next = 1;
    loop {
        let page = store.read(account, next, 1_000)?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for record in &page {
            let line = Line {
                account: record.account.clone(),
                seq: record.seq,
                hash: hex(&record.hash),
                bytes: hex(&record.bytes),
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    if next == 1 {
        std::fs::remove_file(&partial)?;
        return Err(format!("there is no account `{account}` in {}", data.display()).into());
    }
    out.into_inner().map_err(|e| e.to_string())?.sync_all()?;
    std::fs::rename(&partial, to)?;
    if as_json {
        return say!("{}", json!({"account": account, "records": next - 1}));
    }
    say!("{}: {} of {account}", to.display(), counted(next - 1, "record"))
}

/// `headworks import-account`: everything is checked before anything is written.
pub(crate) fn import(file: &Path, data: &Path, any_catalog: bool, as_json: bool) -> Outcome {
    let store = open(data)?;
    let text =
        std::io::BufReader::new(std::fs::File::open(file).map_err(|e| format!("{}: {e}", file.display()))?);
    let mut records: Vec<Record> = Vec::new();
    let mut auditor: Option<(Name, Auditor<'_>)> = None;
    for (n, line) in text.lines().enumerate() {
        let at = |what: &str| format!("{}, line {}: {what}", file.display(), n + 1);
        let line: Line = serde_json::from_str(&line?).map_err(|e| at(&e.to_string()))?;
        let parts = unhex(&line.bytes).zip(unhex(&line.hash).and_then(|h| <[u8; 32]>::try_from(h).ok()));
        let (bytes, hash) = parts.ok_or_else(|| at("`bytes` and `hash` are hexadecimal"))?;
        let (account, auditor) =
            auditor.get_or_insert_with(|| (line.account.clone(), Auditor::new(&line.account, &[])));
        if *account != line.account {
            return Err(at("it is of another account").into());
        }
        auditor.record(line.seq, hash, &bytes);
        records.push(Record::from_bytes(&bytes).map_err(|e| at(&e.to_string()))?);
    }
    let (account, auditor) =
        auditor.ok_or_else(|| format!("{}: there is no record in it", file.display()))?;
    if let Some(finding) = auditor.into_findings().first() {
        return Err(format!("{}: {finding}; nothing was imported", file.display()).into());
    }
    if !store.read(&account, 1, 1)?.is_empty() {
        return Err(
            format!("{} has an account `{account}` already; nothing was imported", data.display()).into()
        );
    }
    if !any_catalog {
        replays(&store, &account, &records)?;
    }
    write(&store, &account, &records)?;
    if as_json {
        return say!("{}", json!({"account": account, "records": records.len()}));
    }
    say!("{}: {} of {account}", data.display(), counted(records.len(), "record"))
}

/// Tries the log on the catalogs that the ledger has had, in memory: what was decided on another would never replay here.
fn replays(store: &dyn Store, account: &Name, records: &[Record]) -> Outcome {
    let trial = Memory::new();
    let system = Name::new(SYSTEM).map_err(|e| e.to_string())?;
    let own = store.read(&system, 1, usize::MAX)?;
    let own: Result<Vec<Record>, _> = own.iter().map(|stored| Record::from_bytes(&stored.bytes)).collect();
    write(&trial, &system, &own.map_err(|e| e.to_string())?)?;
    write(&trial, account, records)?;
    let report = replay(&trial, 1, &Progress::default())?;
    match report.differing.first() {
        None => Ok(()),
        Some((_, seq, why)) => Err(format!(
            "{} of {account} do not replay on any catalog that this ledger has had, the first is record {seq}: {why}; put the \
             catalogs of the other ledger in force here first, or pass --any-catalog; nothing was imported",
            counted(report.found, "record")
        )
        .into()),
    }
}

/// Writes the whole log as one batch, so that it is there whole or not at all.
fn write(store: &dyn Store, account: &Name, records: &[Record]) -> Result<(), Failed> {
    if records.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::default();
    let mut end = Account::empty(account.clone());
    for record in records {
        let hash = batch.push(&end, record);
        (end.seq, end.chain) = (record.seq, hash);
    }
    let lost = store.append(&batch)?;
    if lost.is_empty() { Ok(()) } else { Err(format!("account {account} was opened meanwhile").into()) }
}
