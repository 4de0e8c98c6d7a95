//! Commands on a whole ledger, most of them on a data directory that no server has open.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use headworks_server::{statement_digest, verify_checkpoint};
use headworks_store::reconcile::{Progress, Report, reconcile as run_over};
use headworks_store::{Embedded, Options, check_journal};
use headworks_wire as wire;

use crate::Outcome;
use crate::arguments::{Remote, StatementArguments};
use crate::calls::{connect, text_of};
use crate::print;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Opens the store of a data directory that must be there.
fn open(data: &Path) -> Result<Embedded, Failed> {
    if !data.join("journal").is_dir() {
        return Err(format!(
            "{}: there is no ledger; name the directory that `serve --data` uses",
            data.display()
        )
        .into());
    }
    Ok(Embedded::open(data, Options::default())?)
}

/// Runs `work` beside a progress display of the records it has looked at.
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
    print::show("pass", &serde_json::to_value(&pass)?, as_json);
    match pass.found + u64::try_from(pass.damage.len())? {
        0 => Ok(()),
        n => Err(format!("the ledger does not reconcile: {n} findings").into()),
    }
}

fn offline(data: &Path) -> Result<wire::Pass, Failed> {
    let store = open(data)?;
    let damage = check_journal(&data.join("journal"))?;
    let progress = Progress::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report: Report = with_progress(&progress, || run_over(&store, threads, &progress))?;
    let damage = damage.iter().map(|(place, what)| format!("{place}: {what}")).collect();
    Ok(wire::Pass { damage, ..headworks_server::pass(&report) })
}

/// `headworks statement`.
pub(crate) async fn statement(what: &StatementArguments, remote: &Remote, as_json: bool) -> Outcome {
    let format = if as_json { "json" } else { &what.format };
    let mut path = format!("/v1/accounts/{}/statement?format={format}", what.account);
    for (name, at) in [("from", what.from), ("to", what.to)] {
        if let Some(at) = at {
            path.push_str(&format!("&{name}={at}"));
        }
    }
    print!("{}", connect(remote).await?.text(&path).await?);
    Ok(())
}

/// `headworks signing-key`.
pub(crate) async fn signing_key(remote: &Remote, as_json: bool) -> Outcome {
    let key: wire::SigningKey = connect(remote).await?.get("/v1/signing-key").await?;
    println!("{}", if as_json { serde_json::to_string(&key)? } else { key.public });
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
    let mut balance = statement.opening;
    for entry in &statement.entries {
        balance = balance.checked_add(entry.amount).ok_or("the amounts leave the range of credits")?;
        if balance != entry.balance {
            return Err(format!("the balance after {} does not follow", entry.record).into());
        }
    }
    if balance != statement.closing {
        return Err("the closing balance does not follow from the entries".into());
    }
    let (account, seq) = (&statement.account, statement.seq);
    if as_json {
        println!(
            "{}",
            serde_json::json!({"account": account, "seq": seq, "entries": statement.entries.len(), "verified": true})
        );
    } else {
        println!(
            "verified: {account}, {} entries, as of record {seq}, closing balance {}",
            statement.entries.len(),
            statement.closing
        );
    }
    Ok(())
}

/// A pass for people.
pub(crate) fn show_pass(pass: &wire::Pass) -> String {
    let b = &pass.books;
    let row = |name: &str, amount: &String| vec![name.to_owned(), amount.clone()];
    let rows = [
        row("issued", &b.issued),
        row("goodwill", &b.goodwill),
        row("owed (debt)", &b.debt),
        row("overdraft", &b.overdraft),
        row("free in grants", &b.free),
        row("held", &b.held),
        row("spent", &b.spent),
        row("breakage", &b.breakage),
        row("difference", &b.difference),
    ];
    let mut out = format!(
        "{} accounts, {} records\n{}",
        pass.accounts,
        pass.records,
        print::table(&rows, &[false, true])
    );
    for place in &pass.damage {
        out.push_str(&format!("damaged: {place}\n"));
    }
    for f in &pass.findings {
        out.push_str(&format!("account {}, record {}, {}: {}\n", f.account, f.record, f.dataset, f.what));
    }
    if pass.found == 0 && pass.damage.is_empty() {
        out.push_str("every record follows from those before it\n");
    }
    out
}
