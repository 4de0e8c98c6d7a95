//! The penalty box: a score that rises with careless or hostile calls, and falls by time alone.
//!
//! Obedience costs nothing. A refusal reports an instant, and promises that somebody may come then: a caller that comes at that
//! instant, or has a promise that is due, has obeyed. Many workers share a key, so a caller that comes earlier may be another
//! worker: `FRESH` of them may, and only further ones count as retries. Wrongly counted retries are forgiven when the workers
//! come in time.
//! P1 the score halves every ten minutes, or leaves by obedience (`the_score_decays`).
//! P2 a caller that comes at the reported instant has no score (`obedience_costs_nothing`).
//! P3 memory is bounded: `PATHS_MAX` paths a key.
//! Units: thousandths of a point.

use alloc::vec::Vec;

use crate::record::{Instant, Span};
use crate::window::halved;

const HALF_LIFE: Span = Span::from_secs(600);
const MILLI: u64 = 1_000;
/// Most points, so that the worst caller is out within two hours.
const POINTS_MAX: u64 = 16_384;
/// Refusals without an instant in [`REFUSED_IN`] that make one point.
const REFUSALS: u8 = 10;
const REFUSED_IN: Span = Span::from_secs(10);
/// How many requests of one path before the reported instant may come from other workers; one a minute is restored.
const FRESH: u64 = 32;
const FRESH_EVERY: Span = Span::from_secs(60);
/// The most unused due promises that are remembered for one path.
const DUE_MAX: u64 = 32;
/// How far clocks may be apart: this, and no more than a quarter of the wait.
const CLOCKS: Span = Span::from_secs(2);
/// How long after the reported instant a caller still comes in time: this, and no more than a quarter of the wait.
const IN_TIME: Span = Span::from_secs(5);
/// The most paths of one key whose promises are remembered; beyond that, the path refused longest ago is dropped.
const PATHS_MAX: usize = 16;

/// A caller's misdeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// It retried before the instant that was reported to it.
    EarlyRetry,
    /// It was refused ten times in ten seconds without a reported instant.
    Refusals,
    /// It showed an invalid API key.
    InvalidKey,
    /// It used an idempotency key for another request.
    KeyConflict,
    /// It sent a webhook with a wrong signature.
    ForgedWebhook,
}

impl Misdeed {
    /// Its points.
    #[must_use]
    pub fn points(self) -> u64 {
        match self {
            Self::EarlyRetry | Self::Refusals => 1,
            Self::InvalidKey => 2,
            Self::KeyConflict => 5,
            Self::ForgedWebhook => 10,
        }
    }
}

/// The score of one key, or of an account's requests without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    milli: u64,
    at: Instant,
    refused: u8,
    refused_since: Instant,
    paths: Vec<Promises>,
}

/// The instants reported to the callers on one path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Promises {
    /// The digest of the path.
    path: u64,
    /// When somebody was last refused on it.
    last_at: Instant,
    /// The reported instant, how far ahead it was, and to how many callers it was reported.
    next: Option<(Instant, Span, u64)>,
    /// The previous one: a caller that comes about then is in time.
    before: Option<(Instant, Span)>,
    /// Promises that are due.
    due: u64,
    /// Requests before the instant that counted as those of other workers, as of `fresh_at`.
    fresh: u64,
    fresh_at: Instant,
    /// Points given for requests before the instant.
    given: u64,
}

/// How a refused request relates to the instants reported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// At the reported instant, or when nothing was reported.
    InTime,
    /// Later, as it may.
    Due,
    /// Before it, perhaps another worker.
    Fresh,
    /// Before it.
    Early,
}

impl Promises {
    fn new(path: u64, now: Instant) -> Self {
        Self { path, last_at: now, next: None, before: None, due: 0, fresh: 0, fresh_at: now, given: 0 }
    }

    fn coming(&mut self, now: Instant) -> Coming {
        self.last_at = now;
        if let Some((at, wait, told)) =
            self.next.filter(|(at, wait, _)| now.after(slack(*wait, CLOCKS)) >= *at)
        {
            (self.next, self.before) = (None, Some((at, wait)));
            self.due = (self.due + told).min(DUE_MAX);
        }
        let is_in_time = self.before.is_some_and(|(at, wait)| now <= at.after(slack(wait, IN_TIME)));
        let is_due = self.due > 0;
        self.due -= u64::from(is_due);
        if is_in_time {
            return Coming::InTime;
        }
        if is_due {
            return Coming::Due;
        }
        if self.next.is_none() { Coming::InTime } else { self.before_time(now) }
    }

    /// It comes before the instant: it counts as another worker, until there are too many.
    fn before_time(&mut self, now: Instant) -> Coming {
        let back = now.since(self.fresh_at).micros() / FRESH_EVERY.micros();
        if back > 0 {
            (self.fresh, self.fresh_at) = (self.fresh.saturating_sub(back), now);
        }
        if self.fresh < FRESH {
            self.fresh += 1;
            return Coming::Fresh;
        }
        Coming::Early
    }

    /// A caller was refused, and this instant was reported. Of several future instants the first counts for all.
    fn promise(&mut self, at: Instant, now: Instant) {
        let (known, told) = self.next.map_or((None, 0), |(at, wait, told)| (Some((at, wait)), told));
        let (at, wait) = known.into_iter().chain([(at, at.since(now))]).min().unwrap_or((at, Span::ZERO));
        self.next = Some((at, wait, told + 1));
    }

    fn is_over(&self, now: Instant) -> bool {
        self.next.is_none_or(|(at, ..)| at <= now) && now.since(self.last_at) > HALF_LIFE
    }
}

/// How far from a reported instant still counts as at it.
fn slack(wait: Span, most: Span) -> Span {
    Span::from_micros((wait.micros() / 4).min(most.micros()))
}

impl Score {
    /// Thousandths of a point at `now`.
    #[must_use]
    pub fn milli(&self, now: Instant) -> u64 {
        halved(self.milli, now.since(self.at), HALF_LIFE)
    }

    /// `⌊log₂(1 + score / 16)⌋`.
    #[must_use]
    pub fn level(&self, now: Instant) -> u8 {
        level_of(self.milli(now))
    }

    /// Adds a misdeed.
    pub fn add(&mut self, misdeed: Misdeed, now: Instant) {
        let milli = self.milli(now) + misdeed.points() * MILLI;
        (self.milli, self.at) = (milli.min(POINTS_MAX * MILLI), now);
    }

    /// A request on a path, by its digest, was refused, and `retry_at` was reported to it.
    pub fn refused(&mut self, path: u64, retry_at: Option<Instant>, now: Instant) {
        let promises = self.promises(path, now);
        let coming = promises.coming(now);
        if let Some(at) = retry_at {
            promises.promise(at, now);
        }
        match coming {
            Coming::Early => {
                promises.given += 1;
                self.add(Misdeed::EarlyRetry, now);
            }
            // Workers that wait and come together: the first ones were not retries.
            Coming::InTime if promises.given > 0 => {
                promises.given -= 1;
                (self.milli, self.at) = (self.milli(now).saturating_sub(MILLI), now);
            }
            Coming::InTime | Coming::Due | Coming::Fresh => {}
        }
        if retry_at.is_none() {
            self.refused_for_good(now);
        }
    }

    /// A request that was refused came again with the same idempotency key, and got the same answer: it is not another worker's.
    pub fn repeated(&mut self, path: u64, now: Instant) {
        let promises = self.promises(path, now);
        let is_early = |(at, wait, _): (Instant, Span, u64)| now.after(slack(wait, CLOCKS)) < at;
        if promises.next.is_some_and(is_early) && promises.before_time(now) == Coming::Early {
            self.add(Misdeed::EarlyRetry, now);
        }
    }

    fn refused_for_good(&mut self, now: Instant) {
        if now.since(self.refused_since) > REFUSED_IN {
            (self.refused, self.refused_since) = (0, now);
        }
        self.refused += 1;
        if self.refused >= REFUSALS {
            (self.refused, self.refused_since) = (0, now);
            self.add(Misdeed::Refusals, now);
        }
    }

    fn promises(&mut self, path: u64, now: Instant) -> &mut Promises {
        let at = self.paths.iter().position(|p| p.path == path).unwrap_or_else(|| {
            if self.paths.len() >= PATHS_MAX
                && let Some(oldest) = (0..PATHS_MAX).min_by_key(|i| self.paths.get(*i).map(|p| p.last_at))
            {
                self.paths.swap_remove(oldest);
            }
            self.paths.push(Promises::new(path, now));
            self.paths.len() - 1
        });
        self.paths.get_mut(at).unwrap_or_else(|| unreachable!("it was found, or has just been put there"))
    }

    /// Whether it has no effect any more.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.milli(now) < MILLI
            && now.since(self.refused_since) > REFUSED_IN
            && self.paths.iter().all(|p| p.is_over(now))
    }
}

/// The level of this many thousandths of a point.
#[must_use]
pub fn level_of(milli: u64) -> u8 {
    let ratio = 1 + milli / (16 * MILLI);
    u8::try_from(ratio.ilog2()).unwrap_or(u8::MAX)
}
