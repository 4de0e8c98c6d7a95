//! The controller of a supply of unknown capacity: it learns a rate from the answers of the upstream.
//!
//! A refusal is told at once, served work only when it ends, perhaps many seconds later. So congestion is judged by what was
//! sent and how much of that was refused: the difference is what the upstream has accepted, served or still in flight. Errors
//! of the caller (4xx other than 429) and requests that the client gave up are no evidence about capacity.
//!
//! The rate holds at the known rate of the upstream. Every 250 requests or so it tries more for a moment: a refusal confirms
//! the known rate; without one, the rate grows faster and faster.
//! K1 it stays between floor and ceiling, and always recovers (`a_learned_rate_recovers`).
//! K2 an upstream that halves is followed within 0.5 s, one that doubles within 15 s (`a_learned_rate_follows_the_upstream`).
//! K3 one refusal costs a few percent of the rate, in any unit (`one_refusal_costs_little_in_any_unit`).
//! K4 one slow answer, an idle supply, and prompts of any length never lower it (`only_sustained_slowness_under_load_counts`).
//! Units: cost; rates in millionths of a cost unit per second. Source: probing as in BBR (Cardwell et al., 2016).

use core::mem;

use crate::catalog::Learn;
use crate::record::{Instant, Span, scaled};

mod congestion;
mod flow;
mod growth;
mod latency;
mod state;

use flow::{Flow, Sums};
use latency::Latency;
use state::{Congestion, Course};

/// How often what may start is refilled while a rate is learned: in small parts, so that an upstream that saves up 0.1 s of
/// its rate is not overrun.
pub const DRIP: Span = Span::from_micros(10_000);
/// The time in which a learned rate saves up. With one refill it is what such an upstream has.
const SAVED_MICROS: u64 = 90_000;

const MILLION: u64 = 1_000_000;
/// All times below are for requests of at most this much of the rate. Larger requests stretch them, up to a bound.
const REQUEST_MICROS: u64 = 50_000;
const REQUEST_MICROS_MAX: u64 = 60_000_000;
const STEP: Span = Span::from_micros(20_000);

/// The most that may be saved up of a learned rate, in the unit of the rate.
#[must_use]
pub fn saved_up(rate: u64) -> u64 {
    scaled(rate, SAVED_MICROS, MILLION)
}

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
    /// Its cost: what it used, or would have used if it was refused. Zero: unknown.
    pub cost: u64,
    /// Until the first output.
    pub first_output: Option<Span>,
    /// The length of its input; without it, the cost is taken for it.
    pub input: Option<u64>,
    /// The limit that the upstream states, in cost per second.
    pub limit: Option<u64>,
    /// The upstream asks for a pause this long.
    pub retry_after: Option<Span>,
}

/// The learned rate of a supply.
#[derive(Clone, Debug)]
pub struct Controller {
    floor: u64,
    ceiling: u64,
    rate: u64,
    /// The rate that the upstream has, as far as is known.
    known: u64,
    /// The rate that used to be known before it fell far; it fades with each refusal.
    peak: u64,
    /// Where the rate returns to while it holds, and how fast, in percent per second.
    goal: u64,
    returns: u64,
    course: Course,
    congestion: Option<Congestion>,
    /// The last refusal, or the beginning.
    quiet_since: Instant,
    flow: Flow,
    /// Since the last step.
    noted: Sums,
    refusals: u64,
    /// The mean cost of a request, in thousandths.
    size_milli: u64,
    /// When it last fell by more than a tenth.
    fell: Option<Instant>,
    latency: Latency,
    is_loaded: bool,
    /// The rate at which slowness began.
    slow_from: Option<u64>,
    slow_at: Option<Instant>,
    advanced: Option<Instant>,
    /// Nothing is sent before this instant.
    paused_until: Option<Instant>,
    /// The upstream has stated its limit; no guessing above it.
    stated: Option<u64>,
}

impl Controller {
    /// A controller that begins with a guess; it and the bounds are in millionths of a cost unit per second.
    #[must_use]
    pub fn new(bounds: Learn, guess: u64) -> Self {
        let floor = bounds.floor.max(1);
        let ceiling = bounds.ceiling.max(floor);
        let rate = guess.clamp(floor, ceiling);
        Self {
            floor,
            ceiling,
            rate,
            known: rate,
            goal: rate,
            returns: 0,
            course: Course::Hold,
            congestion: None,
            quiet_since: Instant::default(),
            flow: Flow::default(),
            noted: Sums::default(),
            refusals: 0,
            size_milli: 0,
            fell: None,
            peak: 0,
            latency: Latency::default(),
            is_loaded: false,
            slow_from: None,
            slow_at: None,
            advanced: None,
            paused_until: None,
            stated: None,
        }
    }

    /// The rate in force, in millionths of a cost unit per second: zero while the upstream asks for a pause.
    #[must_use]
    pub fn rate(&self, now: Instant) -> u64 {
        if self.paused_until.is_some_and(|until| now < until) { 0 } else { self.rate }
    }

    /// Takes note of one answer.
    pub fn note(&mut self, feedback: Feedback, now: Instant) {
        match feedback.answered {
            Answered::Served => {
                self.learn_size(feedback.cost);
                self.noted.served = self.noted.served.saturating_add(feedback.cost);
                if let Some(took) = feedback.first_output {
                    let length = feedback.input.unwrap_or(feedback.cost);
                    self.latency.note(length, took, self.is_loaded, now);
                }
            }
            Answered::Congested => {
                self.learn_size(feedback.cost);
                let cost = if feedback.cost > 0 { feedback.cost } else { self.size_milli.div_ceil(1_000) };
                self.noted.refused = self.noted.refused.saturating_add(cost.max(1));
                self.refusals += 1;
            }
            Answered::Other => {}
        }
        if let Some(limit) = feedback.limit {
            let limit = limit.max(1).saturating_mul(MILLION).clamp(self.floor, self.ceiling);
            (self.known, self.rate, self.goal, self.stated) = (limit, limit, limit, Some(limit));
            (self.course, self.congestion) = (Course::Hold, None);
        }
        if let Some(after) = feedback.retry_after {
            // A pause of more than a minute would keep the supply from finding out that the upstream is back.
            let at = now.after(after.min(Span::from_secs(60)));
            self.paused_until = self.paused_until.max(Some(at));
        }
    }

    fn learn_size(&mut self, cost: u64) {
        let cost = cost.saturating_mul(1_000);
        if self.size_milli == 0 {
            self.size_milli = cost;
        } else if cost > 0 {
            self.size_milli = self.size_milli - self.size_milli / 16 + cost / 16;
        }
    }

    /// The time of a request at the present rate, up to a bound.
    fn request_micros(&self) -> u64 {
        scaled(self.size_milli, 1_000 * MILLION, self.rate).min(REQUEST_MICROS_MAX)
    }

    /// A time for requests of the present size.
    fn stretched(&self, span: Span) -> Span {
        let request = self.request_micros().max(REQUEST_MICROS);
        Span::from_micros(scaled(span.micros(), request, REQUEST_MICROS))
    }

    /// Adapts the rate to the time since the last call, in which this cost was let in.
    pub fn advance(&mut self, now: Instant, sent: u64) {
        self.noted.sent = self.noted.sent.saturating_add(sent);
        let Some(last) = self.advanced else {
            (self.advanced, self.quiet_since) = (Some(now), now);
            return;
        };
        let span = now.since(last);
        if span == Span::ZERO {
            return;
        }
        self.advanced = Some(now);
        let noted = Sums {
            granted: scaled(self.rate(last), span.micros(), MILLION),
            micros: span.micros(),
            ..mem::take(&mut self.noted)
        };
        let refusals = mem::take(&mut self.refusals);
        self.flow.push(last, now, noted, self.stretched(STEP));
        self.is_loaded = self.within(Span::from_secs(1), now).uses(80);
        let is_trying = self.course != Course::Hold;
        if refusals > 0 && (is_trying || self.within(Span::from_secs(1), now).is_congested()) {
            self.refused(refusals, now);
        } else {
            self.pursue(now, span);
        }
        self.weigh(now);
        match self.latency.verdict() {
            Some(true) => self.slowed(now),
            Some(false) => self.slow_from = None,
            None => {}
        }
    }

    /// The work of the last time.
    fn within(&self, span: Span, now: Instant) -> Sums {
        self.flow.since(now.before(self.stretched(span)))
    }

    /// The mean cost of a request.
    fn size(&self) -> u64 {
        self.size_milli.div_ceil(1_000)
    }
}
