//! How much of a window is used: sums over the uses of the list.

use headworks_core::record::Reason;

use super::book::{Book, Count, Draw, Opened, Payer, State, Use, Which};
use super::calendar::{Calendar, SECOND};
use super::policy::{Guard, Kind, Layer, Policy, Window};
use super::steps::{LEVELS, Path, Per};

pub(super) const LATE_HORIZON: i64 = 30 * 86_400 * SECOND;

/// What a request counts in guards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) feature: usize,
    pub(super) path: Path,
    pub(super) tokens: i64,
    pub(super) requests: i64,
    /// Whether it takes a slot.
    pub(super) holds: bool,
}

fn counts_for(guard: &Guard, member: Path, usage: &Use) -> bool {
    guard.feature.is_none_or(|f| f == usage.feature) && usage.path.only(guard.level) == member
}

impl Guard {
    fn counted(&self, count: &Count) -> i64 {
        if self.tokens { count.tokens } else { count.requests }
    }

    pub(super) fn reason(&self) -> Reason {
        match self.kind {
            Kind::Rate { .. } => Reason::RateLimit,
            Kind::Sliding { .. } => Reason::SlidingLimit,
            Kind::Fixed { .. } => Reason::FixedLimit,
            Kind::FirstUse { .. } => Reason::FirstUseLimit,
            Kind::Growth { .. } => Reason::GrowthLimit,
            Kind::Slots { .. } => Reason::ConcurrencyLimit,
            Kind::SpendCap { .. } => Reason::SpendCap,
        }
    }
}

impl Book {
    /// The first reason of the guards that have no room, in the order of precedence.
    pub(super) fn refused(&self, cost: &Cost, now: i64) -> Option<Reason> {
        let guards = self.policy().guards.iter().enumerate();
        guards.filter_map(|(i, guard)| self.refusal(i, guard, cost, now)).min()
    }

    fn refusal(&self, index: usize, guard: &Guard, cost: &Cost, now: i64) -> Option<Reason> {
        if guard.feature.is_some_and(|f| f != cost.feature) {
            return None;
        }
        let member = cost.path.only(guard.level);
        let n = if guard.tokens { cost.tokens } else { cost.requests };
        let (limit, fits) = match guard.kind {
            Kind::Slots { limit } => {
                let limit = self.own(Which::Guard(index), cost.path, limit, now);
                let reason = if limit == 0 { Reason::ExceedsCapacity } else { guard.reason() };
                return (cost.holds && self.slots(guard, member) >= limit).then_some(reason);
            }
            Kind::SpendCap { .. } => return None,
            _ if n == 0 => return None,
            Kind::Rate { seconds, burst, .. } => {
                let period = i128::from(seconds * SECOND);
                let level = self.level(index, guard, member, now);
                (burst, level + i128::from(n) * period <= i128::from(burst) * period)
            }
            Kind::Sliding { limit, seconds } => {
                (limit, self.slides((index, guard), member, now, (limit, seconds), n))
            }
            Kind::Growth { start, percent, max, calendar } => {
                // So much more than the greatest of the seven periods before.
                let greatest = self.greatest_before(guard, member, now, calendar);
                let grown = (greatest * (100 + percent) / 100).clamp(start, max);
                let own = self.figure(Which::Guard(index), cost.path, now);
                let used = self.counted(index, guard, member, now).expect("a plain sum");
                (own.unwrap_or(max), used + n <= own.unwrap_or(grown))
            }
            Kind::Fixed { limit, .. } | Kind::FirstUse { limit, .. } => {
                let limit = self.own(Which::Guard(index), cost.path, limit, now);
                let used = self.counted(index, guard, member, now).expect("a plain sum");
                (limit, used + n <= limit)
            }
        };
        if n > limit {
            return Some(Reason::ExceedsCapacity);
        }
        (!fits).then_some(guard.reason())
    }

    fn slots(&self, guard: &Guard, member: Path) -> i64 {
        let open = self.uses.iter().filter(|u| u.state == State::Open && counts_for(guard, member, u));
        i64::try_from(open.count()).expect("few")
    }

    /// What a guard has counted: every count with its instant, as they were written down.
    fn history(&self, guard: &Guard, member: Path) -> Vec<Count> {
        let uses = self.uses.iter().filter(|u| counts_for(guard, member, u));
        let mut all: Vec<Count> =
            uses.flat_map(|u| u.counts.iter().copied()).filter(|c| guard.counted(c) > 0).collect();
        all.sort_by_key(|c| c.told);
        all
    }

    fn guard_of(policy: &Policy, index: usize) -> Kind {
        policy.guards[index].kind
    }

    /// A token bucket: units times period that have not drained.
    fn level(&self, index: usize, guard: &Guard, member: Path, now: i64) -> i128 {
        let (mut level, mut last) = (0_i128, i64::MIN);
        let mut drains = 0_i128;
        for count in self.history(guard, member) {
            let Kind::Rate { limit, seconds, burst } = Self::guard_of(&self.catalogs[count.catalog], index)
            else {
                continue;
            };
            // What is reported late counts when it is reported, as far back as a full bucket takes to drain.
            if i128::from(count.told - count.at) * i128::from(limit) >= i128::from(burst * seconds * SECOND) {
                continue;
            }
            level = drained(level, drains, last, count.told)
                + i128::from(guard.counted(&count)) * i128::from(seconds * SECOND);
            (last, drains) = (count.told, i128::from(limit));
        }
        drained(level, drains, last, now)
    }

    fn slides(
        &self,
        (index, guard): (usize, &Guard),
        member: Path,
        now: i64,
        (limit, seconds): (i64, i64),
        n: i64,
    ) -> bool {
        let length = seconds * SECOND;
        if limit <= 1_024 {
            return self.within(index, guard, member, now, length) + n <= limit;
        }
        // Two cells: the one before counts for the part of it that is still looked back on.
        let cell = now.div_euclid(length);
        let of = |which: i64| -> i64 {
            let counts = self.history(guard, member);
            counts.iter().filter(|c| c.at.div_euclid(length) == which).map(|c| guard.counted(c)).sum()
        };
        let weight = i128::from(length - now.rem_euclid(length));
        let used = i128::from(of(cell)) * i128::from(length) + i128::from(of(cell - 1)) * weight;
        used + i128::from(n) * i128::from(length) <= i128::from(limit) * i128::from(length)
    }

    /// Exactly what was counted within a length. What a shorter length had forgotten stays forgotten.
    fn within(&self, index: usize, guard: &Guard, member: Path, now: i64, length: i64) -> i64 {
        let history = self.history(guard, member);
        // It is looked back by the length of the last count, until the next one.
        let length_of = |c: &Count| {
            let kind = Self::guard_of(&self.catalogs[c.catalog], index);
            if let Kind::Sliding { seconds, .. } = kind { seconds * SECOND } else { unreachable!("{kind:?}") }
        };
        let uses = self.uses.iter().filter(|u| counts_for(guard, member, u)).flat_map(|u| &u.counts);
        let taken = |c: &&Count| if guard.tokens { c.taken.0 > 0 } else { c.taken.1 > 0 };
        // What was given back has been counted, with the length of then.
        let mut told: Vec<(i64, i64)> = uses.filter(taken).map(|c| (c.told, length_of(c))).collect();
        told.sort_by_key(|(at, _)| *at);
        let is_remembered = |count: &&Count| {
            let since: Vec<_> = told.iter().filter(|(at, _)| *at >= count.told).collect();
            let untils = since.iter().skip(1).map(|(at, _)| *at).chain([now]);
            since.iter().zip(untils).all(|((_, length), until)| count.at + length > until)
        };
        let kept = history.iter().filter(is_remembered).filter(|c| c.at + length > now);
        kept.map(|c| guard.counted(c)).sum()
    }

    /// The greatest use of the seven periods before the present one. What was told of later than in its period does not count.
    fn greatest_before(&self, guard: &Guard, member: Path, now: i64, calendar: Calendar) -> i64 {
        let counts = self.history(guard, member);
        let (mut from, mut greatest) = (calendar.period(now, self.anchor).0, 0);
        for _ in 0..7 {
            let (start, end) = calendar.period(from - 1, self.anchor);
            let mine = counts.iter().filter(|c| start <= c.at && c.at < end && c.told < end);
            greatest = greatest.max(mine.map(|c| guard.counted(c)).sum());
            from = start;
        }
        greatest
    }

    /// What a guard shows as used, where that is a plain sum.
    pub(super) fn counted(&self, index: usize, guard: &Guard, member: Path, now: i64) -> Option<i64> {
        let between = |(start, end): (i64, i64)| -> i64 {
            let counts = self.history(guard, member);
            counts.iter().filter(|c| start <= c.at && c.at < end).map(|c| guard.counted(c)).sum()
        };
        match guard.kind {
            Kind::Fixed { calendar, .. } | Kind::Growth { calendar, .. } => {
                Some(between(self.period(calendar, Which::Guard(index), member, now)))
            }
            Kind::FirstUse { .. } => {
                let open = self.covering(Which::Guard(index), member, now);
                Some(open.map_or(0, |o| between((o.start, o.end))))
            }
            Kind::Sliding { limit, seconds } if limit <= 1_024 => {
                Some(self.within(index, guard, member, now, seconds * SECOND))
            }
            Kind::Slots { .. } => Some(self.slots(guard, member)),
            Kind::SpendCap { .. } => Some(self.spent_in((index, guard), member, now)),
            Kind::Rate { .. } | Kind::Sliding { .. } => None,
        }
    }

    fn spent_in(&self, (index, guard): (usize, &Guard), member: Path, now: i64) -> i64 {
        let Kind::SpendCap { calendar, .. } = guard.kind else { return 0 };
        let (start, end) = self.period(calendar, Which::Guard(index), member, now);
        let of = |u: &Use, d: &Draw| {
            counts_for(guard, member, u)
                && matches!(d.payer, Payer::Grant(_) | Payer::Overdraft | Payer::Postpaid(_))
                && start <= d.at
                && d.at < end
        };
        self.draws().filter(|(u, d)| of(u, d)).map(|(_, d)| d.amount).sum()
    }

    /// Spend caps: their whole figure, and what they leave of it.
    pub(super) fn caps(&self, feature: usize, path: Path, now: i64) -> impl Iterator<Item = (i64, i64)> {
        let guards = self.policy().guards.iter().enumerate();
        let guards = guards.filter(move |(_, g)| g.feature.is_none_or(|f| f == feature));
        guards.filter_map(move |(i, g)| match g.kind {
            Kind::SpendCap { limit, .. } => {
                let limit = self.own(Which::Guard(i), path, limit, now);
                let spent = self.spent_in((i, g), path.only(g.level), now);
                Some((limit, limit.saturating_sub(spent).max(0)))
            }
            Kind::Rate { .. }
            | Kind::Sliding { .. }
            | Kind::Fixed { .. }
            | Kind::FirstUse { .. }
            | Kind::Growth { .. }
            | Kind::Slots { .. } => None,
        })
    }

    pub(super) fn covering(&self, which: Which, member: Path, at: i64) -> Option<&Opened> {
        let of = |o: &&Opened| o.which == which && o.member == member && o.start <= at && at < o.end;
        self.opened.iter().find(of)
    }

    /// First-use windows open, or are found out about, for use at an instant.
    fn opens(&mut self, which: Which, member: Path, at: i64, seconds: i64, now: i64) {
        if self.covering(which, member, at).is_some() {
            return;
        }
        let whole = at + seconds * SECOND;
        if at == now {
            self.opened.push(Opened { which, member, start: at, end: whole, whole });
            return;
        }
        let mine = |o: &&Opened| o.which == which && o.member == member;
        let next = self.opened.iter().filter(mine).map(|o| o.start).filter(|s| *s > at).min().unwrap_or(now);
        let before =
            self.opened.iter_mut().filter(|o| o.which == which && o.member == member && o.start <= at);
        if let Some(known) = before.max_by_key(|o| o.start).filter(|o| at < o.whole) {
            known.end = at + 1;
            return;
        }
        self.opened.push(Opened { which, member, start: at, end: whole.min(next).min(now), whole });
    }

    /// Use is counted: windows that begin with it open.
    pub(super) fn count(&mut self, cost: &Cost, at: i64, now: i64) -> Count {
        let policy = self.policy().clone();
        for (i, guard) in policy.guards.iter().enumerate() {
            let Kind::FirstUse { seconds, .. } = guard.kind else { continue };
            let n = if guard.tokens { cost.tokens } else { cost.requests };
            if at == now && n > 0 && guard.feature.is_none_or(|f| f == cost.feature) {
                self.opens(Which::Guard(i), cost.path.only(guard.level), at, seconds, now);
            }
        }
        Count {
            at,
            told: now,
            tokens: cost.tokens,
            requests: cost.requests,
            taken: (cost.tokens, cost.requests),
            catalog: self.catalogs.len() - 1,
        }
    }

    /// An allowance is drawn: windows that begin with it open.
    pub(super) fn draws_allowance(&mut self, layer: usize, path: Path, at: i64, now: i64) {
        let Layer::Allowance { level, windows, .. } = self.policy().layers[layer].clone() else { return };
        for (i, window) in windows.iter().enumerate() {
            if let Window::FirstUse { seconds, .. } = window {
                self.opens(Which::Allowance(layer, i), path.only(level), at, *seconds, now);
            }
        }
    }

    /// The limits of an allowance's windows for a path.
    pub(super) fn limits(&self, layer: usize, path: Path, now: i64) -> Vec<i64> {
        let Layer::Allowance { windows, .. } = &self.policy().layers[layer] else { return Vec::new() };
        let one = |(i, window): (usize, &Window)| match window {
            Window::Fixed { limit, .. } | Window::FirstUse { limit, .. } => {
                self.own(Which::Allowance(layer, i), path, *limit, now)
            }
        };
        windows.iter().enumerate().map(one).collect()
    }

    /// What windows of an allowance have counted, each.
    pub(super) fn included(&self, layer: usize, member: Path, at: i64, is_late: bool) -> Vec<i64> {
        let Layer::Allowance { level, windows, .. } = &self.policy().layers[layer] else { return Vec::new() };
        let one = |(i, window): (usize, &Window)| {
            let span = match window {
                Window::Fixed { calendar, .. } => {
                    Some(self.period(*calendar, Which::Allowance(layer, i), member, at))
                }
                Window::FirstUse { .. } => self.span(Which::Allowance(layer, i), member, at, is_late),
            };
            span.map_or(0, |span| self.drawn_in(layer, level, member, span))
        };
        windows.iter().enumerate().map(one).collect()
    }

    fn span(&self, which: Which, member: Path, at: i64, is_late: bool) -> Option<(i64, i64)> {
        if let Some(o) = self.covering(which, member, at) {
            return Some((o.start, o.end));
        }
        let before = self.opened.iter().filter(|o| o.which == which && o.member == member && o.start <= at);
        let known = before.max_by_key(|o| o.start).filter(|o| is_late && at < o.whole);
        known.map(|o| (o.start, o.end))
    }

    fn drawn_in(&self, layer: usize, level: Per, member: Path, (start, end): (i64, i64)) -> i64 {
        let of = |u: &Use, d: &Draw| {
            d.payer == Payer::Allowance
                && d.layer == layer
                && u.path.only(level) == member
                && start <= d.at
                && d.at < end
        };
        self.draws().filter(|(u, d)| of(u, d)).map(|(_, d)| d.amount).sum()
    }

    pub(super) fn allowance_left(&self, layer: usize, level: Per, path: Path, at: i64, now: i64) -> i64 {
        if self.is_forgotten(layer, path.only(level), at, now) {
            return 0;
        }
        let used = self.included(layer, path.only(level), at, at < now);
        let left = self.limits(layer, path, now).into_iter().zip(used).map(|(limit, used)| limit - used);
        left.min().unwrap_or(0).max(0)
    }

    /// Whether nobody knows any more what was used then: a window has ended too long ago, or may have been opened too long ago.
    fn is_forgotten(&self, layer: usize, member: Path, at: i64, now: i64) -> bool {
        let Layer::Allowance { windows, .. } = &self.policy().layers[layer] else { return false };
        let end = |(i, window): (usize, &Window)| match window {
            Window::Fixed { calendar, .. } => {
                self.period(*calendar, Which::Allowance(layer, i), member, at).1
            }
            Window::FirstUse { .. } => {
                self.span(Which::Allowance(layer, i), member, at, at < now).map_or(at, |span| span.1)
            }
        };
        windows.iter().enumerate().map(end).any(|end| now - end > LATE_HORIZON)
    }

    /// What a member may draw from a pool.
    pub(super) fn pool_room(&self, layer: usize, path: Path, now: i64) -> Option<i64> {
        let Layer::Pool { member, cap, .. } = &self.policy().layers[layer] else { return None };
        if member.iter().any(|level| path.member(*level).is_none()) {
            return None;
        }
        // From the member outward, the first that has a cap.
        let upwards = LEVELS.into_iter().rev().filter(|level| member.iter().any(|of| level <= of));
        let mut own = upwards.filter_map(|level| self.segments.get(&(level, path.member(level)?))?.1);
        let Some(cap) = own.next().or(*cap) else { return Some(i64::MAX) };
        Some((cap - self.pooled(layer, path.only(member), now)).max(0))
    }

    pub(super) fn pooled(&self, layer: usize, of: Path, now: i64) -> i64 {
        let Layer::Pool { member, calendar, .. } = &self.policy().layers[layer] else { return 0 };
        let (start, end) = self.period(*calendar, Which::Pool(layer), of, now);
        let drawn = |u: &Use, d: &Draw| {
            matches!(d.payer, Payer::Grant(_))
                && d.layer == layer
                && u.path.only(member) == of
                && start <= d.at
                && d.at < end
        };
        self.draws().filter(|(u, d)| drawn(u, d)).map(|(_, d)| d.amount).sum()
    }
}

fn drained(level: i128, drains: i128, from: i64, to: i64) -> i128 {
    if level == 0 { 0 } else { (level - drains * i128::from(to - from)).max(0) }
}
