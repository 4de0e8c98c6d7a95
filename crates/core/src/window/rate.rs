//! Rate windows: a sustained rate and a burst.
//!
//! W1 no schedule gets more than `burst + rate × length` out of a rate window (`rate_bounds_every_interval`).
//! Source: GCRA as in ITU-T I.371, kept as a leaky meter in units of 1/limit so that no division rounds.

use minicbor::{Decode, Encode};

use super::arithmetic::{positive, saturate, signed};
use crate::record::{Instant, Span};

/// A leaky meter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rate {
    /// Micro-units of `period / limit` that had not drained at `at`.
    #[n(0)]
    pub level: u64,
    /// When.
    #[n(1)]
    pub at: Instant,
    /// The limit it was counted under.
    #[n(2)]
    pub limit: u64,
    /// The period it was counted under.
    #[n(3)]
    pub period: Span,
    /// Whether it may be lost at a restart.
    #[n(4)]
    pub is_volatile: bool,
}

impl Rate {
    fn left(&self, now: Instant) -> u128 {
        let drained = u128::from(now.since(self.at).micros()) * u128::from(self.limit);
        u128::from(self.level).saturating_sub(drained)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.left(now) == 0
    }

    pub(super) fn correct(&mut self, delta: i64, now: Instant) {
        let micro = delta.unsigned_abs().saturating_mul(self.period.micros());
        let left = saturate(self.left(now));
        let level = if delta < 0 { left.saturating_sub(micro) } else { left.saturating_add(micro) };
        (self.level, self.at) = (level, now);
    }

    /// What has not drained, in whole units.
    pub(super) fn used(&self, now: Instant) -> i64 {
        signed(saturate(self.left(now).div_ceil(u128::from(self.period.micros().max(1)))))
    }

    /// When no more than `target` has not drained.
    pub(super) fn falls_to(&self, target: i64, now: Instant) -> Instant {
        let kept = u128::from(positive(target)) * u128::from(self.period.micros());
        let over = self.left(now).saturating_sub(kept);
        now.after(Span::from_micros(saturate(over.div_ceil(u128::from(self.limit.max(1))))))
    }

    /// The level at `now` under other terms: what is used is kept.
    pub(super) fn level_under(&self, limit: u64, period: Span, now: Instant) -> u64 {
        let left = self.left(now);
        if (self.limit, self.period) == (limit, period) {
            return saturate(left);
        }
        saturate((left * u128::from(period.micros())).div_ceil(u128::from(self.period.micros().max(1))))
    }
}
