//! A waiting request, and why a request cannot wait.

use crate::capacity::Sharer;
use crate::record::Instant;

/// A waiting request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter<W> {
    /// The sharer it comes from.
    pub sharer: Sharer,
    /// Its cost in the unit of the rate, which fairness counts.
    pub cost: u64,
    /// Its cost in flight.
    pub in_flight: u64,
    /// When it gives up.
    pub deadline: Instant,
    /// The handle that wakes the caller.
    pub who: W,
}

/// Why a request cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// The account has as much waiting as it may.
    OfAccount,
    /// The supply has as much waiting as it may.
    InAll,
}

/// The name of a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub(super) u64);
