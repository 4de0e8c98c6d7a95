//! Refusals: what they say about the rate of the upstream, and how far the learned rate falls.
//!
//! An upstream that refuses has nothing saved up. So from one refusal to the next it has accepted exactly its rate, and before
//! the first one its rate and what it had saved up.

use core::mem;

use super::Controller;
use super::flow::{SAVED_MICROS, rate_of};
use super::state::{Congestion, Course, Fall};
use crate::record::{Instant, Span, scaled};

/// The first refusal lowers the known rate to this at most, unless the rate was growing.
const CONFIRMED: u64 = 95;
/// If it was accepted for a while and there are enough requests to tell, to this.
const CORRECTED: u64 = 88;
const TELLING: u64 = 8;
/// Without refusals for so long, the next one is of another congestion.
const QUIET: Span = Span::from_micros(400_000);
/// A fall is judged by so many refusals and accepted requests; or after a longer time if the requests are few, or the
/// refusals.
const REFUSALS: u64 = 3;
const ACCEPTED: u64 = 12;
/// A fall to a rate that few requests have shown is made good at this speed at least, in percent per second.
const RETURNS: u64 = 10;
/// For so long after a fall the next one is slow.
const UNCLEAR: Span = Span::from_secs(30);
/// The times.
const MANY: Span = Span::from_micros(200_000);
const FEW: Span = Span::from_micros(320_000);
const RARE: Span = Span::from_secs(2);

impl Controller {
    /// A refusal after a time without shows the rate of the upstream: it has used up what it had saved.
    pub(super) fn refused(&mut self, refusals: u64, now: Instant) {
        let quiet = now.since(mem::replace(&mut self.quiet_since, now));
        if let Some(congestion) = self.congestion {
            (self.goal, self.course) = (self.goal.min(self.rate), Course::Hold);
            let is_returning = self.rate > self.known;
            if is_returning || quiet >= self.later(QUIET, congestion.lowered) {
                // It was accepted for a while: from refusal to refusal, what was accepted is the upstream's rate.
                let sums = self.flow.since(congestion.since);
                let shown = rate_of(sums.accepted(), sums.micros.saturating_add(SAVED_MICROS));
                let is_telling = sums.accepted() / TELLING > self.size();
                let confirmed = scaled(self.rate, if is_telling { CORRECTED } else { CONFIRMED }, 100);
                let least = if is_returning { self.known } else { confirmed };
                self.known = shown.max(least).min(self.rate);
                let (lowered, falls) =
                    if is_returning { (congestion.lowered, congestion.falls) } else { (0, None) };
                self.hold(self.known, now, lowered, falls);
            } else {
                let refusals = congestion.refusals.saturating_add(refusals);
                self.congestion = Some(Congestion { refusals, ..congestion });
            }
            return;
        }
        let least = match self.course {
            Course::Hold | Course::Try { .. } => scaled(self.known, CONFIRMED, 100),
            Course::Grow { from, .. } => from,
        };
        let far = Instant::from_micros(i64::MIN);
        let proven = self.flow.proven(far, self.stretched(FEW), 0);
        let proven = if let Course::Try { .. } = self.course {
            let surely = self.flow.proven(far, self.stretched(FEW), self.size() / 2);
            (self.known - self.known / 4 + proven / 4).max(surely)
        } else {
            proven
        };
        self.known = proven.max(least).min(self.rate);
        self.peak = proven.max(self.peak - self.peak / 16);
        self.hold(self.known, now, 0, None);
    }

    /// Holds a lower rate, and watches whether it is low enough.
    fn hold(&mut self, rate: u64, now: Instant, lowered: u32, falls: Option<(Fall, Fall)>) {
        self.rate = self.rate.min(rate).max(self.floor);
        (self.goal, self.course) = (self.rate, Course::Hold);
        self.congestion = Some(Congestion { since: now, refusals: 0, lowered, falls });
        self.flow.part();
    }

    /// Lowers the rate to what the upstream accepts, once there is enough evidence.
    pub(super) fn weigh(&mut self, now: Instant) {
        let Some(congestion) = self.congestion else { return };
        let waited = now.since(congestion.since);
        let later = |span: Span| self.later(span, congestion.lowered);
        let rare = self.stretched(RARE).max(later(MANY));
        if congestion.refusals == 0 {
            if waited >= rare {
                self.congestion = None;
                self.known = self.known.max(self.rate);
            }
            return;
        }
        let sums = self.flow.since(congestion.since);
        let accepted = sums.accepted();
        let requests = scaled(accepted, 1_000, self.size_milli.max(1));
        let is_clear =
            congestion.refusals >= REFUSALS && waited >= later(if requests >= ACCEPTED { MANY } else { FEW });
        if !is_clear && waited < rare {
            return;
        }
        let before = self.rate;
        let shown = rate_of(accepted.saturating_sub(self.size() / 2), sums.micros);
        let fall = Fall { from: before, accepted: shown };
        let (first, last) = congestion.falls.unwrap_or((fall, fall));
        let less = |fall: Fall| fall.accepted.saturating_sub(shown);
        let lowered = |fall: Fall| fall.from.saturating_sub(before);
        // If less is accepted by as much as the rate was lowered, the refusals are about the rate of before.
        let is_less = less(first) > first.accepted / 8;
        let is_late = is_less && less(first) / 2 <= lowered(first) && less(last) >= lowered(last) / 2;
        let is_another = is_less && less(first) / 2 > lowered(first);
        // Nor is it clear soon after another fall; then the rate falls slowly, or to what was served.
        let is_unclear =
            is_late || congestion.falls.is_none() && self.fell.is_some_and(|at| now.since(at) < UNCLEAR);
        let lately = self.within(RARE, now);
        let served = rate_of(lately.served, lately.micros);
        let slowly = scaled(before, if is_late { 90 } else { 75 }, 100);
        let least = if is_unclear { served.min(slowly) } else { 0 };
        self.known = shown.max(least).min(before).max(self.floor);
        if self.known < scaled(before, 90, 100) {
            self.fell = Some(now);
        }
        if is_another {
            self.hold(self.known, now, 1, Some((fall, fall)));
        } else {
            self.hold(self.known, now, congestion.lowered + 1, Some((first, fall)));
        }
        if self.known < before / 4 {
            // Little is known about an upstream that was gone.
            self.course = Course::Grow { since: now, from: self.rate };
        } else {
            // One request more or less in so few.
            self.goal = self.rate.saturating_add(self.rate / requests.max(1)).min(before);
            self.returns = RETURNS.max(100 / requests.max(1));
        }
    }

    /// Refusals that are told late are about the rate of before: each further fall waits twice as long.
    fn later(&self, span: Span, lowered: u32) -> Span {
        Span::from_micros(self.stretched(span).micros().saturating_mul(1 << lowered.min(6)))
    }
}
