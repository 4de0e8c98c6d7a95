//! What an account or key usually does, remembered from its own records: the measure that abuse rules hold it to.
//!
//! A habit is a window of fixed cells. The cell under way is counted; one that has closed becomes part of the memory. It is
//! folded from records alone: what a rule compared against is in the terms of its visit.
//! H1 in a clamp nobody learns more than the clamp lets through (`a_clamp_teaches_only_what_it_let_through`).
//! Units: cost, or nano-credits for what keys spend.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{HabitKind, Instant, Span, scaled};

const HOUR: Span = Span::from_secs(3_600);
const PEAK_HALF_LIFE: Span = Span::from_secs(7 * 86_400);
/// Cells over twice the reference, one after the other, that are too many.
const RUN: u8 = 3;

/// What is remembered of one account or key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Habit {
    /// What it remembers.
    #[n(0)]
    pub kind: HabitKind,
    /// When the cell under way began.
    #[n(1)]
    pub start: Instant,
    /// What has been counted in it.
    #[n(2)]
    pub current: i64,
    /// What the cell under way is compared with.
    #[n(3)]
    pub reference: i64,
    /// What it was let through at most, where it was clamped.
    #[n(4)]
    pub limit: i64,
    /// What the last cell before it came to, if that was the one before.
    #[n(5)]
    pub previous: i64,
    /// The highest cell, as it counted at `peak_at`.
    #[n(6)]
    pub peak: i64,
    /// When.
    #[n(7)]
    pub peak_at: Instant,
    /// Cells in a row over twice their reference.
    #[n(8)]
    pub over: u8,
    /// The highest of them.
    #[n(9)]
    pub run_peak: i64,
    /// How many of them were over eight times their reference.
    #[n(10)]
    pub far_over: u8,
    /// The hours with use, oldest first: the hour since 1970, and its highest cell.
    #[n(11)]
    pub hours: Vec<(i64, i64)>,
}

fn hour_of(at: Instant) -> i64 {
    at.micros().div_euclid(i64::try_from(HOUR.micros()).unwrap_or(i64::MAX))
}

impl Habit {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(kind: HabitKind, now: Instant) -> Self {
        Self {
            kind,
            start: kind.start(now),
            current: 0,
            reference: 0,
            limit: i64::MAX,
            previous: 0,
            peak: 0,
            peak_at: now,
            over: 0,
            run_peak: 0,
            far_over: 0,
            hours: Vec::new(),
        }
    }

    /// Counts `cost` in the cell that `now` is in, measured against `reference` and let through up to `limit`.
    pub fn count(&mut self, cost: i64, reference: i64, limit: i64, now: Instant) {
        self.roll(now);
        self.current = self.current.saturating_add(cost).max(0);
        (self.reference, self.limit) = (reference, limit);
    }

    /// Corrects what was counted at an instant, if that cell is still under way.
    pub fn correct(&mut self, counted_at: Instant, delta: i64) {
        if self.kind.start(counted_at) == self.start {
            self.current = self.current.saturating_add(delta).max(0);
        }
    }

    /// What has been counted in the cell that `now` is in.
    #[must_use]
    pub fn used(&self, now: Instant) -> i64 {
        if self.kind.start(now) == self.start { self.current } else { 0 }
    }

    /// The habit as it stands at `now`, the cells before closed.
    #[must_use]
    pub fn at(&self, now: Instant) -> Self {
        let mut habit = self.clone();
        habit.roll(now);
        habit
    }

    /// The peak as it counts at `now`.
    #[must_use]
    pub fn peak_at(&self, now: Instant) -> i64 {
        let peak = u64::try_from(self.peak).unwrap_or(0);
        i64::try_from(halved(peak, now.since(self.peak_at), PEAK_HALF_LIFE)).unwrap_or(i64::MAX)
    }

    /// The highest cell of the hours remembered.
    #[must_use]
    pub(crate) fn highest(&self) -> i64 {
        self.hours.iter().map(|(_, peak)| *peak).max().unwrap_or(0)
    }

    /// What 95 of 100 of the hours with use did not pass (nearest rank).
    #[must_use]
    pub fn p95(&self) -> i64 {
        let mut sorted: Vec<i64> = self.hours.iter().map(|(_, spent)| *spent).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 95).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// Whether it has been over twice its reference for three cells running, and over eight times in all of them.
    #[must_use]
    pub(crate) fn is_too_fast(&self) -> Option<bool> {
        (self.over >= RUN).then_some(self.far_over >= RUN)
    }

    /// A clamp has begun: the run that led to it is not learned, nor what the cell under way has beyond the clamp.
    pub(crate) fn clamp(&mut self, limit: i64) {
        self.limit = limit;
        self.forget_run();
    }

    fn forget_run(&mut self) {
        (self.over, self.far_over, self.run_peak) = (0, 0, 0);
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        let kept = self.kind.hours().max(24 * 30);
        hour_of(now) - hour_of(self.start) > kept
    }

    fn roll(&mut self, now: Instant) {
        let start = self.kind.start(now);
        if start <= self.start {
            return;
        }
        self.close();
        let next = self.start.after(self.kind.cell()) == start;
        if !next {
            self.end_run();
        }
        self.previous = if next { self.current.min(self.limit) } else { 0 };
        (self.start, self.current, self.limit) = (start, 0, i64::MAX);
        let oldest = hour_of(start) - self.kind.hours();
        self.hours.retain(|(hour, _)| *hour >= oldest);
    }

    /// What the cell that ends teaches.
    fn close(&mut self) {
        let learned = self.current.min(self.limit);
        if self.kind != HabitKind::Velocity {
            let hour = hour_of(self.start);
            match self.hours.last_mut() {
                Some((last, peak)) if *last == hour => *peak = learned.max(*peak),
                _ => self.hours.push((hour, learned)),
            }
            return;
        }
        let over = |times: i64| self.limit == i64::MAX && self.current > self.reference.saturating_mul(times);
        if over(2) {
            self.far_over = self.far_over.saturating_add(u8::from(over(8)));
            self.over = self.over.saturating_add(1);
            self.run_peak = self.run_peak.max(learned);
        } else {
            self.end_run();
            self.learn(learned, self.start);
        }
    }

    /// A run that has ended before it was too long was a burst, and is learned.
    fn end_run(&mut self) {
        if self.over > 0 && self.over < RUN {
            self.learn(self.run_peak, self.start);
        }
        self.forget_run();
    }

    fn learn(&mut self, peak: i64, at: Instant) {
        if peak > self.peak_at(at) {
            (self.peak, self.peak_at) = (peak, at);
        }
    }
}

/// An amount that halves with time: exact at whole half-lives, on straight lines between them.
#[must_use]
pub(crate) fn halved(amount: u64, passed: Span, half_life: Span) -> u64 {
    let halves = passed.micros() / half_life.micros().max(1);
    let whole = amount.checked_shr(u32::try_from(halves).unwrap_or(u32::MAX)).unwrap_or(0);
    whole - scaled(whole, passed.micros() % half_life.micros().max(1), 2 * half_life.micros())
}
