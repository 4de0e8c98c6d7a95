//! Without refusals: the rate returns, tries a little more than is known, or grows; and it is lowered by lasting slowness.

use super::Controller;
use super::MILLION;
use super::state::Course;
use crate::record::{Instant, Span, scaled};

/// The rate tried, in percent of the known one.
const TRIED: u64 = 120;
/// The upstream has more than is known once it has shown this much.
const PASSED: u64 = 102;
/// More is tried after this many requests without a refusal, but not before, and not later than:
const TRY_AFTER_REQUESTS: u64 = 250;
const TRY_AFTER: Span = Span::from_secs(5);
const TRY_AFTER_MAX: Span = Span::from_micros(12_800_000);

/// Growth per second in percent, at first and at most, and the time in which it doubles.
const GROWTH: u64 = 10;
const GROWTH_MAX: u64 = 80;
const GROWTH_DOUBLES: Span = Span::from_micros(500_000);
/// A long time between two calls is no time of growth.
const AT_ONCE: Span = Span::from_micros(200_000);

impl Controller {
    /// Whether the rate is far below what the upstream used to have: then it grows by the request.
    fn is_far(&self) -> bool {
        self.rate < self.peak / 8 && self.slow_from.is_none()
    }

    fn most(&self) -> u64 {
        self.stated.unwrap_or(self.ceiling)
    }

    /// Goes on: returns, tries, or grows, if the rate is used.
    pub(super) fn pursue(&mut self, now: Instant, span: Span) {
        let is_used = self.within(GROWTH_DOUBLES, now).uses(80);
        match self.course {
            Course::Hold if self.rate < self.goal => {
                if is_used {
                    let second = Span::from_secs(1);
                    self.rate = self.grown(self.returns, span, second).min(self.goal);
                }
            }
            Course::Hold if self.is_far() => {
                if now.since(self.quiet_since).micros() >= MILLION.max(3 * self.request_micros()) {
                    self.course = Course::Grow { since: now, from: self.rate };
                }
            }
            Course::Hold => {
                if self.congestion.is_none()
                    && self.rate < self.most()
                    && now.since(self.quiet_since) >= self.try_after()
                    && self.within(Span::from_secs(1), now).uses(85)
                {
                    self.rate = scaled(self.known, TRIED, 100).clamp(self.rate, self.most());
                    self.course = Course::Try { since: now };
                    self.flow.part();
                }
            }
            Course::Try { since } => {
                let shown = self.flow.proven(since, self.stretched(AT_ONCE), self.size());
                if shown > scaled(self.known, PASSED, 100) {
                    self.course = Course::Grow { since: now, from: shown };
                }
            }
            Course::Grow { .. } if is_used && self.is_far() => {
                let two = Span::from_micros((MILLION / 2).max(2 * self.request_micros()));
                self.rate = self.grown(100, span, two).min(self.most());
            }
            Course::Grow { since, .. } => {
                if is_used {
                    let doublings =
                        now.since(since).micros() / self.stretched(GROWTH_DOUBLES).micros().max(1);
                    let fast = GROWTH << (doublings + 1).min(3);
                    let is_slow = self.slow_at.is_some_and(|at| now.since(at) < Span::from_secs(600));
                    let percent = if is_slow { GROWTH } else { fast.min(GROWTH_MAX) };
                    let second = self.stretched(Span::from_secs(1));
                    self.rate = self.grown(percent, span, second).min(self.most());
                }
            }
        }
    }

    /// The rate after a time of growth.
    fn grown(&self, percent: u64, span: Span, second: Span) -> u64 {
        let micros = span.min(AT_ONCE).micros();
        self.rate
            .saturating_add(scaled(self.rate, percent * micros, second.micros().saturating_mul(100)).max(1))
    }

    fn try_after(&self) -> Span {
        if self.size_milli == 0 {
            return TRY_AFTER_MAX;
        }
        let requests = scaled(self.size_milli, 1_000 * MILLION * TRY_AFTER_REQUESTS, self.rate);
        let most = self.stretched(TRY_AFTER_MAX).micros() / 4;
        Span::from_micros(requests).clamp(TRY_AFTER, TRY_AFTER_MAX).max(Span::from_micros(most))
    }

    /// Most answers came late under load.
    pub(super) fn slowed(&mut self, now: Instant) {
        let from = *self.slow_from.get_or_insert(self.rate);
        // If a quarter of the load does not help, the load is not the cause.
        self.rate = scaled(self.rate, 90, 100).max(from / 4).max(self.floor).min(self.rate);
        (self.known, self.goal, self.course) = (self.rate, self.rate, Course::Hold);
        (self.quiet_since, self.slow_at) = (now, Some(now));
        self.latency.lowered(now.after(self.stretched(Span::from_secs(1))));
    }
}
