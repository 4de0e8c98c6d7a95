//! Invariants: after every crash, at every repeated request, after a flipped bit, and at the end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::replay;
use headworks_core::command::{Command, NewGrant};
use headworks_core::record::{Credits, Event, Name, Record, Seq, Span};
use headworks_core::waterfall::Refusal;
use headworks_engine::{Answer, Effect, EngineError};
use headworks_store::{MemoryIndex, Store, StoreError, wait};

use super::waiting::poll_until;
use super::{Acknowledged, Broken, Flying, World, open};
use crate::catalog::{self, ACCOUNTS, ROLLED_OUT_TO, SLOTS, UNITS};
use crate::disk::Faults;
use crate::history;
use crate::op::{Body, name};

impl World {
    /// Z1, and the invariants of every log.
    pub(super) fn check_acknowledged(&mut self) -> Result<(), Broken> {
        for acknowledged in &self.acknowledged {
            let Acknowledged { op, seq, bytes } = acknowledged;
            let account =
                if let Body::Catalog(_) | Body::Supply(_) = op.body { name("_system") } else { op.account() };
            let found = wait(self.store.read(&account, *seq, 1)).map_err(|e| Broken(e.to_string()))?;
            if found.first().map(|r| &r.bytes) != Some(bytes) {
                return Err(Broken(format!(
                    "k{} of {account} was answered with record {seq}, which is gone",
                    op.key
                )));
            }
        }
        self.check_history(false)
    }

    /// Z5.
    pub(super) fn check_capacity(&self) -> Result<(), Broken> {
        if self.stopped().is_some() {
            return Ok(());
        }
        let mut waiting = 0;
        let in_flight = self.engines.iter().flat_map(|owner| owner.engine.capacity_in_flight());
        for (supply, counted, held) in in_flight {
            if counted != held {
                return Err(Broken(format!("supply {supply} counts {counted} in flight, holds take {held}")));
            }
            // Each engine admits as many as it sees room for.
            if !self.is_shared()
                && SLOTS.iter().any(|(name, most)| *name == supply.as_str() && counted > *most)
            {
                return Err(Broken(format!("supply {supply} has {counted} in flight")));
            }
        }
        for (_, _, view, _) in self.engines.iter().flat_map(|owner| owner.engine.supplies()) {
            waiting += view.waiting;
        }
        if waiting > 0 {
            self.coverage.fault("waited for capacity");
        }
        if waiting > u64::try_from(self.flying.len()).unwrap_or(u64::MAX) {
            return Err(Broken(format!("{waiting} wait, and only {} were asked for", self.flying.len())));
        }
        Ok(())
    }

    fn check_history(&mut self, settled: bool) -> Result<(), Broken> {
        let rollouts = self.rollouts()?;
        for account in wait(self.store.accounts(None, 100)).map_err(|e| Broken(e.to_string()))? {
            let mut log = self.log(&account)?;
            if self.is_shared() {
                // Engines assign the instants of denials independently: among the
                // records of another engine they have no order.
                log.iter_mut().for_each(|record| {
                    if let Event::Denied(denials) = &mut record.event {
                        denials.recent.clear();
                    }
                });
            }
            if settled {
                log.iter().for_each(|r| self.coverage.record(r.event.kind()));
                log.iter().flat_map(history::cases).for_each(|case| self.coverage.case(case));
            }
            let is_chosen = account.as_str() == ROLLED_OUT_TO;
            let rolled_out = if is_chosen { &rollouts[..] } else { &[] };
            if let Err(what) = history::check(&account, &log, history::RolledOut(rolled_out), settled) {
                self.tell_log(&account);
                return Err(Broken(format!("{account}: {what}")));
            }
        }
        Ok(())
    }

    /// From which records of the server's own log on a plan is rolled out to a share of the accounts.
    fn rollouts(&self) -> Result<Vec<(Seq, bool)>, Broken> {
        let system = self.log(&name("_system"))?;
        let catalogs = system.iter().filter_map(|record| match &record.event {
            Event::CatalogLoaded { label, .. } => Some((record.seq, label)),
            _ => None,
        });
        let version = |label: &Name| label.as_str().trim_start_matches('v').parse().unwrap_or(0);
        Ok(catalogs.map(|(seq, label)| (seq, catalog::rolls_out(version(label)))).collect())
    }

    /// Z2.
    pub(super) fn retry(&mut self) -> Result<(), Broken> {
        if self.random.chance(400) && !self.flying.is_empty() {
            return self.ask_twice();
        }
        let at = self.random.below(self.acknowledged.len());
        let Some(Acknowledged { op, seq, bytes }) = self.acknowledged.get(at) else { return Ok(()) };
        let (op, seq, bytes) = (op.clone(), *seq, bytes.clone());
        let other = self.random.chance(300);
        self.coverage.fault(if other { "retry with another body" } else { "retry" });
        let mut sent = op.clone();
        if let Body::Usage(usage) = &mut sent.body {
            self.coverage.fault("event in another spelling");
            usage.spelling = self.spelling();
            usage.amount += u64::from(other);
        } else if other {
            let Body::Command(command, from) = op.body.clone() else { return Ok(()) };
            let command = match *command {
                Command::Settle { hold, mut quantities, dimensions, more } => {
                    quantities.iter_mut().for_each(|(_, n)| *n += 1);
                    Command::Settle { hold, quantities, dimensions, more }
                }
                Command::Grant(new) => {
                    let amount = Credits::from_nano(new.amount.nano() + 1_000_000_000);
                    Command::Grant(NewGrant { amount, ..new })
                }
                _ => return Ok(()),
            };
            sent.body = Body::Command(Box::new(command), from);
        }
        self.say(|| format!("again {sent:?}"));
        let mut asked = sent.clone().send(Arc::clone(&self.engine));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..20 {
            match asked.as_mut().poll(&mut context) {
                Poll::Pending => {
                    self.engine.commit_once();
                    // It may wait for its turn after another request.
                    self.poll_once()?;
                }
                Poll::Ready(Err(EngineError::KeyReused(..))) if other => return Ok(()),
                // The end of a hold is identified by the hold.
                Poll::Ready(Err(EngineError::Refused(Refusal::HoldEnded { .. }))) if other => return Ok(()),
                Poll::Ready(Ok(answer)) if answer.replayed && (!other || ends_a_hold(&answer)) => {
                    let same = matches!(&answer.effect, Effect::Recorded(r) if r.seq == seq && r.to_bytes() == bytes);
                    return if same { Ok(()) } else { Err(Broken(format!("{op:?} got another answer"))) };
                }
                Poll::Ready(Err(EngineError::Stopped)) => return self.restart_if_stopped(),
                Poll::Ready(Err(EngineError::Overloaded)) => {
                    self.engine.commit_once();
                    asked = sent.clone().send(Arc::clone(&self.engine));
                }
                Poll::Ready(answer) => {
                    return Err(Broken(format!("{op:?} sent again: {:?}", answer.map(|a| a.effect))));
                }
            }
        }
        Err(Broken(format!("{op:?} sent again is not answered")))
    }

    /// A caller asks again before it has an answer.
    fn ask_twice(&mut self) -> Result<(), Broken> {
        let at = self.random.below(self.flying.len());
        let Some(Flying { op, .. }) = self.flying.get(at) else { return Ok(()) };
        if !matches!(&op.body, Body::Command(command, _) if matches!(**command, Command::Authorize(_))) {
            return Ok(());
        }
        let op = op.clone();
        self.coverage.fault("asked twice");
        self.say(|| format!("at once again k{}", op.key));
        let asked = op.clone().send(Arc::clone(&self.engine));
        self.flying.push(Flying { of: self.turn, op, asked });
        self.poll()
    }

    /// A flipped bit is found by the start or by reconciliation; once it is flipped back, everything goes on.
    pub(super) fn flip(&mut self) -> Result<(), Broken> {
        self.commit_all();
        self.poll()?;
        if self.stopped().is_some() {
            return self.crash();
        }
        self.check_rested()?;
        self.flying.clear();
        let Some(flipped) = self.disk.flip() else { return Ok(()) };
        self.say(|| format!("bit flip in {flipped:?}"));
        let index = Arc::new(MemoryIndex::default());
        let found = match open(&self.disk, &index, &self.clock, 64) {
            Err(_) => true,
            Ok((store, _)) => reconcile(&*store, 1, &Progress::default()).map_or(true, |r| r.found > 0),
        };
        self.disk.mend(&flipped);
        if !found {
            return Err(Broken(format!("nobody found the flipped bit in {flipped:?}")));
        }
        self.index = Arc::new(MemoryIndex::default());
        self.open()?;
        self.check_acknowledged()
    }

    /// Z3, Z4.
    pub(crate) fn finish(&mut self) -> Result<(), Broken> {
        self.swarm.faults = Faults { keeps: self.swarm.faults.keeps, ..Faults::default() };
        (self.swarm.gone, self.swarm.index) = (0, 0);
        self.disk.set_faults(self.swarm.faults);
        self.index.fail_after(None);
        for i in 0..50 {
            for which in 0..self.engines.len() {
                self.turn_to(which);
                self.commit()?;
            }
            if i % 10 == 0 {
                // Requests that wait for capacity give up in time.
                self.clock.advance(Span::from_secs(6));
                for which in 0..self.engines.len() {
                    self.turn_to(which);
                    self.maintain()?;
                }
            }
        }
        self.turn_to(0);
        if let Some(flying) = self.flying.first() {
            return Err(Broken(format!("{:?} is never answered", flying.op)));
        }
        self.finish_import()?;
        self.finish_incidents()?;
        let system = self.log(&name("_system"))?;
        let loaded = system.iter().rev().find_map(|record| match &record.event {
            Event::CatalogLoaded { label: version, .. } => Some(version),
            _ => None,
        });
        for owner in &self.engines {
            let in_force = &owner.engine.catalog().version;
            if loaded != Some(in_force) {
                return Err(Broken(format!("catalog {in_force} is in force, {loaded:?} was stored last")));
            }
        }
        // No more requests: due events must be known from stored records alone.
        if self.random.chance(500) {
            self.maintain_all();
            self.crash()?;
        }
        // Past every deadline of a hold, and past a boundary.
        self.clock.advance(Span::from_micros(3 * 86_400_000_000 + 500_000));
        for _ in 0..4 {
            self.maintain_all();
            self.commit_all();
        }
        let which = self.random.below(self.engines.len());
        self.turn_to(which);
        if let Some(why) = self.stopped() {
            self.tell_logs();
            return Err(Broken(format!("stopped without a fault: {why}")));
        }
        for account in ACCOUNTS {
            let account = name(account);
            let view = self.engine.view(&account, |ctx| {
                let of =
                    |unit: Option<Name>| i128::from(ctx.account.available(ctx.now, unit.as_ref()).nano());
                let all = UNITS.map(|unit| of(unit.map(name)));
                Ok((ctx.account.holds.len(), ctx.account.check(), all))
            });
            let all = match poll_until(&self.engine, view) {
                Some(Ok((0, Ok(()), all))) => all,
                Some(Err(EngineError::Refused(Refusal::UnknownAccount(_)))) => continue,
                other => return Err(Broken(format!("{account} does not settle: {other:?}"))),
            };
            self.commit_all();
            let log = self.log(&account)?;
            for (unit, told) in UNITS.map(|unit| unit.map(name)).into_iter().zip(all) {
                let counted = history::available(&log, unit.as_ref()).map_err(Broken)?;
                if counted != told {
                    self.tell_log(&account);
                    return Err(Broken(format!(
                        "{account} has {counted} of {unit:?} by its movements and says {told}"
                    )));
                }
            }
        }
        self.check_rested()?;
        self.crash()?;
        self.check_ledger()?;
        self.finish_deliveries()?;
        self.go_on_erased()
    }

    pub(super) fn log(&self, account: &Name) -> Result<Vec<Record>, Broken> {
        let stored = wait(self.store.read(account, 1, usize::MAX)).map_err(|e| Broken(e.to_string()))?;
        let read =
            |s: &headworks_store::Stored| Record::from_bytes(&s.bytes).map_err(|e| Broken(e.to_string()));
        stored.iter().map(read).collect()
    }

    /// Adds all logs to the trace.
    pub(super) fn tell_logs(&mut self) {
        ACCOUNTS.iter().for_each(|account| self.tell_log(&name(account)));
    }

    /// Adds an account's log to the trace.
    fn tell_log(&mut self, account: &Name) {
        for r in self.log(account).unwrap_or_default() {
            let (kind, at, on) = (r.event.kind(), r.recorded_at, &r.parents);
            self.trace.push(format!(
                "{account} {} {kind} {at} on {on:?} {:?} {:?} {:?}",
                r.seq, r.unit, r.movements, r.opens
            ));
        }
    }

    fn check_ledger(&mut self) -> Result<(), Broken> {
        let fail = |e: StoreError| Broken(e.to_string());
        let report = reconcile(&*self.store, 1, &Progress::default()).map_err(fail)?;
        if !report.is_clean() {
            report.findings.first().iter().for_each(|(account, _)| self.tell_log(account));
            return Err(Broken(format!("the ledger does not reconcile: {:?}", report.findings)));
        }
        let report = replay(&*self.store, 1, &Progress::default()).map_err(fail)?;
        if report.found > 0 {
            report.differing.first().iter().for_each(|(account, ..)| self.tell_log(account));
            return Err(Broken(format!("the ledger does not replay: {:?}", report.differing)));
        }
        self.check_history(true)
    }
}

fn ends_a_hold(answer: &Answer) -> bool {
    matches!(&answer.effect, Effect::Recorded(r) if matches!(r.event, Event::Released(_) | Event::Settled { .. }))
}
