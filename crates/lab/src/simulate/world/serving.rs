//! Admitted requests: the upstream serves or refuses them, and account and supply learn how they ended.

use std::cmp::Reverse;

use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::command::Command;
use headworks_engine::capacity::supply::Kind;
use headworks_terminal::Failed;

use super::{Event, World, instant};
use crate::simulate::fates::Fate;
use crate::simulate::traffic::Traced;
use crate::simulate::upstream::service_of;

impl World<'_> {
    pub(super) fn start(&mut self, i: usize, now: u64) -> Result<(), Failed> {
        let traced = self.request(i)?;
        if !self.upstream_serves(&traced, now) {
            self.settle_fate(i, Fate::Overrun);
            return self.end(i, now, None);
        }
        self.busy += 1;
        let (base, each) = self.upstream.service;
        let end = now + base + each * traced.output_tokens;
        self.settle_fate(i, Fate::Served { start: now, end });
        self.events.push(Reverse((end, Event::Finish(i))));
        Ok(())
    }

    /// Whether the upstream has rate left; at most a tenth of a second of it is saved up.
    fn upstream_serves(&mut self, traced: &Traced, now: u64) -> bool {
        let Some((_, rate)) = self.upstream.rates.iter().rev().find(|(from, _)| *from <= now) else {
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
        while self.upstream.slots.is_none_or(|slots| self.busy < slots) {
            let Some(next) = self.line.pop_front() else { break };
            self.start(next, now)?;
        }
        Ok(())
    }

    /// A request ends: its hold is settled, its room is free, and the supply learns the upstream's answer.
    fn end(&mut self, i: usize, now: u64, served: Option<u64>) -> Result<(), Failed> {
        let Some(admitted) = self.running.remove(&i) else { return Ok(()) };
        let traced = self.request(i)?;
        let actual = self.quantities(&traced, false);
        let catalog = self.catalog;
        if let Some(hold) = admitted.hold {
            let member = self.member(traced.client)?;
            let command = match served {
                Some(_) => Command::settle(hold, actual.clone()),
                None => Command::Release { hold },
            };
            member.run(catalog, &command, instant(now))?;
        }
        let Some((at, leaf, cost)) = admitted.supply else { return Ok(()) };
        let used = served.and_then(|_| self.cost(at, &traced, false)).map(|c| c.rate);
        if let Some(supply) = self.supplies.get(at) {
            let answered = if served.is_some() { Answered::Served } else { Answered::Congested };
            let told = Feedback {
                answered,
                cost: used.unwrap_or(cost.rate),
                first_output: None,
                input: None,
                limit: None,
                retry_after: None,
            };
            supply.feedback(told, instant(now));
            if used.is_some() {
                let estimates = self.quantities(&traced, true);
                for ((meter, estimate), (_, actual)) in estimates.iter().zip(&actual) {
                    let kind = Kind::new(self.feature.name.as_str(), meter.as_str());
                    supply.came_to(&leaf, kind, *estimate, *actual);
                }
            }
            supply.end(&leaf, cost, used, instant(admitted.at));
        }
        self.pump(now)
    }
}
