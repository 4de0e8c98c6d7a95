//! What estimates refuse on real traces, beside holds for the longest output, in simulated time.
//!
//! An account comes to the end of its money, or of each minute's budget. A call would have fitted if its real use fits beside the real
//! use of those that run. Holds, their growth and the least that is worth a call are the gateway's own; a trace has no text, so inputs
//! have from 3.2 to 4.8 bytes a token, about the spread of source code.
//!
//! Units: microseconds; what a token of input costs, of which one of output costs five.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::Read as _;
use std::time::Duration;

use headworks_core::record::Name;
use tokio::time::Instant;

use crate::estimate::{Learned, TurnedOut};
use crate::gateway::OUTPUT_MIN;
use crate::stream::STEP;
use crate::text::Text;

const OF_OUTPUT: u64 = 5;
const FIRST_TOKEN: u64 = 500_000;
const OF_TOKEN: u64 = 20_000;
const MINUTE: u64 = 60_000_000;

/// A request of a trace.
#[derive(Clone, Copy)]
struct Traced {
    at: u64,
    input: u64,
    output: u64,
    text: Text,
}

/// What pays for all calls.
#[derive(Clone, Copy, Debug)]
enum Money {
    /// Once, as many percent of what the whole trace uses.
    Balance(u64),
    /// What the trace uses in a minute on average.
    EachMinute,
}

/// What a call is held for.
#[derive(Clone, Copy)]
enum Held {
    Learned,
    /// The longest output that it could have.
    Longest(u64),
}

/// Of the calls that would have fitted, those that were refused, and those that ended early.
#[derive(Debug, Default)]
struct Fates {
    fitting: u64,
    refused: u64,
    cut: u64,
}

/// A call on its way.
#[derive(Clone, Copy)]
struct Running {
    of: Traced,
    /// The purse that pays: the minute of its begin.
    purse: u64,
    held_input: u64,
    /// Tokens of output that are held.
    covered: u64,
    /// Where it ends.
    output: u64,
    fits: bool,
}

impl Running {
    fn held(&self) -> u64 {
        self.held_input + self.covered * OF_OUTPUT
    }

    fn used(&self) -> u64 {
        self.of.input + self.output * OF_OUTPUT
    }
}

#[derive(Clone, Copy, Default)]
struct Purse {
    charged: u64,
    held: u64,
    running: u64,
}

struct World {
    learned: Learned,
    account: Name,
    held: Held,
    money: Money,
    /// What a purse has.
    budget: u64,
    begun: Instant,
    purses: HashMap<u64, Purse>,
    running: HashMap<usize, Running>,
    events: BinaryHeap<Reverse<(u64, usize)>>,
    fates: Fates,
}

impl World {
    fn run(trace: &[Traced], held: Held, money: Money) -> Fates {
        let all: u64 = trace.iter().map(|of| of.input + of.output * OF_OUTPUT).sum();
        let budget = match money {
            Money::Balance(percent) => all * percent / 100,
            Money::EachMinute => all * MINUTE / trace[trace.len() - 1].at,
        };
        let mut world = Self {
            learned: Learned::default(),
            account: Name::new("acme").expect("a name"),
            held,
            money,
            budget,
            begun: Instant::now(),
            purses: HashMap::new(),
            running: HashMap::new(),
            events: trace.iter().enumerate().map(|(call, of)| Reverse((of.at, call))).collect(),
            fates: Fates::default(),
        };
        while let Some(Reverse((at, call))) = world.events.pop() {
            if world.running.contains_key(&call) {
                world.goes_on(at, call);
            } else {
                world.arrives(trace[call], at, call);
            }
        }
        assert!(world.purses.values().all(|purse| purse.held == 0 && purse.running == 0));
        world.fates
    }

    fn was_short(&self, at: u64) {
        self.learned.was_short("m", &self.account, self.begun + Duration::from_micros(at));
    }

    fn arrives(&mut self, of: Traced, at: u64, call: usize) {
        let place = if matches!(self.money, Money::EachMinute) { at / MINUTE } else { 0 };
        let purse = self.purses.get(&place).copied().unwrap_or_default();
        let now = self.begun + Duration::from_micros(at);
        let held_input = self.learned.input("m", &self.account, of.text, now);
        let (output, least) = match self.held {
            Held::Learned => (self.learned.beginning("m", &self.account), OUTPUT_MIN),
            Held::Longest(output) => (output, output),
        };
        let fits = purse.charged + purse.running + of.input + of.output * OF_OUTPUT <= self.budget;
        self.fates.fitting += u64::from(fits);
        let available = self.budget.saturating_sub(purse.charged + purse.held);
        let left = available.saturating_sub(held_input) / OF_OUTPUT;
        if left < output {
            self.was_short(at);
        }
        if left < least {
            self.fates.refused += u64::from(fits);
            return;
        }
        // Where less is granted, the request is forwarded with that limit.
        let covered = output.min(left);
        let output = if covered < output { of.output.min(covered) } else { of.output };
        let running = Running { of, purse: place, held_input, covered, output, fits };
        let purse = self.purses.entry(place).or_default();
        purse.held += running.held();
        purse.running += running.used();
        self.running.insert(call, running);
        self.events.push(Reverse((at + FIRST_TOKEN + output.min(covered) * OF_TOKEN, call)));
    }

    /// A stream has come to the end of what is held, or to its own.
    fn goes_on(&mut self, at: u64, call: usize) {
        let running = self.running.get_mut(&call).expect("runs");
        let purse = self.purses.get_mut(&running.purse).expect("pays");
        let left = self.budget.saturating_sub(purse.charged + purse.held) / OF_OUTPUT;
        let step = running.covered.clamp(STEP.0, STEP.1).min(left);
        if running.output > running.covered && step > 0 {
            let more = step.min(running.output - running.covered);
            running.covered += step;
            purse.held += step * OF_OUTPUT;
            self.events.push(Reverse((at + more * OF_TOKEN, call)));
            return;
        }
        let mut ended = self.running.remove(&call).expect("runs");
        purse.held -= ended.held();
        purse.running -= ended.used();
        ended.output = ended.output.min(ended.covered);
        purse.charged += ended.used();
        if ended.output < ended.of.output {
            self.fates.cut += u64::from(ended.fits);
            self.was_short(at);
        } else {
            let (input, text) = (ended.of.text, ended.output * 4);
            let of = TurnedOut { input, input_tokens: ended.of.input, text, output_tokens: ended.output };
            self.learned.note("m", &self.account, of);
        }
    }
}

/// From 3.2 to 4.8 bytes for each token, by the place in the trace.
fn text(place: usize, tokens: u64) -> Text {
    let spread = (u64::try_from(place).expect("fits") * 2_654_435_761 % (1 << 32) * 1_600) >> 32;
    Text { bytes: tokens * (3_200 + spread) / 1_000, ..Text::default() }
}

fn micros(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    whole.parse::<u64>().expect(seconds) * 1_000_000 + format!("{part:0<6}")[..6].parse::<u64>().expect(part)
}

/// The instants and lengths of a trace's rows.
fn read(table: &str, row: impl Fn(&[&str]) -> (u64, u64, u64)) -> Vec<Traced> {
    let rows = table.lines().skip(1).enumerate().map(|(place, line)| {
        let (at, input, output) = row(&line.trim().split(',').collect::<Vec<_>>());
        Traced { at, input, output, text: text(place, input) }
    });
    rows.collect()
}

fn number(text: &str) -> u64 {
    text.parse().expect(text)
}

fn arena() -> Vec<Traced> {
    let table = include_str!("../../lab/traces/vtc_lmsys_arena_27clients.csv");
    read(table, |row| (micros(row[0]), number(row[2]), number(row[3])))
}

fn code() -> Vec<Traced> {
    let table = include_bytes!("../../lab/traces/azure_llm_2023_code.csv.gz").as_slice();
    let mut text = String::new();
    flate2::read::GzDecoder::new(table).read_to_string(&mut text).expect("gzip");
    let time = |text: &str| {
        let mut parts = text.split([' ', ':']).skip(1);
        let mut next = || parts.next().expect("a time");
        (number(next()) * 60 + number(next())) * MINUTE + micros(next())
    };
    let mut trace = read(&text, |row| (time(row[0]), number(row[1]), number(row[2])));
    let begin = trace[0].at;
    trace.iter_mut().for_each(|of| of.at -= begin);
    trace
}

/// Fewer than one in a hundred of the calls that would have fitted is refused; holds for the longest output, 4,096 or 32,000 tokens,
/// refuse many times as many.
#[test]
fn estimates_refuse_little_that_would_have_fitted() {
    for (name, trace) in [("arena", arena()), ("code", code())] {
        for money in [Money::Balance(50), Money::Balance(80), Money::EachMinute] {
            let learned = World::run(&trace, Held::Learned, money);
            let longest = [4_096, 32_000].map(|output| World::run(&trace, Held::Longest(output), money));
            println!("{name} {money:?}: {learned:?}; held for the longest: {longest:?}");
            assert!(
                learned.fitting > 500 && learned.refused * 100 < learned.fitting,
                "{name} {money:?}: {learned:?}"
            );
            assert!(learned.cut * 100 < learned.fitting * 3, "{name} {money:?}: {learned:?}");
            for longest in longest {
                assert!(
                    longest.refused * learned.fitting > 10 * learned.refused * longest.fitting,
                    "{name} {money:?}: {learned:?} {longest:?}"
                );
            }
        }
    }
}
