//! The penalty box: a score that rises with what only a careless or hostile caller does, and falls by time alone.
//!
//! P1 the score halves every ten minutes and never leaves otherwise (`the_score_decays`).
//! Units: thousandths of a point.

use crate::record::{Instant, Span};
use crate::window::halved;

const HALF_LIFE: Span = Span::from_secs(600);
const MILLI: u64 = 1_000;
/// Most points, so that the worst caller is out within two hours.
const POINTS_MAX: u64 = 16_384;
/// Refusals in [`REFUSED_IN`] that make one point.
const REFUSALS: u8 = 10;
const REFUSED_IN: Span = Span::from_secs(10);

/// From this level on, every key of the account is meant.
pub const WHOLE_ACCOUNT: u8 = 4;

/// What a caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// It retried before the instant that it was told.
    EarlyRetry,
    /// It was refused ten times in ten seconds.
    Refusals,
    /// It showed an API key that is not valid.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    milli: u64,
    at: Instant,
    retry_at: Instant,
    refused: u8,
    refused_since: Instant,
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

    /// A request was refused, and told to come back at an instant.
    pub fn refused(&mut self, retry_at: Option<Instant>, now: Instant) {
        if now < self.retry_at {
            self.add(Misdeed::EarlyRetry, now);
        }
        self.retry_at = retry_at.unwrap_or_default();
        if now.since(self.refused_since) > REFUSED_IN {
            (self.refused, self.refused_since) = (0, now);
        }
        self.refused += 1;
        if self.refused >= REFUSALS {
            (self.refused, self.refused_since) = (0, now);
            self.add(Misdeed::Refusals, now);
        }
    }

    /// Whether it says nothing any more.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.milli(now) < MILLI && self.retry_at <= now && now.since(self.refused_since) > REFUSED_IN
    }
}

/// The level of so many thousandths of a point.
#[must_use]
pub fn level_of(milli: u64) -> u8 {
    let ratio = 1 + milli / (16 * MILLI);
    u8::try_from(ratio.ilog2()).unwrap_or(u8::MAX)
}
