//! What was measured, for people and for programs: the median over the rounds, with the least and the most.

use headworks_terminal::{Outcome, print, say, say_part};
use serde_json::json;

use super::super::latency::Latencies;
use super::measure::{Measured, Round, micros};
use super::ways::{GATEWAY, GATEWAY_IN_MEMORY, PASS};
use crate::arguments::GatewayBench;

/// What the gateway may add to the bare proxy, without the sync of its record.
const BAR_MICROS: u64 = 300;

/// A figure of a round.
type Figure = fn(&Round) -> u64;

/// The middle of some numbers, with the least and the most.
fn spread(mut values: Vec<i64>) -> (i64, i64, i64) {
    values.sort_unstable();
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn cell((middle, least, most): (i64, i64, i64)) -> String {
    if least == most { middle.to_string() } else { format!("{middle} ({least} to {most})") }
}

fn figure(of: &Measured, figure: Figure) -> String {
    cell(spread(of.rounds.iter().map(|round| signed(figure(round))).collect()))
}

/// What a way has beyond another one in the same round.
fn beyond(of: &Measured, other: &Measured, figure: Figure) -> String {
    let pairs = of.rounds.iter().zip(&other.rounds);
    cell(spread(pairs.map(|(own, other)| signed(figure(own)) - signed(figure(other))).collect()))
}

fn table(
    title: &str,
    heads: &[&str],
    measured: &[Measured],
    row: impl Fn(&Measured) -> Vec<String>,
) -> Outcome {
    say!("\n{title}")?;
    let head = std::iter::once("").chain(heads.iter().copied()).map(str::to_owned).collect();
    let rows = measured.iter().map(|of| std::iter::once(of.name.clone()).chain(row(of)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let right: Vec<bool> = (0..=heads.len()).map(|column| column > 0).collect();
    say_part!("{}", print::table(&rows, &right))
}

pub(super) fn print(options: &GatewayBench, measured: &[Measured], sync: &Latencies) -> Outcome {
    let Some(direct) = measured.first() else { return Ok(()) };
    let (p50, p99): (Figure, Figure) = (|round| round.first_p50, |round| round.first_p99);
    say!("medians of {} rounds (least to most); each way is a process of its own", options.rounds)?;
    table(
        &format!("time to the first token, {} calls one after the other, µs", options.calls),
        &["p50", "p99", "added p50", "added p99"],
        measured,
        |of| vec![figure(of, p50), figure(of, p99), beyond(of, direct, p50), beyond(of, direct, p99)],
    )?;
    bars(measured, micros(sync, 990))?;
    table(
        "calls of 8 tokens a second while 99 of 100 take at most 5 ms",
        &["calls/s", "callers"],
        measured,
        |of| vec![figure(of, |round| round.rate), figure(of, |round| round.callers)],
    )?;
    table(
        &format!("{} streams of 50 events a second for {} s, gaps in µs", options.streams, options.seconds),
        &["events lost", "gap p50", "gap p99", "added p99"],
        measured,
        |of| {
            let gap: Figure = |round| round.gap_p99;
            vec![
                figure(of, |round| round.lost),
                figure(of, |round| round.gap_p50),
                figure(of, gap),
                beyond(of, direct, gap),
            ]
        },
    )?;
    table("resident memory, MiB", &["idle", "with all streams", "after"], measured, |of| {
        let size = |kib: Option<u64>| kib.map_or("-".to_owned(), |kib| (kib / 1_024).to_string());
        vec![size(of.memory.idle), size(of.memory.steady), size(of.memory.after)]
    })
}

/// Whether the gateway keeps its bars, which are relative to the bare proxy of the same round.
fn bars(measured: &[Measured], sync: u64) -> Outcome {
    let named = |name: &str| measured.iter().find(|of| of.name == name);
    let Some(bare) = named(PASS) else { return Ok(()) };
    say!("a write and sync of 512 bytes: p99 {sync} µs")?;
    for (name, allowed) in [(GATEWAY_IN_MEMORY, BAR_MICROS), (GATEWAY, BAR_MICROS + sync)] {
        let Some(of) = named(name) else { continue };
        let rounds = of.rounds.iter().zip(&bare.rounds);
        let kept = rounds.filter(|(own, bare)| own.first_p99 <= bare.first_p99 + allowed).count();
        say!(
            "{name}: p99 within the bare proxy's + {allowed} µs in {kept} of {} rounds ({} µs beyond it)",
            of.rounds.len(),
            beyond(of, bare, |round| round.first_p99)
        )?;
    }
    Ok(())
}

pub(super) fn json(measured: &[Measured], sync: &Latencies) -> Outcome {
    let sync = json!({"p50": micros(sync, 500), "p99": micros(sync, 990)});
    say!("{}", json!({"unit": "microseconds", "sync": sync, "ways": measured}))
}
