//! Rate windows: a sustained rate and a burst.
//!
//! W1 no schedule gets more than `burst + rate × length` out of a rate window (`rate_bounds_every_interval`), even if use is
//!    given back: use that has drained since it was counted is not (`a_rate_gives_back_what_has_not_drained`).
//! Source: GCRA as in ITU-T I.371, kept as a leaky meter in units of 1/limit so that no division rounds.

use alloc::vec::Vec;

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
    /// The level before each count that no later one found as low, oldest first: both rise. Use counted before a low
    /// has at most that much left.
    #[n(5)]
    #[cbor(default)]
    pub lows: Vec<(Instant, u64)>,
}

/// Beyond this many lows, those are forgotten that do not matter for giving back, and then those that matter least.
const LOWS_MAX: usize = 64;
/// The most lows that are left then. Of more holds than this, each given back at another time, one may get back less than
/// it could, by a fifteenth of the level.
const LOWS_KEPT: usize = 32;

impl Rate {
    /// Counts `micro` more under terms, in a window that had `level`.
    pub(super) fn take(
        earlier: Option<Self>,
        (limit, period, is_volatile): (u64, Span, bool),
        (level, micro): (u64, u64),
        now: Instant,
    ) -> Self {
        let mut lows = earlier.map_or_else(Vec::new, |rate| rate.lows_under(period));
        while lows.last().is_some_and(|(_, low)| *low >= level) {
            lows.pop();
        }
        lows.push((now, level));
        Self { level: level.saturating_add(micro), at: now, limit, period, is_volatile, lows }
    }

    pub(super) fn is_full(&self) -> bool {
        self.lows.len() > LOWS_MAX
    }

    /// Forgets everything that no count at one of these instants needs in order to be given back.
    pub(super) fn thin(&mut self, mut counted: Vec<Instant>) {
        counted.sort_unstable();
        let lies_between = |from: Instant, to: Instant| {
            counted.get(counted.partition_point(|c| *c < from)).is_some_and(|c| *c < to)
        };
        let mut kept: Vec<(Instant, u64)> = Vec::new();
        for &(at, low) in &self.lows {
            match kept.last_mut() {
                // Of lows that no count lies between, the lowest is the first.
                Some((before, _)) if !lies_between(*before, at) => *before = at,
                Some(_) | None => kept.push((at, low)),
            }
        }
        while kept.len() > LOWS_KEPT {
            let above = |i: usize| kept.get(i + 2).map_or(self.level, |(_, low)| *low);
            let lost = |i: &usize| kept.get(*i).map_or(u64::MAX, |(_, low)| above(*i).saturating_sub(*low));
            let Some(least) = (0..kept.len() - 1).min_by_key(lost) else { break };
            let (_, low) = kept.remove(least);
            kept.iter_mut().skip(least).take(1).for_each(|(_, later)| *later = low);
        }
        self.lows = kept;
    }

    fn lows_under(self, period: Span) -> Vec<(Instant, u64)> {
        let (new, old) = (u128::from(period.micros()), u128::from(self.period.micros().max(1)));
        let mut lows = self.lows;
        if new != old {
            lows.iter_mut().for_each(|(_, low)| *low = saturate(u128::from(*low) * new / old));
        }
        lows
    }

    fn left(&self, now: Instant) -> u128 {
        let drained = u128::from(now.since(self.at).micros()) * u128::from(self.limit);
        u128::from(self.level).saturating_sub(drained)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.left(now) == 0
    }

    /// Adds to use that was counted at an instant, or gives back the part of it that has not drained.
    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64, now: Instant) {
        let micro = delta.unsigned_abs().saturating_mul(self.period.micros());
        let left = saturate(self.left(now));
        self.at = now;
        if delta >= 0 {
            self.level = left.saturating_add(micro);
            return;
        }
        let since = self.lows.partition_point(|(at, _)| *at <= counted_at);
        let lowest = self.lows.get(since).map_or(left, |(_, low)| left.min(*low));
        let back = micro.min(lowest);
        self.level = left - back;
        self.lows.iter_mut().skip(since).for_each(|(_, low)| *low -= back);
        let bound = self.lows.get(since).map_or(self.level, |(_, low)| *low);
        let stays = self.lows.iter().take(since).take_while(|(_, low)| *low < bound).count();
        self.lows.drain(stays..since);
    }

    /// The level that has not drained, in whole units.
    pub(super) fn used(&self, now: Instant) -> i64 {
        signed(saturate(self.left(now).div_ceil(u128::from(self.period.micros().max(1)))))
    }

    /// Drains at another limit from now on.
    pub(super) fn drain_at(&mut self, limit: u64, now: Instant) {
        self.level = saturate(self.left(now));
        (self.at, self.limit) = (now, limit);
    }

    /// When no more than `target` has not drained.
    pub(super) fn falls_to(&self, target: i64, now: Instant) -> Instant {
        let kept = u128::from(positive(target)) * u128::from(self.period.micros());
        let over = self.left(now).saturating_sub(kept);
        now.after(Span::from_micros(saturate(over.div_ceil(u128::from(self.limit.max(1))))))
    }

    /// The level at `now` under other terms: the use is kept.
    pub(super) fn level_under(&self, limit: u64, period: Span, now: Instant) -> u64 {
        let left = self.left(now);
        if (self.limit, self.period) == (limit, period) {
            return saturate(left);
        }
        saturate((left * u128::from(period.micros())).div_ceil(u128::from(self.period.micros().max(1))))
    }
}
