//! A supply with a rate and too much demand: service follows the weights, and asking for more gains nothing.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use super::scenario::{OPEN, Source, catalog, simulate, source, traffic};
use super::yardstick::{Measured, yardstick};
use crate::simulate::measure::Report;
use crate::simulate::upstream::Upstream;

const RATE: f64 = 20_000.0;

/// Input and output tokens of a request: cost 128.
const SMALL: (u64, u64) = (64, 32);

/// What each client got in `seconds`, where the supply is the limit. `clients`: weight, and cost asked for a second.
fn served(
    clients: &[(u32, f64)],
    seconds: u64,
    tokens: (u64, u64),
    class: &str,
    seed: u64,
) -> Result<Vec<f64>, headworks_terminal::Failed> {
    let cost = (tokens.0 + 2 * tokens.1) as f64;
    let sources = clients.iter().enumerate().map(|(i, (weight, asked))| {
        let mut one = Source { tokens, ..source(&format!("c{i}"), asked / cost) };
        one.client.weight = *weight;
        one
    });
    let traffic = traffic(sources.collect(), seconds * 1_000_000, seed);
    let supply = format!(
        "[supplies.model]\nrate = {RATE}\nwaiting_max = 1000000000\nwaiting_max_per_account = 1000000000\nclasses = {{ default = {{ {class} }} }}"
    );
    let upstream = Upstream { slots: None, service: (0, 0), rates: Vec::new() };
    let (_, report): (_, Report) = simulate(&catalog(&supply, OPEN)?, &traffic, &upstream)?;
    Ok(report.clients.iter().map(|c| c.service as f64).collect())
}

const MODES: [(&str, &str); 2] = [("reject", ""), ("queue", "wait_max = \"1h\"")];

/// Weights 1:2:3:4, all asking for more than their part.
pub(super) fn weights() -> Measured {
    let mut rows = Vec::new();
    for (mode, class) in MODES {
        for (load, tokens) in [(2.0, SMALL), (0.6, SMALL), (0.6, (256, 256))] {
            let clients: Vec<(u32, f64)> = (1..=4).map(|weight| (weight, RATE * load)).collect();
            let got = served(&clients, 360, tokens, class, 8)?;
            let all: f64 = got.iter().sum();
            let off = |(weight, got): (f64, &f64)| (got / all / (weight / 10.0) - 1.0).abs();
            let most = [1.0, 2.0, 3.0, 4.0].into_iter().zip(&got).map(off).fold(0.0, f64::max);
            rows.push(yardstick(
                "weights",
                format!(
                    "weights 1:2:3:4 for 360 s, each asks for {load} of the supply in requests of {}, {mode} mode: furthest from its part",
                    tokens.0 + 2 * tokens.1
                ),
                "at most 0.01",
                format!("{most:.4}"),
                most <= 0.01,
            ));
        }
    }
    Ok(rows)
}

/// Eight clients at 1.2 times their part; one asks for 2 to 100 times as much.
pub(super) fn inflated_demand() -> Measured {
    let (mode, class) = MODES[0];
    let share = RATE / 8.0;
    let run = |factor: f64| -> Result<f64, headworks_terminal::Failed> {
        let clients: Vec<(u32, f64)> =
            (0..8).map(|i| (1, 1.2 * share * if i == 7 { factor } else { 1.0 })).collect();
        Ok(served(&clients, 240, SMALL, class, 9)?.last().copied().unwrap_or(0.0))
    };
    let honest = run(1.0)?;
    let mut most = f64::MIN;
    for factor in [2.0, 10.0, 100.0] {
        most = most.max(run(factor)? / honest - 1.0);
    }
    let what = format!(
        "eight clients at 1.2 of their part, {mode} mode: gain of one that asks for 2 to 100 times as much"
    );
    Ok(vec![yardstick("inflated-demand", what, "at most 0.01", format!("{most:.4}"), most <= 0.01)])
}
