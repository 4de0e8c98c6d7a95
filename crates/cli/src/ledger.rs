//! Commands on a whole ledger, most of them on a data directory that no server has open.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use headworks_api::{statement_digest, verify_checkpoint};
use headworks_audit::reconcile::{Progress, Report, reconcile as run_over};
use headworks_audit::replay::{replay as replay_store, what_if};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Dimension, Erasure, Instant, Label, Name};
use headworks_engine::test_clock_of;
use headworks_store::{Checked, Embedded, Options, check_journal};
use headworks_terminal::values::encoded;
use headworks_terminal::{
    Failed, Outcome,
    print::{self, counted},
    say, say_part, tell,
};
use headworks_wire as wire;
use serde_json::json;

use crate::arguments::{EraseArguments, Remote, StatementArguments};
use crate::calls::text_of;
use crate::made::NewDirectory;
use crate::remote::connect;

/// Opens the store of a data directory that must be there.
pub(crate) fn open(data: &Path) -> Result<Embedded, Failed> {
    if !data.join("journal").is_dir() {
        return Err(format!(
            "{}: there is no ledger; name the directory that `serve --data` uses",
            data.display()
        )
        .into());
    }
    Ok(Embedded::open(data, Options::default())?)
}

/// Runs `work` with a display of how many records it has read.
fn with_progress<T: Send>(progress: &Progress, work: impl FnOnce() -> T + Send) -> T {
    let bar = indicatif::ProgressBar::new_spinner();
    std::thread::scope(|scope| {
        let work = scope.spawn(work);
        while !work.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            bar.set_message(format!("{} records", progress.records.load(Ordering::Relaxed)));
            bar.tick();
        }
        bar.finish_and_clear();
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// `headworks reconcile`: a data directory, or the state of a running server.
pub(crate) async fn reconcile(data: Option<&Path>, remote: &Remote, as_json: bool) -> Outcome {
    let pass = match data {
        Some(data) => offline(data)?,
        None => {
            let state: wire::Reconciliation = connect(remote).await?.get("/v1/reconcile").await?;
            state.last.ok_or("the first pass has not ended yet; ask again shortly")?
        }
    };
    print::show("pass", &serde_json::to_value(&pass)?, as_json)?;
    match pass.found + u64::try_from(pass.damage.len())? {
        0 => Ok(()),
        n => Err(format!("the ledger does not reconcile: {n} findings").into()),
    }
}

const TORN: &str = "the last block is not whole: a write that was never acknowledged, or damage; the records were not \
                    looked at, because opening the ledger would cut it";

fn offline(data: &Path) -> Result<wire::Pass, Failed> {
    let is_there = data.join("journal").is_dir();
    // Opening a store cuts a torn tail, which may be damage instead: check first, so that nothing is changed.
    let found = if is_there {
        let _held = headworks_store::lock(data)?;
        check_journal(&data.join("journal"))?
    } else {
        Checked::default()
    };
    let mut damage: Vec<String> =
        found.damage.iter().map(|(place, what)| format!("{place}: {what}")).collect();
    if let Some(place) = &found.torn {
        damage.push(format!("{place}: {TORN}"));
        return Ok(wire::Pass { damage, ..headworks_api::pass(&Report::default()) });
    }
    let store = match open(data) {
        // The damage is named already.
        Err(_) if !damage.is_empty() => {
            damage
                .push("the records were not looked at: the ledger cannot be opened with this damage".into());
            return Ok(wire::Pass { damage, ..headworks_api::pass(&Report::default()) });
        }
        opened => opened?,
    };
    let progress = Progress::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report: Report = with_progress(&progress, || run_over(&store, threads, &progress))?;
    Ok(wire::Pass { damage, ..headworks_api::pass(&report) })
}

/// `headworks backup`.
pub(crate) fn backup(data: &Path, to: &Path, as_json: bool) -> Outcome {
    let new = NewDirectory::at(to);
    let done = new.after(headworks_store::backup(data, to).map_err(Failed::from))?;
    if as_json {
        say!("{}", json!({"segments": done.segments, "copied": done.copied, "bytes": done.bytes}))?;
    } else {
        say!(
            "{}: {} segments, {} bytes; {} copied now",
            to.display(),
            done.segments,
            done.bytes,
            done.copied
        )?;
    }
    Ok(())
}

/// `headworks restore`.
pub(crate) fn restore(from: &Path, data: &Path, until: Option<Instant>, as_json: bool) -> Outcome {
    let new = NewDirectory::at(data);
    let done = new.after(headworks_store::restore(from, data, until).map_err(Failed::from))?;
    if as_json {
        say!("{}", json!({"records": done.records, "later": done.later, "accounts": done.accounts}))?;
    } else {
        let later =
            if done.later > 0 { format!("; {} later ones left out", done.later) } else { String::new() };
        let (records, accounts) = (counted(done.records, "record"), counted(done.accounts, "account"));
        say!("{}: {records} of {accounts}{later}", data.display())?;
    }
    Ok(())
}

/// `headworks erase`.
pub(crate) fn erase(what: &EraseArguments, as_json: bool) -> Outcome {
    if what.segments.is_empty() && what.dimensions.is_empty() {
        return Err("name what to erase: --segment user:alice or --dimension customer=4711".into());
    }
    // A test ledger keeps its own time.
    let now = test_clock_of(&open(&what.data)?)?.unwrap_or_else(headworks_engine::wall);
    // The lock keeps a server from writing on while the ledger is copied.
    let _lock = headworks_store::lock(&what.data)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let dimension = |(name, value): &(Name, Label)| Dimension::new(name.clone(), value.clone());
    let erasure = Erasure {
        segments: what.segments.clone(),
        dimensions: what.dimensions.iter().map(dimension).collect(),
        secret,
    };
    let new = NewDirectory::at(&what.to);
    let done =
        headworks_store::erase(&what.data, &what.to, &what.account, &erasure, now, what.reason.as_ref());
    let done = new.after(done.map_err(Failed::from))?;
    if as_json {
        say!("{}", json!({"account": what.account, "erased": done}))?;
    } else {
        say!(
            "{}: {done} records of {} erased; serve from there, then destroy {} and its backups",
            what.to.display(),
            what.account,
            what.data.display()
        )?;
    }
    Ok(())
}

/// `headworks statement`.
pub(crate) async fn statement(what: &StatementArguments, remote: &Remote, as_json: bool) -> Outcome {
    let format = if as_json { "json" } else { &what.format };
    let StatementArguments { account, by, sums, .. } = what;
    let account = encoded(account.as_str());
    let mut path = format!("/v1/accounts/{account}/statement?format={format}&by={by}&entries={}", !sums);
    let unit = what.unit.as_ref().map(ToString::to_string);
    for (name, value) in [
        ("from", &what.from),
        ("to", &what.to),
        ("recorded_at", &what.recorded_at),
        ("zone", &what.zone),
        ("unit", &unit),
        ("after", &what.after),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    let (page, next) = connect(remote).await?.page(&path).await?;
    say_part!("{page}")?;
    if let Some(next) = next {
        tell!("more entries follow: repeat the command with --after {next}");
    }
    Ok(())
}

/// `headworks signing-key`.
pub(crate) async fn signing_key(remote: &Remote, as_json: bool) -> Outcome {
    let key: wire::SigningKey = connect(remote).await?.get("/v1/signing-key").await?;
    say!("{}", if as_json { serde_json::to_string(&key)? } else { key.public })?;
    Ok(())
}

/// `headworks verify`: without a server.
pub(crate) fn verify(file: &Path, key: &str, as_json: bool) -> Outcome {
    let text = text_of(file)?;
    let statement: wire::Statement = serde_json::from_str(&text)
        .map_err(|e| format!("{}: not a statement as JSON: {e}", file.display()))?;
    let note = statement
        .checkpoint
        .as_deref()
        .ok_or("the statement has no checkpoint, so nothing vouches for it")?;
    let checkpoint = verify_checkpoint(note, key)?;
    if checkpoint.account != statement.account.as_str() || checkpoint.seq != statement.seq {
        return Err("the checkpoint belongs to another account or record".into());
    }
    if checkpoint.digest != statement_digest(&statement) {
        return Err("the statement was altered after it was signed".into());
    }
    let mut by_cause = statement.sums.by_cause.values().map(|sum| sum.amount);
    let by_cause = by_cause.try_fold(statement.opening, |sum, amount| sum.checked_add(amount));
    let mut balance = statement.carried.unwrap_or(statement.opening);
    for entry in &statement.entries {
        balance = balance.checked_add(entry.amount).ok_or("the amounts leave the range of credits")?;
        if balance != entry.balance {
            return Err(format!("the balance after {} does not follow", entry.record).into());
        }
    }
    // A statement requested without its entries has only the sums, and a page is not all of it.
    let is_listed = !statement.entries.is_empty() || statement.sums.by_cause.is_empty();
    let is_listed = is_listed && statement.next.is_none();
    if (is_listed && balance != statement.closing) || by_cause != Some(statement.closing) {
        return Err("the closing balance does not follow from the entries".into());
    }
    let (account, seq) = (&statement.account, statement.seq);
    if as_json {
        say!(
            "{}",
            json!({"account": account, "seq": seq, "entries": statement.entries.len(), "verified": true})
        )?;
    } else {
        say!(
            "verified: {account}, {}, as of record {seq}, closing balance {} {}",
            match statement.entries.len() {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            },
            statement.closing,
            statement.unit
        )?;
    }
    Ok(())
}

/// `headworks replay`: a data directory that no server has open.
pub(crate) fn replay(data: &Path, catalog: Option<&Path>, as_json: bool) -> Outcome {
    let store = open(data)?;
    let progress = Progress::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let Some(file) = catalog else {
        let report = with_progress(&progress, || replay_store(&store, threads, &progress))?;
        let report = headworks_api::replayed(&report);
        if as_json {
            say!("{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            for f in &report.findings {
                say!("account {}, record {}: {}", f.account, f.record, f.what)?;
            }
            let (accounts, records) =
                (counted(report.accounts, "account"), counted(report.records, "record"));
            say!("{accounts}, {records}, {} differ", report.found)?;
        }
        return match report.found {
            0 => Ok(()),
            n => Err(format!("{n} records are not what their requests give again").into()),
        };
    };
    let text = text_of(file)?;
    let catalog =
        Catalog::parse(&text, Format::of(&text)).map_err(|e| format!("{}:\n{e}", file.display()))?;
    let report = with_progress(&progress, || what_if(&store, &catalog, threads, &progress))?;
    print::show(
        "what_if",
        &serde_json::to_value(headworks_api::what_if(&catalog.version, &report))?,
        as_json,
    )?;
    Ok(())
}
