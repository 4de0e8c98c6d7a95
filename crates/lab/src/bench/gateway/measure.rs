//! What is measured of a way to the upstream in one round.
//!
//! Units: microseconds, kibibytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headworks_terminal::{Failed, Outcome};
use serde::Serialize;
use tokio::task::JoinSet;

use super::super::figures::resident;
use super::super::latency::Latencies;
use super::caller::{Caller, Seen};
use super::ways::Way;
use crate::arguments::GatewayBench;

/// Tokens of a short answer.
const SHORT: u64 = 8;
/// Callers at once; the next number is tried until two in a row make calls too slow.
const CALLERS: [usize; 11] = [1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128];
/// The slowest call of a hundred, where the rate still counts.
const P99_MAX: Duration = Duration::from_millis(5);
/// How long each number of callers is tried.
const STEP: Duration = Duration::from_secs(1);
/// Tokens a second of each of many streams.
const PACE: u64 = 50;
/// After this much more than it takes, an event of a stream is lost.
const LATE: Duration = Duration::from_secs(2);

/// Kibibytes of a way.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Memory {
    /// After one call.
    pub(super) idle: Option<u64>,
    /// While all streams run; the most of all rounds.
    pub(super) steady: Option<u64>,
    /// After all rounds.
    pub(super) after: Option<u64>,
}

/// Figures of a way in one round.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    /// Until the first token, of calls one after the other.
    pub(super) first_p50: u64,
    pub(super) first_p99: u64,
    /// Calls a second, by the number of callers at which most were made while the slowest of a hundred kept the limit.
    pub(super) rate: u64,
    pub(super) callers: u64,
    /// Events of many streams that did not come in time.
    pub(super) lost: u64,
    /// Between two events of a stream.
    pub(super) gap_p50: u64,
    pub(super) gap_p99: u64,
}

/// A way and its figures.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) rounds: Vec<Round>,
    pub(super) memory: Memory,
}

pub(super) fn micros(of: &Latencies, per_mille: u64) -> u64 {
    of.quantile(per_mille) / 1_000
}

/// One short call, whole.
pub(super) async fn one(way: &Way) -> Outcome {
    let mut seen = Seen::default();
    let mut caller = Caller::connect(way, SHORT, 0).await?;
    tokio::time::timeout(Duration::from_secs(10), caller.call(&mut seen, None)).await??;
    if seen.events == SHORT { Ok(()) } else { Err(format!("{} events of {SHORT}", seen.events).into()) }
}

pub(super) async fn round(way: &Way, options: &GatewayBench, memory: &mut Memory) -> Result<Round, Failed> {
    let first = Latencies::new();
    let mut caller = Caller::connect(way, SHORT, 0).await?;
    for _ in 0..options.calls {
        let mut seen = Seen::default();
        caller.call(&mut seen, None).await?;
        first.add(seen.first.ok_or("an answer without a token")?);
    }
    let (rate, callers) = rate(way).await?;
    let half = Duration::from_secs(options.seconds) / 2;
    let sample = async {
        tokio::time::sleep(half).await;
        way.process.and_then(resident)
    };
    let ((lost, gaps), steady) = tokio::join!(streams(way, options), sample);
    memory.steady = memory.steady.max(steady);
    Ok(Round {
        first_p50: micros(&first, 500),
        first_p99: micros(&first, 990),
        rate,
        callers,
        lost,
        gap_p50: micros(&gaps, 500),
        gap_p99: micros(&gaps, 990),
    })
}

/// The most calls a second within the limit, and the callers that made them.
async fn rate(way: &Way) -> Result<(u64, u64), Failed> {
    let (mut best, mut slow) = ((0, 0), 0);
    for callers in CALLERS {
        let took = load(way, callers).await?;
        if micros(&took, 990) > u64::try_from(P99_MAX.as_micros())? {
            slow += 1;
            if slow == 2 {
                break;
            }
        } else {
            slow = 0;
            best = best.max((took.count() / STEP.as_secs(), u64::try_from(callers)?));
        }
    }
    Ok(best)
}

/// How long the calls of so many callers took.
async fn load(way: &Way, callers: usize) -> Result<Arc<Latencies>, Failed> {
    let took = Arc::new(Latencies::new());
    let mut connected = Vec::new();
    for _ in 0..callers {
        connected.push(Caller::connect(way, SHORT, 0).await?);
    }
    let until = Instant::now() + STEP;
    let mut calling = JoinSet::new();
    for mut caller in connected {
        let took = Arc::clone(&took);
        calling.spawn(async move {
            loop {
                let begun = Instant::now();
                caller.call(&mut Seen::default(), None).await?;
                if Instant::now() > until {
                    return Ok::<(), Failed>(());
                }
                took.add(begun.elapsed());
            }
        });
    }
    while let Some(done) = calling.join_next().await {
        done??;
    }
    Ok(took)
}

/// Runs many streams at once: events that did not come in time, and the gaps between those that did.
async fn streams(way: &Way, options: &GatewayBench) -> (u64, Arc<Latencies>) {
    let tokens = PACE * options.seconds;
    let limit = Duration::from_secs(options.seconds) + LATE;
    let gaps = Arc::new(Latencies::new());
    let mut calling = JoinSet::new();
    for _ in 0..options.streams {
        let (gaps, caller) = (Arc::clone(&gaps), Caller::connect(way, tokens, PACE).await);
        calling.spawn(async move {
            let mut seen = Seen::default();
            // A stream that fails, or is not even begun, has lost what has not come.
            let Ok(mut caller) = caller else { return tokens };
            let _ = tokio::time::timeout(limit, caller.call(&mut seen, Some(&gaps))).await;
            tokens.saturating_sub(seen.events)
        });
    }
    let lost = calling.join_all().await;
    (lost.into_iter().sum(), gaps)
}
