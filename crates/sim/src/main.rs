//! `headworks-sim`: deterministic simulation. One seed is one thread, with virtual time and a virtual disk. It runs
//! the real core, engine and embedded store, crashes them anywhere, and checks the invariants.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a simulation looks at some kinds of records and leaves the rest"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use headworks_core::record::{Span, TimeError};

mod catalog;
mod coverage;
mod disk;
mod figures;
mod history;
mod op;
mod parts;
mod random;
mod usage;
mod world;

use coverage::Coverage;
use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Deterministic simulation of Headworks.
#[derive(Clone, Debug, Parser)]
#[command(name = "headworks-sim")]
struct Arguments {
    /// Run only this seed, and print its trace
    #[arg(long)]
    seed: Option<u64>,
    /// The number of seeds to run
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run seeds for this long instead: 10m, 1h
    #[arg(long = "for", value_parser = span)]
    length: Option<Span>,
    /// Steps of each seed
    #[arg(long, default_value_t = 300)]
    steps: usize,
    /// Engines on one store: 1, or 2 that do not know each other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    engines: u8,
    /// Threads; each runs one seed at a time
    #[arg(long)]
    threads: Option<usize>,
}

fn span(text: &str) -> Result<Span, String> {
    text.parse().map_err(|e: TimeError| e.to_string())
}

/// Runs a seed; returns the fault, with the trace up to it.
fn run(
    (seed, engines): (u64, u8),
    steps: usize,
    coverage: &Arc<Coverage>,
) -> Result<Vec<String>, (String, Vec<String>)> {
    let mut world = World::new(seed, engines.into(), coverage).map_err(|e| (e.0, Vec::new()))?;
    for _ in 0..steps {
        if let Err(broken) = world.step() {
            return Err((broken.0, world.trace));
        }
    }
    match world.finish() {
        Ok(()) => Ok(world.trace),
        Err(broken) => Err((broken.0, world.trace)),
    }
}

/// The fewest steps with which a seed still fails, and its trace.
fn shrink(seed: (u64, u8), steps: usize) -> Option<(usize, String, Vec<String>)> {
    let quiet = Arc::new(Coverage::default());
    let (mut low, mut high) = (0, steps);
    let mut shortest = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match run(seed, middle, &quiet) {
            Ok(_) => low = middle + 1,
            Err((what, trace)) => {
                high = middle;
                shortest = Some((middle, what, trace));
            }
        }
    }
    shortest
}

fn report(seed: (u64, u8), steps: usize, what: &str, trace: &[String]) {
    let (steps, what, trace) = match shrink(seed, steps) {
        Some((fewer, what, trace)) => (fewer, what, trace),
        None => (steps, what.to_owned(), trace.to_vec()),
    };
    println!("{}", trace.join("\n"));
    let (seed, engines) = seed;
    println!("seed {seed} fails: {what}");
    println!(
        "again: cargo run --release -p headworks-sim -- --seed {seed} --engines {engines} --steps {steps}"
    );
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let coverage = Arc::new(Coverage::default());
    if let Some(seed) = arguments.seed {
        return match run((seed, arguments.engines), arguments.steps, &coverage) {
            Ok(trace) => {
                println!("{}\nseed {seed} holds", trace.join("\n"));
                ExitCode::SUCCESS
            }
            Err((what, trace)) => {
                report((seed, arguments.engines), arguments.steps, &what, &trace);
                ExitCode::FAILURE
            }
        };
    }
    let started = Instant::now();
    let limit = arguments.length.map(|length| Duration::from_micros(length.micros()));
    let (next, done, failed) = (AtomicU64::new(arguments.from), AtomicU64::new(0), AtomicU64::new(0));
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    std::thread::scope(|scope| {
        for _ in 0..threads.unwrap_or(1) {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) == 0 {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let over = match limit {
                        Some(limit) => started.elapsed() >= limit,
                        None => seed >= arguments.from + arguments.seeds,
                    };
                    if over {
                        return;
                    }
                    match run((seed, arguments.engines), arguments.steps, &coverage) {
                        Ok(_) => {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        Err((what, trace)) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            report((seed, arguments.engines), arguments.steps, &what, &trace);
                        }
                    }
                }
            });
        }
    });
    let done = done.load(Ordering::Relaxed);
    let (table, missing) = coverage.report(arguments.engines > 1);
    println!("{table}");
    println!("{done} seeds hold, in {:.1} s", started.elapsed().as_secs_f64());
    if failed.load(Ordering::Relaxed) > 0 {
        return ExitCode::FAILURE;
    }
    if !missing.is_empty() && done >= 1_000 {
        println!("never reached: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
