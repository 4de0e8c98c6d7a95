//! The life of one connection: when it must have asked, moved on and ended.
//!
//! L1 nothing a peer does or leaves undone keeps a connection beyond its limits (`overdue`'s table, `idle_and_old_connections_end`).
//! L2 an unauthenticated connection has shorter ones. Pings, half a head and a full window are no progress: only requests are.
//! L3 on an unauthenticated connection requests follow each other slowly, so a pipeline of them costs little
//! (`unauthenticated_requests_are_paced`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::places::Place;

/// On an unauthenticated connection there is one request in this time, after the first few.
const PACE: Duration = Duration::from_secs(1);
/// How many requests of an unauthenticated connection are answered at once.
const AT_ONCE: u32 = 5;

/// How long a connection may stay as it is.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Until the head of its first request is here, TLS included.
    pub first_request: Duration,
    /// Without a request, once it has made one.
    pub idle: Duration,
    /// While a request is answered and nothing of it moves.
    pub stalled: Duration,
    /// In all. What is being answered by then is still answered.
    pub age: Duration,
    /// `idle` and `age` while its caller has shown no valid key.
    pub unauthenticated: (Duration, Duration),
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            first_request: secs(10),
            idle: secs(75),
            stalled: secs(45),
            age: secs(3_600),
            unauthenticated: (secs(15), secs(60)),
        }
    }
}

/// The present task of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing until then.
    At(Duration),
    /// End when the running requests have been answered.
    Closing,
    /// End now.
    Over,
}

/// The state of a connection; times count from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) now: Duration,
    pub(super) moved: Duration,
    pub(super) asked: bool,
    pub(super) running: bool,
    pub(super) authenticated: bool,
    /// It is closing since then.
    pub(super) closing: Option<Duration>,
}

/// The next limit that a connection meets.
pub(super) fn due(limits: &ConnectionLimits, is: Standing) -> Due {
    let (idle, age) = if is.authenticated { (limits.idle, limits.age) } else { limits.unauthenticated };
    let ends = match (is.running, is.asked) {
        (true, _) => is.moved + limits.stalled,
        (false, true) => is.moved + idle,
        (false, false) => limits.first_request,
    };
    let until = |at: Duration, then: Due| if is.now < at { Due::At(at) } else { then };
    match is.closing {
        // Its requests have as long as any other, and the goodbye a moment.
        Some(since) if is.running => until(ends.max(since), Due::Over),
        Some(since) => until(since + Duration::from_secs(1), Due::Over),
        None if is.running && is.now >= ends => Due::Over,
        None if is.running && is.now < age => Due::At(ends.min(age)),
        None if is.running => Due::Closing,
        None if !is.asked => until(ends, Due::Over),
        None => until(ends.min(age), Due::Closing),
    }
}

impl Place {
    fn standing(&self, closing: Option<Duration>) -> Standing {
        Standing {
            now: self.since.elapsed(),
            moved: Duration::from_millis(self.moved_ms.load(Ordering::Relaxed)),
            asked: self.requests.load(Ordering::Relaxed) > 0,
            running: self.running.load(Ordering::Relaxed) > 0,
            authenticated: self.is_authenticated(),
            closing,
        }
    }

    /// Waits until this connection has to end; whether running requests may still be answered.
    pub(super) async fn overdue(&self, limits: &ConnectionLimits, closing: Option<Instant>) -> Due {
        let closing = closing.map(|at| at.duration_since(self.since));
        // A request that begins or ends may bring the next limit nearer, so nothing is slept through.
        let nap = limits.unauthenticated.0.min(limits.first_request) / 4;
        loop {
            match due(limits, self.standing(closing)) {
                Due::At(at) => tokio::time::sleep_until((self.since + at).min(Instant::now() + nap)).await,
                over @ (Due::Closing | Due::Over) => return over,
            }
        }
    }

    /// How long the next request has to wait.
    pub(super) fn pace(&self) -> Duration {
        if self.is_authenticated() {
            return Duration::ZERO;
        }
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.since.elapsed());
        let pay = |paid: u64| Some(paid.max(now) + millis(PACE));
        let before = self.paid_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).unwrap_or(0);
        let owed = before.max(now) - now;
        Duration::from_millis(owed.saturating_sub(millis(PACE * (AT_ONCE - 1))))
    }

    /// A request begins; it ends when the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Running {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        self.moved();
        Running(Arc::clone(self))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Running(Arc<Place>);

impl Running {
    pub(super) fn moved(&self) {
        self.0.moved();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.moved();
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::places::Places;
    use super::{ConnectionLimits, Due, Standing, due};

    const fn s(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    const LIMITS: ConnectionLimits = ConnectionLimits {
        first_request: s(10),
        idle: s(75),
        stalled: s(40),
        age: s(3600),
        unauthenticated: (s(15), s(60)),
    };

    #[test]
    fn overdue() {
        let fresh = Standing {
            now: s(0),
            moved: s(0),
            asked: false,
            running: false,
            authenticated: false,
            closing: None,
        };
        let asked = Standing { asked: true, moved: s(50), now: s(50), ..fresh };
        let known = Standing { authenticated: true, ..asked };
        let rows = [
            ("it has ten seconds for its first request", fresh, Due::At(s(10))),
            ("and no more", Standing { now: s(10), ..fresh }, Due::Over),
            ("an unknown caller idles shortly and is never old", asked, Due::At(s(60))),
            ("an unknown caller that idles", Standing { moved: s(30), ..asked }, Due::Closing),
            ("an unknown caller that is old", Standing { now: s(60), ..asked }, Due::Closing),
            ("a caller idles longer", known, Due::At(s(125))),
            ("and grows older", Standing { moved: s(3590), now: s(3599), ..known }, Due::At(s(3600))),
            ("but not for ever", Standing { moved: s(3599), now: s(3600), ..known }, Due::Closing),
            ("a request moves on", Standing { running: true, ..known }, Due::At(s(90))),
            ("or is over", Standing { running: true, now: s(90), ..known }, Due::Over),
            (
                "an old one with a request",
                Standing { running: true, moved: s(3599), now: s(3600), ..known },
                Due::Closing,
            ),
            (
                "a closing one answers first",
                Standing { running: true, moved: s(3599), now: s(3601), closing: Some(s(3600)), ..known },
                Due::At(s(3639)),
            ),
            ("then it ends", Standing { now: s(52), closing: Some(s(51)), ..known }, Due::Over),
        ];
        for (what, standing, expected) in rows {
            assert_eq!(due(&LIMITS, standing), expected, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unauthenticated_requests_are_paced() {
        let places = Places::new(1, 1);
        let (place, _) = places.enter(None).expect("a place");
        let waits = |n: usize| (0..n).map(|_| place.pace().as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(7), [0, 0, 0, 0, 0, 1_000, 2_000]);
        // Once a second is slow enough.
        tokio::time::advance(Duration::from_secs(8)).await;
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(place.pace(), Duration::ZERO);
        }
        assert!(waits(20).last().is_some_and(|wait| *wait > 0));
        place.authenticate(None);
        assert_eq!(place.pace(), Duration::ZERO);
    }
}
