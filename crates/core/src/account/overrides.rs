//! The overrides of an account's limits.
//!
//! R1 the longest path wins, then the newest (`the_longest_path_wins_then_the_newest`).

use alloc::string::String;
use alloc::vec::Vec;

use super::open::CountedWindow;
use super::rare::Overriding;
use super::state::Account;
use crate::record::{Figure, Instant, Name, Override, Path, Record, Seq, Terms};

/// So many are looked through one by one: telling equal from not equal takes less than telling which comes first.
const FEW: usize = 24;

/// The overrides of one limit. They are in order of limit, levels, path and age.
fn of_limit<'a>(all: &'a [Overriding], limit: &str) -> &'a [Overriding] {
    let is_of = |o: &Overriding| o.terms.limit.as_str() == limit;
    let from = if all.len() <= FEW {
        all.iter().position(is_of).unwrap_or(all.len())
    } else {
        all.partition_point(|o| o.terms.limit.as_str() < limit)
    };
    let all = all.get(from..).unwrap_or_default();
    let end = if all.len() <= FEW {
        all.iter().position(|o| !is_of(o)).unwrap_or(all.len())
    } else {
        all.partition_point(is_of)
    };
    all.get(..end).unwrap_or_default()
}

impl Account {
    /// The override of a limit for a path: of those whose segments it has, that with the innermost.
    pub(crate) fn overriding(&self, limit: &str, path: &Path, now: Instant) -> Option<&Overriding> {
        let mut all = of_limit(&self.rare.as_deref()?.overrides, limit);
        if all.len() <= FEW {
            let is_for = |o: &Overriding| o.terms.path.segments().iter().all(|s| path.segments().contains(s));
            return all.iter().rev().find(|o| is_for(o) && o.is_in_force(now));
        }
        let named = path.levels();
        // Overrides of few sets of levels: each is one step, the longest paths first.
        while let Some(last) = all.last() {
            let levels = last.terms.path.levels();
            let (shorter, of_levels) =
                all.split_at_checked(all.partition_point(|o| o.terms.path.levels() < levels))?;
            if named.contains_all(levels) {
                let against = |o: &Overriding| o.terms.path.segments().iter().cmp(path.at_levels(levels));
                let from = of_levels.partition_point(|o| against(o).is_lt());
                let same = of_levels.iter().skip(from).take_while(|o| against(o).is_eq());
                if let Some(newest) = same.filter(|o| o.is_in_force(now)).last() {
                    return Some(newest);
                }
            }
            all = shorter;
        }
        None
    }

    /// The figure of such an override.
    pub(crate) fn figure(&self, limit: &str, path: &Path, now: Instant) -> Option<Figure> {
        self.overriding(limit, path, now).map(|o| o.terms.figure)
    }

    /// The terms of a limit that a plan gives these terms, for a path, and the override they come from.
    #[inline]
    pub(crate) fn own_terms(
        &self,
        (limit, terms): (&Name, Terms),
        path: &Path,
        now: Instant,
    ) -> (Terms, Option<Seq>) {
        let by = if self.has_overrides() { self.overriding(limit.as_str(), path, now) } else { None };
        match by {
            Some(by) => (by.terms.figure.on(terms), Some(by.id)),
            None => (terms, None),
        }
    }

    /// Whether it has overrides at all.
    pub(crate) fn has_overrides(&self) -> bool {
        self.rare.as_deref().is_some_and(|rare| !rare.overrides.is_empty())
    }

    /// An override, by its name.
    pub(crate) fn override_by_id(&self, id: Seq) -> Option<&Overriding> {
        self.rare().overrides.iter().find(|o| o.id == id)
    }

    pub(super) fn set_override(&mut self, record: &Record, terms: &Override) {
        self.wakes_at = self.wakes_at.min(terms.until.unwrap_or(Instant::NEVER));
        let new = Overriding { id: record.seq, terms: terms.clone(), set_by: record.actor.clone() };
        let all = &mut self.rare_mut().overrides;
        // Records are numbered in order, so that the newest stands last.
        let at = all.partition_point(|o| o.key() <= new.key());
        all.insert(at, new);
        self.drain_under(record.seq, terms, record.recorded_at);
    }

    /// What a rate has counted drains at the new figure from now on, wherever that applies.
    fn drain_under(&mut self, id: Seq, terms: &Override, now: Instant) {
        let Figure::Limit(limit) = terms.figure else { return };
        let limit = u64::try_from(limit).unwrap_or(0);
        let applies = |window: &CountedWindow| {
            let of_limit = window.name == terms.limit;
            of_limit
                && self.overriding(terms.limit.as_str(), &window.path(), now).is_some_and(|by| by.id == id)
        };
        let draining: Vec<bool> = self.windows.iter().map(applies).collect();
        for (window, _) in self.windows.iter_mut().zip(draining).filter(|(_, drains)| *drains) {
            window.used.drain_at(limit, now);
        }
    }

    pub(super) fn end_override(&mut self, id: Seq) -> Result<(), String> {
        let all = &mut self.rare_mut().overrides;
        let at = all.iter().position(|o| o.id == id).ok_or("no such override")?;
        all.remove(at);
        Ok(())
    }
}
