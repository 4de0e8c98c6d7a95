//! Limits that grow with use: the figure of a period from the use of those before it.
//!
//! Units: whole requests or units of meters.

use crate::account::Billing;
use crate::record::{Calendar, Instant, Span, Terms};
use crate::window::{Growth, PERIODS};

/// The terms of a growth window.
#[derive(Clone, Debug)]
pub(crate) struct GrowthTerms {
    /// The limit is never below this.
    pub(crate) start: i64,
    /// By how much more than before, in percent.
    pub(crate) percent: u32,
    /// The limit is never above this.
    pub(crate) max: i64,
    /// Its periods.
    pub(crate) calendar: Calendar,
}

impl GrowthTerms {
    /// The limit of the period that an instant is in, as known now. A period that has begun keeps its bounds.
    pub(crate) fn at(
        &self,
        known: Option<&Growth>,
        (at, now): (Instant, Instant),
        billing: Billing<'_>,
    ) -> Terms {
        // A checkpoint leaves out what is over: a state loaded from one must agree with one that was not.
        let known = known.filter(|g| !g.is_over(now));
        let open = known.filter(|g| g.start <= at && at < g.end).map(|g| (g.start, g.end, g.since));
        let (start, end, since) = open.unwrap_or_else(|| {
            let (start, end) = billing.period(&self.calendar, at);
            // Where the zone has changed, a period begins when the one before has ended.
            let begins = known.map_or(start, |g| if g.end <= at { start.max(g.end) } else { start });
            let before = |from: Instant| billing.period(&self.calendar, just_before(from)).0;
            (begins, end, (0..PERIODS).fold(start, |from, _| before(from)))
        });
        let greatest = |from: Instant, to: Instant| known.map_or(0, |g| g.greatest(from, to));
        // The earliest period of this one's seven is not among those of the next.
        let next = self.limit(greatest(since.after(Span::from_micros(1)), end));
        Terms::Growth { limit: self.limit(greatest(since, start)), start, end, since, next }
    }

    /// The limit after this much use.
    fn limit(&self, greatest: i64) -> i64 {
        let grown = i128::from(greatest) * i128::from(self.percent + 100) / 100;
        i64::try_from(grown).unwrap_or(i64::MAX).max(self.start).min(self.max)
    }
}

fn just_before(at: Instant) -> Instant {
    Instant::from_micros(at.micros().saturating_sub(1))
}
