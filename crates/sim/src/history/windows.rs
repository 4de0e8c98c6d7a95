//! The windows that are counted again: their terms in the policy, and the use of each.
//!
//! Units: those of the window; instants in UTC microseconds.

use headworks_core::record::{Draw, Every, Instant, Level, Source, Terms};

use super::calendar::{Zone, period};
use crate::catalog::PACE;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const CREDIT: i64 = 1_000_000_000;

/// The basis of a window's count.
pub(super) enum Basis {
    Requests,
    Units,
    /// Credits drawn from grants and overdraft.
    Spend,
    /// The payments of one layer.
    Layer(&'static str),
}

/// The time over which a window counts.
pub(super) enum Kind {
    Calendar(Every, Zone, Anchored),
    FirstUse(i64),
    /// A day in UTC, with a limit that follows from the days before.
    Growth,
    /// It ends when it is closed.
    Manual,
    Sliding(i64),
    /// An amount per time.
    Rate(i64, i64),
}

/// Whether periods are counted from the billing anchor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchored {
    Yes,
    No,
}

/// A window of the policy.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) features: &'static [&'static str],
    pub(super) per: Option<Level>,
    pub(super) basis: Basis,
    /// `None`: set by the member's settings.
    pub(super) limit: Option<i64>,
    pub(super) kind: Kind,
    /// The model of the parts that it counts; `None`: all.
    pub(super) of: Option<&'static str>,
}

const fn spec(
    name: &'static str,
    features: &'static [&'static str],
    basis: Basis,
    limit: i64,
    kind: Kind,
) -> Spec {
    Spec { name, features, per: None, basis, limit: Some(limit), kind, of: None }
}

use Anchored::{No, Yes};
use Kind::{Calendar, FirstUse, Growth, Manual, Rate, Sliding};

/// The windows of the plan `p` that are the same in every version of the policy.
pub(super) const SPECS: [Spec; 18] = [
    spec("shift", &["draw"], Basis::Requests, 3, FirstUse(2 * HOUR)),
    spec("cap", &["gift"], Basis::Spend, 25 * CREDIT, Calendar(Every::Day, Zone::Utc, No)),
    spec("budget", &["gift", "owe"], Basis::Spend, 60 * CREDIT, Calendar(Every::Week, Zone::Berlin, No)),
    spec("local", &["owe"], Basis::Requests, 6, Calendar(Every::Day, Zone::NewYork, No)),
    spec("round", &["owe"], Basis::Units, 150, Calendar(Every::Day, Zone::NewYork, Yes)),
    spec("turn", &["bulk"], Basis::Units, 9_000, Calendar(Every::Week, Zone::NewYork, Yes)),
    spec("cycle", &["bulk"], Basis::Units, 15_000, Calendar(Every::Month, Zone::Utc, Yes)),
    spec("volume", &["bulk"], Basis::Units, 2_000, Sliding(2 * HOUR)),
    spec("surge", &["bulk"], Basis::Units, 3_000, Rate(300, HOUR)),
    spec(
        "included.hour",
        &["chat"],
        Basis::Layer("included"),
        5 * CREDIT,
        Calendar(Every::Hour, Zone::Utc, No),
    ),
    Spec {
        name: "shared",
        features: &["chat", "gift", "owe", "bulk", "blend"],
        per: Some(Level::User),
        basis: Basis::Layer("shared"),
        limit: None,
        kind: Calendar(Every::Day, Zone::Utc, No),
        of: None,
    },
    Spec { of: Some("a"), ..spec("of_a", &["blend"], Basis::Units, 90, Calendar(Every::Day, Zone::Utc, No)) },
    Spec {
        name: "seated.day",
        features: &["blend"],
        per: Some(Level::Seat),
        basis: Basis::Layer("seated"),
        limit: None,
        kind: Calendar(Every::Day, Zone::Utc, No),
        of: None,
    },
    Spec { per: Some(Level::User), ..spec("job", &["bulk"], Basis::Units, 12_000, Manual) },
    Spec { limit: None, ..spec("pace", &["bulk"], Basis::Units, 0, Growth) },
    spec("purse", &["owe"], Basis::Spend, 90 * CREDIT, Manual),
    spec("album.job", &["draw"], Basis::Layer("album"), 6 * CREDIT, Manual),
    Spec { per: Some(Level::Seat), ..spec("seated.job", &["blend"], Basis::Layer("seated"), 150, Manual) },
];

impl Spec {
    /// Whether it is a window of an allowance: it remembers periods that have ended.
    pub(super) fn is_allowance(&self) -> bool {
        matches!(self.basis, Basis::Layer("included" | "album" | "seated"))
    }

    /// Whether it counts a part of a use of this model.
    pub(super) fn counts(&self, model: Option<&str>) -> bool {
        self.of.is_none() || self.of == model
    }

    pub(super) fn is_anchored(&self) -> bool {
        matches!(self.kind, Calendar(_, _, Yes))
    }

    /// How far back it accepts late use.
    pub(super) fn looks_back(&self, terms: Option<Terms>) -> i64 {
        match self.kind {
            Calendar(..) | FirstUse(_) | Growth | Manual => 0,
            Sliding(length) => length,
            Rate(..) => {
                let Some(Terms::Rate { limit, period, burst }) = terms else { return 0 };
                let all = u128::from(burst) * u128::from(period.micros()) / u128::from(limit);
                i64::try_from(all).unwrap_or(i64::MAX)
            }
        }
    }
}

/// The bounds of the period of some terms.
pub(super) fn bounds_of(terms: Option<Terms>) -> Option<(i64, i64)> {
    let (Terms::Period { start, end, .. } | Terms::Growth { start, end, .. }) = terms? else { return None };
    Some((start.micros(), end.micros()))
}

/// The part of some draws that a window counts.
pub(super) fn total(basis: &Basis, draws: &[Draw]) -> i64 {
    let counts = |d: &&Draw| match basis {
        Basis::Requests | Basis::Units => false,
        Basis::Spend => matches!(d.source, Source::Grant(..) | Source::Overdraft),
        Basis::Layer(layer) => d.layer.as_str() == *layer,
    };
    draws.iter().filter(counts).map(|d| d.amount).sum()
}

/// The use of one window.
#[derive(Default)]
pub(super) struct Used {
    /// Instant, amount, and start of the period that counts it.
    uses: Vec<(i64, i64, i64)>,
    /// The bounds of the last period with use.
    last: Option<(i64, i64)>,
    /// When it was closed by hand.
    closed: Vec<i64>,
    /// Of a rate: the undrained amount, times its period, and the instant.
    level: (i64, i64),
    /// Of a rate: what drains in a period.
    drain: i64,
    /// Of a rate: the undrained amount before each count, and the instant.
    befores: Vec<(i64, i64)>,
}

impl Used {
    /// The bounds of the period that counts a use; `None` if there is none, or it is not remembered.
    pub(super) fn bounds(&self, spec: &Spec, anchor: i64, happened: i64, now: i64) -> Option<(i64, i64)> {
        let last = self.last.filter(|(from, to)| *from <= happened && happened < *to);
        let remembers = spec.is_allowance();
        match spec.kind {
            Calendar(every, zone, anchored) => {
                let fresh = period(every, zone, (anchored == Yes).then_some(anchor), happened);
                let open = last.unwrap_or(fresh);
                (remembers
                    || happened == now
                    || (open.0 <= now && now < open.1 && self.last.is_none_or(|l| l == open)))
                .then_some(if remembers { fresh } else { open })
            }
            Growth => {
                let start = happened.div_euclid(DAY) * DAY;
                (now < start + DAY).then_some((start, start + DAY))
            }
            Manual => {
                let start = self.closed.iter().rfind(|at| **at <= happened).copied().unwrap_or(0);
                let end = self.closed.iter().find(|at| **at > happened).copied();
                (remembers || end.is_none()).then_some((start, end.unwrap_or(Instant::NEVER.micros())))
            }
            FirstUse(length) => Some(last.unwrap_or((now, now + length))),
            Sliding(_) | Rate(..) => None,
        }
    }

    /// The greatest use of the seven days before one.
    fn greatest(&self, day: i64) -> i64 {
        let of = |day: i64| self.uses.iter().filter(|(.., of)| *of == day).map(|(_, n, _)| n).sum();
        (1..=7).map(|ago| of(day - ago * DAY)).max().unwrap_or(0)
    }

    /// The limit of a day that grows by half of the greatest day before.
    pub(super) fn pace(&self, now: i64) -> i64 {
        let (least, most, percent) = PACE;
        (self.greatest(now.div_euclid(DAY) * DAY) * percent / 100).max(least).min(most)
    }

    /// Its period is closed by hand; returns what it has used.
    pub(super) fn close(&mut self, spec: &Spec, now: i64) -> i64 {
        let used = self.amount(spec, self.bounds(spec, 0, now, now), now);
        self.closed.push(now);
        used
    }

    fn left(&self, now: i64) -> i64 {
        (self.level.0 - (now - self.level.1) * self.drain).max(0)
    }

    /// From now on.
    pub(super) fn drains_at(&mut self, limit: i64, now: i64) {
        self.level = (self.left(now), now);
        self.drain = limit;
    }

    /// Its use.
    pub(super) fn amount(&self, spec: &Spec, bounds: Option<(i64, i64)>, now: i64) -> i64 {
        let between = |from: i64, to: i64| -> i64 {
            self.uses.iter().filter(|(at, ..)| from <= *at && *at < to).map(|(_, n, _)| n).sum()
        };
        let from = |start: i64| self.uses.iter().filter(|(.., of)| *of == start).map(|(_, n, _)| n).sum();
        match spec.kind {
            Calendar(..) | FirstUse(_) | Growth | Manual => bounds.map_or(0, |(start, _)| from(start)),
            Sliding(length) => {
                let cell = now.div_euclid(length) * length;
                let (before, current) = (between(cell - length, cell), between(cell, cell + length));
                let left = i128::from(before) * i128::from(cell + length - now);
                let left = (left + i128::from(length) - 1) / i128::from(length);
                current + i64::try_from(left).unwrap_or(i64::MAX)
            }
            Rate(_, period) => (self.left(now) + period - 1) / period,
        }
    }

    pub(super) fn take(&mut self, spec: &Spec, (at, now): (i64, i64), amount: i64, terms: Option<Terms>) {
        let bounds = bounds_of(terms);
        self.uses.push((at, amount, bounds.map_or(0, |(start, _)| start)));
        if self.last.is_none_or(|last| bounds.is_some_and(|new| new.0 > last.0)) && !spec.is_allowance() {
            self.last = bounds;
        }
        if let (Rate(_, period), Some(Terms::Rate { limit, .. })) = (&spec.kind, terms) {
            let left = self.left(now);
            self.drain = i64::try_from(limit).unwrap_or(i64::MAX);
            self.befores.push((now, left));
            self.level = (left + amount * period, now);
        }
    }

    pub(super) fn give_back(&mut self, spec: &Spec, at: i64, amount: i64, now: i64) {
        let mut back = amount;
        for (_, n, _) in self.uses.iter_mut().filter(|(used, ..)| *used == at) {
            let part = back.min(*n);
            (*n, back) = (*n - part, back - part);
        }
        if let Rate(_, period) = spec.kind {
            // The amount that had drained before a later count cannot be returned.
            let left = self.left(now);
            let later =
                || self.befores.iter().filter(|(counted, _)| *counted > at).map(|(_, before)| *before);
            let back = later().fold(left, i64::min).min(amount * period);
            self.level = (left - back, now);
            self.befores
                .iter_mut()
                .filter(|(counted, _)| *counted > at)
                .for_each(|(_, before)| *before -= back);
        }
    }
}
