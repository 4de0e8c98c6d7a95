//! Windows between two instants: periods of a calendar, and those that open at the first use.
//!
//! W6 an allowance's ended periods are kept for use that is reported late (`late_use_counts_where_it_happened`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{Instant, Span};

/// How long a period of an allowance is kept after its end.
const KEPT: Span = Span::from_secs(35 * 86_400);
/// Most ended periods that are kept.
const ENDED_MAX: usize = 200;

/// Use between two instants.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Period {
    /// From.
    #[n(0)]
    pub start: Instant,
    /// To before.
    #[n(1)]
    pub end: Instant,
    /// How much.
    #[n(2)]
    pub used: i64,
    /// The periods before, of an allowance.
    #[n(3)]
    ended: Option<Box<Ended>>,
    /// It was recorded for late use and ends with the last report so far: later use that it would have covered has a period of
    /// its own.
    #[n(4)]
    is_cut: bool,
}

/// Ended periods, the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Ended {
    #[n(0)]
    list: Vec<Past>,
}

/// A period: from, to before, how much, and whether a report cut it.
type Past = (Instant, Instant, i64, bool);

impl Period {
    /// A period with this much used. An allowance `keeps` it for late use once it has ended.
    pub(super) fn take(
        before: Option<&Self>,
        (start, end): (Instant, Instant),
        cost: i64,
        (keeps, now): (bool, Instant),
    ) -> Self {
        let is_cut = end == now;
        // A checkpoint leaves out periods that are over: a state loaded from one must agree with one that was not.
        let Some(before) = before.filter(|before| !before.is_over(now)) else {
            return Self { start, end, used: cost, ended: keeps.then(Box::default), is_cut };
        };
        let mut period = before.clone();
        if keeps && period.ended.is_none() {
            period.ended = Some(Box::default());
        }
        if start == period.start {
            period.used = period.used.saturating_add(cost);
            (period.end, period.is_cut) = grown((period.end, period.is_cut), (end, is_cut));
        } else if start > period.start {
            period.end_at(period.end);
            (period.start, period.end, period.used, period.is_cut) = (start, end, cost, is_cut);
        } else if let Some(ended) = period.ended.as_mut().filter(|_| keeps) {
            ended.count((start, end, cost, is_cut));
        }
        period
    }

    /// The current period is over at `end`, and kept if periods are kept.
    fn end_at(&mut self, end: Instant) {
        if let Some(ended) = self.ended.as_mut().filter(|_| self.start < end) {
            ended.count((self.start, end, self.used, self.is_cut));
            let oldest = self.start;
            ended.list.retain(|(_, end, ..)| end.after(KEPT) > oldest);
        }
    }

    /// A period that begins at an instant and ends when it is closed, with nothing used. Nothing else says when it began, so its
    /// bounds are kept once it has ended.
    pub(crate) fn open_from(start: Instant) -> Self {
        Self { start, end: Instant::NEVER, used: 0, ended: Some(Box::default()), is_cut: false }
    }

    /// Its use, if it is open.
    pub(crate) fn used_at(&self, now: Instant) -> i64 {
        if self.is_open(now) { self.used } else { 0 }
    }

    /// Ends at `now`, and the next one begins.
    pub(crate) fn close_by_hand(&mut self, now: Instant) {
        let end = self.end.min(now);
        self.ended.get_or_insert_default();
        self.end_at(end);
        (self.start, self.end, self.used, self.is_cut) = (now, Instant::NEVER, 0, false);
    }

    /// Starts over at `now`; its count is given back to nobody.
    pub(crate) fn reset(&mut self, now: Instant) {
        self.end_at(now);
        (self.start, self.used) = (now, 0);
    }

    /// Closes at `now`: the next use opens the next one. Returns whether any part of it is kept.
    pub(crate) fn close(&mut self, now: Instant) -> bool {
        self.end = self.end.min(now);
        self.ended.is_some() && self.start < self.end
    }

    pub(super) fn correct(&mut self, counted_at: Instant, delta: i64) {
        let covers = |start: Instant, end: Instant| start <= counted_at && counted_at < end;
        let ended = self.ended.iter_mut().flat_map(|e| e.list.iter_mut());
        let used = match covers(self.start, self.end) {
            true => Some(&mut self.used),
            false => ended.filter(|(start, end, ..)| covers(*start, *end)).map(|(_, _, used, _)| used).next(),
        };
        if let Some(used) = used {
            *used = used.saturating_add(delta).max(0);
        }
    }

    pub(super) fn is_open(&self, now: Instant) -> bool {
        now < self.end
    }

    /// Whether it is no longer needed.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let kept = if self.ended.is_some() { KEPT } else { Span::ZERO };
        self.end.after(kept) <= now
    }

    /// Every period that is known at `now`, earliest first. Only allowances keep ended periods, for a limited time: a
    /// state that a checkpoint has cut must agree.
    fn all(&self, now: Instant) -> impl DoubleEndedIterator<Item = Past> {
        let kept = if self.ended.is_some() { KEPT } else { Span::ZERO };
        let ended = self.ended.iter().flat_map(|e| e.list.iter().copied());
        let all = ended.chain([(self.start, self.end, self.used, self.is_cut)]);
        all.filter(move |(_, end, ..)| end.after(kept) > now)
    }

    /// The bounds of the period that `at` is in.
    pub(crate) fn around(&self, at: Instant, now: Instant) -> Option<(Instant, Instant)> {
        self.all(now).find(|(start, end, ..)| *start <= at && at < *end).map(|(start, end, ..)| (start, end))
    }

    /// The bounds, so far, of a window that late use opened and that would have covered `at` in its `length`.
    pub(crate) fn cut_before(&self, at: Instant, length: Span, now: Instant) -> Option<(Instant, Instant)> {
        let (start, _, _, is_cut) = self.all(now).rfind(|(start, ..)| *start <= at)?;
        let next = self.all(now).map(|(start, ..)| start).find(|start| *start > at);
        let end = start.after(length).min(now);
        (is_cut && at < end).then(|| (start, next.map_or(end, |next| next.min(end))))
    }

    /// Bounds around `at`, cut where another period is.
    pub(crate) fn beside(
        &self,
        at: Instant,
        now: Instant,
        (start, end): (Instant, Instant),
    ) -> (Instant, Instant) {
        let before = self.all(now).map(|(_, end, ..)| end).filter(|e| *e <= at).max();
        let after = self.all(now).map(|(start, ..)| start).filter(|s| *s > at).min();
        (before.map_or(start, |b| start.max(b)), after.map_or(end, |a| end.min(a)))
    }
}

/// The later of two ends, and whether a report cut it.
fn grown(old: (Instant, bool), new: (Instant, bool)) -> (Instant, bool) {
    if new.0 > old.0 { new } else { old }
}

impl Ended {
    fn count(&mut self, (start, end, cost, is_cut): Past) {
        match self.list.binary_search_by_key(&start, |(start, ..)| *start) {
            Ok(i) => {
                if let Some((_, old, used, was_cut)) = self.list.get_mut(i) {
                    *used = used.saturating_add(cost);
                    (*old, *was_cut) = grown((*old, *was_cut), (end, is_cut));
                }
            }
            Err(i) => self.list.insert(i, (start, end, cost, is_cut)),
        }
        if self.list.len() > ENDED_MAX {
            self.list.remove(0);
        }
    }
}

/// The use of the period that begins at `start`. If it is no longer kept, its use is unknown and counts as all of it.
pub(super) fn used(period: Option<&Period>, (start, end): (Instant, Instant), now: Instant) -> i64 {
    let Some(period) = period else { return 0 };
    // Almost always the current one: ended periods lie elsewhere in memory.
    if period.start == start && now < period.end {
        return period.used;
    }
    let forgotten = period.ended.as_ref().is_some_and(|e| {
        let oldest = e.list.first().filter(|_| e.list.len() >= ENDED_MAX);
        end.after(KEPT) <= now || oldest.is_some_and(|(oldest, ..)| start < *oldest)
    });
    let known = period.all(now).rev().find(|(from, ..)| *from == start).map(|(_, _, used, _)| used);
    known.unwrap_or(if forgotten { i64::MAX } else { 0 })
}
