//! The controller of a learned rate, before an upstream that saves up 0.1 s of its rate and refuses when it has nothing.

use headworks_core::capacity::controller::{Answered, Controller, DRIP, Feedback, saved_up};
use headworks_core::catalog::Learn;
use headworks_core::record::{Instant, Span};

fn at_ms(ms: i64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn answer(answered: Answered, cost: u64) -> Feedback {
    Feedback { answered, cost, first_output: None, input: None, limit: None, retry_after: None }
}

const MILLION: u64 = 1_000_000;

/// A controller between bounds, in whole cost per second.
fn learning(floor: u64, ceiling: u64, guess: u64) -> Controller {
    Controller::new(Learn { floor: floor * MILLION, ceiling: ceiling * MILLION }, guess * MILLION)
}

/// Its rate, in whole cost per second.
fn rate_of(controller: &Controller, now: Instant) -> u64 {
    controller.rate(now).div_ceil(MILLION)
}

/// A controller, its upstream, and the work between them.
struct Run {
    controller: Controller,
    /// The cost of a request.
    cost: u64,
    /// What may still start, and what the upstream has saved up, in millionths.
    level: i128,
    saved: i128,
    ms: i64,
    refused: u64,
    sent: u64,
}

impl Run {
    fn new(controller: Controller, cost: u64) -> Self {
        let guess = rate_of(&controller, at_ms(0));
        Self { controller, cost, level: 0, saved: i128::from(guess) * 100_000, ms: 0, refused: 0, sent: 0 }
    }

    /// Goes on for a time: an upstream with this rate, asked for as much as the controller lets in of the demand. Returns the
    /// rate at each step.
    fn go(&mut self, upstream: u64, for_ms: i64, demand: u64) -> Vec<u64> {
        let drip = i64::try_from(DRIP.micros() / 1_000).expect("small");
        let mut rates = Vec::new();
        for _ in 0..for_ms / drip {
            self.ms += drip;
            let now = at_ms(self.ms);
            let rate = self.controller.rate(now).min(demand.saturating_mul(1_000_000));
            let burst = i128::from(saved_up(self.controller.rate(now)));
            self.level = (self.level + i128::from(rate) * i128::from(drip) / 1_000).min(burst);
            let upstream = i128::from(upstream);
            self.saved = (self.saved + upstream * i128::from(drip) * 1_000).min(upstream * 100_000);
            let mut sent = 0;
            while self.level > 0 {
                sent += self.cost;
                self.level -= i128::from(self.cost) * 1_000_000;
                let serves = self.saved > 0;
                if serves {
                    self.saved -= i128::from(self.cost) * 1_000_000;
                }
                self.refused += if serves { 0 } else { self.cost };
                let answered = if serves { Answered::Served } else { Answered::Congested };
                self.controller.note(answer(answered, self.cost), now);
            }
            self.sent += sent;
            self.controller.advance(now, sent);
            rates.push(rate_of(&self.controller, now));
        }
        rates
    }
}

/// Steps of a run in so many milliseconds.
fn steps(ms: u64) -> usize {
    usize::try_from(ms * 1_000 / DRIP.micros()).expect("small")
}

fn within(rate: u64, percent: u64, of: u64) -> bool {
    rate.abs_diff(of) * 100 <= of * percent
}

/// Requests of 0.1 %, 1 % and 5 % of a second.
#[test]
fn a_learned_rate_follows_the_upstream() {
    for cost in [1_000, 10_000, 50_000] {
        let mut run = Run::new(learning(1_000, 100_000_000, 1_000_000), cost);
        let steady = run.go(1_000_000, 30_000, u64::MAX);
        let near = steady.iter().filter(|rate| within(**rate, 5, 1_000_000)).count();
        assert!(near * 100 >= steady.len() * 80, "{cost}: it is away too often");
        assert!(steady.iter().all(|rate| within(*rate, 30, 1_000_000)), "{cost}: it does not stay near");
        assert!(run.refused * 200 <= run.sent, "{cost}: {} of {} refused", run.refused, run.sent);
        let halved = run.go(500_000, 10_000, u64::MAX);
        assert!(halved.iter().take(steps(500)).any(|rate| *rate <= 550_000), "{cost}: 0.5 s after halving");
        let near = halved.iter().skip(steps(2_000)).filter(|rate| within(**rate, 10, 500_000)).count();
        assert!(near * 100 >= steps(8_000) * 80, "{cost}: two seconds after halving: {near}");
        let doubled = run.go(1_000_000, 15_000, u64::MAX);
        assert!(doubled.iter().any(|rate| within(*rate, 10, 1_000_000)), "{cost}: 15 s after doubling");
    }
}

#[test]
fn a_learned_rate_recovers() {
    let mut run = Run::new(learning(1_000, 100_000_000, 1_000_000), 1_000);
    run.go(0, 60_000, u64::MAX);
    let asked = run.sent;
    run.go(0, 10_000, u64::MAX);
    assert!(run.sent - asked < 20_000, "an upstream that is gone was asked for {}", run.sent - asked);
    let back = run.go(1_000_000, 120_000, u64::MAX);
    assert!(
        within(*back.last().expect("a trace"), 10, 1_000_000),
        "it recovers from its floor: {:?}",
        back.last()
    );
    // Without demand there is nothing to learn.
    let before = *back.last().expect("a trace");
    let idle = run.go(1_000_000, 30_000, before / 4);
    assert_eq!(idle.last(), Some(&before));
}

#[test]
fn one_refusal_costs_little_in_any_unit() {
    for rate in [3, 20, 90, 1_000, 1_000_000, 1_000_000_000_000_u64] {
        let cost = rate.div_ceil(100);
        let mut controller = learning(1, rate * 10, rate);
        let refusal = |controller: &mut Controller, tick: i64| {
            for _ in 0..10 {
                controller.note(answer(Answered::Served, cost), at_ms(tick * 100));
            }
            if tick == 20 {
                // A refusal may come without its quantities.
                controller.note(answer(Answered::Congested, 0), at_ms(tick * 100));
            }
            controller.advance(at_ms(tick * 100), cost * 10);
        };
        for tick in 0..40 {
            refusal(&mut controller, tick);
        }
        let after = controller.rate(at_ms(4_000));
        assert!(
            (rate * 900_000..=rate * 1_000_000).contains(&after),
            "{rate}/s: {after} millionths after one refusal"
        );
    }
}

#[test]
fn what_the_upstream_states_is_taken_over() {
    let mut controller = learning(1_000, 1_000_000, 50_000);
    let says = |limit, retry_after| Feedback { limit, retry_after, ..answer(Answered::Congested, 0) };
    controller.note(says(Some(80_000), None), at_ms(0));
    assert_eq!(rate_of(&controller, at_ms(0)), 80_000);
    controller.note(says(None, Some(Span::from_secs(2))), at_ms(0));
    assert_eq!(rate_of(&controller, at_ms(1_999)), 0, "nothing is sent before the instant it names");
    assert!(rate_of(&controller, at_ms(2_000)) > 0);
    controller.note(says(None, Some(Span::from_secs(3_600))), at_ms(2_000));
    assert!(rate_of(&controller, at_ms(62_000)) > 0, "it asks again after a minute");
    let mut calm = learning(1_000, 1_000_000, 50_000);
    for ms in 0..40 {
        calm.note(answer(Answered::Other, 100), at_ms(ms * 250));
        calm.advance(at_ms(ms * 250), 0);
    }
    assert_eq!(rate_of(&calm, at_ms(10_000)), 50_000, "a caller's own errors are no congestion");
    // It never grows beyond what is stated.
    let mut run = Run::new(learning(1_000, 1_000_000, 50_000), 500);
    run.controller.note(Feedback { limit: Some(60_000), ..answer(Answered::Served, 500) }, at_ms(0));
    assert!(run.go(500_000, 60_000, u64::MAX).iter().all(|rate| *rate <= 60_000));
}

/// Serves for a while: each request takes a time by its length, and the supply lets in `used` of a hundred of its rate.
fn serve(controller: &mut Controller, from_s: i64, seconds: i64, used: u64, took: impl Fn(u64) -> u64) {
    for step in from_s * 10..(from_s + seconds) * 10 {
        let now = at_ms(step * 100);
        let sent = rate_of(controller, now) * used / 1_000;
        // Lengths from 64 to 65,536, the long ones rare.
        let n = u64::try_from(step).expect("positive");
        let length = 64_u64 << ((n * 7_919) % 1_024).count_ones();
        let first_output = Some(Span::from_micros(took(length) * 1_000));
        let served = Feedback { first_output, input: Some(length), ..answer(Answered::Served, sent) };
        controller.note(served, now);
        controller.advance(now, sent);
    }
}

#[test]
fn only_sustained_slowness_under_load_counts() {
    let prefill = |length: u64| 50 + length / 5;
    let usual = || {
        let mut controller = learning(1_000, 50_000, 50_000);
        serve(&mut controller, 0, 600, 100, prefill);
        assert_eq!(
            rate_of(&controller, at_ms(600_000)),
            50_000,
            "long prompts take longer; that is no slowness"
        );
        controller
    };
    // One slow answer, and an idle supply that is slow for long.
    let mut one = usual();
    serve(&mut one, 600, 1, 100, |_| 100_000);
    serve(&mut one, 601, 60, 100, prefill);
    serve(&mut one, 661, 600, 20, |length| 10 * prefill(length));
    assert_eq!(rate_of(&one, at_ms(1_300_000)), 50_000);
    // Three times as slow under load: it is lowered, and ten minutes later that is still not taken for usual.
    let mut slow = usual();
    serve(&mut slow, 600, 60, 100, |length| 3 * prefill(length));
    assert!(rate_of(&slow, at_ms(660_000)) < 45_000, "{}", rate_of(&slow, at_ms(660_000)));
    serve(&mut slow, 660, 600, 100, |length| 3 * prefill(length));
    assert!(rate_of(&slow, at_ms(1_260_000)) < 20_000, "{}", rate_of(&slow, at_ms(1_260_000)));
    // It comes back with the upstream.
    serve(&mut slow, 1_260, 120, 100, prefill);
    assert_eq!(rate_of(&slow, at_ms(1_380_000)), 50_000);
}
