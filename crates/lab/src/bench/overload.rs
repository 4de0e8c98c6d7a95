//! `headworks bench overload`: authorize over HTTP with more clients than there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_engine::Limits;
use headworks_terminal::{Client, Failed, Outcome, say};

use super::figures::{peak_memory, percent, rate};
use super::http::{authorize, start_server};
use crate::arguments::OverloadBench;

/// More and more clients, each with a request in flight; who is refused comes back after a tenth of a second.
pub(super) async fn run(options: OverloadBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let limits = Limits { waiting_max: options.waiting_max, ..Limits::default() };
    let (engine, serving, url) = start_server(dir.path(), limits).await?;
    say!("clients   stored/s   refused/s   of the peak   peak memory")?;
    let mut peak = 0.0_f64;
    for (round, clients) in (0_u64..).zip([16_usize, 64, 256, 1_024, 4_096]) {
        let (stored, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut lanes = tokio::task::JoinSet::new();
        let mut ready = Vec::new();
        for _ in 0..clients {
            ready.push(Client::connect(&url, None).await?);
        }
        let started = StdInstant::now();
        let until = started + Duration::from_secs(options.seconds);
        for (lane, mut client) in ready.into_iter().enumerate() {
            let (stored, refused) = (Arc::clone(&stored), Arc::clone(&refused));
            lanes.spawn(async move {
                let mut n = 0_u64;
                while StdInstant::now() < until {
                    n += 1;
                    match authorize(&mut client, round, lane, n).await? {
                        hyper::StatusCode::SERVICE_UNAVAILABLE => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        status if status.is_success() => drop(stored.fetch_add(1, Ordering::Relaxed)),
                        status => return Err(format!("status {status}").into()),
                    }
                }
                Ok::<(), Failed>(())
            });
        }
        while let Some(done) = lanes.join_next().await {
            done??;
        }
        let took = started.elapsed();
        let (stored, refused) =
            (rate(stored.load(Ordering::Relaxed), took), rate(refused.load(Ordering::Relaxed), took));
        peak = peak.max(stored);
        say!(
            "{clients:>7}   {stored:>8.0}   {refused:>9.0}   {:>9.0} %   {:>11}",
            percent(stored, peak),
            peak_memory()
        )?;
    }
    serving.shut_down().await;
    engine.close();
    Ok(())
}
