//! The test clock of a ledger: time that moves only on request. Everything due on the way is processed in order.
//!
//! Never runs by itself, and never goes back.
//! TC1 while the ends and boundaries of an instant are written, the clock stands at that instant
//! (`each_end_is_written_at_its_own_instant`).
//! TC2 the clock's target is recorded before any consequence, so the next start finishes an interrupted move
//! (`a_move_that_was_cut_off_is_finished`).
//! TC3 a ledger has a test clock from its first account on, or never (`a_real_ledger_takes_no_test_clock`).
//! TC4 the same calls in sequence give the same records (`the_same_calls_give_the_same_records`).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError};

use headworks_core::account::Account;
use headworks_core::capacity::TICK;
use headworks_core::catalog::Catalog;
use headworks_core::life;
use headworks_core::record::{Event, Instant, Name, Server, Span, is_internal};
use headworks_core::waterfall::Context;
use headworks_store::{Store, StoreError, wait};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::administration::read_system;
use crate::answer::EngineError;
use crate::clock::Clock;
use crate::commit::Ticket;
use crate::engine::Engine;

/// The furthest that one call moves the clock.
const ADVANCE_MAX: Span = Span::from_secs(3_660 * 86_400);
/// The latest instant that a test clock shows, 9000-01-01; calendar counts go on beyond it.
const LATEST: Instant = Instant::from_micros(221_845_392_000 * 1_000_000);
/// The most ticks of supplies in one call; a longer move makes each tick longer.
const TICKS_MAX: u64 = 6_000;
/// After this many accounts the move waits for their records, so that little waits to be written.
const WRITTEN_EVERY: usize = 1_000;
const ACCOUNTS_AT_ONCE: usize = 1_000;

/// The reason why the test clock was not moved.
#[derive(Debug)]
pub enum AdvanceError {
    /// The ledger has no test clock.
    NoTestClock,
    /// The instant is before the time shown.
    Back {
        /// The requested instant.
        to: Instant,
        /// The time of the clock.
        now: Instant,
    },
    /// The instant is too far.
    TooFar(Instant),
    /// The engine failed. The clock may have moved part of the way; the next call or start finishes the move.
    Engine(EngineError),
}

impl fmt::Display for AdvanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTestClock => f.write_str(
                "this server goes by the machine's clock; `headworks serve --test-clock 2026-03-01T00:00:00Z` on a new data \
                 directory starts one whose time you move",
            ),
            Self::Back { to, now } => {
                write!(f, "the test clock shows {now} and never goes back to {to}; name a later instant")
            }
            Self::TooFar(to) => write!(
                f,
                "{to} is too far; the test clock goes at most {} days at once, and from 1970 up to {LATEST}",
                ADVANCE_MAX.micros() / 86_400_000_000
            ),
            Self::Engine(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for AdvanceError {}

impl<E: Into<EngineError>> From<E> for AdvanceError {
    fn from(e: E) -> Self {
        Self::Engine(e.into())
    }
}

/// The time of a ledger's test clock; `None`: the ledger uses the machine's clock.
///
/// # Errors
/// When the store cannot be read.
pub fn test_clock_of(store: &dyn Store) -> Result<Option<Instant>, EngineError> {
    Ok(read_system(store)?.test_clock.map(|(_, last)| last))
}

/// Begins a clock on a ledger with these last two instants of its test clock, at the one surely reached. Returns the
/// one to be reached.
pub(crate) fn begin(
    store: &dyn Store,
    clock: &Clock,
    instants: Option<(Instant, Instant)>,
) -> Result<Option<Instant>, EngineError> {
    match instants {
        Some(_) if !clock.is_test() => Err(EngineError::TestLedger),
        None if clock.is_test() && has_accounts(store)? => Err(EngineError::RealLedger),
        Some((reached, last)) => {
            clock.set(reached);
            Ok(Some(last))
        }
        None => Ok(None),
    }
}

fn has_accounts(store: &dyn Store) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let names = wait(store.accounts(after.as_ref(), ACCOUNTS_AT_ONCE))?;
        if names.iter().any(|name| !is_internal(name)) {
            return Ok(true);
        }
        let Some(last) = names.last() else { return Ok(false) };
        after = Some(last.clone());
    }
}

/// The ledger's test clock while one caller moves it.
type Hand = OwnedMutexGuard<Option<Instant>>;

impl Engine {
    /// Takes up the ledger's test clock: finishes the last move, and goes on to `at` if that is later. The clock of a
    /// new ledger begins at `at`.
    ///
    /// # Errors
    /// When the clock is not a test clock, `at` is too far, or the store fails.
    pub async fn begin_test_clock(self: &Arc<Self>, at: Instant) -> Result<Instant, AdvanceError> {
        let hand = self.test_clock().await?;
        if let Some(last) = *hand {
            return self.move_to(hand, at.max(last)).await;
        }
        if at < Instant::default() || at > LATEST {
            return Err(AdvanceError::TooFar(at));
        }
        self.record_move(hand, at).await?;
        Ok(at)
    }

    /// Moves the test clock to an instant. Everything due on the way is written in order, at its own instant, and
    /// stored on return. Await it to the end: the next move finishes an interrupted one.
    ///
    /// # Errors
    /// When there is no test clock, the instant is before its time or too far, or the store fails.
    pub async fn advance_to(self: &Arc<Self>, to: Instant) -> Result<Instant, AdvanceError> {
        let hand = self.test_clock().await?;
        self.move_to(hand, to).await
    }

    /// Moves the test clock forward by a span, as [`Self::advance_to`] does.
    ///
    /// # Errors
    /// As [`Self::advance_to`].
    pub async fn advance_by(self: &Arc<Self>, by: Span) -> Result<Instant, AdvanceError> {
        let hand = self.test_clock().await?;
        let to = self.clock().now().after(by);
        self.move_to(hand, to).await
    }

    /// Waits for the clock, and finishes an interrupted move.
    async fn test_clock(self: &Arc<Self>) -> Result<Hand, AdvanceError> {
        if !self.clock().is_test() {
            return Err(AdvanceError::NoTestClock);
        }
        let hand = Arc::clone(&self.test_clock).lock_owned().await;
        match *hand {
            Some(last) if self.clock().now() < last => self.walk(hand, last).await,
            Some(_) | None => Ok(hand),
        }
    }

    async fn move_to(self: &Arc<Self>, hand: Hand, to: Instant) -> Result<Instant, AdvanceError> {
        let now = self.clock().now();
        if to < now {
            return Err(AdvanceError::Back { to, now });
        }
        if to.since(now) > ADVANCE_MAX || to > LATEST {
            return Err(AdvanceError::TooFar(to));
        }
        if to > now {
            let hand = self.record_move(hand, to).await?;
            self.walk(hand, to).await?;
        }
        Ok(to)
    }

    async fn record_move(&self, mut hand: Hand, to: Instant) -> Result<Hand, AdvanceError> {
        self.administer(Event::Server(Box::new(Server::TestClockMoved(to))), None).await?;
        *hand = Some(to);
        Ok(hand)
    }

    /// Moves to an instant on its own thread, which a departing caller does not stop.
    async fn walk(self: &Arc<Self>, hand: Hand, to: Instant) -> Result<Hand, AdvanceError> {
        let (tell, told) = oneshot::channel();
        let engine = Arc::clone(self);
        let walking = move || {
            // Nobody listens if the caller has gone.
            let _ = tell.send(engine.live_until(to).map(|()| hand));
        };
        let thread = std::thread::Builder::new().name("test clock".into()).spawn(walking);
        thread.map_err(|source| StoreError::Io { doing: "starting", path: "thread".into(), source })?;
        Ok(told.await.map_err(|_| EngineError::Stopped)??)
    }

    /// Processes everything until an instant: ends and boundaries, each at
    /// its own instant, and the ticks of supplies.
    fn live_until(&self, to: Instant) -> Result<(), EngineError> {
        let _sweeping = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = Written::default();
        self.write_denials();
        self.adopt_unsettled();
        self.look_everywhere(to, &mut written)?;
        let mut now = self.clock().now();
        let tick = TICK.max(Span::from_micros(to.since(now).micros() / TICKS_MAX));
        let mut swept = BTreeSet::new();
        loop {
            let due = self.timers.next().unwrap_or(Instant::NEVER).max(now);
            let ticks = if self.in_force.supplies.is_empty() { Instant::NEVER } else { now.after(tick) };
            let next = due.min(ticks).min(to);
            if next > now {
                swept.clear();
            }
            now = next;
            self.clock().set(now);
            self.in_force.supplies.tick(now);
            let accounts = self.timers.due(now);
            if now == to && accounts.is_empty() {
                return written.wait(self);
            }
            for account in accounts {
                // Once at each instant, so that an account that never settles delays nobody.
                if swept.insert(account.clone()) {
                    written.note(self, self.live_and_look(&account, to)?)?;
                }
            }
        }
    }

    /// Looks at every account, so that nothing due is missed for lack of a timer.
    fn look_everywhere(&self, to: Instant, written: &mut Written) -> Result<(), EngineError> {
        let mut after: Option<Name> = None;
        loop {
            let accounts = wait(self.store.accounts(after.as_ref(), ACCOUNTS_AT_ONCE))?;
            for account in &accounts {
                written.note(self, self.live_and_look(account, to)?)?;
            }
            let Some(last) = accounts.last() else { return Ok(()) };
            after = Some(last.clone());
        }
    }

    /// Writes the account's due events, and sets a timer for its next event before an
    /// instant. Returns the batch of its last record.
    fn live_and_look(&self, account: &Name, to: Instant) -> Result<Ticket, EngineError> {
        let catalog = self.catalog();
        let looked = self.with_slot(account, |pending, slot| {
            self.live(pending, slot, &catalog)?;
            slot.wakes_at = Instant::NEVER;
            self.register(slot);
            let quiet_until = slot.account.wakes_at.min(to.after(Span::from_micros(1)));
            if let Some(at) = stirs(&slot.account, &catalog, self.clock().now(), quiet_until) {
                self.timers.wake(at, account);
            }
            Ok(slot.ticket)
        });
        Ok(looked?.unwrap_or(0))
    }
}

/// The first instant before `before` at which an account acts although nothing ends: a top-up has waited for its
/// turn, or a grant begins to count and crosses a mark. Found by bisection, as
/// time alone causes it and does not undo it.
fn stirs(account: &Account, catalog: &Catalog, now: Instant, before: Instant) -> Option<Instant> {
    let acts = |at: i64| {
        let at = account.tick(Instant::from_micros(at));
        life::next(Context::new(account, catalog, at)).is_some()
    };
    let (mut quiet, mut stirred) = (now.micros(), before.micros() - 1);
    if !account.is_open() || stirred <= quiet || !acts(stirred) {
        return None;
    }
    while stirred - quiet > 1 {
        let middle = quiet + (stirred - quiet) / 2;
        if acts(middle) { stirred = middle } else { quiet = middle }
    }
    Some(Instant::from_micros(stirred))
}

/// The last batch with a record of a move.
#[derive(Default)]
struct Written {
    last: Ticket,
    accounts: usize,
}

impl Written {
    fn note(&mut self, engine: &Engine, ticket: Ticket) -> Result<(), EngineError> {
        self.last = self.last.max(ticket);
        self.accounts += 1;
        if self.accounts.is_multiple_of(WRITTEN_EVERY) {
            self.wait(engine)?;
        }
        Ok(())
    }

    fn wait(&self, engine: &Engine) -> Result<(), EngineError> {
        let is_stored = engine.commits.wait_blocking(self.last);
        is_stored.then_some(()).ok_or(EngineError::Stopped)
    }
}
