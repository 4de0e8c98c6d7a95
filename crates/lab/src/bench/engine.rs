//! `headworks bench engine`: durable authorize and settle in process, beside a bare append of the same bytes.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant as StdInstant};

use headworks_engine::{Engine, Limits};
use headworks_store::journal_blocks;
use headworks_terminal::{Failed, Outcome, say, tell};
use tokio::sync::watch;

use super::figures::{percent, rate, seconds};
use super::load::{Clients, Tally, open, start_with};
use crate::arguments::EngineBench;

/// Clients that open accounts.
const OPENERS: u32 = 256;

pub(super) async fn run(options: EngineBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let usual = Limits::default();
    let accounts_max = usual.accounts_max.max(usize::try_from(options.accounts)?);
    let engine = start_with(dir.path(), Limits { accounts_max, ..usual })?;
    tell!("opening {} accounts", options.accounts);
    open_all(&engine, options.accounts).await?;
    let written_before = journal_blocks(&dir.path().join("journal"))?.len();
    tell!("authorizing and settling for {} s with {} in flight", options.seconds, options.in_flight);
    let tally = Arc::new(Tally::new());
    let took = measure(&engine, options, &tally).await?;
    engine.close();
    drop(engine);
    let records = tally.operations();
    let blocks = journal_blocks(&dir.path().join("journal"))?.split_off(written_before);
    let bytes: usize = blocks.iter().sum();
    let raw = raw_append(dir.path(), &blocks)?;
    let (ours, raw_rate) = (rate(records, took), rate(records, raw));
    say!("accounts            {}", options.accounts)?;
    say!("in flight           {}", options.in_flight)?;
    say!("operations          {records} in {:.1} s, {} batches, {bytes} bytes", seconds(took), blocks.len())?;
    say!("authorize           {}", tally.authorize.row())?;
    say!("settle              {}", tally.settle.row())?;
    let overloads = tally.overloads.load(Ordering::Relaxed);
    if overloads > 0 {
        say!(
            "sent again          {overloads} times, as too many were waiting; latencies count from the first time"
        )?;
    }
    say!("engine              {ours:.0} durable operations/s")?;
    say!("bare append         {raw_rate:.0} operations/s (same bytes, same batches, write + fdatasync)")?;
    say!("ratio               {:.0} % of the bare append (bar: 40 %)", percent(ours, raw_rate))?;
    Ok(())
}

async fn open_all(engine: &Arc<Engine>, accounts: u32) -> Outcome {
    let mut opening = tokio::task::JoinSet::new();
    for lane in 0..OPENERS {
        let engine = Arc::clone(engine);
        opening.spawn(async move {
            for n in (lane..accounts).step_by(usize::try_from(OPENERS)?) {
                open(&engine, n).await?;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = opening.join_next().await {
        done??;
    }
    Ok(())
}

/// Lets all clients begin at once when each is ready, and tells how long it took until the last one had its answer.
async fn measure(engine: &Arc<Engine>, options: EngineBench, tally: &Arc<Tally>) -> Result<Duration, Failed> {
    let clients = Arc::new(Clients::of(options.accounts)?);
    let (begin, _) = watch::channel(None::<StdInstant>);
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..options.in_flight {
        let (engine, clients, tally) = (Arc::clone(engine), Arc::clone(&clients), Arc::clone(tally));
        let mut begins = begin.subscribe();
        lanes.spawn(async move {
            let until = begins.wait_for(Option::is_some).await?.unwrap_or_else(StdInstant::now);
            drop(begins);
            clients.drive(&engine, lane, until, &tally).await
        });
    }
    let started = StdInstant::now();
    begin.send_replace(Some(started + Duration::from_secs(options.seconds)));
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    Ok(started.elapsed())
}

/// Writes blocks of the same sizes to one file, each synced before the next.
fn raw_append(dir: &Path, blocks: &[usize]) -> Result<Duration, Failed> {
    let mut file = std::fs::File::options().create_new(true).append(true).open(dir.join("bare"))?;
    let filler = vec![0x5A; blocks.iter().copied().max().unwrap_or(0)];
    let started = StdInstant::now();
    for block in blocks {
        file.write_all(filler.get(..*block).unwrap_or_default())?;
        file.sync_data()?;
    }
    Ok(started.elapsed())
}
