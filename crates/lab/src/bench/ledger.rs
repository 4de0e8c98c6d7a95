//! `headworks bench ledger`: reconcile, replay, what-if, backup and restore over a ledger made for it.

use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::{replay, what_if};
use headworks_core::catalog::{Catalog, Format};
use headworks_store::{Embedded, Options};
use headworks_terminal::{Failed, Outcome, say, tell};

use super::figures::{peak_memory, rate, seconds};
use super::load::{CATALOG, Clients, Tally, key, open, start};
use crate::arguments::LedgerBench;

/// Writes a ledger, then reads it back in every way.
pub(super) async fn run(options: LedgerBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let engine = start(dir.path())?;
    let put = engine.put_catalog(CATALOG, (&key("catalog")?, None)).await?;
    put.map_err(|problems| problems.to_string())?;
    for n in 0..options.accounts {
        open(&engine, n).await?;
    }
    tell!("writing {} records of {} accounts", options.records, options.accounts);
    let (clients, tally) = (Arc::new(Clients::of(options.accounts)?), Arc::new(Tally::new()));
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..64 {
        let (engine, clients, tally) = (Arc::clone(&engine), Arc::clone(&clients), Arc::clone(&tally));
        lanes.spawn(async move {
            while tally.operations() < options.records {
                // A lane's keys must differ from stretch to stretch.
                let stretch = lane + 64 * usize::try_from(tally.operations())?;
                let until = StdInstant::now() + Duration::from_millis(500);
                clients.drive(&engine, stretch, until, &tally).await?;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    engine.close();
    drop(engine);
    let store = Embedded::open(dir.path(), Options::default())?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let row = |what: &str, records: u64, took: Duration, wrong: u64| {
        let per_second = rate(records, took);
        say!(
            "{what:<12} {records} records in {:.1} s, {per_second:.0} records/s, {wrong} differ",
            seconds(took)
        )
    };
    let timed = StdInstant::now();
    let report = reconcile(&store, threads, &Progress::default())?;
    row("reconcile", report.records, timed.elapsed(), report.found)?;
    let timed = StdInstant::now();
    let report = replay(&store, threads, &Progress::default())?;
    row("replay", report.records, timed.elapsed(), report.found)?;
    let dearer = CATALOG.replace("\"1.25\"", "\"1.5\"").replace("\"0.004\"", "\"0.002\"");
    let dearer = Catalog::parse(&dearer, Format::Toml).map_err(|e| e.to_string())?;
    let timed = StdInstant::now();
    let report = what_if(&store, &dearer, threads, &Progress::default())?;
    row("what-if", report.records, timed.elapsed(), report.changed.count())?;
    let copy = dir.path().join("copy");
    let timed = StdInstant::now();
    let copied = headworks_store::backup(dir.path(), &copy)?;
    say!("{:<12} {} bytes in {:.1} s", "backup", copied.bytes, seconds(timed.elapsed()))?;
    let timed = StdInstant::now();
    let restored = headworks_store::restore(&copy, &dir.path().join("restored"), None)?;
    row("restore", restored.records, timed.elapsed(), restored.later)?;
    say!("{:<12} {}", "peak memory", peak_memory())?;
    Ok(())
}
