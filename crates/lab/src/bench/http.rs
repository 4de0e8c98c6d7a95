//! `headworks bench http`: authorize over HTTP beside the same server's empty endpoint.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_engine::{Engine, Limits};
use headworks_server::{ServeOptions, Serving, serve};
use headworks_terminal::{Client, Failed, Outcome, say};
use hyper::Method;

use super::figures::{percent, rate};
use super::load::{open, start_with};
use crate::arguments::HttpBench;

pub(super) async fn run(options: HttpBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let (engine, serving, url) = start_server(dir.path(), Limits::default()).await?;
    let mut empty_total = 0.0;
    let mut ours_total = 0.0;
    // Both sides in turns, so that a noisy neighbour disturbs both.
    for round in 0..3_u64 {
        let slice = Duration::from_secs(options.seconds);
        let empty = load(&url, options.connections, slice, None).await?;
        let ours = load(&url, options.connections, slice, Some(round)).await?;
        say!("round {round}: empty endpoint {empty:.0} requests/s, authorize {ours:.0} requests/s")?;
        #[expect(clippy::float_arithmetic, reason = "a figure for people")]
        {
            empty_total += empty;
            ours_total += ours;
        }
    }
    say!("ratio: {:.0} % of the empty endpoint (bar: 60 %)", percent(ours_total, empty_total))?;
    serving.shut_down().await;
    engine.close();
    Ok(())
}

/// A server on loopback with a thousand accounts.
pub(super) async fn start_server(
    dir: &Path,
    limits: Limits,
) -> Result<(Arc<Engine>, Serving, String), Failed> {
    let engine = start_with(dir, limits)?;
    for n in 0..1_000 {
        open(&engine, n).await?;
    }
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let options = ServeOptions { listen, open: true, ..ServeOptions::default() };
    let serving = serve(Arc::clone(&engine), options).await?;
    let url = format!("http://{}", serving.address);
    Ok((engine, serving, url))
}

/// The key and the body of a request to authorize.
pub(super) fn asked(round: u64, lane: usize, n: u64) -> Result<(String, String), Failed> {
    let body = format!(
        r#"{{"account":"account-{}","feature":"chat","settle":"now","quantities":{{"input_tokens":1200,"output_tokens":800}}}}"#,
        (n * 7 + u64::try_from(lane)? * 131) % 1_000
    );
    Ok((format!("{round}-{lane}-{n}"), body))
}

async fn authorize(
    client: &mut Client,
    round: u64,
    lane: usize,
    n: u64,
) -> Result<hyper::StatusCode, Failed> {
    let (key, body) = asked(round, lane, n)?;
    let sent = client.send(Method::POST, "/v1/authorize", Some(&key), "application/json", body.into_bytes());
    Ok(sent.await?.0)
}

/// Requests a second over keep-alive connections: authorize, or the empty endpoint for `None`.
async fn load(url: &str, connections: usize, slice: Duration, round: Option<u64>) -> Result<f64, Failed> {
    let count = Arc::new(AtomicU64::new(0));
    let until = StdInstant::now() + slice;
    let started = StdInstant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..connections {
        let (url, count) = (url.to_owned(), Arc::clone(&count));
        lanes.spawn(async move {
            let mut client = Client::connect(&url, None).await?;
            let mut n = 0_u64;
            while StdInstant::now() < until {
                n += 1;
                let status = match round {
                    None => client.send(Method::GET, "/healthz", None, "text/plain", Vec::new()).await?.0,
                    Some(round) => authorize(&mut client, round, lane, n).await?,
                };
                if !status.is_success() {
                    return Err(format!("status {status}").into());
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    Ok(rate(count.load(Ordering::Relaxed), started.elapsed()))
}
