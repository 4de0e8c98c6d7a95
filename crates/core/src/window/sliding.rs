//! Sliding windows: a limit in any trailing length. Small limits keep an exact log, large ones two weighted cells.
//!
//! W2 a sliding log admits at most its limit in every trailing window (`sliding_log_is_exact`).
//! Source: the two-cell sliding counter of Cloudflare (2017).

use alloc::vec::Vec;

use super::arithmetic::{add, positive, saturate, signed};
use super::trail::{Cells, Log};
use super::used::Used;
use crate::record::{Instant, Span};

/// Sliding windows up to this limit are exact logs; larger ones are two cells, weighted.
pub(crate) const SLIDING_LOG_MAX: u64 = 1_024;

impl Cells {
    /// The cells as of `now`.
    fn at(&self, now: Instant) -> Self {
        let length = self.length;
        let start = cell(length, now);
        let (previous, current) = if start == self.start {
            (self.previous, self.current)
        } else if self.start.after(length) == start {
            (self.current, 0)
        } else {
            (0, 0)
        };
        Self { length, start, previous, current }
    }

    pub(super) fn used(&self, now: Instant) -> u64 {
        let Self { length, start, previous, current } = self.at(now);
        let left = length.micros() - now.since(start).micros().min(length.micros());
        let weighted = (u128::from(previous) * u128::from(left)).div_ceil(u128::from(length.micros().max(1)));
        current.saturating_add(saturate(weighted))
    }

    /// When no more than `target` counts.
    pub(super) fn falls_to(&self, target: i64, now: Instant) -> Instant {
        let Self { length, start, previous, current } = self.at(now);
        let target = positive(target);
        let fades = |start: Instant, previous: u64, room: u64| {
            if room >= previous {
                return start;
            }
            let shrunk = u128::from(room) * u128::from(length.micros()) / u128::from(previous);
            start.after(Span::from_micros(length.micros() - saturate(shrunk)))
        };
        let next = start.after(length);
        let in_this = target.checked_sub(current).map(|room| fades(start, previous, room));
        in_this.filter(|at| *at < next).unwrap_or_else(|| fades(next, current, target)).max(now)
    }
}

impl Log {
    /// The use still inside the trailing length.
    fn inside(&self, length: Span, now: Instant) -> impl Iterator<Item = (Instant, u64)> {
        // A longer window does not remember use that the shorter one had forgotten.
        let length = length.min(self.length);
        self.uses.iter().copied().filter(move |(at, _)| at.after(length) > now)
    }

    pub(super) fn used(&self, length: Span, now: Instant) -> u64 {
        self.inside(length, now).map(|(_, n)| n).fold(0, u64::saturating_add)
    }

    /// When no more than `target` counts.
    pub(super) fn falls_to(&self, length: Span, target: i64, now: Instant) -> Instant {
        let mut left = self.used(length, now);
        let mut at = now;
        for (counted, n) in self.inside(length, now) {
            if left <= positive(target) {
                break;
            }
            left = left.saturating_sub(n);
            at = counted.after(length.min(self.length));
        }
        at
    }
}

fn cell(length: Span, now: Instant) -> Instant {
    let step = signed(length.micros().max(1));
    Instant::from_micros(now.micros().div_euclid(step) * step)
}

/// The window after counting a cost that happened at `at`; `before` is its use in another shape.
pub(super) fn take(
    used: Option<Used>,
    (limit, length): (u64, Span),
    cost: u64,
    (at, now): (Instant, Instant),
    before: u64,
) -> Used {
    if limit > SLIDING_LOG_MAX {
        let mut cells = match used {
            Some(Used::Cells(cells)) if cells.length == length => cells.at(now),
            _ => Cells { length, start: cell(length, now), previous: 0, current: before },
        };
        let counts = if at < cells.start { &mut cells.previous } else { &mut cells.current };
        *counts = add(*counts, signed(cost));
        return Used::Cells(cells);
    }
    let mut uses = match used {
        Some(Used::Log(log)) => log.inside(length, now).collect(),
        _ if before > 0 => Vec::from([(now, before)]),
        _ => Vec::new(),
    };
    uses.retain(|&(at, _)| at.after(length) > now);
    let place = uses.partition_point(|(counted, _)| *counted <= at);
    uses.insert(place, (at, cost));
    Used::Log(Log { length, uses })
}
