//! When to make the next attempt: after the pause that the receiver asks for, within bounds, or else after growing pauses.
//!
//! Never reads a clock. H5 failed attempts of one webhook are at least [`SHORTEST_PAUSE`] apart, no matter what the
//! receiver asks for and how often it is set (`pauses_stay_within_their_bounds`).

use std::time::{Duration, Instant};

/// The first pause, and the shortest that a receiver can ask for.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause after failures alone.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause that a receiver can ask for.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// The pace of one webhook.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Failed attempts since the last that was accepted.
    pub(super) attempts: u32,
    failed_at: Option<Instant>,
    next: Option<Instant>,
}

impl Pace {
    /// When the next attempt may be made; `None`: now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// An attempt was accepted.
    pub(super) fn taken(&mut self) {
        *self = Self::default();
    }

    /// An attempt failed; the receiver asked for this pause.
    pub(super) fn failed(&mut self, now: Instant, asked: Option<Duration>) {
        let grown = SHORTEST_PAUSE.saturating_mul(1 << self.attempts.min(16)).min(LONGEST_PAUSE);
        let pause = asked.map_or(grown, |asked| asked.clamp(SHORTEST_PAUSE, LONGEST_ASKED));
        self.attempts = self.attempts.saturating_add(1);
        self.failed_at = Some(now);
        self.next = Some(now + pause);
    }

    /// Somebody has changed something, so the pause is over.
    pub(super) fn changed(&mut self) {
        self.next = self.failed_at.map(|failed| failed + SHORTEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LONGEST_ASKED, LONGEST_PAUSE, Pace, SHORTEST_PAUSE};

    #[test]
    fn pauses_stay_within_their_bounds() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut pauses = Vec::new();
        for _ in 0..40 {
            pace.failed(start, None);
            pauses.push(pace.next(start).expect("it rests") - start);
        }
        let ms: Vec<u128> = pauses.iter().take(5).map(Duration::as_millis).collect();
        assert_eq!(ms, [500, 1_000, 2_000, 4_000, 8_000]);
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        for (asked, is) in [
            (Duration::ZERO, SHORTEST_PAUSE),
            (Duration::from_secs(2), Duration::from_secs(2)),
            (Duration::MAX, LONGEST_ASKED),
        ] {
            pace.failed(start, Some(asked));
            assert_eq!(pace.next(start), Some(start + is));
        }
        // Set again: it tries at once, but no sooner than the shortest pause after the last failure.
        pace.changed();
        assert_eq!(pace.next(start), Some(start + SHORTEST_PAUSE));
        assert_eq!(pace.next(start + SHORTEST_PAUSE), None);
        pace.taken();
        assert_eq!((pace.next(start), pace.attempts), (None, 0));
    }
}
