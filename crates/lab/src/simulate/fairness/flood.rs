//! A picture of a flood: the service of calm accounts and of one that asks for a hundred times its share, over time.

#![allow(clippy::float_arithmetic, clippy::as_conversions, reason = "coordinates")]

use std::path::Path;

use headworks_terminal::Failed;

use super::scenario::{OPEN, Source, catalog, simulate, source, traffic};
use crate::simulate::fates::Fate;
use crate::simulate::plot;
use crate::simulate::upstream::{Upstream, service_of};

const RATE: f64 = 20_000.0;
/// Cost 128.
const TOKENS: (u64, u64) = (64, 32);
const COST: f64 = 128.0;
const SECOND: u64 = 1_000_000;
/// When the flood begins and ends, and when all do.
const FLOOD_S: std::ops::Range<u64> = 20..40;
const END_S: u64 = 60;
/// Seven calm accounts, then the flooder.
const CALM: usize = 7;

/// Seven accounts at half their share, and one at a hundred times its share for 20 s; refused without room.
pub(super) fn draw(dir: &Path) -> Result<(), Failed> {
    let share = RATE / (CALM + 1) as f64 / COST;
    let of = |name: String, rate: f64| Source { tokens: TOKENS, ..source(&name, rate) };
    let mut sources: Vec<Source> = (0..CALM).map(|i| of(format!("calm-{i}"), share / 2.0)).collect();
    sources.push(of("flood".into(), share * 100.0));
    let mut traffic = traffic(sources, END_S * SECOND, 9);
    traffic.requests.retain(|r| r.client < CALM || FLOOD_S.contains(&(r.at / SECOND)));
    let supply = format!("[supplies.model]\nrate = {RATE}\nclasses = {{ default = {{}} }}");
    let upstream = Upstream { slots: None, service: (0, 0), rates: Vec::new() };
    let (run, _) = simulate(&catalog(&supply, OPEN)?, &traffic, &upstream)?;
    let mut lines = ["seven calm accounts ask for", "they get", "the flooder gets"]
        .map(|label| (label.to_owned(), vec![0.0; END_S as usize]));
    for (traced, fate) in traffic.requests.iter().zip(&run.fates) {
        let is_calm = traced.client < CALM;
        let is_served = matches!(fate, Fate::Served { .. });
        for ((_, bins), counts) in
            lines.iter_mut().zip([is_calm, is_calm && is_served, !is_calm && is_served])
        {
            if let Some(bin) = bins.get_mut((traced.at / SECOND) as usize).filter(|_| counts) {
                *bin += service_of(traced) as f64;
            }
        }
    }
    let lines = lines.map(|(label, bins)| {
        let points = bins.into_iter().enumerate().map(|(s, cost)| (s as f64 + 0.5, cost));
        (label, points.collect::<Vec<_>>())
    });
    plot::rates(dir, "flood", &lines)
}
