//! Pauses: grants live as much longer, and new use is refused. They end as planned, earlier, or, without a plan, when an account is
//! resumed.
//!
//! Left out: pauses where anything follows the billing anchor, as recurring grants do.

use headworks_core::command::Command;
use headworks_core::record::Instant;

use super::book::Book;
use super::calendar::SECOND;
use super::compare::{Compared, same};
use super::policy::{Kind, Layer, Policy, Window};
use super::run::Run;

/// By so much a pause without a planned end moves what is to come, until it ends.
pub(super) const CENTURY: i64 = 36_500 * 86_400 * SECOND;

/// The pause that an account is in, or was in last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    until: i64,
    is_planned: bool,
}

impl Policy {
    fn follows_anchor(&self) -> bool {
        let of_guard = |kind: Kind| match kind {
            Kind::Fixed { calendar, .. }
            | Kind::SpendCap { calendar, .. }
            | Kind::Growth { calendar, .. } => calendar.from_anchor,
            Kind::Rate { .. } | Kind::Sliding { .. } | Kind::FirstUse { .. } | Kind::Slots { .. } => false,
        };
        let of_window =
            |window: &Window| matches!(window, Window::Fixed { calendar, .. } if calendar.from_anchor);
        let of_layer = |layer: &Layer| match layer {
            Layer::Allowance { windows, .. } => windows.iter().any(of_window),
            Layer::Pool { calendar, .. } | Layer::Postpaid { calendar, .. } => calendar.from_anchor,
            Layer::Grants { .. } | Layer::Overdraft { .. } => false,
        };
        self.guards.iter().any(|guard| of_guard(guard.kind)) || self.layers.iter().any(of_layer)
    }
}

impl Book {
    pub(super) fn is_paused(&self, now: i64) -> bool {
        self.rest_of_pause(now) > 0
    }

    /// How much longer something lives that is given now.
    pub(super) fn rest_of_pause(&self, now: i64) -> i64 {
        self.pause.map_or(0, |pause| (pause.until - now).max(0))
    }

    pub(super) fn end_of_pause(&self) -> Option<i64> {
        self.pause.filter(|pause| pause.is_planned).map(|pause| pause.until)
    }

    /// An instant that moves by what is left of a pause; never stays never.
    pub(super) fn moved(&self, at: i64, now: i64) -> i64 {
        if at == i64::MAX { at } else { at + self.rest_of_pause(now) }
    }

    fn move_grants(&mut self, now: i64, by: i64) {
        for grant in self.grants.iter_mut().filter(|g| now < g.expires && g.expires < i64::MAX) {
            grant.expires += by;
        }
    }
}

impl Run {
    pub(super) fn pause(&mut self, seconds: Option<i64>) -> Compared {
        let now = self.now();
        let recurs = self.book.grants.iter().any(|grant| grant.again.is_some());
        if recurs || self.book.policy().follows_anchor() {
            return Ok(());
        }
        let planned = seconds.map(|n| now + n * SECOND);
        let until = planned.map(Instant::from_micros);
        let done = self.world.apply(Command::Pause { until, reason: None });
        same("a pause", done.is_ok(), !self.book.is_paused(now))?;
        if done.is_ok() {
            let until = planned.unwrap_or(now + CENTURY);
            self.book.move_grants(now, until - now);
            self.book.pause = Some(Pause { until, is_planned: planned.is_some() });
        }
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Compared {
        let now = self.now();
        let done = self.world.apply(Command::Resume { reason: None });
        same("the end of a pause", done.is_ok(), self.book.is_paused(now))?;
        if done.is_ok() {
            self.book.move_grants(now, -self.book.rest_of_pause(now));
            self.book.pause = Some(Pause { until: now, is_planned: true });
        }
        Ok(())
    }
}
