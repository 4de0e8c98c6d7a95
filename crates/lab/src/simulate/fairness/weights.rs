//! A supply with a rate and too much demand: service follows the weights, and asking for more gains nothing.
//!
//! Measured after five minutes: what a sharer borrows from the savings of others is a debt, and counts only while it grows.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use headworks_core::record::Credits;
use headworks_terminal::Failed;

use super::promises::steady_service;
use super::scenario::{MINUTE, OPEN, Source, catalog, source, traffic};
use super::yardstick::{Measured, yardstick};
use crate::simulate::upstream::Upstream;
use crate::simulate::world;

/// Input and output tokens of a request: cost 128.
const TOKENS: (u64, u64) = (64, 32);

/// What each client got, where the supply is the limit. `clients`: weight, and the part of the supply's rate that it asks for.
fn served(clients: &[(u32, f64)], rate: f64, minutes: u64, class: &str) -> Result<Vec<f64>, Failed> {
    let cost = (TOKENS.0 + 2 * TOKENS.1) as f64;
    let sources = clients.iter().enumerate().map(|(i, (weight, asked))| {
        let mut one = Source { tokens: TOKENS, ..source(&format!("c{i}"), asked * rate / cost) };
        one.client.weight = *weight;
        one
    });
    let traffic = traffic(sources.collect(), minutes * MINUTE, 8);
    let supply = format!(
        "[supplies.model]\nrate = {rate}\nwaiting_max = 1000000000\nwaiting_max_per_account = 1000000000\nclasses = {{ default = {{ {class} }} }}"
    );
    let upstream = Upstream { slots: None, service: (0, 0), rates: Vec::new() };
    let run = world::run(&catalog(&supply, OPEN)?, None, &traffic, &upstream, None, Credits::ZERO)?;
    Ok((0..clients.len()).map(|i| steady_service(&traffic, &run, &format!("c{i}"))).collect())
}

const MODES: [(&str, &str); 2] = [("reject", ""), ("queue", "wait_max = \"1m\"")];

/// Weights 1:2:3:4, all asking for more than their part.
pub(super) fn weights() -> Measured {
    let mut rows = Vec::new();
    for (mode, class) in MODES {
        for load in [2.0, 0.6] {
            let clients: Vec<(u32, f64)> = (1..=4).map(|weight| (weight, load)).collect();
            let got = served(&clients, 2_000.0, 25, class)?;
            let all: f64 = got.iter().sum();
            let off = |(weight, got): (f64, &f64)| (got / all / (weight / 10.0) - 1.0).abs();
            let most = [1.0, 2.0, 3.0, 4.0].into_iter().zip(&got).map(off).fold(0.0, f64::max);
            let what = format!(
                "weights 1:2:3:4, each asks for {load} of the supply, {mode} mode: furthest from its part"
            );
            rows.push(yardstick("weights", what, "at most 0.01", format!("{most:.4}"), most <= 0.01));
        }
    }
    Ok(rows)
}

/// Eight clients at 1.2 times their part; one asks for twice and ten times as much. The fewer and larger the requests, the more of
/// the capacity random arrivals leave unused: with 16 a second in all it is 0.5 %, and the client that asks most often gets it.
pub(super) fn inflated_demand() -> Measured {
    let run = |factor: f64| -> Result<f64, Failed> {
        let clients: Vec<(u32, f64)> =
            (0..8).map(|i| (1, 1.2 / 8.0 * if i == 7 { factor } else { 1.0 })).collect();
        Ok(served(&clients, 8_000.0, 15, "")?.last().copied().unwrap_or(0.0))
    };
    let honest = run(1.0)?;
    let most = (run(2.0)? / honest - 1.0).max(run(10.0)? / honest - 1.0);
    let what =
        "eight clients at 1.2 of their part, reject mode: gain of one that asks for 2 or 10 times as much";
    Ok(vec![yardstick("inflated-demand", what, "at most 0.01", format!("{most:.4}"), most <= 0.01)])
}
