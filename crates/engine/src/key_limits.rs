//! How much an API key is used: requests over time, by the rate windows of the core, and requests at once.
//!
//! Never reads a clock, and is lost at a restart. B1 a key gets at most `limit` requests in a burst and `limit` more in each
//! `per`, and at most `concurrent` at once (`a_key_is_held_to_its_limits`, `requests_at_once_count_until_they_end`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::record::{Instant, KeyLimits, KeyRate, Span, Terms};
use headworks_core::window::{Count, Used};

/// The counted requests of one key.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    rate: Mutex<Option<Used>>,
    open: AtomicU32,
}

/// A request that is being answered counts until this is dropped.
#[derive(Debug)]
pub struct Entered(Arc<Requests>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a key is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// By its rate; it has room again after this.
    Rate(KeyRate, Span),
    /// By the requests that are being answered.
    Concurrent(u32),
}

impl Requests {
    /// Another request, at an instant of a clock that never goes back. It does not count if it is over a limit.
    pub(crate) fn enter(
        self: &Arc<Self>,
        KeyLimits { rate, concurrent }: KeyLimits,
        now: Instant,
    ) -> Result<Option<Entered>, Limited> {
        let entered = match concurrent {
            None => None,
            Some(most) => {
                let fits = |open: u32| (open < most).then_some(open + 1);
                if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_err() {
                    return Err(Limited::Concurrent(most));
                }
                Some(Entered(Arc::clone(self)))
            }
        };
        if let Some(rate) = rate {
            self.count(rate, now)?;
        }
        Ok(entered)
    }

    fn count(&self, rate: KeyRate, now: Instant) -> Result<(), Limited> {
        let terms = Terms::Rate { limit: rate.limit.into(), period: rate.per, burst: rate.limit.into() };
        let mut used = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let room = terms.room(used.as_ref(), now);
        if room.free < 1 {
            let after = terms.fits_at(used.as_ref(), 1, now).map_or(rate.per, |at| at.since(now));
            return Err(Limited::Rate(rate, after));
        }
        let mut after = terms.take(used.take(), Count::now(1, now, room.used), now);
        if let Used::Rate(rate) = &mut after {
            // They are for giving back, which never happens here.
            rate.lows.clear();
        }
        *used = Some(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headworks_core::record::{Instant, KeyLimits, KeyRate, Span};

    use super::{Limited, Requests};

    #[test]
    fn requests_at_once_count_until_they_end() {
        let requests = Arc::new(Requests::default());
        let rate = KeyRate { limit: 4, per: Span::from_secs(4) };
        let limits = KeyLimits { rate: Some(rate), concurrent: Some(2) };
        let enter = |second: i64| requests.enter(limits, Instant::from_micros(second * 1_000_000));
        let (first, second) = (enter(0).expect("one"), enter(0).expect("two"));
        assert_eq!(enter(0).expect_err("three"), Limited::Concurrent(2));
        drop(first);
        let third = enter(0).expect("two again");
        drop(second);
        let fourth = enter(0).expect("the last of the burst");
        drop(third);
        // Refused by the rate, it is not one of those at once either; the one refused above took nothing of the rate.
        for _ in 0..3 {
            assert_eq!(enter(0).expect_err("a fifth"), Limited::Rate(rate, Span::from_secs(1)));
        }
        let fifth = enter(1).expect("one a second");
        assert_eq!(enter(1).expect_err("three"), Limited::Concurrent(2));
        drop((fourth, fifth));
        assert_eq!(enter(1).expect_err("a sixth"), Limited::Rate(rate, Span::from_secs(1)));
    }
}
