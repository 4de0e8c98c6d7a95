//! How long operations took: counted in bins that are at most 1/128 of their value wide, so that any number of clients can
//! count at once and memory stays the same.
//!
//! Units: nanoseconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets for each power of two.
const STEPS: u64 = 128;

/// Latencies of one kind of operation.
#[derive(Debug)]
pub(super) struct Latencies {
    bins: Box<[AtomicU64]>,
    max: AtomicU64,
}

/// The bin of a value: values below [`STEPS`] have one each.
fn bin(nanos: u64) -> usize {
    let doublings = nanos.checked_ilog2().unwrap_or(0).saturating_sub(STEPS.ilog2());
    let at = u64::from(doublings) * STEPS + (nanos >> doublings);
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The largest value of a bin.
fn top(bin: usize) -> u64 {
    let bin = u64::try_from(bin).unwrap_or(u64::MAX);
    let doublings = (bin / STEPS).saturating_sub(1);
    let first = (bin - doublings * STEPS) << doublings;
    first + ((1 << doublings) - 1)
}

impl Latencies {
    pub(super) fn new() -> Self {
        let bins = (0..=bin(u64::MAX)).map(|_| AtomicU64::new(0)).collect();
        Self { bins, max: AtomicU64::new(0) }
    }

    /// Counts an operation that took this long.
    pub(super) fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bin) = self.bins.get(bin(nanos)) {
            bin.fetch_add(1, Ordering::Relaxed);
        }
        self.max.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.load(Ordering::Relaxed)).sum()
    }

    /// The value that this many in a thousand do not exceed.
    pub(super) fn quantile(&self, per_mille: u64) -> u64 {
        let (mut seen, wanted) = (0, (self.count() * per_mille).div_ceil(1_000));
        let max = self.max.load(Ordering::Relaxed);
        for (at, count) in self.bins.iter().enumerate() {
            seen += count.load(Ordering::Relaxed);
            if seen >= wanted.max(1) {
                return top(at).min(max);
            }
        }
        max
    }

    /// A row for people.
    pub(super) fn row(&self) -> String {
        let [p50, p90, p99, p999] = [500, 900, 990, 999].map(|per_mille| millis(self.quantile(per_mille)));
        let max = millis(self.max.load(Ordering::Relaxed));
        format!("p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max} ms")
    }
}

fn millis(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1_000_000, nanos % 1_000_000 / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_its_bin() {
        let edges = (0..64).flat_map(|n| [(1_u64 << n) - 1, 1 << n, (1 << n) + 1]);
        for value in edges.chain([127, 128, 129, 255, 256, 257, 1_000_003, u64::MAX]) {
            let top = top(bin(value));
            assert!(top >= value && top - value <= value / STEPS, "{value}: {top}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let latencies = Latencies::new();
        // 1 to 10,000 µs, each once, in an order of their own.
        for n in 0..10_000_u64 {
            latencies.add(Duration::from_micros(n * 7_919 % 10_000 + 1));
        }
        assert_eq!(latencies.count(), 10_000);
        for (per_mille, micros) in [(500, 5_000), (900, 9_000), (990, 9_900), (999, 9_990), (1_000, 10_000)] {
            let (found, exact) = (latencies.quantile(per_mille), micros * 1_000);
            assert!(found >= exact && found - exact <= exact / STEPS, "{per_mille}: {found} and {exact}");
        }
        assert!(latencies.row().ends_with("max 10.000 ms"), "{}", latencies.row());
    }
}
