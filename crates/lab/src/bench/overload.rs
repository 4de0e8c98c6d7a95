//! `headworks bench overload`: authorize over HTTP with more clients than the server has room for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_engine::Limits;
use headworks_terminal::{Failed, Outcome, say};

use super::figures::{peak_memory, percent, rate};
use super::http::{asked, start_server};
use super::wire::{Wire, bare_server};
use crate::arguments::OverloadBench;

/// More and more clients, each with a request in flight; a refused client comes back after a tenth of a second. Before and after,
/// the same clients ask the server's empty endpoint, and a server that is nothing but its sockets: the time that those lose with many
/// clients, every server loses.
pub(super) async fn run(options: OverloadBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let limits = Limits { waiting_max: options.waiting_max, ..Limits::default() };
    let (engine, serving, _) = start_server(dir.path(), limits).await?;
    let slice = Duration::from_secs(options.seconds);
    let (bare_address, bare_server) = bare_server().await?;
    say!(
        "clients   sockets/s   of their peak   empty/s   of its peak   stored/s   refused/s   of its peak   peak memory"
    )?;
    let (mut peak_bare, mut peak_empty, mut peak) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (round, clients) in (0_u64..).zip([16_usize, 64, 256, 1_024, 4_096]) {
        let (bare_before, _) = load(bare_address, clients, slice / 2, None).await?;
        let (before, _) = load(serving.address, clients, slice / 2, None).await?;
        let (stored, refused) = load(serving.address, clients, slice, Some(round)).await?;
        let (after, _) = load(serving.address, clients, slice / 2, None).await?;
        let (bare_after, _) = load(bare_address, clients, slice / 2, None).await?;
        let (bare, empty) = (f64::midpoint(bare_before, bare_after), f64::midpoint(before, after));
        (peak_bare, peak_empty, peak) = (peak_bare.max(bare), peak_empty.max(empty), peak.max(stored));
        say!(
            "{clients:>7}   {bare:>9.0}   {:>11.0} %   {empty:>7.0}   {:>9.0} %   {stored:>8.0}   {refused:>9.0}   {:>9.0} %   {:>11}",
            percent(bare, peak_bare),
            percent(empty, peak_empty),
            percent(stored, peak),
            peak_memory()
        )?;
    }
    bare_server.abort();
    serving.shut_down().await;
    engine.close();
    Ok(())
}

/// Requests a second that are done, and that are refused: authorize, or the empty endpoint for `None`. The clients connect before
/// the time begins.
async fn load(
    address: SocketAddr,
    clients: usize,
    slice: Duration,
    round: Option<u64>,
) -> Result<(f64, f64), Failed> {
    let (done, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut ready = Vec::new();
    for _ in 0..clients {
        ready.push(Wire::connect(address).await?);
    }
    let started = StdInstant::now();
    let until = started + slice;
    let mut lanes = tokio::task::JoinSet::new();
    for (lane, client) in ready.into_iter().enumerate() {
        let (done, refused) = (Arc::clone(&done), Arc::clone(&refused));
        lanes.spawn(async move {
            let mut n = 0_u64;
            while StdInstant::now() < until {
                n += 1;
                match client.send(request(round, lane, n)?.as_bytes()).await? {
                    200 => {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    503 => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
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
    Ok((rate(done.load(Ordering::Relaxed), took), rate(refused.load(Ordering::Relaxed), took)))
}

/// A request to authorize, or to the empty endpoint for `None`.
fn request(round: Option<u64>, lane: usize, n: u64) -> Result<String, Failed> {
    let Some(round) = round else { return Ok("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n".to_owned()) };
    let (key, body) = asked(round, lane, n)?;
    Ok(format!(
        "POST /v1/authorize HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}
