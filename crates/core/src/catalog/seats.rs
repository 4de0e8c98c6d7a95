//! Seats in plans: whether requests need one, and the figures of their types.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::plan::{Layer, Plan, Program, Seats};
use crate::account::Account;
use crate::record::{Figure, Levels, Name, Path, Terms};

impl Plan {
    /// Whether requests need a seat.
    pub(crate) fn requires_seats(&self) -> bool {
        self.seats.as_deref().is_some_and(|seats| seats.required)
    }

    /// Whether it has seats of a type.
    pub(crate) fn has_seats_of(&self, kind: &Name) -> bool {
        self.seats.as_deref().is_some_and(|seats| seats.kinds.contains_key(kind))
    }

    /// The terms of a limit for use on a path: those that the type of its seat has, where it has any.
    #[inline]
    pub(crate) fn seat_terms(&self, account: &Account, (limit, terms): (&Name, Terms), path: &Path) -> Terms {
        let Some(seats) = self.seats.as_deref().filter(|seats| !seats.kinds.is_empty()) else { return terms };
        let figures = account.seat_kind(path).and_then(|kind| seats.kinds.get(kind));
        let figure = figures.and_then(|figures| figures.get(limit));
        figure.map_or(terms, |(figure, _)| Figure::Limit(*figure).on(terms))
    }

    /// The levels that the limit with this name counts at; an overdraft and the factor on prices count at none.
    pub(super) fn counts_for(&self, name: &Name) -> Option<Levels> {
        self.programs().find_map(|program| program.counts_for(name))
    }
}

impl Program {
    fn counts_for(&self, of: &Name) -> Option<Levels> {
        let guard = self.guards().find(|guard| guard.name == *of).map(|guard| guard.level);
        guard.or_else(|| {
            self.layers().find_map(|layer| match layer {
                Layer::Allowance { level, windows, .. } => {
                    windows.iter().any(|(name, _)| name == of).then_some(*level)
                }
                Layer::Grants { name, pool: Some(pool), .. } => (name == of).then_some(pool.member),
                Layer::Grants { pool: None, .. } | Layer::Postpaid { .. } | Layer::Overdraft { .. } => None,
            })
        })
    }
}

impl Seats {
    /// What it says, in words.
    pub(super) fn told(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.required {
            lines.push("a request needs a seat".into());
        }
        for (kind, figures) in &self.kinds {
            let each: Vec<String> =
                figures.iter().map(|(limit, (_, text))| format!("{limit} {text}")).collect();
            let figures = if each.is_empty() { "as the plan says".into() } else { each.join(", ") };
            lines.push(format!("seats of type {kind}: {figures}"));
        }
        lines
    }
}
