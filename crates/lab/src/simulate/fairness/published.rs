//! Yardsticks that others have published: vectors of a doorman, static limits, fair queues.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use headworks_core::capacity::fair::{Claim, max_min};
use headworks_core::record::Credits;

use super::scenario::{MINUTE, OPEN, Source, catalog, simulate, slot_supply, slots, source, traffic};
use super::yardstick::{Measured, yardstick};
use crate::simulate::measure::{Report, report};
use crate::simulate::trace;
use crate::simulate::world::{self, Estimate};

const ARENA: &str = include_str!("../../../traces/vtc_lmsys_arena_27clients.csv");

fn refused(report: &Report) -> u64 {
    report.refused.values().sum()
}

pub(super) fn doorman() -> Measured {
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

pub(super) fn sliding_log() -> Measured {
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

pub(super) fn fair_queue() -> Measured {
    let traffic = trace::parse(ARENA)?;
    let (_, figures) = simulate(&catalog(&slot_supply("1h"), OPEN)?, &traffic, &slots())?;
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
    let off = Some(Estimate::Off(4));
    let run = world::run(&catalog(&slot_supply("1h"), OPEN)?, None, &traffic, &slots(), off, Credits::ZERO)?;
    let unknown = report("", &traffic, &slots(), &run).service_gap;
    rows.push(yardstick(
        "fair-queue",
        "the same: service gap with estimates four times too large and too small, tokens",
        "at most 8000",
        unknown.to_string(),
        unknown <= 8_000,
    ));
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

pub(super) fn service_gap() -> Measured {
    let even = |name, rate| Source { random: false, ..source(name, rate) };
    let traffic = traffic(vec![even("light", 1.5), even("heavy", 3.0)], 10 * MINUTE, 1);
    let (_, first_come) = simulate(&catalog("", OPEN)?, &traffic, &slots())?;
    let (_, fair) = simulate(&catalog(&slot_supply("1h"), OPEN)?, &traffic, &slots())?;
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
