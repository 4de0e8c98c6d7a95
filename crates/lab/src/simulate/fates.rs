//! The results of a run: the fate of each request, and samples on the way.

use headworks_core::record::Reason;

/// The fate of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Still waiting or running at the end.
    Pending,
    /// Refused by the policy, for this reason, at this time.
    Refused(Reason, u64),
    /// Admitted, and refused by the upstream.
    Overrun,
    /// Served.
    Served { start: u64, end: u64 },
}

/// A sample at one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: u64,
    /// The rate in force in the supply.
    pub(crate) rate: u64,
    pub(crate) waiting: u64,
    pub(crate) in_flight: u64,
}

/// A finished run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// By request.
    pub(crate) fates: Vec<Fate>,
    /// At each tick, of the first supply.
    pub(crate) samples: Vec<Sample>,
    /// Slot-microseconds in which a slot was idle while somebody waited.
    pub(crate) idle_while_waiting: u64,
    /// Requests that went to a fallback supply.
    pub(crate) fell_back: u64,
    /// Requests that the ramp rule served one class lower.
    pub(crate) demoted: u64,
    /// Effects of abuse rules that began.
    pub(crate) effects: u64,
}
