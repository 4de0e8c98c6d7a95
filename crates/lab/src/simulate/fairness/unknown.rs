//! Supplies of unknown rate: sizes, service times, loads, units and seeds, each with the bars of the contract.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::path::Path;

use headworks_terminal::Failed;

use super::yardstick::{Measured, Yardstick, yardstick};
use crate::simulate::learned::{Case, Figures, figures, questions, run, shown_after};
use crate::simulate::plot;

/// Full, half, full again.
const HALVES: [(u64, f64); 3] = [(0, 1.0), (30, 0.5), (60, 1.0)];
/// A quarter, and four times that.
const QUARTERS: [(u64, f64); 3] = [(0, 1.0), (30, 0.25), (60, 1.0)];
const SEEDS: [u64; 3] = [1, 2, 3];
const SIZES_PER_MILLE: [u64; 4] = [1, 5, 20, 50];
/// Service times, each with the spread of its first outputs.
const SERVICES: [(f64, f64); 3] = [(0.0, 0.0), (1.0, 0.5), (20.0, 1.0)];
const LOADS: [f64; 3] = [0.8, 1.2, 2.0];
/// The rates of other units.
const UNITS: [u64; 3] = [90, 1_000, 1_000_000_000];

/// The bars of the contract.
const UTILISATION: f64 = 0.95;
const LEAST: f64 = 0.8;
const REFUSED: f64 = 0.005;
const DOWN_S: f64 = 0.5;
const UP_S: f64 = 15.0;
/// The bar if refusals are told late.
const TOLD_LATE: f64 = 0.3;

fn case(rate: u64, cost: u64, (service_s, sigma): (f64, f64), load: f64, waits: bool) -> Case {
    Case {
        rate,
        cost,
        service_s,
        sigma,
        load,
        waits,
        refuses_late: false,
        is_stated: false,
        seed: 1,
        parts: HALVES.to_vec(),
        seconds: 100,
    }
}

fn sweep(quick: bool) -> Vec<(String, Case)> {
    let rate = 100_000;
    let mut all = Vec::new();
    for size in SIZES_PER_MILLE {
        for service in SERVICES {
            for load in LOADS {
                for waits in [false, true] {
                    let case = case(rate, rate * size / 1_000, service, load, waits);
                    all.push((format!("requests of {} % of a second", size as f64 / 10.0), case));
                }
            }
        }
    }
    if quick {
        // Large ones cost little to simulate.
        all.retain(|(_, c)| c.cost == 2_000 && c.load > 1.0 && (c.waits || c.load > 1.9));
    }
    let more = |all: &mut Vec<_>, what: &str, case: Case| all.push((what.to_owned(), case));
    for unit in UNITS {
        more(&mut all, "another unit", case(unit, (unit / 50).max(1), (1.0, 0.5), 2.0, false));
    }
    let quarters = |size| Case { parts: QUARTERS.to_vec(), ..case(rate, size, (1.0, 0.5), 2.0, false) };
    more(&mut all, "falls to a quarter, and rises to four times that", quarters(500));
    all
}

/// The worst of all seeds, in each figure.
fn worst(case: &Case, seeds: &[u64]) -> Result<Figures, Failed> {
    let mut worst: Option<Figures> = None;
    for seed in seeds {
        let case = Case { seed: *seed, ..case.clone() };
        let found = figures(&case, &run(&case)?)?;
        worst = Some(worst.map_or(found, |before| before.worst(found)));
    }
    worst.ok_or_else(|| "no seeds".into())
}

/// What bounds any controller in a case: with the rate known at every instant, what this supply uses; the refusals of its
/// questions alone; and the second refusal after the fall, since one is no evidence.
fn best(case: &Case, seeds: &[u64]) -> Result<String, Failed> {
    let known = worst(&Case { is_stated: true, ..case.clone() }, seeds)?;
    let (mut asked, mut shown) = (0.0_f64, 0.0_f64);
    for seed in seeds {
        let case = Case { seed: *seed, ..case.clone() };
        asked = asked.max(questions(&case)?);
        shown = shown.max(if case.waits { 0.0 } else { shown_after(&case, 2)? });
    }
    let shown = if case.waits { String::new() } else { format!(", a fall shown after {shown:.2} s") };
    Ok(format!(
        "; knowing all: {:.3}, {:.3}; questions alone: {:.2} %{shown}",
        known.utilisation,
        known.least,
        asked * 100.0
    ))
}

fn line(what: &str, case: &Case, seeds: &[u64]) -> Result<Yardstick, Failed> {
    let found = worst(case, seeds)?;
    let down = DOWN_S + case.service_s;
    let holds = found.utilisation >= UTILISATION
        && found.least >= LEAST
        && found.refused <= REFUSED
        && found.down_s <= down
        && found.up_s <= UP_S;
    let mode = if case.waits { "queue" } else { "reject" };
    let what = format!(
        "{what}: {} of {}/s, service {} s, sigma {}, load {}, {mode}",
        case.cost, case.rate, case.service_s, case.sigma, case.load
    );
    let wanted = format!("used {UTILISATION}, least {LEAST}, refused 0.5 %, down {down} s, up {UP_S} s");
    let best = if holds { String::new() } else { best(case, seeds)? };
    let ours = format!(
        "{:.3}, {:.3}, {:.2} % (+ {:.2} % at once), {:.2} s, {:.1} s{best}",
        found.utilisation,
        found.least,
        found.refused * 100.0,
        found.refused_at_once * 100.0,
        found.down_s,
        found.up_s
    );
    Ok(yardstick("unknown-capacity", what, wanted, ours, holds))
}

/// An upstream that lets a request wait before it refuses it: what was refused is known too late to hold the bars, but the rate
/// must not collapse.
fn told_late(seeds: &[u64]) -> Result<Yardstick, Failed> {
    let case = Case { refuses_late: true, ..case(100_000, 2_000, (1.0, 0.5), 2.0, false) };
    let found = worst(&case, seeds)?;
    Ok(yardstick(
        "unknown-capacity",
        "2000 of 100000/s, load 2, reject, refused only after the service time of 1 s: used in the worst phase",
        format!("at least {TOLD_LATE}"),
        format!("{:.3}", found.utilisation),
        found.utilisation >= TOLD_LATE,
    ))
}

pub(super) fn unknown_capacity(quick: bool, plots: Option<&Path>) -> Measured {
    let seeds = if quick { &SEEDS[..1] } else { &SEEDS };
    let mut rows = Vec::new();
    for (what, case) in sweep(quick) {
        rows.push(line(&what, &case, seeds)?);
    }
    rows.push(told_late(seeds)?);
    if let Some(dir) = plots {
        let shown = case(100_000, 500, (1.0, 0.5), 2.0, false);
        plot::rates(dir, "learned", &run(&shown)?.lines(&shown))?;
    }
    Ok(rows)
}
