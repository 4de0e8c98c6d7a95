//! The one clock: the machine's, one that stands still until it is moved, or the test clock of a ledger.
//!
//! C1 it follows the wall clock forward and never goes back; between two readings of the wall it runs with the
//! machine's monotonic time (`the_clock_follows_the_wall_forward_and_never_back`). C2 it does not follow a jump that
//! is too large (`a_jump_too_far_is_not_followed`): expiry cannot be undone, so an operator has to confirm the jump.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use headworks_core::record::{Instant, Span};

/// The largest step by which the wall may run ahead of monotonic time at once.
const JUMP_MAX: Span = Span::from_secs(86_400);
/// The furthest that the wall may be ahead of the last record at a start.
const ABSENCE_MAX: Span = Span::from_secs(366 * 86_400);

/// One reading of a machine's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Instant,
    /// Time since an arbitrary instant; nobody can set it.
    pub monotonic: Span,
}

/// A jump of the wall that the clock does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The time of the clock.
    pub now: Instant,
    /// The time of the wall.
    pub wall: Instant,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the machine's clock shows {}, {} ahead of the ledger's time {}; what would expire cannot be brought back, so \
             nothing is decided; set the machine's clock right, or restart with --accept-clock if it is",
            self.wall,
            Span::from_micros(self.wall.since(self.now).micros() / 1_000_000 * 1_000_000),
            self.now
        )
    }
}

/// The driver of a clock.
enum Moves {
    /// The machine's clocks.
    Machine(Box<dyn Fn() -> Reading + Send + Sync>),
    /// The code that holds the clock.
    Hand,
    /// The ledger: every move is a record.
    Ledger,
}

/// The source of the engine's `now`.
pub struct Clock {
    moves: Moves,
    /// How far time is ahead of the machine's monotonic time; for a clock that
    /// does not run by itself, the time itself.
    ahead: AtomicI64,
    shift: AtomicI64,
    accepts_jumps: bool,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// How far the wall is ahead of monotonic time.
fn lead(reading: Reading) -> i64 {
    reading.wall.before(reading.monotonic).micros()
}

impl Clock {
    /// A clock that follows the machine's.
    #[must_use]
    pub fn new() -> Self {
        let started = std::time::Instant::now();
        // The wall first: a pause between the two readings makes the clock briefly late, never early.
        Self::reading(move || Reading { wall: wall(), monotonic: span(started.elapsed()) })
    }

    /// A clock that follows these clocks of a machine.
    #[must_use]
    pub fn reading(read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        let ahead = lead(read());
        Self { ahead: AtomicI64::new(ahead), ..Self::moved_by(Moves::Machine(Box::new(read))) }
    }

    /// A clock that stands still at an instant until it is moved.
    #[must_use]
    pub fn standing(at: Instant) -> Self {
        Self { ahead: AtomicI64::new(at.micros()), ..Self::moved_by(Moves::Hand) }
    }

    /// The clock of a test ledger. If the ledger has no time yet, it begins at this instant. It moves only with
    /// [`crate::Engine::advance_to`]; call [`crate::Engine::begin_test_clock`] before anything else. Requests then
    /// also need tokio's timer.
    #[must_use]
    pub fn test(at: Instant) -> Self {
        Self { ahead: AtomicI64::new(at.micros()), ..Self::moved_by(Moves::Ledger) }
    }

    fn moved_by(moves: Moves) -> Self {
        Self { moves, ahead: AtomicI64::new(0), shift: AtomicI64::new(0), accepts_jumps: false }
    }

    /// Follows the wall at the start, however far it is ahead of the last record.
    #[must_use]
    pub fn accepting_jumps(self) -> Self {
        Self { accepts_jumps: true, ..self }
    }

    /// Whether it is the clock of a test ledger.
    #[must_use]
    pub fn is_test(&self) -> bool {
        matches!(self.moves, Moves::Ledger)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.moves {
            Moves::Machine(read) => self.look(read()).0,
            Moves::Hand | Moves::Ledger => self.shown(Span::ZERO),
        }
    }

    /// The jump of the wall that is not followed, if there is one.
    #[must_use]
    pub fn jump(&self) -> Option<Jump> {
        match &self.moves {
            Moves::Machine(read) => self.look(read()).1,
            Moves::Hand | Moves::Ledger => None,
        }
    }

    /// Follows the wall forward, unless it jumped too far.
    fn look(&self, reading: Reading) -> (Instant, Option<Jump>) {
        let (lead, before) = (lead(reading), self.ahead.load(Ordering::Relaxed));
        let by = Instant::from_micros(lead).since(Instant::from_micros(before));
        if by > JUMP_MAX {
            let now = self.shown(reading.monotonic);
            return (now, Some(Jump { now, wall: reading.wall }));
        }
        if by > Span::ZERO {
            self.ahead.fetch_max(lead, Ordering::Relaxed);
        }
        (self.shown(reading.monotonic), None)
    }

    fn shown(&self, monotonic: Span) -> Instant {
        let base = self.ahead.load(Ordering::Relaxed).saturating_add(self.shift.load(Ordering::Relaxed));
        Instant::from_micros(base).after(monotonic)
    }

    /// Begins on a ledger with its last record at this instant: there or at the wall, whichever is later. A wall that
    /// is too far ahead is not followed.
    pub(crate) fn begin(&self, last: Instant) {
        let Moves::Machine(read) = &self.moves else { return };
        let reading = read();
        let now = self.shown(reading.monotonic);
        let is_far = now.since(last) > ABSENCE_MAX && !self.accepts_jumps;
        if last > now || is_far {
            let ahead = last.before(reading.monotonic).micros() - self.shift.load(Ordering::Relaxed);
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    /// Moves a clock that does not run by itself to an instant.
    pub(crate) fn set(&self, at: Instant) {
        self.ahead.store(at.micros(), Ordering::Relaxed);
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: Span) {
        self.shift.fetch_add(i64::try_from(by.micros()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Sets the clock back, before anything is decided.
    pub fn rewind(&self, by: Span) {
        self.shift.fetch_sub(i64::try_from(by.micros()).unwrap_or(0), Ordering::Relaxed);
    }
}

fn span(elapsed: std::time::Duration) -> Span {
    Span::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

/// The machine's wall clock: for timestamps that others make and check, and for names that must differ from earlier
/// ones. Decisions and records use [`Clock::now`].
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn wall() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(Span::ZERO, span);
    Instant::default().after(since)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Clock, Reading};
    use headworks_core::record::{Instant, Span};

    const NOON: &str = "2026-06-01T12:00:00Z";

    fn at(text: &str) -> Instant {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn after(text: &str) -> Span {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// The clocks of a machine, set by a test.
    #[derive(Clone)]
    struct Machine(Arc<Mutex<Reading>>);

    impl Machine {
        fn new(wall: &str) -> Self {
            Self(Arc::new(Mutex::new(Reading { wall: at(wall), monotonic: after("1h") })))
        }

        fn clock(&self) -> Clock {
            let machine = self.clone();
            Clock::reading(move || *machine.0.lock().expect("a lock"))
        }

        /// Monotonic time passes, and the wall is set.
        fn passes(&self, monotonic: &str, wall: &str) {
            let mut reading = self.0.lock().expect("a lock");
            let passed = Span::from_micros(reading.monotonic.micros() + after(monotonic).micros());
            *reading = Reading { wall: at(wall), monotonic: passed };
        }
    }

    /// Rule R13: (case, time that passes, the wall then, the clock's time).
    #[test]
    fn the_clock_follows_the_wall_forward_and_never_back() {
        for (case, passed, wall, shown) in [
            ("an hour passes", "1h", "2026-06-01T13:00:00Z", "2026-06-01T13:00:00Z"),
            ("suspended for 8 hours", "1s", "2026-06-01T20:00:01Z", "2026-06-01T20:00:01Z"),
            ("stepped forward by 37 s", "1m", "2026-06-01T12:01:37Z", "2026-06-01T12:01:37Z"),
            ("a day ahead and no more", "1h", "2026-06-02T13:00:00Z", "2026-06-02T13:00:00Z"),
            ("set back by an hour", "10m", "2026-06-01T11:10:00Z", "2026-06-01T12:10:00Z"),
            ("set back by two years", "1s", "2024-06-01T12:00:01Z", "2026-06-01T12:00:01Z"),
        ] {
            let machine = Machine::new(NOON);
            let clock = machine.clock();
            machine.passes(passed, wall);
            assert_eq!((clock.now(), clock.jump()), (at(shown), None), "{case}");
        }
    }

    /// Set back by an hour, it runs on, and follows the wall again once that is ahead.
    #[test]
    fn it_runs_until_the_wall_catches_up() {
        let machine = Machine::new(NOON);
        let clock = machine.clock();
        for (passed, wall, shown) in [
            ("0s", "2026-06-01T11:00:00Z", "2026-06-01T12:00:00Z"),
            ("30m", "2026-06-01T11:30:00Z", "2026-06-01T12:30:00Z"),
            ("30m", "2026-06-01T13:00:00Z", "2026-06-01T13:00:00Z"),
            ("1m", "2026-06-01T13:05:00Z", "2026-06-01T13:05:00Z"),
        ] {
            machine.passes(passed, wall);
            assert_eq!(clock.now(), at(shown), "wall {wall}");
        }
    }

    /// A jump of 25 hours is not followed: time runs on without it until the wall is near again.
    #[test]
    fn a_jump_too_far_is_not_followed() {
        let machine = Machine::new(NOON);
        let clock = machine.clock();
        machine.passes("1s", "2026-06-02T13:00:01Z");
        assert_eq!(clock.now(), at("2026-06-01T12:00:01Z"));
        let jump = clock.jump().expect("a jump");
        assert_eq!((jump.now, jump.wall), (at("2026-06-01T12:00:01Z"), at("2026-06-02T13:00:01Z")));
        machine.passes("1m", "2026-06-02T13:01:01Z");
        assert_eq!((clock.now(), clock.jump().is_some()), (at("2026-06-01T12:01:01Z"), true));
        machine.passes("1m", "2026-06-01T12:02:03Z");
        assert_eq!((clock.now(), clock.jump()), (at("2026-06-01T12:02:03Z"), None));
    }

    /// Rule R13 at a start: (the wall, the last record, whether jumps are
    /// accepted, the clock's time, whether it decides).
    #[test]
    fn it_begins_at_the_later_of_wall_and_last_record() {
        for (wall, last, accepts, shown, decides) in [
            (NOON, "2026-06-01T11:00:00Z", false, NOON, true),
            (NOON, "2026-06-01T13:00:00Z", false, "2026-06-01T13:00:00Z", true),
            (NOON, "2025-06-02T12:00:00Z", false, NOON, true),
            (NOON, "2024-06-01T12:00:00Z", false, "2024-06-01T12:00:00Z", false),
            (NOON, "2024-06-01T12:00:00Z", true, NOON, true),
        ] {
            let machine = Machine::new(wall);
            let clock = machine.clock();
            let clock = if accepts { clock.accepting_jumps() } else { clock };
            clock.begin(at(last));
            assert_eq!((clock.now(), clock.jump().is_none()), (at(shown), decides), "{wall} after {last}");
            // The clock runs.
            let before = clock.now();
            machine.passes("1m", wall);
            assert_eq!(clock.now(), before.after(after("1m")), "{wall} after {last}");
        }
    }
}
