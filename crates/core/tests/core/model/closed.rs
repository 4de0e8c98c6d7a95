//! Periods: those of a calendar, and those that end when they are closed.

use headworks_core::command::Command;
use headworks_core::record::{CycleEvent, Event, Level};
use headworks_core::waterfall::Refusal;

use super::book::{Book, Which};
use super::calendar::Calendar;
use super::compare::{Compared, same};
use super::policy::{Kind, Layer, Policy, Window};
use super::run::Run;
use super::steps::Path;
use crate::common::name;

/// A period that was closed: the next one begins then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    which: Which,
    member: Path,
    at: i64,
}

impl Policy {
    /// The limits whose periods are closed by hand.
    fn closable(&self) -> Vec<(Which, String)> {
        let guards = self.guards.iter().enumerate().filter(|(_, guard)| match guard.kind {
            Kind::Fixed { calendar, .. } | Kind::SpendCap { calendar, .. } => calendar.by_hand,
            Kind::Rate { .. }
            | Kind::Sliding { .. }
            | Kind::FirstUse { .. }
            | Kind::Growth { .. }
            | Kind::Slots { .. } => false,
        });
        let mut all: Vec<(Which, String)> = guards.map(|(i, _)| (Which::Guard(i), format!("g{i}"))).collect();
        for (l, layer) in self.layers.iter().enumerate() {
            match layer {
                Layer::Allowance { windows, .. } => {
                    let by_hand =
                        |w: &Window| matches!(w, Window::Fixed { calendar, .. } if calendar.by_hand);
                    let windows = windows.iter().enumerate().filter(|(_, window)| by_hand(window));
                    all.extend(windows.map(|(w, _)| (Which::Allowance(l, w), format!("l{l}.w{w}"))));
                }
                Layer::Pool { calendar, .. } if calendar.by_hand => {
                    all.push((Which::Pool(l), format!("l{l}")));
                }
                Layer::Pool { .. }
                | Layer::Grants { .. }
                | Layer::Overdraft { .. }
                | Layer::Postpaid { .. } => {}
            }
        }
        all
    }
}

impl Book {
    /// The period of a member that an instant is in.
    pub(super) fn period(&self, calendar: Calendar, which: Which, member: Path, at: i64) -> (i64, i64) {
        if !calendar.by_hand {
            return calendar.period(at, self.anchor);
        }
        let closed = self.closed.iter().filter(|c| c.which == which && c.member == member).map(|c| c.at);
        let start = closed.clone().filter(|c| *c <= at).max().unwrap_or(i64::MIN);
        (start, closed.filter(|c| *c > at).min().unwrap_or(i64::MAX))
    }
}

impl Run {
    /// Closes a period, or that of every limit that has such ones, in which a request from there would count.
    pub(super) fn close(&mut self, which: usize, all: bool, from: Path) -> Compared {
        let now = self.now();
        let mut limits = self.book.policy().closable();
        if limits.is_empty() {
            return Ok(());
        }
        if !all {
            limits = vec![limits.swap_remove(which % limits.len())];
        }
        limits.sort_by(|(_, a), (_, b)| a.cmp(b));
        let path = from.text().parse().expect("a path");
        let windows = limits.iter().map(|(_, limit)| name(limit)).collect();
        let command = Command::ClosePeriods { windows, path, reason: None };
        let from = self.book.seated(from);
        // A guard counts all without a seat together; allowances, named with their window, are for seats alone.
        let is_of_seats = |which: Which, limit: &str| {
            limit.contains('.') && self.book.policy().counts_at(which).contains(&Level::Seat)
        };
        let of_seats = limits.iter().find(|(which, limit)| from.seat.is_none() && is_of_seats(*which, limit));
        let refused = of_seats.map(|(_, limit)| Refusal::ClosesPerSeat(name(limit)));
        let is = self.world.apply(command).err();
        same("whose periods cannot be closed", is.as_ref(), refused.as_ref())?;
        if refused.is_some() {
            return Ok(());
        }
        let member = |which: Which| from.only(self.book.policy().counts_at(which));
        let used: Vec<(String, i64)> = limits
            .iter()
            .map(|(which, limit)| (limit.clone(), self.shown(limit, member(*which), now).expect("a sum")))
            .collect();
        let closed =
            limits.iter().map(|(which, _)| Closed { which: *which, member: member(*which), at: now });
        let closed: Vec<Closed> = closed.collect();
        self.book.closed.extend(closed);
        same("what closed periods had used", self.recorded(), used)
    }

    /// What the last record says that closed periods had used.
    fn recorded(&self) -> Vec<(String, i64)> {
        let Event::Cycle(event) = &self.world.log.last().expect("a record").event else { return Vec::new() };
        let CycleEvent::PeriodsClosed { closed, .. } = &**event else { return Vec::new() };
        closed.iter().map(|c| (c.name.to_string(), c.used)).collect()
    }
}
