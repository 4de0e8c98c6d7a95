//! Requests that were let in: the supply serves or refuses them, and account and pool learn how they ended.

use std::cmp::Reverse;

use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::command::Command;
use headworks_terminal::Failed;

use super::{Event, World, instant};
use crate::simulate::fates::Fate;
use crate::simulate::supply::service_of;
use crate::simulate::traffic::Traced;

impl World<'_> {
    pub(super) fn start(&mut self, i: usize, now: u64) -> Result<(), Failed> {
        let traced = self.request(i)?;
        if !self.supply_serves(&traced, now) {
            self.settle_fate(i, Fate::Overrun);
            return self.end(i, now, None);
        }
        self.busy += 1;
        let (base, each) = self.supply.service;
        let end = now + base + each * traced.output_tokens;
        self.settle_fate(i, Fate::Served { start: now, end });
        self.events.push(Reverse((end, Event::Finish(i))));
        Ok(())
    }

    /// Whether the supply has rate left: a bucket of a tenth of a second, like a provider's own limiter.
    fn supply_serves(&mut self, traced: &Traced, now: u64) -> bool {
        let Some((_, rate)) = self.supply.rates.iter().rev().find(|(from, _)| *from <= now) else {
            return true;
        };
        let (left, since) = self.tokens;
        let refilled = left + i128::from(*rate) * i128::from(now - since);
        let left = refilled.min(i128::from(*rate) * 100_000);
        let cost = i128::from(service_of(traced)) * 1_000_000;
        let serves = left > 0;
        self.tokens = (if serves { left - cost } else { left }, now);
        serves
    }

    pub(super) fn finish(&mut self, i: usize, now: u64) -> Result<(), Failed> {
        self.busy -= 1;
        let traced = self.request(i)?;
        self.end(i, now, Some(service_of(&traced)))?;
        while self.supply.slots.is_none_or(|slots| self.busy < slots) {
            let Some(next) = self.line.pop_front() else { break };
            self.start(next, now)?;
        }
        Ok(())
    }

    /// A request ends: its hold is settled, its room is free, and the pool hears what the supply answered.
    fn end(&mut self, i: usize, now: u64, served: Option<u64>) -> Result<(), Failed> {
        let Some(admitted) = self.running.remove(&i) else { return Ok(()) };
        let traced = self.request(i)?;
        let actual = self.quantities(&traced, false);
        let catalog = self.catalog;
        if let Some(hold) = admitted.hold {
            let member = self.member(traced.client)?;
            let command = match served {
                Some(_) => Command::Settle { hold, quantities: actual },
                None => Command::Release { hold },
            };
            member.run(catalog, &command, instant(now))?;
        }
        let Some((at, leaf, cost)) = admitted.pool else { return Ok(()) };
        let used = served.and_then(|_| self.cost(at, &traced, false)).map(|c| c.rate);
        if let Some(pool) = self.pools.get(at) {
            let answered = if served.is_some() { Answered::Served } else { Answered::Congested };
            let told = Feedback {
                answered,
                cost: used.unwrap_or(cost.rate),
                first_output: None,
                limit: None,
                retry_after: None,
            };
            pool.feedback(told, instant(now));
            pool.end(&leaf, cost, used);
        }
        self.pump(now)
    }
}
