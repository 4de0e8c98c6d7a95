//! The controller of a supply of unknown capacity: it learns from the answers of the upstream.
//!
//! Never pins work low to measure: it only lowers on congestion. Errors of the caller (4xx other than 429) and requests that
//! the client gave up are no evidence about capacity.
//! K1 it stays between floor and ceiling, and always recovers (`a_learned_rate_recovers`).
//! K2 an upstream that halves is followed within 0.5 s, one that doubles within 15 s (`a_learned_rate_follows_the_upstream`).
//! Units: cost per second; windows of 200 ms. Source: AIMD with a remembered peak, as TCP CUBIC (RFC 9438).

use alloc::collections::VecDeque;

use crate::catalog::Learn;
use crate::record::{Instant, Span};

/// The length of a window: two ticks, so that each holds as many refills as the next.
pub(crate) const WINDOW: Span = Span::from_micros(200_000);

/// Low quantiles of the first-output time are kept for each minute of the last ten.
const MINUTES: usize = 10;

/// Growth per window, in parts of a thousand: at least, and at most.
const GROWTH: (u64, u64) = (10, 100);

/// The upstream's answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It served it.
    Served,
    /// It refused for lack of room: 429, 503 or 529.
    Congested,
    /// Anything else: no sign of congestion.
    Other,
}

/// The report about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Its outcome.
    pub answered: Answered,
    /// Its cost.
    pub cost: u64,
    /// Until the first output.
    pub first_output: Option<Span>,
    /// The limit that the upstream states, in cost per second.
    pub limit: Option<u64>,
    /// The upstream asks for a pause this long.
    pub retry_after: Option<Span>,
}

/// The learned rate of a supply.
#[derive(Clone, Debug)]
pub struct Controller {
    bounds: Learn,
    rate: u64,
    /// The rate at which congestion was last met.
    peak: u64,
    growth: u64,
    window_began: Option<Instant>,
    served: u64,
    congested: u64,
    delivered: u64,
    /// The cost that the last window delivered, if it was congested.
    before: u64,
    slow: u64,
    timed: u64,
    lowest: VecDeque<(i64, u64)>,
    /// Nothing is sent before this instant.
    paused_until: Option<Instant>,
    /// The upstream has stated its limit; no guessing above it.
    stated: Option<u64>,
}

/// How full the supply was in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Cost per second that was admitted.
    pub rate: u64,
    /// Whether over 80 % of the allowed cost in flight was in flight. `true` when there is no such limit.
    pub is_busy: bool,
}

impl Controller {
    /// A controller that begins with a guess.
    #[must_use]
    pub fn new(bounds: Learn, guess: u64) -> Self {
        Self {
            rate: guess.clamp(bounds.floor.max(1), bounds.ceiling.max(1)),
            bounds,
            peak: u64::MAX,
            growth: GROWTH.0,
            window_began: None,
            served: 0,
            congested: 0,
            delivered: 0,
            before: 0,
            slow: 0,
            timed: 0,
            lowest: VecDeque::new(),
            paused_until: None,
            stated: None,
        }
    }

    /// The rate in force: zero while the upstream asks for a pause.
    #[must_use]
    pub fn rate(&self, now: Instant) -> u64 {
        if self.paused_until.is_some_and(|until| now < until) { 0 } else { self.rate }
    }

    /// Takes note of one answer.
    pub fn note(&mut self, feedback: Feedback, now: Instant) {
        match feedback.answered {
            Answered::Served => {
                self.served += 1;
                self.delivered = self.delivered.saturating_add(feedback.cost);
            }
            Answered::Congested => self.congested += 1,
            Answered::Other => {}
        }
        if let Some(limit) = feedback.limit {
            let limit = limit.clamp(self.bounds.floor.max(1), self.bounds.ceiling.max(1));
            (self.stated, self.rate) = (Some(limit), limit);
        }
        if let Some(after) = feedback.retry_after {
            // A pause of more than a minute would keep the supply from finding out that the upstream is back.
            let at = now.after(after.min(Span::from_secs(60)));
            self.paused_until = self.paused_until.max(Some(at));
        }
        if let Some(first) = feedback.first_output.filter(|_| feedback.answered == Answered::Served) {
            self.note_first_output(first.micros(), now);
        }
    }

    fn note_first_output(&mut self, took: u64, now: Instant) {
        self.timed += 1;
        if self.low_quantile().is_some_and(|low| took > low.saturating_mul(2)) {
            self.slow += 1;
        }
        let minute = now.micros().div_euclid(60_000_000);
        match self.lowest.back_mut() {
            Some((at, low)) if *at == minute => *low = (*low).min(took),
            _ => self.lowest.push_back((minute, took)),
        }
        while self.lowest.len() > MINUTES {
            self.lowest.pop_front();
        }
    }

    /// The lowest first-output time of a minute, the median of the last ten: one lucky answer does not make all others slow,
    /// and slowness has to last for five minutes before it counts as usual.
    fn low_quantile(&self) -> Option<u64> {
        let mut lows: alloc::vec::Vec<u64> = self.lowest.iter().map(|(_, low)| *low).collect();
        lows.sort_unstable();
        lows.get(lows.len().saturating_sub(1) / 2).copied()
    }

    /// Ends the window when its time has come, and adapts the rate to it.
    pub fn advance(&mut self, now: Instant, usage: Usage) {
        let began = *self.window_began.get_or_insert(now);
        let length = now.since(began).micros();
        if length < WINDOW.micros() {
            return;
        }
        self.window_began = Some(now);
        let delivered = u128::from(self.delivered) * 1_000_000 / u128::from(length);
        let delivered = u64::try_from(delivered).unwrap_or(u64::MAX);
        if self.is_congested(usage) {
            let before = self.before;
            self.before = delivered;
            // A shortfall in one window that is due to debts of the one before does not count as a loss of capacity.
            let delivered = if before > delivered { before.midpoint(delivered) } else { delivered };
            self.peak = self.rate.min(delivered.max(self.bounds.floor));
            let lowered = (self.rate / 100 * 98).min(delivered / 100 * 97);
            self.rate = lowered.max(self.bounds.floor).max(1);
            self.growth = GROWTH.0;
        } else if usage.rate.saturating_mul(5) > self.rate.saturating_mul(4) {
            self.before = 0;
            self.grow();
        } else {
            self.before = 0;
        }
        (self.served, self.congested, self.delivered, self.slow, self.timed) = (0, 0, 0, 0, 0);
    }

    /// More than 0.5 % refused, or most first outputs late while the supply is busy.
    fn is_congested(&self, usage: Usage) -> bool {
        let asked = self.served + self.congested;
        let refused = self.congested > 0 && self.congested.saturating_mul(200) > asked;
        refused || (usage.is_busy && self.timed > 0 && self.slow.saturating_mul(2) > self.timed)
    }

    fn grow(&mut self) {
        let near = self.rate >= self.peak / 100 * 95 && self.rate <= self.peak.saturating_add(self.peak / 20);
        let growth = if near { GROWTH.0 } else { self.growth };
        let most = self.stated.unwrap_or(self.bounds.ceiling);
        let step = (u128::from(self.rate) * u128::from(growth) / 1_000).max(1);
        self.rate = self.rate.saturating_add(u64::try_from(step).unwrap_or(u64::MAX)).min(most);
        if !near {
            self.growth = (self.growth * 3 / 2).min(GROWTH.1);
        }
    }
}
