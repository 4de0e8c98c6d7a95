//! What requests cost in the end beside what was estimated, learned for each feature of an account: who always asks for four
//! times too much, or too little, is queued and charged for what such requests come to.
//!
//! Only orders and paces: holds, prices and decisions know nothing of it. Forgotten when the account leaves memory.
//! Units: ratios in 1,024ths.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// An estimate that is right.
const RIGHT: u32 = 1_024;
/// Ratios stay within a sixteenth and sixteen.
const BOUNDS: (u32, u32) = (RIGHT / 16, RIGHT * 16);
/// One request counts for a quarter of what is learned.
const LEARNS: i64 = 4;
/// The features of an account that are told apart; the others share the last.
const FEATURES: usize = 4;

/// The learned ratios of one account.
#[derive(Debug)]
pub struct Lengths([(AtomicU64, AtomicU32); FEATURES]);

impl Default for Lengths {
    fn default() -> Self {
        Self(std::array::from_fn(|_| (AtomicU64::new(0), AtomicU32::new(RIGHT))))
    }
}

/// FNV-1a, never zero.
fn digest(feature: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    feature.bytes().fold(0xcbf2_9ce4_8422_2325, step).max(1)
}

impl Lengths {
    fn ratio(&self, feature: &str) -> &AtomicU32 {
        let digest = digest(feature);
        let [.., last] = &self.0;
        let own = |(of, _): &&(AtomicU64, AtomicU32)| {
            let present = of.load(Relaxed);
            present == digest
                || (present == 0
                    && of
                        .compare_exchange(0, digest, Relaxed, Relaxed)
                        .map_or_else(|now| now == digest, |_| true))
        };
        &self.0.iter().find(own).unwrap_or(last).1
    }

    /// What a request that is estimated at so much will cost, as far as is known.
    #[must_use]
    pub fn expected(&self, feature: &str, estimate: u64) -> u64 {
        let ratio = self.ratio(feature).load(Relaxed);
        if ratio == RIGHT {
            return estimate;
        }
        let expected = u128::from(estimate) * u128::from(ratio) / u128::from(RIGHT);
        u64::try_from(expected).unwrap_or(u64::MAX).max(u64::from(estimate > 0))
    }

    /// A request that was estimated at so much has ended.
    pub fn learn(&self, feature: &str, estimate: u64, actual: u64) {
        if estimate == 0 {
            return;
        }
        let ratio = self.ratio(feature);
        let now = ratio.load(Relaxed);
        let (least, most) = BOUNDS;
        let right = u128::from(RIGHT) * u128::from(actual) / u128::from(estimate);
        let right = u32::try_from(right).unwrap_or(most).clamp(least, most);
        // Rounded away from what it is, so that it gets there.
        let step = i64::from(right) - i64::from(now);
        let step = (step + (LEARNS - 1) * step.signum()) / LEARNS;
        let next = u32::try_from(i64::from(now) + step).unwrap_or(RIGHT).clamp(least, most);
        // Of two requests that end at once, one may be forgotten.
        ratio.store(next, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Lengths;

    #[test]
    fn what_an_account_asks_for_is_measured_by_what_it_takes() {
        let lengths = Lengths::default();
        assert_eq!(lengths.expected("chat", 1_000), 1_000, "nothing is known yet");
        for _ in 0..200 {
            lengths.learn("chat", 1_000, 4_000);
            lengths.learn("search", 1_000, 250);
        }
        let near = |feature: &str, is: u64| lengths.expected(feature, 1_000).abs_diff(is) * 50 <= is;
        assert!(near("chat", 4_000) && near("search", 250), "{lengths:?}");
        assert_eq!(lengths.expected("other", 1_000), 1_000);
        // Nobody gets far with one lie, and nothing goes beyond sixteen times.
        for _ in 0..1_000 {
            lengths.learn("other", 1, 1_000_000_000_000);
        }
        assert!(lengths.expected("other", 1_000) <= 16_000);
        let more: Vec<u64> = (0..10).map(|n| lengths.expected(&format!("f{n}"), 10)).collect();
        assert!(more.iter().all(|n| *n > 0), "features beyond the fourth share one: {more:?}");
    }
}
