//! How fast connections are accepted: a crowd that comes at once is served as it would be one after the other, and those who are
//! connected hardly notice it. The rest waits in the system's queue.

use std::time::Duration;

use tokio::time::Instant;

/// New connections in each stretch of time; one that takes another's place counts twice, because its peer may come again at once.
const ACCEPTED: u32 = 8;
const STRETCH: Duration = Duration::from_millis(2);

/// What was accepted in the present stretch.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    accepted: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { began: Instant::now(), accepted: 0 }
    }
}

impl Pace {
    /// A connection was accepted; returns when the next may be.
    pub(super) async fn accepted(&mut self, count: u32) {
        let now = Instant::now();
        if now.duration_since(self.began) >= STRETCH {
            *self = Self { began: now, accepted: 0 };
        }
        self.accepted += count;
        if self.accepted >= ACCEPTED {
            tokio::time::sleep_until(self.began + STRETCH).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Pace;

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_let_in_at_a_walk() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        for _ in 0..4_000 {
            pace.accepted(1).await;
        }
        // Eight in two milliseconds, to the millisecond of the runtime's timers.
        let took = begun.elapsed();
        assert!((Duration::from_millis(990)..Duration::from_millis(1_600)).contains(&took), "{took:?}");
        // Those who come one by one do not wait.
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(10)).await;
            let before = Instant::now();
            pace.accepted(1).await;
            assert_eq!(before.elapsed(), Duration::ZERO);
        }
    }
}
