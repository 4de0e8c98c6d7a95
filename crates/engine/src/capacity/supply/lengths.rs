//! What requests come to beside what was estimated, learned for each meter of a feature: of each account, and of all accounts of
//! a supply together. Who always asks for four times too much, or too little, is queued and charged for what such requests
//! come to; of whom nothing is known yet, what such requests of the others do.
//!
//! Only orders and paces: holds, prices and decisions know nothing of it. Forgotten when the account leaves memory.
//! Units: ratios in 1,024ths.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// An estimate that is right.
const RIGHT: u32 = 1_024;
/// Ratios stay within a sixteenth and sixteen.
const BOUNDS: (u32, u32) = (RIGHT / 16, RIGHT * 16);
/// Nothing is learned yet.
const UNKNOWN: u32 = 0;
/// The kinds of quantities that are told apart; the others share the last.
const KINDS: usize = 8;

/// A meter of a feature, as a digest that is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(u64);

impl Kind {
    /// FNV-1a.
    #[must_use]
    pub fn new(feature: &str, meter: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let text = feature.bytes().chain([0]).chain(meter.bytes());
        Self(text.fold(0xcbf2_9ce4_8422_2325, step).max(1))
    }
}

/// Learned ratios. One request counts for a part of what is learned, the first for all of it.
#[derive(Debug)]
pub struct Lengths {
    ratios: [(AtomicU64, AtomicU32); KINDS],
    /// The part, as its divisor.
    learns: i64,
}

impl Default for Lengths {
    fn default() -> Self {
        Self::of_account()
    }
}

impl Lengths {
    fn new(learns: i64) -> Self {
        Self { ratios: std::array::from_fn(|_| (AtomicU64::new(0), AtomicU32::new(UNKNOWN))), learns }
    }

    /// Those of one account: quick to follow what it does now.
    #[must_use]
    pub fn of_account() -> Self {
        Self::new(4)
    }

    /// Those of all accounts of a supply: their mean.
    #[must_use]
    pub fn of_all() -> Self {
        Self::new(64)
    }

    fn ratio(&self, Kind(kind): Kind) -> &AtomicU32 {
        let [.., last] = &self.ratios;
        let own = |(of, _): &&(AtomicU64, AtomicU32)| {
            let present = of.load(Relaxed);
            present == kind
                || (present == 0
                    && of
                        .compare_exchange(0, kind, Relaxed, Relaxed)
                        .map_or_else(|now| now == kind, |_| true))
        };
        &self.ratios.iter().find(own).unwrap_or(last).1
    }

    /// What a quantity that is estimated at so much will come to; `None` while nothing is known.
    #[must_use]
    pub fn expected(&self, kind: Kind, estimate: u64) -> Option<u64> {
        let ratio = Some(self.ratio(kind).load(Relaxed)).filter(|ratio| *ratio != UNKNOWN)?;
        let expected = u128::from(estimate) * u128::from(ratio) / u128::from(RIGHT);
        Some(u64::try_from(expected).unwrap_or(u64::MAX).max(u64::from(estimate > 0)))
    }

    /// A quantity that was estimated at so much has come to `actual`.
    pub fn learn(&self, kind: Kind, estimate: u64, actual: u64) {
        if estimate == 0 {
            return;
        }
        let ratio = self.ratio(kind);
        let now = ratio.load(Relaxed);
        let (least, most) = BOUNDS;
        let right = u128::from(RIGHT) * u128::from(actual) / u128::from(estimate);
        let right = u32::try_from(right).unwrap_or(most).clamp(least, most);
        // Rounded away from what it is, so that it gets there.
        let step = i64::from(right) - i64::from(now);
        let step = (step + (self.learns - 1) * step.signum()) / self.learns;
        let next = u32::try_from(i64::from(now) + step).unwrap_or(RIGHT).clamp(least, most);
        // Of two requests that end at once, one may be forgotten.
        ratio.store(if now == UNKNOWN { right } else { next }, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Lengths};

    #[test]
    fn what_an_account_asks_for_is_measured_by_what_it_takes() {
        let lengths = Lengths::of_account();
        let (chat, search, other) =
            (Kind::new("chat", "output"), Kind::new("search", "output"), Kind::new("chat", "input"));
        assert_eq!(lengths.expected(chat, 1_000), None, "nothing is known yet");
        lengths.learn(chat, 1_000, 4_000);
        assert_eq!(lengths.expected(chat, 1_000), Some(4_000), "one request is all that is known");
        for _ in 0..200 {
            lengths.learn(chat, 1_000, 2_000);
            lengths.learn(search, 1_000, 250);
        }
        let near = |kind, is: u64| lengths.expected(kind, 1_000).expect("known").abs_diff(is) * 50 <= is;
        assert!(near(chat, 2_000) && near(search, 250), "{lengths:?}");
        assert_eq!(lengths.expected(other, 1_000), None, "another meter of the same feature");
        // Nobody gets far with one lie, and nothing goes beyond sixteen times.
        for _ in 0..1_000 {
            lengths.learn(other, 1, 1_000_000_000_000);
        }
        assert!(lengths.expected(other, 1_000).expect("known") <= 16_000);
        let kinds = (0..20).map(|n| Kind::new(&format!("f{n}"), "output"));
        kinds.clone().for_each(|kind| lengths.learn(kind, 10, 10));
        let more: Vec<_> = kinds.map(|kind| lengths.expected(kind, 10)).collect();
        assert!(more.iter().all(|n| n.is_some_and(|n| n > 0)), "kinds beyond the eighth share one: {more:?}");
    }

    #[test]
    fn of_all_accounts_the_mean_is_learned() {
        let all = Lengths::of_all();
        let kind = Kind::new("chat", "output");
        for _ in 0..500 {
            all.learn(kind, 1_000, 4_000);
            all.learn(kind, 1_000, 250);
        }
        // Four and a quarter, in turn.
        assert!(all.expected(kind, 1_000).expect("known").abs_diff(2_125) < 50, "{all:?}");
    }
}
