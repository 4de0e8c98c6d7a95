//! `headworks bench fairness`: yardsticks that others have published, and what sharing promises, each reproduced in
//! simulated time with a fixed seed.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;

use headworks_core::capacity::fair::{Claim, max_min};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Credits, Name};
use serde::Serialize;

use super::fates::{Fate, Run};
use super::measure::{Report, report};
use super::supply::{Supply, service_of};
use super::trace;
use super::traffic::{Client, Traced, Traffic};
use super::world;
use crate::outcome::{Failed, Outcome};
use crate::print;

/// One yardstick.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Yardstick {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    /// As published, or the bar.
    pub(crate) wanted: String,
    pub(crate) ours: String,
    pub(crate) holds: bool,
}

type Measured = Result<Vec<Yardstick>, Failed>;
type Measure = (&'static str, fn() -> Measured);

/// All of them, by name.
const ALL: [Measure; 10] = [
    ("doorman", doorman),
    ("sliding-log", sliding_log),
    ("fair-queue", fair_queue),
    ("service-gap", service_gap),
    ("isolation", isolation),
    ("work-conservation", work_conservation),
    ("capacity-change", capacity_change),
    ("truthfulness", truthfulness),
    ("sybil", sybil),
    ("priority-burst", priority_burst),
];

/// The names that `--only` takes.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

pub(crate) fn run(only: Option<&str>, as_json: bool) -> Outcome {
    let mut all = Vec::new();
    for (_, measure) in ALL.iter().filter(|(name, _)| only.is_none_or(|o| o == *name)) {
        all.extend(measure()?);
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        let mut rows = vec![["yardstick", "what", "wanted", "ours", ""].map(str::to_owned).to_vec()];
        rows.extend(all.iter().map(|y| {
            let verdict = if y.holds { "holds" } else { "MISSED" };
            vec![y.name.into(), y.what.clone(), y.wanted.clone(), y.ours.clone(), verdict.into()]
        }));
        print!("{}", print::table(&rows, &[]));
    }
    match all.iter().filter(|y| !y.holds).count() {
        0 => Ok(()),
        missed => Err(format!("{missed} of {} yardsticks are missed", all.len()).into()),
    }
}

const ARENA: &str = include_str!("../../demo/vtc_lmsys_arena_27clients.csv");
/// The server of the published comparisons: 19 slots, each request 11.1 s.
const SLOTS: usize = 19;
const SERVICE_MICROS: u64 = 11_100_000;
/// For isolation: with few slots that are always busy, who has to wait for one to end waits for long, however it is shared.
const MANY_SLOTS: usize = 64;
const OUTPUT_MEAN: f64 = 256.0;
const MINUTE: u64 = 60_000_000;

fn slots() -> Supply {
    Supply { slots: Some(SLOTS), service: (SERVICE_MICROS, 0), rates: Vec::new() }
}

/// A catalog with one feature, `chat`, whose text is `rest` beyond the usual.
fn catalog(pool: &str, plans: &str) -> Result<Catalog, Failed> {
    let uses = if pool.is_empty() { "" } else { "pool = \"model\"\n" };
    let text = format!(
        "version = \"yardstick\"\ndefault_plan = \"only\"\n[meters]\ninput_tokens = {{ unit = \"token\" }}\n\
         output_tokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"input_tokens\", \"output_tokens\"]\n{uses}\
         {pool}\n{plans}\n"
    );
    Catalog::parse(&text, Format::Toml).map_err(|problems| format!("{problems}\n{text}").into())
}

const OPEN: &str = "[plans.only]\nfeatures = [\"chat\"]";

/// 19 slots; fairness counts tokens. Everybody waits for up to `wait`.
fn slot_pool(wait: &str) -> String {
    format!(
        "[pools.model]\nin_flight = 19\nin_flight_cost = {{ requests = 1 }}\nwaiting_max = 1000000000\n\
         waiting_max_per_account = 100000000\nclasses = {{ default = {{ wait_max = \"{wait}\" }} }}"
    )
}

fn simulate(catalog: &Catalog, traffic: &Traffic, supply: &Supply) -> Result<(Run, Report), Failed> {
    let run = world::run(catalog, None, traffic, supply, None, Credits::ZERO)?;
    let figures = report("", traffic, supply, &run);
    Ok((run, figures))
}

fn refused(report: &Report) -> u64 {
    report.refused.values().sum()
}

fn yardstick(
    name: &'static str,
    what: impl Into<String>,
    wanted: impl Into<String>,
    ours: String,
    holds: bool,
) -> Yardstick {
    Yardstick { name, what: what.into(), wanted: wanted.into(), ours, holds }
}

/// Numbers from a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// An exponential wait with this mean.
    fn exponential(&mut self, mean: f64) -> f64 {
        let uniform = (self.below(1 << 53) as f64 + 1.0) / (1_u64 << 53) as f64;
        -mean * uniform.ln()
    }
}

/// Who asks: a name, requests a second, tokens in and out, and whether at random or evenly.
struct Source {
    client: Client,
    rate: f64,
    tokens: (u64, u64),
    random: bool,
}

fn source(name: &str, rate: f64) -> Source {
    let name = Name::new(name).unwrap_or_else(|_| unreachable!("these are names"));
    Source { client: Client::new(name), rate, tokens: (256, 256), random: true }
}

fn traffic(sources: Vec<Source>, micros: u64, seed: u64) -> Traffic {
    let mut out = Traffic::default();
    for (client, source) in sources.into_iter().enumerate() {
        let mut random = Random(seed.wrapping_mul(1_000).wrapping_add(client as u64));
        let mean = 1e6 / source.rate;
        let mut at = if source.random { random.exponential(mean) } else { 0.0 };
        while (at as u64) < micros {
            let (input_tokens, output_tokens) = source.tokens;
            out.requests.push(Traced { at: at as u64, client, input_tokens, output_tokens });
            at += if source.random { random.exponential(mean) } else { mean };
        }
        out.clients.push(source.client);
    }
    out.requests.sort_by_key(|r| (r.at, r.client));
    out
}

fn doorman() -> Measured {
    let vectors = [
        (120, [(1, 1_000), (1, 60), (1, 10)], [55, 55, 10]),
        (120, [(6, 1_000), (4, 500), (2, 200)], [60, 40, 20]),
        (1_000, [(10, 2_000), (10, 500), (30, 700)], [200, 200, 600]),
    ];
    let rows = vectors.into_iter().map(|(capacity, claims, published)| {
        let got = max_min(capacity, &claims.map(|(weight, demand)| Claim { demand, weight }));
        let what = format!("capacity {capacity}, weights and wants {claims:?}");
        yardstick("doorman", what, format!("{published:?}"), format!("{got:?}"), got == published)
    });
    Ok(rows.collect())
}

fn sliding_log() -> Measured {
    let traffic = trace::parse(ARENA)?;
    let mut rows = Vec::new();
    for (limit, published) in [(10, 600), (20, 341)] {
        let plans = format!(
            "{OPEN}\nguards = [{{ name = \"static\", window.sliding = {{ limit = {limit}, length = \"60s\" }} }}]"
        );
        let (_, figures) = simulate(&catalog("", &plans)?, &traffic, &slots())?;
        let what = format!("arena trace, at most {limit} requests a minute and client: refused");
        let ours = refused(&figures);
        rows.push(yardstick("sliding-log", what, published.to_string(), ours.to_string(), ours == published));
    }
    Ok(rows)
}

fn fair_queue() -> Measured {
    let traffic = trace::parse(ARENA)?;
    let (_, figures) = simulate(&catalog(&slot_pool("1h"), OPEN)?, &traffic, &slots())?;
    let (_, first_come) = simulate(&catalog("", OPEN)?, &traffic, &slots())?;
    let ours = refused(&figures);
    let gap = figures.service_gap;
    let used = |report: &Report| report.utilisation.unwrap_or(0.0);
    let mut rows = Vec::new();
    for limit in [10, 20] {
        let plans = format!(
            "{OPEN}\nguards = [{{ name = \"static\", window.sliding = {{ limit = {limit}, length = \"60s\" }} }}]"
        );
        let (_, fixed) = simulate(&catalog("", &plans)?, &traffic, &slots())?;
        rows.push(yardstick(
            "fair-queue",
            format!("the same: slots busy while requests arrive, against static {limit} a minute and client"),
            format!("above {:.4}", used(&fixed)),
            format!("{:.4}", used(&figures)),
            used(&figures) > used(&fixed),
        ));
    }
    rows.extend([
        yardstick(
            "fair-queue",
            "arena trace on 19 slots of 11.1 s: refused",
            "0",
            ours.to_string(),
            ours == 0,
        ),
        yardstick(
            "fair-queue",
            "the same: service gap against first come, tokens",
            format!("below {}", first_come.service_gap),
            gap.to_string(),
            gap < first_come.service_gap,
        ),
        yardstick(
            "fair-queue",
            "the same: a slot idle while somebody waits",
            "never",
            format!("{:.4} of the time", 1.0 - figures.work_conservation.unwrap_or(0.0)),
            figures.work_conservation.is_some_and(|w| w > 0.9999),
        ),
    ]);
    Ok(rows)
}

fn service_gap() -> Measured {
    let even = |name, rate| Source { random: false, ..source(name, rate) };
    let traffic = traffic(vec![even("light", 1.5), even("heavy", 3.0)], 10 * MINUTE, 1);
    let (_, first_come) = simulate(&catalog("", OPEN)?, &traffic, &slots())?;
    let (_, fair) = simulate(&catalog(&slot_pool("1h"), OPEN)?, &traffic, &slots())?;
    let near = |n: u64| (250_000..=275_000).contains(&n);
    Ok(vec![
        yardstick(
            "service-gap",
            "first come, two clients at 1.5 and 3 requests/s for 600 s, tokens",
            "about 262000",
            first_come.service_gap.to_string(),
            near(first_come.service_gap),
        ),
        yardstick(
            "service-gap",
            "the fair queue on the same",
            "below 8000",
            fair.service_gap.to_string(),
            fair.service_gap < 8_000,
        ),
    ])
}

/// Seven accounts at half their share, one at a hundred times its share.
fn isolation() -> Measured {
    let share = MANY_SLOTS as f64 / (SERVICE_MICROS as f64 / 1e6) / 8.0;
    let mut sources: Vec<Source> = (0..7).map(|i| source(&format!("calm-{i}"), share / 2.0)).collect();
    sources.push(source("flood", share * 100.0));
    let mut traffic = traffic(sources, 15 * MINUTE, 2);
    // Lengths of output are exponential, and a request takes as long as its output: 11.1 s on average.
    let mut random = Random(2);
    for traced in &mut traffic.requests {
        traced.output_tokens = (random.exponential(OUTPUT_MEAN) as u64).max(1);
    }
    let supply = Supply {
        slots: Some(MANY_SLOTS),
        service: (0, SERVICE_MICROS / OUTPUT_MEAN as u64),
        rates: Vec::new(),
    };
    let pool = slot_pool("1h").replace("in_flight = 19", &format!("in_flight = {MANY_SLOTS}"));
    let (_, figures) = simulate(&catalog(&pool, OPEN)?, &traffic, &supply)?;
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

/// A pool with a rate; the supply serves more, so that the pool is the limit.
fn rate_pool(rate: u64, class: &str) -> String {
    format!(
        "[pools.model]\nrate = {rate}\nwaiting_max = 1000000000\nwaiting_max_per_account = 100000000\nclasses = {{ default = {{ {class} }} }}"
    )
}

fn work_conservation() -> Measured {
    let rate = 100_000;
    let burst: Vec<Source> = (0..10).map(|i| source(&format!("c{i}"), 26.0)).collect();
    let traffic = traffic(burst, 10 * MINUTE, 3);
    let supply = Supply { slots: None, service: (1_000_000, 0), rates: vec![(0, rate)] };
    let mut rows = Vec::new();
    for (mode, class, bar) in [("queue", "wait_max = \"10m\"", 0.99), ("reject", "", 0.97)] {
        // The pool keeps two percent below the supply, as an operator would.
        let (_, figures) = simulate(
            &catalog(&rate_pool(rate, class), OPEN)?,
            &traffic,
            &Supply { rates: Vec::new(), ..supply.clone() },
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

/// A learned rate while the supply halves and doubles.
fn capacity_change() -> Measured {
    let (whole, half) = (100_000_u64, 50_000_u64);
    let halves_at = 120_000_000;
    let doubles_at = 240_000_000;
    let sources: Vec<Source> = (0..10).map(|i| source(&format!("c{i}"), 60.0)).collect();
    let sources = sources.into_iter().map(|s| Source { tokens: (64, 32), ..s }).collect::<Vec<_>>();
    let sources: Vec<Source> = sources.into_iter().map(|s| Source { rate: s.rate * 3.0, ..s }).collect();
    let traffic = traffic(sources, 360_000_000, 4);
    let supply = Supply {
        slots: None,
        service: (0, 0),
        rates: vec![(0, whole), (halves_at, half), (doubles_at, whole)],
    };
    let pool = format!(
        "[pools.model]\nrate = {whole}\nlearn = {{ floor = 1000, ceiling = 10000000 }}\nclasses = {{ default = {{}} }}"
    );
    let (run, figures) = simulate(&catalog(&pool, OPEN)?, &traffic, &supply)?;
    let near = |rate: u64, target: u64| rate.abs_diff(target) * 10 <= target;
    let after = |from: u64, target: u64| {
        let found = run.samples.iter().find(|s| s.at >= from && near(s.rate, target));
        found.map_or(f64::INFINITY, |s| (s.at - from) as f64 / 1e6)
    };
    let (halved, doubled) = (after(halves_at, half), after(doubles_at, whole));
    let overrun = figures.overrun as f64 / figures.served.max(1) as f64;
    let row = |what: &str, wanted: &str, ours, holds| yardstick("capacity-change", what, wanted, ours, holds);
    Ok(vec![
        row("the supply halves: within 10 % after, s", "at most 0.5", format!("{halved:.2}"), halved <= 0.5),
        row(
            "the supply doubles: within 10 % after, s",
            "at most 15",
            format!("{doubled:.2}"),
            doubled <= 15.0,
        ),
        row("refused by the supply against served", "below 0.05", format!("{overrun:.4}"), overrun < 0.05),
    ])
}

fn service_of_client(report: &Report, name: &str) -> f64 {
    report.clients.iter().filter(|c| c.client.starts_with(name)).map(|c| c.service as f64).sum()
}

/// Service begun by the clients of this name after five minutes: before, slots were free for whoever came first.
fn steady_service(traffic: &Traffic, run: &Run, name: &str) -> f64 {
    let horizon = traffic.requests.last().map_or(0, |r| r.at);
    let served = traffic.requests.iter().zip(&run.fates).filter(|(traced, fate)| {
        let own = traffic.clients.get(traced.client).is_some_and(|c| c.name.as_str().starts_with(name));
        own && matches!(fate, Fate::Served { start, .. } if (5 * MINUTE..=horizon).contains(start))
    });
    served.map(|(traced, _)| service_of(traced) as f64).sum()
}

/// One of four backlogged accounts asks for 2 to 100 times as much.
fn truthfulness() -> Measured {
    let catalog = catalog(&slot_pool("1h"), OPEN)?;
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
fn sybil() -> Measured {
    let catalog = catalog(&slot_pool("1h"), OPEN)?;
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

/// Twelve times the capacity is asked for, half of it by the highest class.
fn priority_burst() -> Measured {
    let pool = "[pools.model]\nin_flight = 19\nin_flight_cost = { requests = 1 }\nwaiting_max = 1000000000\n\
                waiting_max_per_account = 100000000\n[pools.model.classes.high]\npriority = 0\nwait_max = \"1m\"\n\
                [pools.model.classes.middle]\npriority = 1\nwait_max = \"1m\"\n\
                [pools.model.classes.low]\npriority = 2\nwait_max = \"1m\"";
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
    let (run, figures) = simulate(&catalog(pool, plans)?, &traffic, &slots())?;
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
