//! Overrides of limits and of the factor on prices.

use headworks_core::command::{Command, NewOverride};
use headworks_core::record::Instant;

use super::book::{Book, Own, Which};
use super::compare::Compared;
use super::policy::{Kind, Layer, NANO, Policy, Unit};
use super::run::Run;
use super::steps::{LEVELS, Path, Per};
use super::text::credits;
use crate::common;

impl Policy {
    /// The limits that have a figure of their own: their names, and whether they are in credits.
    pub(super) fn figures(&self) -> Vec<(Which, String, bool)> {
        let mut all: Vec<(Which, String, bool)> = Vec::new();
        for (i, guard) in self.guards.iter().enumerate() {
            match guard.kind {
                Kind::Fixed { .. } | Kind::FirstUse { .. } | Kind::Growth { .. } | Kind::Slots { .. } => {
                    all.push((Which::Guard(i), format!("g{i}"), false));
                }
                Kind::SpendCap { .. } => all.push((Which::Guard(i), format!("g{i}"), true)),
                Kind::Rate { .. } | Kind::Sliding { .. } => {}
            }
        }
        for (l, layer) in self.layers.iter().enumerate() {
            if let Layer::Allowance { windows, .. } = layer {
                let counts_credits = self.unit == Unit::Credits;
                all.extend(
                    (0..windows.len())
                        .map(|w| (Which::Allowance(l, w), format!("l{l}.w{w}"), counts_credits)),
                );
            }
        }
        all
    }

    /// The levels that a limit counts at.
    pub(super) fn counts_at(&self, which: Which) -> Per {
        match which {
            Which::Guard(i) => self.guards[i].level,
            Which::Allowance(l, _) | Which::Pool(l) => match &self.layers[l] {
                Layer::Allowance { level, .. } => level,
                Layer::Pool { member, .. } => member,
                Layer::Grants { .. } | Layer::Overdraft { .. } | Layer::Postpaid { .. } => &[],
            },
            Which::Factor => &[],
        }
    }
}

impl Book {
    /// The limit of a window for a path: that of an override, of the longest path first, then the newest; or that of its type of seat.
    pub(super) fn own(&self, which: Which, path: Path, limit: i64, now: i64) -> i64 {
        self.figure(which, path, now).unwrap_or(limit)
    }

    /// The figure of an override or a type of seat, if there is one.
    pub(super) fn figure(&self, which: Which, path: Path, now: i64) -> Option<i64> {
        let of = |(age, own): (usize, &Own)| {
            let applies = own.which == which && path.only(&own.place.named()) == own.place && now < own.until;
            // The innermost segment counts first: the longest path, then the newest.
            let long = LEVELS.map(|level| own.place.member(level).is_some());
            applies.then(|| ((long.into_iter().rev().collect::<Vec<_>>(), age), own.figure))
        };
        let longest = self.overrides.iter().enumerate().filter_map(of).max_by(|(a, _), (b, _)| a.cmp(b));
        let Some((_, figure)) = longest else { return self.typed(which, path) };
        Some(figure.unwrap_or(i64::MAX))
    }
}

impl Run {
    /// One of the fixed and first-use windows, caps and numbers of holds has another limit, or prices have another factor.
    pub(super) fn set_override(
        &mut self,
        which: usize,
        place: Path,
        figure: Option<i64>,
        until: Option<i64>,
    ) -> Compared {
        let policy = self.book.policy();
        let mut all = policy.figures();
        if policy.takes_factor() {
            all.push((Which::Factor, "price_factor".to_owned(), true));
        }
        if all.is_empty() {
            return Ok(());
        }
        let (which, limit, is_credits) = all.swap_remove(which % all.len());
        let figure = figure.map(|n| {
            if which == Which::Factor {
                factor(n, policy.unit)
            } else if is_credits {
                n * NANO
            } else {
                n
            }
        });
        let written = |n: i64| if is_credits { credits(n) } else { n.to_string() };
        let new = NewOverride {
            path: place.text().parse().expect("a path"),
            until: until.map(Instant::from_micros),
            ..common::overriding(&limit, &figure.map_or("none".to_owned(), written))
        };
        let record = self.world.apply(Command::Override(new)).map_err(|e| format!("override: {e}"))?;
        self.book.overrides.push(Own { record, which, place, figure, until: until.unwrap_or(i64::MAX) });
        Ok(())
    }
}

/// Factors are of another order than limits, and seldom even. None is zero where allowances count requests, as those of plans.
fn factor(n: i64, unit: Unit) -> i64 {
    let least = if unit == Unit::Requests { 1 } else { 0 };
    (n / 25 * NANO + n % 7 * 100_000_001).max(least)
}
