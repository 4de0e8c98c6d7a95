//! The scenarios of yardsticks: catalogs with one feature, an upstream with slots, and traffic drawn from a seed.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Credits, Name};
use headworks_terminal::Failed;

use crate::simulate::fates::Run;
use crate::simulate::measure::{Report, report};
use crate::simulate::traffic::{Client, Traced, Traffic};
use crate::simulate::upstream::Upstream;
use crate::simulate::world;

/// The server of the published comparisons: 19 slots, each request 11.1 s.
pub(super) const SLOTS: usize = 19;
pub(super) const SERVICE_MICROS: u64 = 11_100_000;
pub(super) const MINUTE: u64 = 60_000_000;

pub(super) fn slots() -> Upstream {
    Upstream { slots: Some(SLOTS), service: (SERVICE_MICROS, 0), rates: Vec::new() }
}

/// A catalog with one feature, `chat`, with `rest` added to the usual text.
pub(super) fn catalog(supply: &str, plans: &str) -> Result<Catalog, Failed> {
    let uses = if supply.is_empty() { "" } else { "supply = \"model\"\n" };
    let text = format!(
        "version = \"yardstick\"\ndefault_plan = \"only\"\n[meters]\ninput_tokens = {{ unit = \"token\" }}\n\
         output_tokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"input_tokens\", \"output_tokens\"]\n{uses}\
         {supply}\n{plans}\n"
    );
    Catalog::parse(&text, Format::Toml).map_err(|problems| format!("{problems}\n{text}").into())
}

pub(super) const OPEN: &str = "[plans.only]\nfeatures = [\"chat\"]";

/// 19 slots; fairness counts tokens. Everybody waits for up to `wait`.
pub(super) fn slot_supply(wait: &str) -> String {
    format!(
        "[supplies.model]\nin_flight = 19\nin_flight_cost = {{ requests = 1 }}\nclasses = {{ default = {{ wait_max = \"{wait}\" }} }}"
    )
}

pub(super) fn simulate(
    catalog: &Catalog,
    traffic: &Traffic,
    upstream: &Upstream,
) -> Result<(Run, Report), Failed> {
    let run = world::run(catalog, None, traffic, upstream, None, Credits::ZERO)?;
    let figures = report("", traffic, upstream, &run);
    Ok((run, figures))
}

/// Numbers from a seed: SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// An exponential wait with this mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        let uniform = (self.below(1 << 53) as f64 + 1.0) / (1_u64 << 53) as f64;
        -mean * uniform.ln()
    }
}

/// A source of requests: a name, requests per second, tokens in and out, and whether at random or evenly.
pub(super) struct Source {
    pub(super) client: Client,
    pub(super) rate: f64,
    pub(super) tokens: (u64, u64),
    pub(super) random: bool,
}

pub(super) fn source(name: &str, rate: f64) -> Source {
    let name = Name::new(name).unwrap_or_else(|_| unreachable!("these are names"));
    Source { client: Client::new(name), rate, tokens: (256, 256), random: true }
}

pub(super) fn traffic(sources: Vec<Source>, micros: u64, seed: u64) -> Traffic {
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
