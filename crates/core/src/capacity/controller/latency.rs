//! Times until the first output: whether the upstream is slower than usual with inputs of like length.
//!
//! Only a majority of many answers counts, each compared with the usual time of its own class of lengths.
//! Never decides. Units: microseconds; lengths in any unit, as long as it is the same one.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::record::{Instant, Span};

/// Answers that make a usual time, and answers that are judged together.
const SAMPLES: usize = 64;
/// A usual time is taken at most once in a minute, and remembered for twenty: slowness that lasts has to last longer than
/// that before it is usual.
const MINUTE: Span = Span::from_secs(60);
const REMEMBERED: Span = Span::from_secs(20 * 60);

/// The times of inputs of like length.
#[derive(Clone, Debug, Default)]
struct Class {
    began: Instant,
    /// Until there are enough for a median.
    times: Vec<u64>,
    medians: VecDeque<(Instant, u64)>,
}

impl Class {
    /// The fastest of the remembered medians.
    fn usual(&self) -> Option<u64> {
        self.medians.iter().map(|(_, median)| *median).min()
    }

    fn note(&mut self, took: u64, now: Instant) {
        if self.times.is_empty() {
            if self.medians.back().is_some_and(|(at, _)| now.since(*at) < MINUTE) {
                return;
            }
            self.began = now;
        }
        self.times.push(took);
        if self.times.len() < SAMPLES {
            return;
        }
        self.times.sort_unstable();
        let median = self.times.get(SAMPLES / 2).copied().unwrap_or(took);
        self.times.clear();
        self.medians.push_back((self.began, median));
        // The latest stays, however old it is.
        while self.medians.len() > 1
            && self.medians.front().is_some_and(|(at, _)| now.since(*at) > REMEMBERED)
        {
            self.medians.pop_front();
        }
    }
}

/// The times of all inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    /// By the binary logarithm of the length.
    classes: BTreeMap<u32, Class>,
    slow: usize,
    timed: usize,
    /// Answers before this instant are to requests from before the rate was lowered.
    blind_until: Instant,
}

impl Latency {
    /// Notes a time; `counts`: the supply was under load.
    pub(super) fn note(&mut self, length: u64, took: Span, counts: bool, now: Instant) {
        let class = self.classes.entry(length.max(1).ilog2()).or_default();
        if counts
            && now >= self.blind_until
            && let Some(usual) = class.usual()
        {
            self.timed += 1;
            self.slow += usize::from(took.micros() / 2 > usual);
        }
        class.note(took.micros(), now);
    }

    /// Whether most of the latest answers were slow: more than three of four took more than twice the usual time.
    /// `None`: too few to say.
    pub(super) fn verdict(&mut self) -> Option<bool> {
        if self.timed < SAMPLES {
            return None;
        }
        let is_slow = self.slow * 4 > self.timed * 3;
        (self.slow, self.timed) = (0, 0);
        Some(is_slow)
    }

    /// The rate was lowered: what was sent before is no evidence about it.
    pub(super) fn lowered(&mut self, until: Instant) {
        (self.slow, self.timed) = (0, 0);
        self.blind_until = until;
    }
}
