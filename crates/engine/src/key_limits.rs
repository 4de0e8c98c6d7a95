//! How much an API key is used: requests over time, by the rate windows of the core, and requests at once.
//!
//! Never reads a clock, and is lost at a restart. B1 a key gets at most `limit` requests in a burst and `limit` more in each
//! `per`, and at most `concurrent` at once (`a_key_is_held_to_its_limits`, `requests_at_once_count_until_they_end`).
//! B2 a mark is told once for each time that use reaches it, at most once a minute (`a_mark_is_told_once`,
//! `requests_at_once_have_marks`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::record::{Instant, KeyLimit, KeyLimits, KeyRate, Span, Terms};
use headworks_core::window::{Count, Used};

/// A mark that was told is not told again within this time, so that a key cannot fill the ledger with them.
const TOLD_AGAIN_AFTER: Span = Span::from_secs(60);

/// The counted requests of one key.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    rate: Mutex<(Option<Used>, Told)>,
    open: AtomicU32,
    told: Mutex<Told>,
}

/// A mark that a request has brought the use of a limit to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The limit.
    pub limit: KeyLimit,
    /// The mark, in percent.
    pub percent: u8,
    /// The use.
    pub used: u32,
    /// The figure of the limit.
    pub of: u32,
}

/// The highest mark of a limit that was told, and when.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    mark: u8,
    at: Instant,
}

impl Told {
    /// The mark that use reaches, unless it has been told. It is told again once the use has been below half of it.
    fn reach(&mut self, marks: &[u8], (before, after, of): (u32, u32, u32), now: Instant) -> Option<u8> {
        let is_at = |used: u32, mark: u8| u64::from(used) * 100 >= u64::from(of) * u64::from(mark);
        let highest = |used: u32| marks.iter().rev().copied().find(|mark| is_at(used, *mark)).unwrap_or(0);
        if !is_at(before.saturating_mul(2), self.mark) && self.at.after(TOLD_AGAIN_AFTER) <= now {
            self.mark = highest(before);
        }
        let reached = highest(after);
        (reached > self.mark).then(|| {
            *self = Self { mark: reached, at: now };
            reached
        })
    }
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
        limits: &KeyLimits,
        now: Instant,
    ) -> Result<(Option<Entered>, Vec<Reached>), Limited> {
        let marks = limits.warn_at.as_deref().unwrap_or_default();
        let (mut entered, mut at_once) = (None, None);
        if let Some(most) = limits.concurrent {
            let fits = |open: u32| (open < most).then_some(open + 1);
            let Ok(before) = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) else {
                return Err(Limited::Concurrent(most));
            };
            entered = Some(Entered(Arc::clone(self)));
            at_once = Some((before, before + 1, most));
        }
        let over_time = limits.rate.map(|rate| self.count(rate, marks, now)).transpose()?.flatten();
        // Only what is let through is told.
        let at_once = at_once.filter(|_| !marks.is_empty()).and_then(|(before, used, of)| {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let percent = told.reach(marks, (before, used, of), now)?;
            Some(Reached { limit: KeyLimit::Concurrent, percent, used, of })
        });
        Ok((entered, over_time.into_iter().chain(at_once).collect()))
    }

    fn count(&self, rate: KeyRate, marks: &[u8], now: Instant) -> Result<Option<Reached>, Limited> {
        let terms = Terms::Rate { limit: rate.limit.into(), period: rate.per, burst: rate.limit.into() };
        let mut counted = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, told) = &mut *counted;
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
        if marks.is_empty() {
            return Ok(None);
        }
        let whole = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let now_used = whole(terms.room(used.as_ref(), now).used);
        let percent = told.reach(marks, (whole(room.used), now_used, rate.limit), now);
        Ok(percent.map(|percent| Reached { limit: KeyLimit::Rate, percent, used: now_used, of: rate.limit }))
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
        let limits = KeyLimits { rate: Some(rate), concurrent: Some(2), warn_at: None };
        let enter = |second: i64| requests.enter(&limits, Instant::from_micros(second * 1_000_000));
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

    #[test]
    fn a_mark_is_told_once() {
        let requests = Arc::new(Requests::default());
        let rate = KeyRate { limit: 100, per: Span::from_secs(100) };
        let limits = KeyLimits { rate: Some(rate), concurrent: None, warn_at: Some(vec![50, 80]) };
        let told = |second: i64, requests_made: u32| {
            let at = Instant::from_micros(second * 1_000_000);
            let one = || requests.enter(&limits, at).expect("fits").1;
            (0..requests_made).flat_map(|_| one()).map(|r| (r.percent, r.used, r.of)).collect::<Vec<_>>()
        };
        assert_eq!(told(0, 49), []);
        assert_eq!(told(0, 1), [(50, 50, 100)]);
        // It drains one a second: near the mark nothing is told again, higher marks are.
        assert_eq!(told(5, 10), []);
        assert_eq!(told(10, 29), []);
        assert_eq!(told(10, 1), [(80, 80, 100)]);
        assert_eq!(told(40, 30), []);
        // 35 are left of it at 85, less than half of 80: what is reached then is told again.
        assert_eq!(told(85, 44), [(50, 50, 100)]);
        // 39 at 125 are more than half of 50, and 24 at 170 are less.
        assert_eq!(told(125, 30), []);
        assert_eq!(told(170, 25), []);
        assert_eq!(told(170, 1), [(50, 50, 100)]);
    }

    #[test]
    fn requests_at_once_have_marks() {
        let requests = Arc::new(Requests::default());
        let limits = KeyLimits { rate: None, concurrent: Some(4), warn_at: Some(vec![50, 100]) };
        let enter = |second: i64| {
            let (entered, reached) =
                requests.enter(&limits, Instant::from_micros(second * 1_000_000)).expect("fits");
            (entered, reached.iter().map(|r| (r.percent, r.used, r.of)).collect::<Vec<_>>())
        };
        let open: Vec<_> = (0..4).map(|_| enter(0)).collect();
        let told: Vec<_> = open.iter().map(|(_, told)| told.clone()).collect();
        assert_eq!(told, [vec![], vec![(50, 2, 4)], vec![], vec![(100, 4, 4)]]);
        drop(open);
        let soon: Vec<_> = (0..4).map(|_| enter(59)).collect();
        assert!(soon.iter().all(|(_, told)| told.is_empty()));
        drop(soon);
        let later: Vec<_> = (0..2).map(|_| enter(60)).collect();
        assert_eq!(later[1].1, [(50, 2, 4)]);
    }
}
