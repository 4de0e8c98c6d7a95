//! `headworks bench attacks`: a canary of 50 authorize a second beside each attack, quiet and attacked in turns; and all of them
//! at once for as long as wanted.

mod canary;
mod kinds;
mod target;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headworks_engine::in_background;
use headworks_terminal::{Failed, Outcome, say};
use tokio::runtime::{Builder, Runtime};

use crate::arguments::{AttacksBench, SoakBench};
use canary::{Canary, Seen};
use kinds::ATTACKS;
use target::Target;

/// Records of the long log.
const RECORDS: u32 = 100_000;
/// Good requests a second.
const CANARY_RATE: u32 = 50;

/// The attackers' own work gives way, as it would on machines of their own.
fn attackers() -> Result<Runtime, Failed> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(in_background).build()?)
}

/// The greatest resident memory while a future runs.
async fn measured<T>(target: &Target, work: impl Future<Output = T>) -> (T, u64) {
    let most = AtomicU64::new(0);
    let watch = async {
        loop {
            most.fetch_max(target.resident_mib().unwrap_or(0), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        done = work => (done, most.load(Ordering::Relaxed)),
        () = watch => unreachable!("it never ends"),
    }
}

/// Runs an attack for a time.
async fn attacked(attack: usize, target: &Arc<Target>, time: Duration) -> Result<(), Failed> {
    let Some((_, _, act)) = ATTACKS.get(attack) else { return Ok(()) };
    let attackers = attackers()?;
    let running = attackers.spawn(act(Arc::clone(target)));
    let ended = tokio::time::timeout(time, running).await;
    attackers.shutdown_background();
    match ended {
        Ok(ended) => ended?,
        Err(_) => Ok(()),
    }
}

fn millis(d: Duration) -> f64 {
    #[expect(clippy::float_arithmetic, reason = "a figure for people")]
    let millis = d.as_secs_f64() * 1e3;
    millis
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

pub(super) async fn run(options: AttacksBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let (target, _running) = Target::start(dir.path(), RECORDS).await?;
    let target = Arc::new(target);
    let slice = Duration::from_secs(options.seconds);
    say!("attack        quiet p99   attacked p99   median ratio   good   failed   peak memory   what")?;
    for (at, (name, what, _)) in ATTACKS.iter().enumerate() {
        if options.only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let canary = Canary::start(target.address, &target.admin, name, CANARY_RATE);
        let (mut quiets, mut attackeds, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut good, mut most, mut failures) = (0, 0, Vec::new());
        for _ in 0..options.alternations {
            // What the last attack left behind is part of it, not of the quiet.
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(canary.take());
            tokio::time::sleep(slice).await;
            let mut quiet = canary.take();
            let (ended, peak) = measured(&target, attacked(at, &target, slice)).await;
            ended?;
            let mut under: Seen = canary.take();
            let (before, during) = (millis(quiet.within(990)), millis(under.within(990)));
            quiets.push(before);
            attackeds.push(during);
            #[expect(clippy::float_arithmetic, reason = "a figure for people")]
            ratios.push(during / before.max(1e-6));
            good += under.good();
            most = most.max(peak);
            failures.append(&mut under.failures);
        }
        say!(
            "{name:<12} {:>8.1} ms {:>11.1} ms {:>14.2} {good:>6} {:>8} {most:>9} MiB   {what}",
            median(quiets),
            median(attackeds),
            median(ratios),
            failures.len(),
        )?;
        for why in failures.iter().take(3) {
            say!("             failed: {why}")?;
        }
    }
    Ok(())
}

/// Good load with everything beside it.
pub(super) async fn soak(options: SoakBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let (target, _running) = Target::start(dir.path(), RECORDS).await?;
    let target = Arc::new(target);
    let good: Vec<Canary> = (0..options.callers)
        .map(|n| Canary::start(target.address, &target.admin, &format!("good-{n}"), options.rate))
        .collect();
    let attackers = attackers()?;
    for (_, _, act) in ATTACKS {
        attackers.spawn(act(Arc::clone(&target)));
    }
    let begun = Instant::now();
    say!("minute   good   failed       p50        p99      slowest   memory")?;
    for minute in 1..=options.minutes {
        let until = begun + Duration::from_secs(60) * minute;
        let rest = async { tokio::time::sleep_until(until.into()).await };
        let ((), most) = measured(&target, rest).await;
        let mut all = Seen::default();
        for canary in &good {
            all.join(canary.take());
        }
        say!(
            "{minute:>6} {:>6} {:>8} {:>6.1} ms {:>7.1} ms {:>9.1} ms {most:>5} MiB",
            all.good(),
            all.failures.len(),
            millis(all.within(500)),
            millis(all.within(990)),
            millis(all.within(1_000)),
        )?;
        for why in all.failures.iter().take(3) {
            say!("       failed: {why}")?;
        }
    }
    attackers.shutdown_background();
    Ok(())
}
