//! All slow work, off the request path: ending holds and grants, writing coalesced denials, checkpoints.

use std::sync::{PoisonError, TryLockError, Weak};
use std::time::Duration;

use headworks_core::capacity::TICK;
use headworks_core::capacity::controller::DRIP;
use headworks_core::command::Draft;
use headworks_core::record::{Event, Instant, Name, Span};
use headworks_store::{Checkpoint, wait};

use crate::answer::EngineError;
use crate::cache::{Pending, Slot};
use crate::engine::Engine;
use crate::states::record;
use crate::timers::DUE_MAX;

/// The most accounts with open holds that are loaded at the start.
const ADOPTED_MAX: usize = 100_000;
/// The interval over which denials are coalesced.
const DENIALS_EVERY: Span = Span::from_secs(5);
const CHECKPOINT_EVERY: Span = Span::from_secs(30);
/// How often the server's own log is read on, if others write into it.
const FOLLOW_EVERY: Span = Span::from_micros(500_000);

/// The pause before an account that could not be swept is tried again.
const SWEPT_AGAIN: Span = Span::from_secs(1);

/// A frozen account is left alone; any other error is passed on.
fn frozen(account: &Name, e: EngineError) -> Result<(), EngineError> {
    if !matches!(e, EngineError::Frozen(..)) {
        return Err(e);
    }
    tracing::error!(%account, error = %e, "an account is left alone");
    Ok(())
}

/// The thread that maintains an engine while anyone holds it.
pub(crate) fn spawn(engine: Weak<Engine>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("maintenance".into()).spawn(move || {
        let mut last = Last::default();
        while let Some(engine) = engine.upgrade() {
            engine.adopt_beside_sweeps();
            if !engine.timers.tick() {
                return;
            }
            engine.maintain(&mut last);
        }
    })
}

/// The thread that computes the shares of supplies.
pub(crate) fn spawn_allocator(engine: Weak<Engine>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("allocator".into()).spawn(move || {
        let mut ticked = Instant::default();
        let mut pause = TICK;
        while let Some(engine) = engine.upgrade() {
            if !engine.timers.pause(Duration::from_micros(pause.micros())) {
                return;
            }
            // Supplies of a test ledger tick when its clock moves.
            if engine.clock().is_test() {
                continue;
            }
            let (supplies, now) = (&engine.in_force.supplies, engine.clock().now());
            pause = if supplies.drip(now) { DRIP } else { TICK };
            // A clock set back does not stop it.
            if pause == TICK || now < ticked || now.since(ticked) >= TICK {
                ticked = now;
                supplies.tick(now);
            }
        }
    })
}

/// When each periodic task last ran.
#[derive(Default)]
struct Last {
    denials: Instant,
    checkpoint: Instant,
    stored_due: Instant,
    followed: Instant,
    jump: bool,
}

impl Engine {
    /// Runs the maintenance of one tick in a standing engine, with or without a checkpoint; the first time, also the
    /// work of the start.
    pub fn maintain_once(&self, checkpoint: bool) {
        self.adopt_beside_sweeps();
        let checkpoint = if checkpoint { Instant::default() } else { Instant::NEVER };
        self.maintain(&mut Last { checkpoint, ..Last::default() });
    }

    /// Loads, once, the accounts with ends that only their logs know, so that the sweeper and the next checkpoint see
    /// them. An account that cannot be read is tried again at the next tick.
    pub(crate) fn adopt_unsettled(&self) {
        if self.timers.is_adopted() {
            return;
        }
        match self.adopt_all() {
            Ok(()) => self.timers.adopted(),
            Err(e) => tracing::error!(error = %e, "accounts could not be read; they are read again"),
        }
    }

    /// As [`Self::adopt_unsettled`]; not while a test clock moves, which does the same work.
    fn adopt_beside_sweeps(&self) {
        if !self.timers.is_adopted() {
            let _sweeping = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
            self.adopt_unsettled();
        }
    }

    fn adopt_all(&self) -> Result<(), EngineError> {
        for account in wait(self.store.unsettled())? {
            if self.timers.is_closed() {
                return Ok(());
            }
            // A crash may have come between a charge and the record of the mark that it crossed.
            let adopted = self.with_slot(&account, |pending, slot| {
                slot.dirty = true;
                self.live(pending, slot, &self.catalog())
            });
            adopted.map(drop).or_else(|e| frozen(&account, e))?;
        }
        self.adopt_holds()
    }

    /// Loads the accounts that have something ending within the life of a hold, so that the room of their holds
    /// counts in supplies.
    fn adopt_holds(&self) -> Result<(), EngineError> {
        if self.in_force.supplies.all().is_empty() {
            return Ok(());
        }
        let until = self.clock().now().after(Span::from_secs(86_400));
        for account in wait(self.store.due(until, ADOPTED_MAX))? {
            if self.timers.is_closed() {
                return Ok(());
            }
            wait(self.bring_in(&account)).map(drop).or_else(|e| frozen(&account, e))?;
        }
        Ok(())
    }

    fn maintain(&self, last: &mut Last) {
        let now = self.clock().now();
        self.tell_of_jump(&mut last.jump);
        if now.since(last.followed) >= FOLLOW_EVERY {
            last.followed = now;
            if let Err(e) = wait(self.follow()) {
                tracing::error!(error = %e, "the server's own log cannot be followed");
            }
        }
        if self.is_standing {
            self.in_force.supplies.tick(now);
        }
        self.end_dropped_leases();
        self.sweep_due(now, last);
        // In a test ledger the next move of the clock writes them, so that records have the same numbers in each run.
        if !self.clock().is_test() && now.since(last.denials) >= DENIALS_EVERY {
            last.denials = now;
            self.write_denials();
        }
        let asked = self.timers.takes_checkpoint();
        if asked || self.store.wants_checkpoint() || now.since(last.checkpoint) >= CHECKPOINT_EVERY {
            last.checkpoint = now;
            self.checkpoint();
        }
    }

    /// Logs once that the clock does not follow the machine's, and once that it does again.
    fn tell_of_jump(&self, told: &mut bool) {
        let jump = self.clock().jump();
        match &jump {
            Some(jump) if !*told => tracing::error!("{jump}"),
            None if *told => {
                tracing::info!("the machine's clock is near the ledger's again; requests are decided")
            }
            Some(_) | None => {}
        }
        *told = jump.is_some();
    }

    /// Sweeps the accounts with due events. A moving test clock does so itself, in order.
    fn sweep_due(&self, now: Instant, last: &mut Last) {
        let _sweeping = match self.sweeping.try_lock() {
            Ok(sweeping) => sweeping,
            Err(TryLockError::Poisoned(sweeping)) => sweeping.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let sweep = |account: &Name| {
            if let Err(e) = self.sweep(account) {
                tracing::error!(%account, error = %e, "an account could not be swept; it is tried again");
                self.timers.wake(now.after(SWEPT_AGAIN), account);
            }
        };
        let goes_on = |_: &&Name| !self.timers.is_closed();
        self.timers.due(now).iter().take_while(goes_on).for_each(sweep);
        if now.since(last.stored_due) >= Span::from_secs(1) {
            last.stored_due = now;
            match wait(self.store.due(now, DUE_MAX)) {
                Ok(due) => due.iter().take_while(goes_on).for_each(sweep),
                Err(e) => tracing::error!(error = %e, "the due accounts could not be read"),
            }
        }
    }

    /// Writes the ends of everything past its deadline.
    fn sweep(&self, account: &Name) -> Result<(), EngineError> {
        if self.damaged.check(account).is_err() {
            return Ok(());
        }
        let swept = self.with_slot(account, |pending, slot| {
            let lived = self.live_if_due(pending, slot, &self.catalog());
            // The stored wake has passed: the next checkpoint replaces it.
            slot.dirty = true;
            slot.wakes_at = Instant::NEVER;
            self.register(slot);
            lived
        });
        swept.map(drop)
    }

    /// Writes one record of denials for each account that has some.
    pub(crate) fn write_denials(&self) {
        let accounts = self.timers.take_denied();
        for account in accounts {
            let written = self.with_slot(&account, |pending, slot| self.write_denials_of(pending, slot));
            if let Err(e) = written {
                tracing::error!(%account, error = %e, "denials could not be recorded; they are kept");
                self.timers.note_denial(&account);
            }
        }
    }

    /// Writes one record of the denials of an account, if it has some.
    pub(crate) fn write_denials_of(&self, pending: &mut Pending, slot: &mut Slot) -> Result<(), EngineError> {
        let denials = slot.denials.as_mut().and_then(|log| log.unwritten.take());
        let Some(denials) = denials.filter(|_| slot.account.is_open()) else { return Ok(()) };
        let at = slot.tick(self.clock().now());
        let draft = Draft::new(Event::Denied(denials));
        let record = record(draft, &slot.account, &self.in_force.catalog.load(), at, (None, None));
        let before = slot.account.chain;
        self.append(pending, slot, &record)?;
        // The record of denials changes nothing that they depended on.
        if let Some(log) = &mut slot.denials {
            log.follow(before, slot.account.chain);
        }
        Ok(())
    }

    /// Passes the changed states to the store.
    pub(crate) fn checkpoint(&self) {
        let mut taken: Vec<Name> = Vec::new();
        let conflicts = || self.stats().conflicts.load(std::sync::atomic::Ordering::Relaxed);
        let before = conflicts();
        let mut states = Vec::new();
        let mut until = 0;
        for mut shard in self.cache.shards() {
            for slot in shard.slots.values_mut().filter(|s| s.wants_checkpoint()) {
                slot.dirty = false;
                until = until.max(slot.ticket);
                taken.push(slot.account.id.clone());
                states.push(Checkpoint {
                    account: slot.account.id.clone(),
                    seq: slot.account.seq,
                    bytes: slot.account.to_bytes(),
                    wakes_at: slot.account.wakes_at,
                });
            }
        }
        if self.is_standing {
            while self.commit_once() {}
        }
        // A state whose records lost to another writer must not be stored; it does not matter which one it was.
        let is_lost = !self.commits.wait_blocking(until) || conflicts() != before;
        let outcome = if is_lost { Ok(()) } else { wait(self.store.checkpoint(states)) };
        if let Err(e) = &outcome {
            tracing::error!(error = %e, "a checkpoint failed; it is tried again");
        }
        if outcome.is_err() || is_lost {
            for account in taken {
                if let Some((_, slot)) = self.cache.lock(&account).live(&account) {
                    slot.dirty = true;
                }
            }
        }
    }
}
