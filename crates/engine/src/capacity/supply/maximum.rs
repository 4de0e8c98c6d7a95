//! The maximum of an account in a supply, over all its sharers there.
//!
//! M1 however much others leave, over any time an account starts no more than its maximum yields, a second of it, and one
//! request (`a_maximum_binds_when_nobody_else_waits`, `the_sharers_of_an_account_have_one_maximum`). A request larger than that second
//! goes ahead, and the next waits until it is made up for.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use headworks_core::record::{Instant, Span};

use super::cost::{milli, milli_of, over};
use super::level::Level;

/// What the sharers of one account may start together.
#[derive(Debug)]
pub struct Maximum {
    level: Level,
    /// Micros of its last refill, zero before the first.
    refilled: AtomicI64,
}

impl Default for Maximum {
    fn default() -> Self {
        Self { level: Level::of_one(), refilled: AtomicI64::new(0) }
    }
}

impl Maximum {
    /// Thousandths of cost that may start; a negative value is debt.
    pub(super) fn level(&self) -> i64 {
        self.level.now()
    }

    /// Counts thousandths of cost.
    pub(super) fn charge(&self, cost: i64) {
        self.level.charge(cost);
    }

    /// Adds what a maximum, in millionths a second, has yielded since; a second of it can be saved up, or one request. Every sharer
    /// asks for it at a tick; only the first gets something. Out of line: few have a maximum, and a tick over those without is a few percent faster.
    #[cold]
    #[inline(never)]
    pub(super) fn refill(&self, max: u64, now: Instant, first: Span) {
        let before = self.refilled.swap(now.micros(), Relaxed);
        let span = if before == 0 { first } else { now.since(Instant::from_micros(before)) };
        self.level.refill(over(max, span), milli_of(max).max(milli(1)));
    }
}
