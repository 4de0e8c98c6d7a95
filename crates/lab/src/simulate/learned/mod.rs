//! The sweep of supplies of unknown rate: sizes, service times, loads, units and seeds, each with the bars of the contract.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use headworks_terminal::Failed;

mod world;

use world::{BIN_MICROS, Run, Upstream, WAIT_S, bins, count};
pub(crate) use world::{Case, run};

/// Seconds after a rise in which the rate may still be too low.
const RISES_S: u64 = 15;

/// The figures of one case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Accepted against what could have been, in the worst phase.
    pub(crate) utilisation: f64,
    /// The least of that in any two seconds.
    pub(crate) least: f64,
    /// Refused by the upstream against all that was sent, without the first half second after a fall.
    pub(crate) refused: f64,
    /// The same, only that half second, against all.
    pub(crate) refused_at_once: f64,
    /// Seconds until the rate was within a tenth after the fall, and after the rise.
    pub(crate) down_s: f64,
    pub(crate) up_s: f64,
}

/// The cost that a supply with no controller before it would have served: waiting work at its rate, or what it takes at once.
fn possible(case: &Case) -> Result<Vec<u64>, Failed> {
    let mut all = vec![0; bins(case.seconds)];
    if !case.waits {
        let mut upstream = Upstream::new(case);
        for at in case.arrivals()? {
            if upstream.accepts(at) {
                count(&mut all, at, case.cost);
            }
        }
        return Ok(all);
    }
    let mut offered = vec![0; bins(case.seconds)];
    for at in case.arrivals()? {
        count(&mut offered, at, case.cost);
    }
    let mut waiting = 0.0_f64;
    let mut rest = 0.0;
    for (bin, (more, into)) in offered.iter().zip(&mut all).enumerate() {
        waiting += *more as f64;
        let serves = waiting.min(case.rate_at(bin as u64 * BIN_MICROS) as f64 * BIN_MICROS as f64 / 1e6);
        // Nobody waits longer.
        waiting = (waiting - serves).min(case.rate_at(bin as u64 * BIN_MICROS) as f64 * WAIT_S as f64);
        rest += serves;
        *into = rest as u64;
        rest -= rest.floor();
    }
    Ok(all)
}

/// The instants, in bins, at which the upstream's rate falls and rises.
fn changes(case: &Case) -> (Option<usize>, Option<usize>) {
    let mut found = (None, None);
    for pair in case.parts.windows(2) {
        let [(_, before), (at, after)] = pair else { continue };
        if after < before {
            found.0 = Some(bins(*at));
        } else {
            found.1 = Some(bins(*at));
        }
    }
    found
}

fn sum(all: &[u64], from: usize, to: usize) -> f64 {
    all.get(from..to.min(all.len())).map_or(0.0, |part| part.iter().sum::<u64>() as f64)
}

/// Seconds after the fall until a supply that knew the rate before it, and sent what that allows, has met this many refusals.
/// Without a queue: what is sent is what arrives.
pub(crate) fn shown_after(case: &Case, refusals: usize) -> Result<f64, Failed> {
    let before = Case { parts: vec![(0, 1.0)], ..case.clone() };
    let (mut known, mut upstream) = (Upstream::new(&before), Upstream::new(case));
    let mut denied = Vec::new();
    for at in case.arrivals()? {
        if known.accepts(at) && !upstream.accepts(at) {
            denied.push(at);
        }
    }
    let falls = changes(case).0.map_or(0, |at| at as u64 * BIN_MICROS);
    let shown = refusals.checked_sub(1).and_then(|last| denied.get(last));
    Ok(shown.map_or(f64::INFINITY, |at| (*at - falls) as f64 / 1e6))
}

/// The least part of all requests that is refused if there is a question every 15 s, as a rise must be seen within that time, and
/// only the one after the rise is answered with yes.
pub(crate) fn questions(case: &Case) -> Result<f64, Failed> {
    let asked = (case.seconds / RISES_S - 1) as f64;
    let requests = sum(&possible(case)?, 0, bins(case.seconds)) / case.cost as f64;
    Ok(asked / (asked + requests))
}

impl Figures {
    /// The worse of two in each figure.
    pub(crate) fn worst(self, other: Self) -> Self {
        Self {
            utilisation: self.utilisation.min(other.utilisation),
            least: self.least.min(other.least),
            refused: self.refused.max(other.refused),
            refused_at_once: self.refused_at_once.max(other.refused_at_once),
            down_s: self.down_s.max(other.down_s),
            up_s: self.up_s.max(other.up_s),
        }
    }
}

/// The figures of a run.
pub(crate) fn figures(case: &Case, run: &Run) -> Result<Figures, Failed> {
    let possible = possible(case)?;
    let all = bins(case.seconds);
    let (falls, rises) = changes(case);
    let is_rising = |bin: usize| rises.is_some_and(|at| (at..at + bins(RISES_S)).contains(&bin));
    let mut edges: Vec<usize> = case.parts.iter().map(|(at, _)| bins(*at)).collect();
    edges.push(all);
    let mut utilisation = f64::INFINITY;
    for pair in edges.windows(2) {
        let [from, to] = pair else { continue };
        let from = if rises == Some(*from) { from + bins(RISES_S) } else { *from };
        utilisation = utilisation.min(sum(&run.accepted, from, *to) / sum(&possible, from, *to).max(1.0));
    }
    let mut least = f64::INFINITY;
    for from in 0..all.saturating_sub(20) {
        let could = sum(&possible, from, from + 20);
        // Whether the window is one of little to do is no question of the supply.
        if could > 0.0 && !is_rising(from) && !is_rising(from + 19) {
            let supply = case.rate_at(from as u64 * BIN_MICROS) as f64 * 2.0;
            least = least.min(sum(&run.accepted, from, from + 20) / could.min(supply));
        }
    }
    let at_once = falls.map_or(0.0, |at| sum(&run.refused, at, at + 5));
    let sent = sum(&run.accepted, 0, all) + sum(&run.refused, 0, all);
    let target = |bin: usize| case.rate_at(bin as u64 * BIN_MICROS) as f64;
    let after = |at: Option<usize>, near: &dyn Fn(f64, f64) -> bool| {
        let Some(at) = at else { return 0.0 };
        let begin = at as u64 * BIN_MICROS;
        let found = run.rates.iter().find(|(t, rate)| *t >= begin && near(*rate as f64, target(at)));
        found.map_or(f64::INFINITY, |(t, _)| (*t - begin) as f64 / 1e6)
    };
    let offered = case.load * case.rate as f64;
    Ok(Figures {
        utilisation,
        least,
        refused: (sum(&run.refused, 0, all) - at_once) / sent,
        refused_at_once: at_once / sent,
        down_s: after(falls, &|rate, to| rate <= to * 1.1),
        up_s: after(rises, &|rate, to| rate >= to.min(offered) * 0.9),
    })
}

impl Run {
    /// Lines to draw: the upstream's rate, the learned one, and what was accepted, by second.
    pub(crate) fn lines(&self, case: &Case) -> Vec<(String, Vec<(f64, f64)>)> {
        let at = |micros: u64| micros as f64 / 1e6;
        // Five in a second are enough to see.
        let rates = || self.rates.iter().step_by(10);
        let upstream = rates().map(|(t, _)| (at(*t), case.rate_at(*t) as f64));
        let learned = rates().map(|(t, rate)| (at(*t), *rate as f64));
        let accepted = self.accepted.chunks(10).enumerate();
        let accepted = accepted.map(|(s, bins)| (s as f64 + 0.5, bins.iter().sum::<u64>() as f64));
        vec![
            ("the upstream".into(), upstream.collect()),
            ("learned".into(), learned.collect()),
            ("accepted".into(), accepted.collect()),
        ]
    }
}
