//! A supply's own time: it follows the clock forward, and stands still when the clock is set back, so that nobody
//! waits for hours that repeat.
//!
//! Never reads a clock.

use headworks_core::record::{Instant, Span};

/// A supply's own time.
#[derive(Default)]
pub(super) struct Time {
    clock: Option<Instant>,
    own: Instant,
}

impl Time {
    /// The supply's own time for a time of the clock.
    pub(super) fn at(&mut self, clock: Instant) -> Instant {
        let passed = self.clock.map_or(Span::ZERO, |last| clock.since(last));
        self.clock = Some(clock);
        self.own = self.own.after(passed);
        self.own
    }
}
