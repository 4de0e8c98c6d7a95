//! The place of a check in the catalog, and the problems found so far.

use core::fmt;

use crate::catalog::problems::{Found, ParseError, Path, Problems, Step};
use crate::catalog::work::Work;
use crate::record::Name;

/// The way from the top of the catalog to where the check is, and the problems of the places behind it.
pub(super) struct Check<'a> {
    path: Path<'a>,
    /// The plan that is checked.
    plan: Option<&'a str>,
    found: Found<'a>,
    doubtful: Found<'a>,
    work: &'a Work<'a>,
}

impl<'a> Check<'a> {
    pub(super) fn new(work: &'a Work<'a>) -> Self {
        Self { path: Path::new(), plan: None, found: Found::default(), doubtful: Found::default(), work }
    }

    /// The work that the check is part of.
    pub(super) fn work(&self) -> &'a Work<'a> {
        self.work
    }

    /// Something is wrong here.
    pub(super) fn wrong(&mut self, what: impl fmt::Display, fix: impl fmt::Display) {
        let plan = self.plan_elsewhere();
        self.found.add(&self.path, plan, what, fix);
    }

    /// As many more problems as this are counted, if no more are kept.
    pub(super) fn are_counted(&mut self, more: usize) -> bool {
        let is_full = self.found.is_full();
        self.found.count += if is_full { more } else { 0 };
        is_full
    }

    /// Something here is accepted, but perhaps not intended.
    pub(super) fn doubt(&mut self, what: impl fmt::Display, fix: impl fmt::Display) {
        let plan = self.plan_elsewhere();
        self.doubtful.add(&self.path, plan, what, fix);
    }

    /// The plan that is checked, if the place is not in it.
    fn plan_elsewhere(&self) -> Option<&'a str> {
        let is_in = |plan: &str| matches!(self.path.get(..2), Some([_, Step::Key(key)]) if *key == plan);
        self.plan.filter(|plan| !is_in(plan))
    }

    /// Something is wrong under a key of the value here.
    pub(super) fn wrong_at(&mut self, key: &'a str, what: impl fmt::Display, fix: impl fmt::Display) {
        self.key(key, |c| c.wrong(what, fix));
    }

    /// Goes into a key of the value here.
    pub(super) fn key<T>(&mut self, key: &'a str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Key(key), inside)
    }

    /// Goes into an item of the list that is here.
    pub(super) fn item<T>(&mut self, i: usize, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Index(i), inside)
    }

    /// Goes somewhere else, by keys from the top, and comes back.
    pub(super) fn elsewhere<T>(&mut self, keys: &[&'a str], inside: impl FnOnce(&mut Self) -> T) -> T {
        self.at(keys.iter().map(|key| Step::Key(key)).collect(), inside)
    }

    /// Goes to what a plan has: problems elsewhere name the plan.
    pub(super) fn of_plan<T>(&mut self, plan: &'a Name, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.plan = Some(plan.as_str());
        let out = self.elsewhere(&["plans", plan.as_str()], inside);
        self.plan = None;
        out
    }

    /// Goes somewhere else, by a path from the top, and comes back.
    pub(super) fn at<T>(&mut self, path: Path<'a>, inside: impl FnOnce(&mut Self) -> T) -> T {
        let here = core::mem::replace(&mut self.path, path);
        let out = inside(self);
        self.path = here;
        out
    }

    fn step<T>(&mut self, step: Step<'a>, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let out = inside(self);
        self.path.pop();
        out
    }

    /// Whether nothing wrong was found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.count == 0
    }

    /// The compiled part with its doubts, or the problems. `locate` finds their lines.
    pub(super) fn finish<T>(
        self,
        compiled: T,
        locate: impl Fn(Found<'_>) -> Problems,
    ) -> Result<(T, Problems), ParseError> {
        if self.work.is_stopped() {
            return Err(ParseError::Stopped);
        }
        if self.found.count > 0 {
            drop(compiled);
            return Err(ParseError::Problems(locate(self.found)));
        }
        Ok((compiled, locate(self.doubtful)))
    }
}
