//! The fold of windows: use that is counted, and use that is given back.

use alloc::boxed::Box;
use alloc::string::String;

use super::open::CountedWindow;
use super::state::Account;
use crate::record::{Correction, HoldId, Instant, Levels, Name, Path, Terms, Verdict, Visit, VisitKind};
use crate::window::{Count, Used};

impl Account {
    /// Counts the amounts that visits took for use that happened at `at`.
    pub(super) fn take_visits(&mut self, path: &Path, visits: &[Visit], at: Instant, now: Instant) {
        for visit in visits {
            if let (Some(terms), true) = (&visit.terms, visit.cost != 0) {
                let keeps = matches!(visit.kind, VisitKind::Allowance | VisitKind::Postpaid);
                // Use served in a lower class does not count as usual for the account's own class today, but does for later days.
                let is_demoted = visit.verdict == Verdict::Demoted;
                let cost = if is_demoted { 0 } else { visit.cost };
                let count = Count { cost, at: at.min(now), before: visit.before, keeps };
                self.take((&visit.name, visit.level, path), *terms, count, now);
                if is_demoted {
                    self.note_demoted(visit, path);
                }
                if visit.kind == VisitKind::MemberCap {
                    self.note_place(visit, path);
                }
            }
        }
    }

    fn note_demoted(&mut self, visit: &Visit, path: &Path) {
        let found = self.find_window(&visit.name, visit.level, path);
        let window = found.ok().and_then(|i| self.windows.get_mut(i));
        if let Some(habit) = window.and_then(|window| window.used.habit_mut()) {
            habit.demote(visit.cost);
        }
    }

    fn note_place(&mut self, visit: &Visit, path: &Path) {
        let found = self.find_window(&visit.name, visit.level, path);
        if let Some(window) = found.ok().and_then(|i| self.windows.get_mut(i)) {
            let above = path.up_to(visit.level.innermost()).iter();
            let within = || above.clone().filter(|s| !visit.level.contains(s.level));
            let known = window.within.iter().flat_map(|known| known.segments());
            if !known.eq(within()) {
                window.within = within().next().is_some().then(|| Box::new(within().collect()));
            }
        }
    }

    pub(super) fn take(
        &mut self,
        (name, level, path): (&Name, Levels, &Path),
        terms: Terms,
        count: Count,
        now: Instant,
    ) {
        match self.find_window(name, level, path) {
            Ok(i) => {
                if let Some(window) = self.windows.get_mut(i) {
                    let before = core::mem::replace(&mut window.used, Used::Slots(0));
                    window.used = terms.take(Some(before), count, now);
                    window.used.thin(|| {
                        let counts = self.holds.iter().flat_map(|hold| &hold.counted);
                        counts.filter(|c| c.name == *name && c.level == level).map(|c| c.at).collect()
                    });
                }
            }
            Err(_) => {
                if self.windows.len().is_power_of_two() && self.windows.len() >= 8 {
                    // Only a record may take durable use out of the state.
                    let recorded_at = self.recorded_at;
                    let as_of = |used: &Used| if used.is_volatile() { now } else { recorded_at };
                    self.windows.retain(|w| !w.used.is_over(as_of(&w.used)));
                }
                let used = terms.take(None, count, now);
                if let Err(i) = self.find_window(name, level, path) {
                    let member = path.member(level).map(Box::new);
                    self.windows
                        .insert(i, CountedWindow { name: name.clone(), level, member, used, within: None });
                }
            }
        }
    }

    /// Corrects what a hold has counted, and counts what goes beyond it.
    pub(super) fn correct_windows(
        &mut self,
        id: HoldId,
        corrections: &[Correction],
        beyond: &[Visit],
        now: Instant,
    ) -> Result<(), String> {
        let path = self.hold(id).ok_or("no such hold")?.usage.path.clone();
        self.correct(&path, corrections, (beyond, now), now);
        Ok(())
    }

    /// Corrects counts, and then counts more at an instant.
    pub(super) fn correct(
        &mut self,
        path: &Path,
        corrections: &[Correction],
        (beyond, at): (&[Visit], Instant),
        now: Instant,
    ) {
        for c in corrections {
            let Ok(i) = self.find_window(&c.name, c.level, path) else {
                continue;
            };
            let Some(window) = self.windows.get_mut(i) else {
                continue;
            };
            // A checkpoint leaves out windows that are over: a state loaded from one must agree with one that was not.
            if window.used.is_over(now) {
                self.windows.remove(i);
            } else {
                window.used.correct(c.counted_at, c.delta, now);
            }
        }
        self.take_visits(path, beyond, at, now);
        for c in corrections {
            if let Ok(i) = self.find_window(&c.name, c.level, path)
                && self.windows.get(i).is_some_and(|window| window.used.is_over(now))
            {
                self.windows.remove(i);
            }
        }
    }
}
