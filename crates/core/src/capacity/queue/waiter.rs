//! One that waits, and why one cannot.

use crate::capacity::Seat;
use crate::record::Instant;

/// One that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter<W> {
    /// Where it comes from.
    pub seat: Seat,
    /// Its cost in the unit of the rate; what fairness counts.
    pub cost: u64,
    /// Its cost in flight.
    pub in_flight: u64,
    /// When it gives up.
    pub deadline: Instant,
    /// What wakes the caller.
    pub who: W,
}

/// Why a request cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// As much of the account waits as may.
    OfAccount,
    /// As much waits in all as may.
    InAll,
}

/// The name of one that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub(super) u64);
