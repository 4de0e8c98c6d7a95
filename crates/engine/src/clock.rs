//! The one clock: the machine's, one that stands still until it is moved, or the test clock of a ledger.
//!
//! C1 it follows the wall forward and never goes back; between two looks at the wall it runs with the machine's monotonic
//! time (`the_clock_follows_the_wall_forward_and_never_back`). C2 a jump that is too far is not followed
//! (`a_jump_too_far_is_not_followed`). Expiry cannot be undone, so somebody has to say that the jump is right.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use headworks_core::record::{Instant, Span};

/// The farthest that the wall may run ahead of monotonic time at once.
const JUMP_MAX: Span = Span::from_secs(86_400);
/// The farthest that the wall may be ahead of the last record at a start.
const ABSENCE_MAX: Span = Span::from_secs(366 * 86_400);

/// One look at a machine's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the wall clock shows.
    pub wall: Instant,
    /// Time since an instant of the machine's own choice, which nobody sets.
    pub monotonic: Span,
}

/// A jump of the wall that the clock has not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// What the clock shows.
    pub now: Instant,
    /// What the wall shows.
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

/// What moves a clock.
enum Moves {
    /// The machine's clocks.
    Machine(Box<dyn Fn() -> Reading + Send + Sync>),
    /// Whoever holds it.
    Hand,
    /// The ledger: every move is a record.
    Ledger,
}

/// Where the engine's `now` comes from.
pub struct Clock {
    moves: Moves,
    /// How far time is ahead of the machine's monotonic time; where nothing runs by itself, the time.
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
        // The wall first: whatever comes between the two makes the clock late for a moment, never early.
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

    /// The clock of a test ledger. It begins at this instant when the ledger has none yet, and moves only with
    /// [`crate::Engine::advance`].
    #[must_use]
    pub fn test(at: Instant) -> Self {
        Self { ahead: AtomicI64::new(at.micros()), ..Self::moved_by(Moves::Ledger) }
    }

    fn moved_by(moves: Moves) -> Self {
        Self { moves, ahead: AtomicI64::new(0), shift: AtomicI64::new(0), accepts_jumps: false }
    }

    /// Follows the wall at the start however far it is ahead of the last record.
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

    /// The jump of the wall that is not followed, while there is one.
    #[must_use]
    pub fn jump(&self) -> Option<Jump> {
        match &self.moves {
            Moves::Machine(read) => self.look(read()).1,
            Moves::Hand | Moves::Ledger => None,
        }
    }

    /// Follows the wall ahead, unless it jumped too far.
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

    /// Begins on a ledger whose last record is of this instant: there or at the wall, whichever is later. A wall that is too
    /// far ahead is not followed.
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

    /// Sets the clock back, before anything has been decided.
    pub fn rewind(&self, by: Span) {
        self.shift.fetch_sub(i64::try_from(by.micros()).unwrap_or(0), Ordering::Relaxed);
    }
}

fn span(elapsed: std::time::Duration) -> Span {
    Span::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

/// What the machine's wall clock shows: for what others stamp and check, and for names that must differ from the last ones.
/// Whatever is decided or recorded goes by [`Clock::now`].
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn wall() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(Span::ZERO, span);
    Instant::default().after(since)
}
