//! The usual use of an account or key, remembered from its own records: the measure that abuse rules hold it to.
//!
//! A habit is a window of fixed cells. The current cell is counted; a closed one becomes part of the memory. It is
//! folded from records alone: the reference of a rule is in the terms of its visit.
//! H1 during a clamp, a habit learns no more than the clamp lets through (`a_clamp_teaches_only_what_it_let_through`).
//! H2 use at the same hour of another day is usual at that hour (`a_daily_batch_is_learned`). H3 a habit is bounded: the hours
//! of a week, and [`RHYTHM_MAX`] times of the day.
//! Units: cost, or nano-credits for the spending of keys.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{HabitKind, Instant, Span, scaled};

const HOUR: Span = Span::from_secs(3_600);
const PEAK_HALF_LIFE: Span = Span::from_secs(7 * 86_400);
/// A cell over twice the reference adds `OVER` to a run, and any other takes one away. At `RUN` it is too fast: three such
/// cells in a row, or more than a third of the time.
const OVER: u8 = 2;
const RUN: u8 = 5;
/// The most a burst teaches, in multiples of its reference, and the time until another burst teaches.
const BURST_TEACHES: i64 = 8;
const BURSTS_APART: Span = HOUR;
/// Hours of the day whose runs are remembered, and for how many days.
const RHYTHM_MAX: usize = 24;
const RHYTHM_DAYS: i64 = 35;
const DAY_HOURS: i64 = 24;

/// The memory of one account or key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Habit {
    /// Its kind of memory.
    #[n(0)]
    pub kind: HabitKind,
    /// When the current cell began.
    #[n(1)]
    pub start: Instant,
    /// The count in it.
    #[n(2)]
    pub current: i64,
    /// The reference that the current cell is compared with.
    #[n(3)]
    pub reference: i64,
    /// The limit that a clamp let through, if it was clamped.
    #[n(4)]
    pub limit: i64,
    /// The total of the previous cell, if it directly precedes this one.
    #[n(5)]
    pub previous: i64,
    /// The highest cell, as it counted at `peak_at`.
    #[n(6)]
    pub peak: i64,
    /// When.
    #[n(7)]
    pub peak_at: Instant,
    /// The current run: `OVER` for a cell over twice its reference, one less for another.
    #[n(8)]
    pub over: u8,
    /// The highest of its cells.
    #[n(9)]
    pub run_peak: i64,
    /// Whether one of them was not over eight times its reference.
    #[n(10)]
    pub is_near: bool,
    /// The hours with use, oldest first: the hour since 1970, and its highest cell.
    #[n(11)]
    pub hours: Vec<(i64, i64)>,
    /// The reference at the beginning of the current run.
    #[n(12)]
    pub run_reference: i64,
    /// When a burst was last learned.
    #[n(13)]
    pub burst_at: Instant,
    /// Runs that were clamped and quarters that were demoted, by the hour of the day.
    #[n(14)]
    pub rhythm: Vec<Beat>,
    /// The use served one class lower in the current cell.
    #[n(15)]
    pub demoted: i64,
}

/// The use at an hour of the day.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Beat {
    /// The hour since 1970 that it was last seen in.
    #[n(0)]
    pub hour: i64,
    /// The highest cell.
    #[n(1)]
    pub figure: i64,
    /// The number of days it was seen on.
    #[n(2)]
    pub days: u8,
}

impl Beat {
    /// It was seen again: on another day, or more of it on the same.
    fn see(&mut self, hour: i64, figure: i64) {
        if hour - self.hour > DAY_HOURS / 2 {
            // Use that has not come for long starts over at its present size.
            let is_forgotten = hour - self.hour > RHYTHM_DAYS * DAY_HOURS;
            self.days = if is_forgotten { 1 } else { self.days.saturating_add(1) };
            (self.hour, self.figure) = (hour, figure);
        } else {
            self.figure = figure.max(self.figure);
        }
    }

    /// Whether it came at this hour of the day, or one beside it: clocks are put forward and back.
    fn is_at(&self, hour: i64) -> bool {
        matches!((hour - self.hour).rem_euclid(DAY_HOURS), 0 | 1 | 23)
    }

    /// The use to expect on another day: an hour seen once counts half.
    fn says(&self, hour: i64) -> i64 {
        let is_another_day = hour - self.hour > DAY_HOURS / 2;
        let is_remembered = hour - self.hour <= RHYTHM_DAYS * DAY_HOURS;
        let figure = if self.days > 1 { self.figure } else { self.figure / 4 * 3 };
        if self.is_at(hour) && is_another_day && is_remembered { figure } else { 0 }
    }
}

fn hour_of(at: Instant) -> i64 {
    at.micros().div_euclid(i64::try_from(HOUR.micros()).unwrap_or(i64::MAX))
}

impl Habit {
    /// An empty memory.
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
            is_near: false,
            hours: Vec::new(),
            run_reference: 0,
            burst_at: Instant::default(),
            rhythm: Vec::new(),
            demoted: 0,
        }
    }

    /// Counts `cost` in the cell that `now` is in, measured against `reference` and let through up to `limit`.
    pub fn count(&mut self, cost: i64, reference: i64, limit: i64, now: Instant) {
        self.roll(now);
        self.current = self.current.saturating_add(cost).max(0);
        (self.reference, self.limit) = (reference, limit);
    }

    /// This much of the current cell is served one class lower.
    pub(crate) fn demote(&mut self, cost: i64) {
        self.demoted = self.demoted.saturating_add(cost);
    }

    /// Corrects a count made at an instant, if its cell is still the current one.
    pub fn correct(&mut self, counted_at: Instant, delta: i64) {
        if self.kind.start(counted_at) == self.start {
            self.current = self.current.saturating_add(delta).max(0);
        }
    }

    /// The count in the cell that `now` is in.
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

    /// The usual use at `now`: the peak, or the use at this hour on other days.
    #[must_use]
    pub(crate) fn usual_at(&self, now: Instant) -> i64 {
        let hour = hour_of(now);
        let beats = self.rhythm.iter().map(|beat| beat.says(hour));
        beats.fold(self.peak_at(now), i64::max)
    }

    /// The highest cell of the hours remembered.
    #[must_use]
    pub(crate) fn highest(&self) -> i64 {
        self.hours.iter().map(|(_, peak)| *peak).max().unwrap_or(0)
    }

    /// The 95th percentile of the hours with use (nearest rank).
    #[must_use]
    pub fn p95(&self) -> i64 {
        let mut sorted: Vec<i64> = self.hours.iter().map(|(_, spent)| *spent).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 95).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// Whether a run is too long, and over eight times its reference in all of its cells.
    #[must_use]
    pub(crate) fn is_too_fast(&self) -> Option<bool> {
        (self.over >= RUN).then_some(!self.is_near)
    }

    /// A clamp has begun: the run that led to it is not learned for today, nor the use of the current cell beyond the clamp.
    pub(crate) fn clamp(&mut self, limit: i64) {
        self.limit = limit;
        self.note_beat(self.run_peak);
        self.forget_run();
    }

    fn forget_run(&mut self) {
        (self.over, self.is_near, self.run_peak, self.run_reference) = (0, false, 0, 0);
    }

    /// A run of the current hour was clamped, or a quarter of it demoted.
    fn note_beat(&mut self, figure: i64) {
        let hour = hour_of(self.start);
        if let Some(beat) = self.rhythm.iter_mut().find(|beat| beat.is_at(hour)) {
            beat.see(hour, figure);
            return;
        }
        if self.rhythm.len() >= RHYTHM_MAX
            && let Some(oldest) = (0..RHYTHM_MAX).min_by_key(|i| self.rhythm.get(*i).map(|beat| beat.hour))
        {
            self.rhythm.remove(oldest);
        }
        self.rhythm.push(Beat { hour, figure, days: 1 });
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        let kept = self.kind.hours().max(RHYTHM_DAYS * DAY_HOURS);
        hour_of(now) - hour_of(self.start) > kept
    }

    fn roll(&mut self, now: Instant) {
        let start = self.kind.start(now);
        if start <= self.start {
            return;
        }
        self.close();
        let next = self.start.after(self.kind.cell()) == start;
        let empty = start.since(self.start).micros() / self.kind.cell().micros().max(1) - 1;
        self.rest(u8::try_from(empty).unwrap_or(u8::MAX));
        self.previous = if next { self.current.min(self.limit) } else { 0 };
        (self.start, self.current, self.limit, self.demoted) = (start, 0, i64::MAX, 0);
        let oldest = hour_of(start) - self.kind.hours();
        self.hours.retain(|(hour, _)| *hour >= oldest);
    }

    /// Learns from the cell that ends.
    fn close(&mut self) {
        let learned = self.current.min(self.limit);
        let asked = learned.saturating_add(self.demoted);
        if self.demoted > 0 {
            self.note_beat(asked);
        }
        self.see_beats(asked);
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
            if self.over == 0 {
                self.run_reference = self.reference;
            }
            self.is_near |= !over(8);
            self.over = self.over.saturating_add(OVER);
            self.run_peak = self.run_peak.max(learned);
        } else {
            self.rest(1);
            self.learn(learned, self.start);
        }
    }

    /// The use of other days has come again, or at least half of it.
    fn see_beats(&mut self, asked: i64) {
        let hour = hour_of(self.start);
        let came = |beat: &&mut Beat| beat.says(hour) > 0 && asked >= beat.figure / 2;
        self.rhythm.iter_mut().filter(came).for_each(|beat| beat.see(hour, asked.max(beat.figure)));
    }

    /// Cells that are not over it.
    fn rest(&mut self, cells: u8) {
        let was_over = self.over > 0;
        self.over = self.over.saturating_sub(cells);
        if was_over && self.over == 0 {
            self.end_run();
        }
    }

    /// A run that has ended before it was too long was a burst, and is learned: up to a multiple of the usual use, and not
    /// one after the other.
    fn end_run(&mut self) {
        let most = self.run_reference.saturating_mul(BURST_TEACHES);
        if self.start.since(self.burst_at) >= BURSTS_APART {
            self.learn(self.run_peak.min(most), self.start);
            self.burst_at = self.start;
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
