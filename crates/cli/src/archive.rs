//! `headworks export-account` and `import-account`: one account's whole log as a file that any Headworks can take over.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use headworks_audit::archive::{self, ArchiveError};
use headworks_core::record::Name;
use headworks_terminal::{Failed, Outcome, print::counted, say};
use serde_json::json;

use crate::ledger::open;
use crate::made::new_file;

/// `headworks export-account`.
pub(crate) fn export(account: &Name, data: &Path, to: &Path, as_json: bool) -> Outcome {
    let store = open(data)?;
    let records = new_file(to, data, |file| {
        let mut out = BufWriter::new(file);
        let records = archive::export(&store, account, &mut out).map_err(|e| said(e, to, data))?;
        if records == 0 {
            return Err(format!("there is no account `{account}` in {}", data.display()).into());
        }
        out.into_inner().map_err(|e| e.to_string())?.sync_all()?;
        Ok(records)
    })?;
    if as_json {
        return say!("{}", json!({"account": account, "records": records}));
    }
    say!("{}: {} of {account}", to.display(), counted(records, "record"))
}

/// `headworks import-account`: everything is checked before anything is written.
pub(crate) fn import(file: &Path, data: &Path, any_catalog: bool, as_json: bool) -> Outcome {
    let store = open(data)?;
    let text = BufReader::new(File::open(file).map_err(|e| format!("{}: {e}", file.display()))?);
    let (account, records) = archive::import(&store, text, any_catalog).map_err(|e| said(e, file, data))?;
    if as_json {
        return say!("{}", json!({"account": account, "records": records}));
    }
    say!("{}: {} of {account}", data.display(), counted(records, "record"))
}

/// Why it failed, with the file and the ledger by name.
fn said(e: ArchiveError, file: &Path, data: &Path) -> Failed {
    let (file, data) = (file.display(), data.display());
    match e {
        ArchiveError::Store(e) => e.into(),
        ArchiveError::Io(e) => e.into(),
        ArchiveError::Line(n, what) => format!("{file}, line {n}: {what}").into(),
        ArchiveError::Empty => format!("{file}: there is no record in it").into(),
        ArchiveError::Unsound(finding) => format!("{file}: {finding}; nothing was imported").into(),
        ArchiveError::Taken(account) => {
            format!("{data} has an account `{account}` already; nothing was imported").into()
        }
        ArchiveError::Foreign { account, found, first, why } => format!(
            "{} of {account} do not replay on any catalog that this ledger has had, the first is record {first}: {why}; put the \
             catalogs of the other ledger in force here first, or pass --any-catalog; nothing was imported",
            counted(found, "record")
        )
        .into(),
    }
}
