//! Sliding windows: so many in any trailing length. Small limits keep an exact log, large ones two weighted cells.
//!
//! W2 a sliding log admits at most its limit in every trailing window (`sliding_log_is_exact`).
//! Source: the two-cell sliding counter of Cloudflare (2017).

use alloc::vec::Vec;

use super::arithmetic::{saturate, signed};
use super::trail::{Cells, Log};
use super::used::Used;
use crate::record::{Instant, Span};

/// Sliding windows up to this limit are exact logs; larger ones are two cells, weighted.
pub(crate) const SLIDING_LOG_MAX: u64 = 1_024;

impl Cells {
    /// The cells of this length as of `now`.
    fn at(used: Option<&Used>, length: Span, now: Instant) -> Self {
        let step = signed(length.micros().max(1));
        let start = Instant::from_micros(now.micros().div_euclid(step) * step);
        let (previous, current) = match used {
            Some(Used::Cells(old)) if old.length == length && old.start == start => {
                (old.previous, old.current)
            }
            Some(Used::Cells(old)) if old.length == length && old.start.after(length) == start => {
                (old.current, 0)
            }
            Some(_) | None => (0, 0),
        };
        Self { length, start, previous, current }
    }
}

/// What a log has inside the trailing length.
fn inside(used: Option<&Used>, length: Span, now: Instant) -> impl Iterator<Item = (Instant, u64)> {
    let log = if let Some(Used::Log(log)) = used { log.uses.as_slice() } else { &[] };
    log.iter().copied().filter(move |(at, _)| at.after(length) > now)
}

pub(super) fn used(used: Option<&Used>, limit: u64, length: Span, now: Instant) -> u64 {
    if limit <= SLIDING_LOG_MAX {
        return inside(used, length, now).map(|(_, n)| n).sum();
    }
    let Cells { start, previous, current, .. } = Cells::at(used, length, now);
    let left = length.micros() - now.since(start).micros().min(length.micros());
    let weighted = (u128::from(previous) * u128::from(left)).div_ceil(u128::from(length.micros().max(1)));
    current.saturating_add(saturate(weighted))
}

pub(super) fn fits_at(
    used: Option<&Used>,
    limit: u64,
    length: Span,
    cost: u64,
    now: Instant,
) -> Option<Instant> {
    if limit <= SLIDING_LOG_MAX {
        let mut left = self::used(used, limit, length, now);
        for (at, n) in inside(used, length, now) {
            left -= n;
            if left + cost <= limit {
                return Some(at.after(length));
            }
        }
        return Some(now);
    }
    let Cells { start, previous, current, .. } = Cells::at(used, length, now);
    let within = |start: Instant, previous: u64, current: u64| {
        let room = limit.checked_sub(current.checked_add(cost)?)?;
        if room >= previous {
            return Some(start);
        }
        let shrunk = u128::from(room) * u128::from(length.micros()) / u128::from(previous);
        Some(start.after(Span::from_micros(length.micros() - saturate(shrunk))))
    };
    within(start, previous, current).or_else(|| within(start.after(length), current, 0)).map(|at| at.max(now))
}

pub(super) fn take(used: Option<Used>, limit: u64, length: Span, cost: u64, now: Instant) -> Used {
    if limit > SLIDING_LOG_MAX {
        let cells = Cells::at(used.as_ref(), length, now);
        return Used::Cells(Cells { current: cells.current.saturating_add(cost), ..cells });
    }
    let mut uses = match used {
        Some(Used::Log(log)) => log.uses,
        Some(_) | None => Vec::new(),
    };
    uses.retain(|&(at, _)| at.after(length) > now);
    uses.push((now, cost));
    Used::Log(Log { length, uses })
}
