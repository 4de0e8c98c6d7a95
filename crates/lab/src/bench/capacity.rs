//! `headworks bench capacity`: the cost of supplies, on the path of a request and off it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use headworks_core::capacity::Sharer;
use headworks_core::catalog::{COST_MAX, ClassTerms, Formula, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Instant, Level, Name, Span};
use headworks_engine::capacity::supply::{Cost, Leaf, Supply};
use headworks_terminal::{Failed, Outcome, say};
use serde_json::json;

use crate::simulate::measure::quantile;

const ACCOUNTS: u32 = 100_000;
const TICKS: i64 = 50;
const TAKES: usize = 1_000_000;

fn name(text: &str) -> Result<Name, Failed> {
    Name::new(text).map_err(|e| e.to_string().into())
}

/// Three classes in two bands, both dimensions limited, and everybody wants more than the supply has.
fn terms() -> Result<SupplyTerms, Failed> {
    let formula = Formula(vec![(name("requests")?, 1)]);
    let class = |priority| ClassTerms { priority, ..ClassTerms::default() };
    Ok(SupplyTerms {
        rate: SupplyDimension { limit: Some(1_000_000), formula: formula.clone() },
        in_flight: SupplyDimension { limit: Some(COST_MAX), formula },
        per: Span::from_secs(1),
        share_by: Level::Key,
        learn: None,
        fallback: Vec::new(),
        points_s_max: None,
        waiting_max_per_account: 0,
        waiting_max: 0,
        classes: vec![(name("chat")?, class(0)), (name("default")?, class(0)), (name("batch")?, class(1))],
    })
}

pub(super) fn run(as_json: bool) -> Outcome {
    let supply: Supply<()> = Supply::new(name("model")?, Arc::new(terms()?));
    let mut leaves = Vec::new();
    for i in 0..ACCOUNTS {
        let account = name(&format!("account-{i}"))?;
        let class = u16::try_from(i % 3)?;
        let cluster = (i % 10 == 0).then(|| name(&format!("cluster-{}", i / 100))).transpose()?;
        let terms = AccountTerms { weight: 1 + i % 4, ..AccountTerms::default() };
        leaves.push(Arc::new(Leaf::new(Sharer::new(class, cluster.as_ref(), &account, None), terms)));
    }
    let mut ticks = Vec::new();
    for tick in 0..TICKS {
        for (i, leaf) in (0_u64..).zip(&leaves) {
            supply.note(leaf, Cost { rate: 10 + i % 90, in_flight: 1 });
        }
        let started = StdInstant::now();
        supply.tick(Instant::from_micros(1_700_000_000_000_000 + tick * 100_000));
        ticks.push(u64::try_from(started.elapsed().as_micros())?);
    }
    // The first ticks take everybody in.
    let mut steady = ticks.split_off(2);
    steady.sort_unstable();
    let mut spans = Vec::with_capacity(TAKES);
    let mut granted = 0_u64;
    let mut at = 0_usize;
    for _ in 0..TAKES {
        // A large odd stride: each account is met cold.
        at = (at + 61_803) % leaves.len();
        let Some(leaf) = leaves.get(at) else { continue };
        let cost = Cost { rate: 1, in_flight: 1 };
        let started = StdInstant::now();
        let room = black_box(supply.take(leaf, cost));
        spans.push(u64::try_from(started.elapsed().as_nanos())?);
        granted += u64::from(room.is_ok());
        if room.is_ok() {
            supply.end(leaf, cost, Some(1), Instant::NEVER);
        }
    }
    spans.sort_unstable();
    let of = |sorted: &[u64], per_mille| quantile(sorted, per_mille);
    let first = ticks.first().copied().unwrap_or(0);
    if as_json {
        say!(
            "{}",
            json!({"accounts": ACCOUNTS, "first_tick_micros": first, "tick_p50_micros": of(&steady, 500),
                "tick_p99_micros": of(&steady, 990), "take_p50_nanos": of(&spans, 500), "take_p99_nanos": of(&spans, 990),
                "granted": granted})
        )?;
    } else {
        say!(
            "tick with {ACCOUNTS} active accounts   p50 {:>7} us, p99 {:>7} us (bar 20000 us; first {first} us)",
            of(&steady, 500),
            of(&steady, 990)
        )?;
        say!(
            "room of a supply taken, timer included    p50 {:>7} ns, p99 {:>7} ns ({granted} of {TAKES} granted)",
            of(&spans, 500),
            of(&spans, 990)
        )?;
    }
    Ok(())
}
