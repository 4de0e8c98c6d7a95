//! The one clock: wall time read once at the start, carried on by the monotonic clock, movable by tests and the demo.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use headworks_core::record::{Instant, Span};

/// Where the engine's `now` comes from.
#[derive(Debug)]
pub struct Clock {
    /// `None`: time passes only when it is told to.
    started: Option<std::time::Instant>,
    wall_at_start: i64,
    shift: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that shows wall time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]
    pub fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        Self {
            started: Some(std::time::Instant::now()),
            wall_at_start: i64::try_from(wall).unwrap_or(0),
            shift: AtomicI64::new(0),
        }
    }

    /// A clock that stands still at an instant until it is moved.
    #[must_use]
    pub fn standing(at: Instant) -> Self {
        Self { started: None, wall_at_start: at.micros(), shift: AtomicI64::new(0) }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        let elapsed =
            self.started.map_or(0, |at| i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX));
        Instant::from_micros(self.wall_at_start + elapsed + self.shift.load(Ordering::Relaxed))
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: Span) {
        self.shift.fetch_add(i64::try_from(by.micros()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Sets the clock back, before anything has been decided.
    pub fn rewind(&self, by: Span) {
        self.shift.fetch_sub(i64::try_from(by.micros()).unwrap_or(0), Ordering::Relaxed);
    }
}
