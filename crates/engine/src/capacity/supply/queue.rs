//! Requests that wait for room in a supply, and the outcome of those that have waited.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headworks_core::capacity::queue::{FairQueue, QueueFull, Waiter};
use headworks_core::record::Span;

use super::cost::Cost;
use super::leaf::Leaf;

/// The reason why a request does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWait {
    /// It would wait this long, which is past its deadline.
    TooLong(Span),
    /// Too much waits already.
    Full(QueueFull, Span),
}

/// The requests admitted, and those whose deadline has passed.
#[derive(Debug)]
pub struct Pumped<W> {
    /// Admitted, with the cost taken for each.
    pub admitted: Vec<(Arc<Leaf>, Cost, W)>,
    /// Gave up.
    pub late: Vec<W>,
}

/// The waiting requests.
pub(super) struct Queue<W> {
    pub(super) fair: FairQueue<(Arc<Leaf>, W)>,
    /// Sharers that wait inside a share of their own, the next deadline first.
    pub(super) owed: VecDeque<Arc<Leaf>>,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { fair: FairQueue::default(), owed: VecDeque::new() }
    }
}

/// Removes a waiter's cost from the counters of its sharer.
pub(super) fn stopped_waiting<W>(waiter: Waiter<(Arc<Leaf>, W)>) -> W {
    let (leaf, who) = waiter.who;
    leaf.waiting.fetch_sub(waiter.cost, Relaxed);
    leaf.waiting_in_flight.fetch_sub(waiter.in_flight, Relaxed);
    who
}
