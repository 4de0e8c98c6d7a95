//! The promises of sharing: isolation, no idle capacity while somebody waits, nothing gained by asking for more or under
//! several names.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;

use headworks_core::record::{Credits, Name};
use headworks_terminal::Failed;

use super::scenario::{
    MINUTE, OPEN, Random, SERVICE_MICROS, SLOTS, Source, catalog, simulate, slot_supply, slots, source,
    traffic,
};
use super::yardstick::{Measured, yardstick};
use crate::simulate::fates::{Fate, Run};
use crate::simulate::measure::Report;
use crate::simulate::traffic::Traffic;
use crate::simulate::upstream::{Upstream, service_of};
use crate::simulate::world;

/// For isolation: with few slots that are always busy, a request that has to wait for one waits long under any sharing.
const MANY_SLOTS: usize = 64;
const OUTPUT_MEAN: f64 = 256.0;

/// Seven accounts at half their share, one at a hundred times its share.
pub(super) fn isolation() -> Measured {
    let share = MANY_SLOTS as f64 / (SERVICE_MICROS as f64 / 1e6) / 8.0;
    let mut sources: Vec<Source> = (0..7).map(|i| source(&format!("calm-{i}"), share / 2.0)).collect();
    sources.push(source("flood", share * 100.0));
    let mut traffic = traffic(sources, 15 * MINUTE, 2);
    // Lengths of output are exponential, and a request takes as long as its output: 11.1 s on average.
    let mut random = Random(2);
    for traced in &mut traffic.requests {
        traced.output_tokens = (random.exponential(OUTPUT_MEAN) as u64).max(1);
    }
    let upstream = Upstream {
        slots: Some(MANY_SLOTS),
        service: (0, SERVICE_MICROS / OUTPUT_MEAN as u64),
        rates: Vec::new(),
    };
    let supply = slot_supply("1h").replace("in_flight = 19", &format!("in_flight = {MANY_SLOTS}"));
    let (_, figures) = simulate(&catalog(&supply, OPEN)?, &traffic, &upstream)?;
    let (calm, flood) = figures.clients.split_at(7);
    let lost: u64 = calm.iter().map(|c| c.refused).sum();
    let wait = calm.iter().map(|c| c.wait_p99_s).fold(0.0, f64::max);
    let bar = 0.25 * SERVICE_MICROS as f64 / 1e6;
    let utilisation = figures.utilisation.unwrap_or(0.0);
    let rest = flood.iter().map(|c| c.service as f64 / c.optimum.max(1) as f64).fold(0.0, f64::max);
    let row = |what: &str, wanted: String, ours, holds| yardstick("isolation", what, wanted, ours, holds);
    Ok(vec![
        row(
            "refusals of seven accounts at half their share beside a flood of 100 x",
            "0".into(),
            lost.to_string(),
            lost == 0,
        ),
        row("their largest wait p99, s", format!("at most {bar:.3}"), format!("{wait:.3}"), wait <= bar),
        row("utilisation", "at least 0.99".into(), format!("{utilisation:.4}"), utilisation >= 0.99),
        row(
            "the flooder's service against exactly the rest",
            "1".into(),
            format!("{rest:.4}"),
            (rest - 1.0).abs() < 0.01,
        ),
    ])
}

/// A supply with a rate; the upstream serves more, so that the supply is the limit.
fn rate_supply(rate: u64, class: &str) -> String {
    format!("[supplies.model]\nrate = {rate}\nclasses = {{ default = {{ {class} }} }}")
}

pub(super) fn work_conservation() -> Measured {
    let rate = 100_000;
    let burst: Vec<Source> = (0..10).map(|i| source(&format!("c{i}"), 26.0)).collect();
    let traffic = traffic(burst, 10 * MINUTE, 3);
    let upstream = Upstream { slots: None, service: (1_000_000, 0), rates: vec![(0, rate)] };
    let mut rows = Vec::new();
    for (mode, class, bar) in [("queue", "wait_max = \"10m\"", 0.99), ("reject", "", 0.97)] {
        // The supply keeps two percent below the upstream, as an operator would.
        let (_, figures) = simulate(
            &catalog(&rate_supply(rate, class), OPEN)?,
            &traffic,
            &Upstream { rates: Vec::new(), ..upstream.clone() },
        )?;
        let served: u64 = figures.clients.iter().map(|c| c.service).sum();
        let used = served as f64 / (rate as f64 * 600.0);
        let what = format!("delivered against min(capacity, demand), twice too much asked, {mode} mode");
        rows.push(yardstick(
            "work-conservation",
            what,
            format!("at least {bar}"),
            format!("{used:.4}"),
            used >= bar,
        ));
    }
    Ok(rows)
}

/// A learned rate while the upstream halves and doubles.
pub(super) fn capacity_change() -> Measured {
    let (whole, half) = (100_000_u64, 50_000_u64);
    let halves_at = 120_000_000;
    let doubles_at = 240_000_000;
    let sources: Vec<Source> = (0..10).map(|i| source(&format!("c{i}"), 60.0)).collect();
    let sources = sources.into_iter().map(|s| Source { tokens: (64, 32), ..s }).collect::<Vec<_>>();
    let sources: Vec<Source> = sources.into_iter().map(|s| Source { rate: s.rate * 3.0, ..s }).collect();
    let traffic = traffic(sources, 360_000_000, 4);
    let upstream = Upstream {
        slots: None,
        service: (0, 0),
        rates: vec![(0, whole), (halves_at, half), (doubles_at, whole)],
    };
    let supply = format!(
        "[supplies.model]\nrate = {whole}\nlearn = {{ floor = 1000, ceiling = 10000000 }}\nclasses = {{ default = {{}} }}"
    );
    let (run, figures) = simulate(&catalog(&supply, OPEN)?, &traffic, &upstream)?;
    let near = |rate: u64, target: u64| rate.abs_diff(target) * 10 <= target;
    let after = |from: u64, target: u64| {
        let found = run.samples.iter().find(|s| s.at >= from && near(s.rate, target));
        found.map_or(f64::INFINITY, |s| (s.at - from) as f64 / 1e6)
    };
    let (halved, doubled) = (after(halves_at, half), after(doubles_at, whole));
    let overrun = figures.overrun as f64 / figures.served.max(1) as f64;
    let row = |what: &str, wanted: &str, ours, holds| yardstick("capacity-change", what, wanted, ours, holds);
    Ok(vec![
        row(
            "the upstream halves: within 10 % after, s",
            "at most 0.5",
            format!("{halved:.2}"),
            halved <= 0.5,
        ),
        row(
            "the upstream doubles: within 10 % after, s",
            "at most 15",
            format!("{doubled:.2}"),
            doubled <= 15.0,
        ),
        row("refused by the upstream against served", "below 0.05", format!("{overrun:.4}"), overrun < 0.05),
    ])
}

fn service_of_client(report: &Report, name: &str) -> f64 {
    report.clients.iter().filter(|c| c.client.starts_with(name)).map(|c| c.service as f64).sum()
}

/// Service begun by the clients of this name after five minutes: before that, free slots went to the first requests.
pub(super) fn steady_service(traffic: &Traffic, run: &Run, name: &str) -> f64 {
    let horizon = traffic.requests.last().map_or(0, |r| r.at);
    let served = traffic.requests.iter().zip(&run.fates).filter(|(traced, fate)| {
        let own = traffic.clients.get(traced.client).is_some_and(|c| c.name.as_str().starts_with(name));
        own && matches!(fate, Fate::Served { start, .. } if (5 * MINUTE..=horizon).contains(start))
    });
    served.map(|(traced, _)| service_of(traced) as f64).sum()
}

/// One of four backlogged accounts asks for 2 to 100 times as much.
pub(super) fn truthfulness() -> Measured {
    let catalog = catalog(&slot_supply("1h"), OPEN)?;
    let run = |factor: f64| -> Result<f64, Failed> {
        let mut sources: Vec<Source> = (0..3).map(|i| source(&format!("true-{i}"), 0.6)).collect();
        sources.push(source("loud", 0.6 * factor));
        let traffic = traffic(sources, 25 * MINUTE, 5);
        let run = world::run(&catalog, None, &traffic, &slots(), None, Credits::ZERO)?;
        Ok(steady_service(&traffic, &run, "loud"))
    };
    let honest = run(1.0)?;
    let mut most = f64::MIN;
    for factor in [2.0, 10.0, 100.0] {
        most = most.max(run(factor)? / honest - 1.0);
    }
    let what = "gain of a backlogged account that multiplies its demand by 2 to 100";
    Ok(vec![yardstick("truthfulness", what, "at most 0.01", format!("{most:.4}"), most <= 0.01)])
}

/// One identity behind n accounts of a cluster.
pub(super) fn sybil() -> Measured {
    let catalog = catalog(&slot_supply("1h"), OPEN)?;
    let run = |n: u32| -> Result<f64, Failed> {
        let mut sources: Vec<Source> = (0..3).map(|i| source(&format!("true-{i}"), 0.8)).collect();
        for i in 0..n {
            let mut one = source(&format!("many-{i}"), 1.2 / f64::from(n));
            one.client.cluster = Name::new("one-card").ok();
            sources.push(one);
        }
        let traffic = traffic(sources, 25 * MINUTE, 6);
        let run = world::run(&catalog, None, &traffic, &slots(), None, Credits::ZERO)?;
        Ok(steady_service(&traffic, &run, "many"))
    };
    let one = run(1)?;
    let mut most = f64::MIN;
    for n in [2, 10, 50] {
        most = most.max(run(n)? / one - 1.0);
    }
    let what = "gain of one identity split into 2, 10 and 50 accounts";
    Ok(vec![yardstick("sybil", what, "at most 0.01", format!("{most:.4}"), most <= 0.01)])
}

/// Twelve times the capacity is requested, half of it by the highest class.
pub(super) fn priority_burst() -> Measured {
    let supply = "[supplies.model]\nin_flight = 19\nin_flight_cost = { requests = 1 }\n[supplies.model.classes.high]\npriority = 0\nwait_max = \"1m\"\n\
                [supplies.model.classes.middle]\npriority = 1\nwait_max = \"1m\"\n\
                [supplies.model.classes.low]\npriority = 2\nwait_max = \"1m\"";
    let plans = "[plans.only]\nfeatures = [\"chat\"]\nclass = \"middle\"";
    let capacity = SLOTS as f64 / (SERVICE_MICROS as f64 / 1e6);
    let classed = |class: &str, i: usize, rate: f64| {
        let mut one = source(&format!("{class}-{i}"), rate);
        one.client.class = Name::new(class).ok();
        one
    };
    let mut sources = Vec::new();
    for i in 0..4 {
        sources.push(classed("high", i, capacity * 0.5 / 4.0));
        sources.push(classed("middle", i, capacity * 5.5 / 4.0));
        sources.push(classed("low", i, capacity * 6.0 / 4.0));
    }
    let traffic = traffic(sources, 20 * MINUTE, 7);
    let (run, figures) = simulate(&catalog(supply, plans)?, &traffic, &slots())?;
    let mut by_class: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (traced, fate) in traffic.requests.iter().zip(&run.fates) {
        let class =
            traffic.clients.get(traced.client).and_then(|c| c.class.as_ref()).map_or("", Name::as_str);
        let (all, refused) = by_class.entry(class).or_default();
        *all += 1;
        *refused += u64::from(matches!(fate, Fate::Refused(..) | Fate::Overrun));
    }
    let (all, lost) = by_class.get("high").copied().unwrap_or_default();
    let high = 1.0 - lost as f64 / all.max(1) as f64;
    let total: u64 = figures.clients.iter().map(|c| c.service).sum();
    let low = service_of_client(&figures, "low") / total.max(1) as f64;
    let row = |what: &str, wanted: &str, ours, holds| yardstick("priority-burst", what, wanted, ours, holds);
    Ok(vec![
        row(
            "12 x the capacity is asked for: served of the highest class",
            "at least 0.999",
            format!("{high:.4}"),
            high >= 0.999,
        ),
        row(
            "the lowest class's part of all service: its floor",
            "at least 0.02",
            format!("{low:.4}"),
            low >= 0.0195,
        ),
        row(
            "utilisation",
            "at least 0.99",
            format!("{:.4}", figures.utilisation.unwrap_or(0.0)),
            figures.utilisation.is_some_and(|u| u >= 0.99),
        ),
    ])
}
