//! Points on real clients: every ten minutes of a day they ask for as much as they did in a published trace, scaled so that all
//! ask for the same over the day. Shared without memory, a client that comes when all do gets little.
//!
//! The real allocator, in simulated time. Source: the clients of ServeGen; the comparison of Karma, OSDI 2023, on such demands.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;
use std::io::Read as _;

use headworks_core::capacity::Sharer;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::catalog::{ClassTerms, Formula, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Level, Name, Span};
use headworks_terminal::Failed;
use serde::Deserialize;

use super::yardstick::{Measured, yardstick};

const RATES: &[u8] = include_bytes!("../../../traces/servegen_day_rates.csv.gz");
const WINDOW_S: usize = 600;
const WINDOWS: usize = 144;
const TICK_S: usize = 4;
/// What each client asks for on average, a second.
const MEAN: f64 = 1_000_000.0;
/// How far back points reach, in seconds of the fair share: a day.
const REMEMBERED_S: u32 = 86_400;

#[derive(Deserialize)]
struct Row {
    model: String,
    client: String,
    t_s: usize,
    rate_rps: f64,
}

/// What each client asks for in each window, a second.
type Demands = Vec<Vec<u64>>;

fn demands(of: &str) -> Result<Demands, Failed> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(RATES).read_to_string(&mut text)?;
    let mut clients: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let Row { model, client, t_s, rate_rps } = row?;
        if model == of
            && let Some(rate) =
                clients.entry(client).or_insert_with(|| vec![0.0; WINDOWS]).get_mut(t_s / WINDOW_S)
        {
            *rate = rate_rps;
        }
    }
    let scaled = |rates: Vec<f64>| {
        let mean = rates.iter().sum::<f64>() / WINDOWS as f64;
        rates.into_iter().map(|rate| (rate / mean * MEAN) as u64).collect()
    };
    Ok(clients.into_values().map(scaled).collect())
}

/// A day shared out.
struct Day {
    /// What each client got of its demand.
    got: Vec<u64>,
    /// All that was got against the smaller of capacity and demand.
    used: f64,
    /// The smallest part of its floor, as far as it was asked for, that the client with a floor got in a second.
    floor: f64,
}

fn sharer(index: u32) -> Sharer {
    Sharer { class: 0, cluster: index.into(), account: index.into(), key: 0 }
}

/// Shares a capacity of the clients' mean demand out. `times`: how many times its demand the first client declares; `floor`: that of
/// the second.
fn day(demands: &Demands, points_s_max: Option<u32>, times: u64, floor: u64) -> Result<Day, Failed> {
    let dimension = || SupplyDimension { limit: None, formula: Formula(Vec::new()) };
    let terms = SupplyTerms {
        rate: dimension(),
        per: Span::from_secs(1),
        share_by: Level::Key,
        in_flight: dimension(),
        learn: None,
        fallback: Vec::new(),
        points_s_max,
        waiting_max_per_account: 0,
        waiting_max: 0,
        classes: vec![(Name::new("default").map_err(|e| e.to_string())?, ClassTerms::default())],
    };
    let rate = demands.len() as u64 * MEAN as u64;
    let mut allocator = Allocator::default();
    let account =
        |index: u32| AccountTerms { floor: if index == 1 { floor } else { 0 }, ..AccountTerms::default() };
    let span = Span::from_secs(TICK_S as u64);
    // All are known when the day begins. A client that asks for nothing leaves, as it would leave a supply.
    let mut present = vec![true; demands.len()];
    for index in 0..u32::try_from(demands.len())? {
        allocator.add(sharer(index), index, account(index));
    }
    let capacity = Capacity { rate: Some(rate), in_flight: None };
    let mut table = allocator
        .tick(&terms, capacity, span, Table::default(), |index| Some((Load::default(), account(index))));
    let mut day = Day { got: vec![0; demands.len()], used: 0.0, floor: 1.0 };
    let mut possible = 0;
    for window in 0..WINDOWS {
        let asked: Vec<u64> = demands.iter().map(|d| d.get(window).copied().unwrap_or(0)).collect();
        for ((index, asked), present) in (0_u32..).zip(&asked).zip(&mut present) {
            if *asked > 0 && !*present {
                allocator.add(sharer(index), index, account(index));
            }
            *present = *asked > 0;
        }
        possible += asked.iter().sum::<u64>().min(rate) * WINDOW_S as u64;
        for tick in 0..WINDOW_S / TICK_S {
            table = allocator.tick(&terms, capacity, span, table, |index| {
                let asked = asked.get(index as usize).copied().filter(|asked| *asked > 0)?;
                let offered = if index == 0 { asked * times } else { asked } * TICK_S as u64;
                Some((Load { offered, ..Load::default() }, account(index)))
            });
            for ((got, asked), share) in day.got.iter_mut().zip(&asked).zip(&table.shares) {
                *got += share.rate.min(*asked) * TICK_S as u64;
            }
            if let (Some(asked), Some(share)) = (asked.get(1), table.shares.get(1))
                && tick > 0
                && floor.min(*asked) > 0
            {
                day.floor = day.floor.min(share.rate as f64 / floor.min(*asked) as f64);
            }
        }
    }
    day.used = day.got.iter().sum::<u64>() as f64 / possible as f64;
    Ok(day)
}

impl Day {
    fn least_against_most(&self) -> f64 {
        let (least, most) = (self.got.iter().min(), self.got.iter().max());
        least.copied().unwrap_or(0) as f64 / most.copied().unwrap_or(0).max(1) as f64
    }
}

pub(super) fn memory() -> Measured {
    let row = |what: String, wanted: &str, ours: f64, holds| {
        yardstick("memory", what, wanted, format!("{ours:.4}"), holds)
    };
    let mut rows = Vec::new();
    for model in ["m-large", "deepseek-r1"] {
        let demands = demands(model)?;
        let n = demands.len();
        let without = day(&demands, None, 1, 0)?;
        let points = day(&demands, Some(REMEMBERED_S), 1, 0)?;
        let (before, after) = (without.least_against_most(), points.least_against_most());
        rows.extend([
            row(
                format!("{n} clients of {model}: the least that one got against the most, {before:.3} without points"),
                "at least 0.43",
                after,
                after >= 0.43,
            ),
            row(
                "the same: used of the smaller of capacity and demand".into(),
                "at least 0.999",
                points.used,
                points.used >= 0.999,
            ),
        ]);
    }
    let demands = demands("m-large")?;
    let floored = day(&demands, Some(REMEMBERED_S), 1, 2 * MEAN as u64)?;
    rows.push(row(
        "a client with a floor of twice its mean: its smallest share of what it asks of the floor".into(),
        "1",
        floored.floor,
        floored.floor >= 1.0,
    ));
    let honest = day(&demands, Some(REMEMBERED_S), 1, 0)?;
    let first = |day: &Day| day.got.first().copied().unwrap_or(0) as f64;
    let mut most = f64::MIN;
    for times in [2, 10, 100] {
        most = most.max(first(&day(&demands, Some(REMEMBERED_S), times, 0)?) / first(&honest) - 1.0);
    }
    rows.push(row(
        "gain of a client that declares 2 to 100 times its demand".into(),
        "at most 0.01",
        most,
        most <= 0.01,
    ));
    Ok(rows)
}
