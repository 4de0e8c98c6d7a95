//! The result of a run: each client's service, beside its fair share.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;

use headworks_core::capacity::fair::{Claim, max_min};
use serde::Serialize;

use super::fates::{Fate, Run};
use super::traffic::{Client, Traffic};
use super::upstream::{Upstream, service_of};

/// Pairs of clients are compared for the service gap up to this many clients: those with the most service.
const COMPARED_MAX: usize = 64;

/// A run in figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The policy's file or name.
    pub(crate) policy: String,
    pub(crate) requests: u64,
    pub(crate) served: u64,
    /// Served after waiting, for the policy or at the upstream.
    pub(crate) waited: u64,
    /// By reason.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Admitted, and refused by the upstream.
    pub(crate) overrun: u64,
    /// Served by a fallback supply.
    pub(crate) fell_back: u64,
    /// Served one class lower, for growing too fast.
    pub(crate) demoted: u64,
    /// Effects of abuse rules that began.
    pub(crate) effects: u64,
    /// Busy part of the upstream until the last arrival.
    pub(crate) utilisation: Option<f64>,
    /// Busy slot time against busy and idle-while-somebody-waited.
    pub(crate) work_conservation: Option<f64>,
    /// Jain's index over service against the max-min optimum: 1 is fair.
    pub(crate) jain: f64,
    /// The client worst off: its service against its optimum.
    pub(crate) worst_share: f64,
    /// The largest difference in service, for their weight, between two clients that both had work waiting.
    pub(crate) service_gap: u64,
    pub(crate) wait_p50_s: f64,
    pub(crate) wait_p90_s: f64,
    pub(crate) wait_p99_s: f64,
    pub(crate) wait_max_s: f64,
    pub(crate) clients: Vec<ClientReport>,
}

/// One client in figures.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ClientReport {
    pub(crate) client: String,
    pub(crate) requests: u64,
    pub(crate) served: u64,
    pub(crate) refused: u64,
    /// Service requested until the last arrival: input + 2 x output tokens.
    pub(crate) offered: u64,
    /// Service received until the last arrival.
    pub(crate) service: u64,
    /// The service that weighted max-min sharing of all service received would have given.
    pub(crate) optimum: u64,
    pub(crate) wait_p99_s: f64,
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// A quantile by nearest rank; zero of nothing.
pub(crate) fn quantile(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(0)
}

pub(crate) fn report(policy: &str, traffic: &Traffic, upstream: &Upstream, run: &Run) -> Report {
    let horizon = traffic.requests.last().map_or(0, |r| r.at).max(1);
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    let mut waits = Vec::new();
    let mut by_client: Vec<(ClientReport, Vec<u64>)> = traffic
        .clients
        .iter()
        .map(|c| (ClientReport { client: c.name.to_string(), ..ClientReport::default() }, Vec::new()))
        .collect();
    let (mut served, mut overrun, mut busy) = (0, 0, 0_u64);
    for (traced, fate) in traffic.requests.iter().zip(&run.fates) {
        let Some((client, own_waits)) = by_client.get_mut(traced.client) else { continue };
        client.requests += 1;
        client.offered += service_of(traced);
        match fate {
            Fate::Pending => {}
            Fate::Overrun => overrun += 1,
            Fate::Refused(reason, _) => {
                client.refused += 1;
                *refused.entry(reason.as_str().to_owned()).or_default() += 1;
            }
            Fate::Served { start, end } => {
                served += 1;
                client.served += 1;
                waits.push(start - traced.at);
                own_waits.push(start - traced.at);
                let inside = (*end).min(horizon).saturating_sub(*start);
                busy += inside;
                let length = u128::from((end - start).max(1));
                let part = u128::from(service_of(traced)) * u128::from(inside) / length;
                let whole = if end == start && *start <= horizon { service_of(traced) } else { 0 };
                client.service += u64::try_from(part).unwrap_or(0) + whole;
            }
        }
    }
    waits.sort_unstable();
    let (shares, jain, worst_share) = fair_shares(traffic, &mut by_client);
    let slots = upstream.slots.map(|slots| slots as f64 * seconds(horizon));
    let delivered: u64 = shares.iter().map(|c| c.service).sum();
    let servable = servable(upstream, horizon);
    let idle = seconds(run.idle_while_waiting);
    Report {
        policy: policy.to_owned(),
        requests: traffic.requests.len() as u64,
        served,
        waited: waits.iter().filter(|w| **w > 0).count() as u64,
        refused,
        overrun,
        fell_back: run.fell_back,
        demoted: run.demoted,
        effects: run.effects,
        utilisation: slots.map(|all| seconds(busy) / all).or(servable.map(|all| delivered as f64 / all)),
        work_conservation: slots.map(|_| seconds(busy) / (seconds(busy) + idle).max(1e-9)),
        jain,
        worst_share,
        service_gap: service_gap(traffic, run),
        wait_p50_s: seconds(quantile(&waits, 500)),
        wait_p90_s: seconds(quantile(&waits, 900)),
        wait_p99_s: seconds(quantile(&waits, 990)),
        wait_max_s: seconds(waits.last().copied().unwrap_or(0)),
        clients: shares,
    }
}

/// All cost that an upstream with a rate could serve until the horizon.
fn servable(upstream: &Upstream, horizon: u64) -> Option<f64> {
    let ends = upstream.rates.iter().skip(1).map(|(from, _)| *from).chain([horizon]);
    let parts = upstream.rates.iter().zip(ends);
    let all: f64 =
        parts.map(|((from, rate), end)| *rate as f64 * seconds(end.min(horizon).saturating_sub(*from))).sum();
    (!upstream.rates.is_empty()).then_some(all)
}

fn fair_shares(
    traffic: &Traffic,
    found: &mut Vec<(ClientReport, Vec<u64>)>,
) -> (Vec<ClientReport>, f64, f64) {
    let all: u64 = found.iter().map(|(c, _)| c.service).sum();
    let claim = |((c, _), client): (&(ClientReport, Vec<u64>), &Client)| Claim {
        demand: c.offered,
        weight: client.weight,
    };
    let claims: Vec<Claim> = found.iter().zip(&traffic.clients).map(claim).collect();
    let optimum = max_min(all, &claims);
    let mut ratios = Vec::new();
    let clients = std::mem::take(found).into_iter().zip(optimum).map(|((mut client, mut waits), optimum)| {
        waits.sort_unstable();
        client.optimum = optimum;
        client.wait_p99_s = seconds(quantile(&waits, 990));
        if optimum > 0 {
            ratios.push(client.service as f64 / optimum as f64);
        }
        client
    });
    let clients = clients.collect();
    let (sum, squares) = ratios.iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    let jain = if squares > 0.0 { sum * sum / (ratios.len() as f64 * squares) } else { 1.0 };
    (clients, jain, ratios.into_iter().reduce(f64::min).unwrap_or(1.0))
}

/// Service of two clients over every stretch in which both have work waiting.
struct Pairs {
    waiting: Vec<u64>,
    /// Difference since both began to wait, its lowest and its highest.
    apart: Vec<Vec<(i64, i64, i64)>>,
    most: i64,
}

impl Pairs {
    fn new(n: usize) -> Self {
        Self { waiting: vec![0; n], apart: vec![vec![(0, 0, 0); n]; n], most: 0 }
    }

    fn waits(&mut self, i: usize, more: bool) {
        let Some(count) = self.waiting.get_mut(i) else { return };
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count > 0 {
            return;
        }
        for (j, row) in self.apart.iter_mut().enumerate() {
            if i == j {
                row.fill((0, 0, 0));
            } else if let Some(pair) = row.get_mut(i) {
                *pair = (0, 0, 0);
            }
        }
    }

    fn serve(&mut self, i: usize, service: i64) {
        if self.waiting.get(i).copied().unwrap_or(0) == 0 {
            return;
        }
        for j in (0..self.waiting.len()).filter(|j| *j != i) {
            if self.waiting.get(j).copied().unwrap_or(0) == 0 {
                continue;
            }
            let (row, column, sign) = if i < j { (i, j, 1) } else { (j, i, -1) };
            let Some((now, low, high)) = self.apart.get_mut(row).and_then(|r| r.get_mut(column)) else {
                continue;
            };
            *now += sign * service;
            (*low, *high) = ((*low).min(*now), (*high).max(*now));
            self.most = self.most.max(*now - *low).max(*high - *now);
        }
    }
}

fn service_gap(traffic: &Traffic, run: &Run) -> u64 {
    let mut totals: Vec<(u64, usize)> = (0..traffic.clients.len()).map(|i| (0, i)).collect();
    for traced in &traffic.requests {
        if let Some((total, _)) = totals.get_mut(traced.client) {
            *total += service_of(traced);
        }
    }
    totals.sort_unstable_by(|a, b| b.cmp(a));
    let places: BTreeMap<usize, usize> =
        totals.iter().take(COMPARED_MAX).enumerate().map(|(place, (_, client))| (*client, place)).collect();
    // 0: arrives, 1: is served, 2: stops waiting.
    let mut events: Vec<(u64, u8, usize, i64)> = Vec::new();
    let horizon = traffic.requests.last().map_or(0, |r| r.at);
    for (traced, fate) in traffic.requests.iter().zip(&run.fates) {
        let Some(place) = places.get(&traced.client).copied() else { continue };
        let weight = traffic.clients.get(traced.client).map_or(1, |c| u64::from(c.weight));
        let service = i64::try_from(service_of(traced) / weight).unwrap_or(i64::MAX);
        events.push((traced.at, 0, place, 0));
        match fate {
            Fate::Pending => {}
            Fate::Overrun => events.push((traced.at, 2, place, 0)),
            Fate::Refused(_, at) => events.push((*at, 2, place, 0)),
            Fate::Served { start, .. } => {
                events.push((*start, 1, place, service));
                events.push((*start, 2, place, 0));
            }
        }
    }
    events.retain(|(at, ..)| *at <= horizon);
    events.sort_unstable();
    let mut pairs = Pairs::new(places.len());
    for (_, kind, place, service) in events {
        match kind {
            0 => pairs.waits(place, true),
            1 => pairs.serve(place, service),
            _ => pairs.waits(place, false),
        }
    }
    pairs.most.unsigned_abs()
}
