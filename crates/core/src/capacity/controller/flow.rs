//! The work sent to an upstream, in short steps of time, and how much of it was refused.
//!
//! Never decides. Units: cost; rates in millionths of a cost unit per second.

use alloc::collections::VecDeque;

use crate::record::{Instant, Span, scaled};

/// The steps that are kept.
const STEPS: usize = 256;
/// What an upstream is taken to have saved up before it refuses: this much of its rate.
pub(super) const SAVED_MICROS: u64 = 100_000;
const MILLION: u64 = 1_000_000;

/// The work of a short time, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Cost let in.
    pub(super) sent: u64,
    /// Cost refused by the upstream.
    pub(super) refused: u64,
    /// Cost served by it.
    pub(super) served: u64,
    /// Cost that the rate allowed, in millionths.
    pub(super) granted: u64,
    /// The time.
    pub(super) micros: u64,
}

impl Sums {
    fn add(&mut self, more: Self) {
        self.sent = self.sent.saturating_add(more.sent);
        self.refused = self.refused.saturating_add(more.refused);
        self.served = self.served.saturating_add(more.served);
        self.granted = self.granted.saturating_add(more.granted);
        self.micros = self.micros.saturating_add(more.micros);
    }

    /// Cost that the upstream was asked for. Of work that was not let in here, only the answers are known.
    fn asked(self) -> u64 {
        if self.sent > 0 { self.sent } else { self.served.saturating_add(self.refused) }
    }

    /// Cost that the upstream has accepted, served or still in flight.
    pub(super) fn accepted(self) -> u64 {
        self.asked().saturating_sub(self.refused)
    }

    /// Whether more than three in a thousand were refused.
    pub(super) fn is_congested(self) -> bool {
        u128::from(self.refused) * 1_000 > u128::from(self.asked()) * 3
    }

    /// Whether more than this part of what the rate allowed was asked for.
    pub(super) fn uses(self, percent: u64) -> bool {
        let asked = u128::from(self.asked()) * u128::from(MILLION);
        asked * 100 > u128::from(self.granted) * u128::from(percent)
    }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    from: Instant,
    to: Instant,
    sums: Sums,
}

/// The latest steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    steps: VecDeque<Step>,
    /// Whether the next step stands alone, because something began.
    apart: bool,
}

impl Flow {
    /// Adds the work between two instants; short steps are put together up to `step`.
    pub(super) fn push(&mut self, from: Instant, to: Instant, sums: Sums, step: Span) {
        let joins = |last: &&mut Step| to.since(last.from) <= step;
        match self.steps.back_mut().filter(|last| !self.apart && joins(last)) {
            Some(last) => {
                last.sums.add(sums);
                last.to = to;
            }
            None => self.steps.push_back(Step { from, to, sums }),
        }
        self.apart = false;
        if self.steps.len() > STEPS {
            self.steps.pop_front();
        }
    }

    /// What comes from now on is counted apart from what was before.
    pub(super) fn part(&mut self) {
        self.apart = true;
    }

    /// The work since an instant.
    pub(super) fn since(&self, from: Instant) -> Sums {
        let mut sums = Sums::default();
        for step in self.steps.iter().rev().take_while(|step| step.from >= from) {
            sums.add(step.sums);
        }
        sums
    }

    /// The rate that the upstream has shown to have: in any time, it accepts no more than its rate, what it had saved up,
    /// and a last request. Looks at times of at least `least` since `from`, and leaves out `last` of the cost.
    pub(super) fn proven(&self, from: Instant, least: Span, last: u64) -> u64 {
        let mut sums = Sums::default();
        let mut proven = 0;
        let Some(end) = self.steps.back().map(|step| step.to) else { return 0 };
        for step in self.steps.iter().rev().take_while(|step| step.from >= from) {
            sums.add(step.sums);
            let took = end.since(step.from);
            if took >= least {
                let accepted = sums.accepted().saturating_sub(last);
                proven = proven.max(rate_of(accepted, took.micros().saturating_add(SAVED_MICROS)));
            }
        }
        proven
    }
}

/// The rate of a cost in a time.
pub(super) fn rate_of(cost: u64, micros: u64) -> u64 {
    scaled(cost, MILLION * MILLION, micros)
}
