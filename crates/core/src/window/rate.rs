//! Rate windows: a sustained rate and a burst.
//!
//! W1 no schedule gets more than `burst + rate × length` out of a rate window (`rate_bounds_every_interval`).
//! Source: GCRA as in ITU-T I.371, kept as a leaky meter in units of 1/limit so that no division rounds.

use minicbor::{Decode, Encode};

use super::arithmetic::{saturate, signed};
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
}

/// The level at `now`, converted when the terms have changed since: the debt in cost units is kept.
fn level_at(used: Option<&Rate>, limit: u64, period: Span, now: Instant) -> u64 {
    let Some(rate) = used else { return 0 };
    let left = rate.left(now);
    if (rate.limit, rate.period) == (limit, period) {
        return saturate(left);
    }
    saturate((left * u128::from(period.micros())).div_ceil(u128::from(rate.period.micros().max(1))))
}

/// What is used, and what fits.
pub(super) fn room(used: Option<&Rate>, limit: u64, period: Span, burst: u64, now: Instant) -> (i64, i64) {
    let level = level_at(used, limit, period, now);
    let unit = period.micros().max(1);
    let full = burst.saturating_mul(period.micros());
    (signed(level.div_ceil(unit)), signed(full.saturating_sub(level) / unit))
}

/// When a cost fits that does not fit now.
pub(super) fn fits_at(
    used: Option<&Rate>,
    limit: u64,
    period: Span,
    burst: u64,
    cost: u64,
    now: Instant,
) -> Instant {
    let level = u128::from(level_at(used, limit, period, now));
    let wanted = level + u128::from(cost) * u128::from(period.micros());
    let over = wanted.saturating_sub(u128::from(burst) * u128::from(period.micros()));
    now.after(Span::from_micros(saturate(over.div_ceil(u128::from(limit.max(1))))))
}

/// The meter after counting a cost.
pub(super) fn take(
    used: Option<&Rate>,
    limit: u64,
    period: Span,
    is_volatile: bool,
    cost: u64,
    now: Instant,
) -> Rate {
    let level = level_at(used, limit, period, now);
    let level = level.saturating_add(cost.saturating_mul(period.micros()));
    Rate { level, at: now, limit, period, is_volatile }
}
