//! Unauthenticated callers, counted by network in a fixed table: made-up keys and forged webhooks leave nothing behind but a
//! count.
//!
//! N1 a valid key is never held up by invalid calls from its network. N2 the table does not grow
//! (`headworks bench abuse`).

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use headworks_core::abuse::penalty::{Misdeed, level_of};
use headworks_core::abuse::sketch::Counts;
use headworks_core::record::{Instant, Span};
use headworks_engine::network;

/// Counts halve this often, as scores of the penalty box do.
const HALVED_EVERY: Span = Span::from_secs(600);

/// The origin of a call that shows no valid key.
pub type Network = Option<IpAddr>;

/// Points by network.
#[derive(Debug, Default)]
pub(crate) struct Unauthenticated(Mutex<Option<Box<Table>>>);

#[derive(Debug)]
struct Table {
    points: Counts,
    halved_at: Instant,
}

impl Unauthenticated {
    /// Counts an invalid call from a network; from the first level of the penalty box on, the answer says when to try again.
    pub(crate) fn note(&self, from: Network, misdeed: Misdeed, now: Instant) -> Result<(), Span> {
        let Some(address) = from else { return Ok(()) };
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table =
            table.get_or_insert_with(|| Box::new(Table { points: Counts::default(), halved_at: now }));
        let passed = now.since(table.halved_at);
        for _ in 0..(passed.micros() / HALVED_EVERY.micros()).min(32) {
            table.points.halve();
            table.halved_at = now;
        }
        let points = (0..misdeed.points()).fold(0, |_, _| table.points.add(network(address)));
        if level_of(u64::from(points) * 1_000) == 0 {
            return Ok(());
        }
        Err(Span::from_micros(
            HALVED_EVERY.micros() - now.since(table.halved_at).micros().min(HALVED_EVERY.micros()),
        ))
    }
}
