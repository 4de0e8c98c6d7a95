//! Seats in plans: whether requests need one, and the figures of their types.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::plan::{Plan, Seats};
use crate::account::Account;
use crate::record::{Figure, Instant, Name, Path, Seq, Terms};

impl Plan {
    /// Whether requests need a seat.
    pub(crate) fn requires_seats(&self) -> bool {
        self.seats.as_deref().is_some_and(|seats| seats.required)
    }

    /// Whether it has seats of a type.
    pub(crate) fn has_seats_of(&self, kind: &Name) -> bool {
        self.seats.as_deref().is_some_and(|seats| seats.kinds.contains_key(kind))
    }

    /// The terms in force of a limit that it gives these terms, for use on a path, and the override they come from: an override goes
    /// before the type of a seat.
    #[inline]
    pub(crate) fn own_terms(
        &self,
        account: &Account,
        (limit, terms): (&Name, Terms),
        path: &Path,
        now: Instant,
    ) -> (Terms, Option<Seq>) {
        match account.own_terms((limit, terms), path, now) {
            (terms, None) if self.seats.is_some() => {
                (self.seat_figure(account, limit, path).map_or(terms, |figure| figure.on(terms)), None)
            }
            own => own,
        }
    }

    /// The figure of a limit for use on a path that the type of its seat has, where it has one.
    pub(crate) fn seat_figure(&self, account: &Account, limit: &Name, path: &Path) -> Option<Figure> {
        let seats = self.seats.as_deref().filter(|seats| !seats.kinds.is_empty())?;
        let (figure, _) = seats.kinds.get(account.seat_kind(path)?)?.get(limit)?;
        Some(Figure::Limit(*figure))
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
