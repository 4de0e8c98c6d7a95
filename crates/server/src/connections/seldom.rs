//! A line of the log that an attacker can cause: once, then at most once a minute, with the number of those left out.

use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);

/// The state of one such line.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// Writes the line if it is time, with how many were left out since the last one.
    pub(super) fn log(&mut self, write: impl FnOnce(u64)) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            self.left_out += 1;
            return;
        }
        write(std::mem::take(&mut self.left_out));
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Seldom;

    #[tokio::test(start_paused = true)]
    async fn a_line_comes_once_a_minute_with_a_count() {
        let (mut line, mut written) = (Seldom::default(), Vec::new());
        for _ in 0..2_505 {
            line.log(|more| written.push(more));
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        line.log(|more| written.push(more));
        assert_eq!(written, [0, 2_504]);
    }
}
