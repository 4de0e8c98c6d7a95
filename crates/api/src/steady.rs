//! A clock that only goes forward, even if the machine's is set back: for limits of API keys, which are real time.

use std::time::Instant as Machine;

use headworks_core::record::Instant;

/// Counts from its own beginning.
#[derive(Debug)]
pub(crate) struct Steady(Machine);

impl Default for Steady {
    fn default() -> Self {
        Self(Machine::now())
    }
}

impl Steady {
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}
