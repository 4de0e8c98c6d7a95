//! Numbers of windows: conversions and sums that stop at the end of their range and never overflow.

pub(super) fn saturate(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn positive(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Adds to a count, or takes off; never below zero.
pub(super) fn add(n: u64, delta: i64) -> u64 {
    if delta < 0 { n.saturating_sub(delta.unsigned_abs()) } else { n.saturating_add(delta.unsigned_abs()) }
}
