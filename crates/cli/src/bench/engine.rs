//! `headworks bench engine`: durable authorize and settle in process, beside a bare append of the same bytes.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_store::journal_blocks;

use super::figures::{percent, rate, seconds};
use super::load::{drive, open, start};
use crate::arguments::EngineBench;
use crate::outcome::{Failed, Outcome};

pub(super) async fn run(options: EngineBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let engine = start(dir.path())?;
    eprintln!("opening {} accounts", options.accounts);
    let mut opening = tokio::task::JoinSet::new();
    for lane in 0..256_u32 {
        let engine = Arc::clone(&engine);
        opening.spawn(async move {
            let mut n = lane;
            while n < options.accounts {
                open(&engine, n).await?;
                n += 256;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = opening.join_next().await {
        done??;
    }
    let written_before = journal_blocks(&dir.path().join("journal"))?.len();
    eprintln!("authorizing and settling for {} s with {} in flight", options.seconds, options.in_flight);
    let operations = Arc::new(AtomicU64::new(0));
    let started = StdInstant::now();
    let until = started + Duration::from_secs(options.seconds);
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..options.in_flight {
        let (engine, operations) = (Arc::clone(&engine), Arc::clone(&operations));
        lanes.spawn(async move { drive(&engine, options.accounts, lane, until, &operations).await });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    let took = started.elapsed();
    let ours = rate(operations.load(Ordering::Relaxed), took);
    engine.close();
    drop(engine);
    let blocks = journal_blocks(&dir.path().join("journal"))?.split_off(written_before);
    let bytes: usize = blocks.iter().sum();
    let raw = raw_append(dir.path(), &blocks)?;
    let records = operations.load(Ordering::Relaxed);
    let raw_rate = rate(records, raw);
    println!("accounts            {}", options.accounts);
    println!("in flight           {}", options.in_flight);
    println!(
        "operations          {records} in {:.1} s, {} batches, {bytes} bytes",
        seconds(took),
        blocks.len()
    );
    println!("engine              {ours:.0} durable operations/s");
    println!("bare append         {raw_rate:.0} operations/s (same bytes, same batches, write + fdatasync)");
    println!("ratio               {:.0} % of the bare append (bar: 40 %)", percent(ours, raw_rate));
    Ok(())
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
