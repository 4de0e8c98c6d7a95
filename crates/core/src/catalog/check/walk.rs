//! The place of a check in the catalog, and the problems found so far.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::catalog::text::{PathProblem, Step};

/// The way from the top of the catalog to where the check is, and the problems of the places behind it.
#[derive(Default)]
pub(super) struct Check {
    path: Vec<Step>,
    found: Vec<PathProblem>,
    doubtful: Vec<PathProblem>,
}

impl Check {
    /// Something is wrong here.
    pub(super) fn wrong(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.found.push(PathProblem { path: self.path.clone(), what: what.into(), fix: fix.into() });
    }

    /// Something here is accepted, but perhaps not intended.
    pub(super) fn doubt(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.doubtful.push(PathProblem { path: self.path.clone(), what: what.into(), fix: fix.into() });
    }

    /// Something is wrong under a key of the value here.
    pub(super) fn wrong_at(&mut self, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.key(key, |c| c.wrong(what, fix));
    }

    /// Goes into a key of the value here.
    pub(super) fn key<T>(&mut self, key: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Key(key.to_owned()), inside)
    }

    /// Goes into an item of the list that is here.
    pub(super) fn item<T>(&mut self, i: usize, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Index(i), inside)
    }

    /// Goes somewhere else, by keys from the top, and comes back.
    pub(super) fn elsewhere<T>(&mut self, keys: &[&str], inside: impl FnOnce(&mut Self) -> T) -> T {
        let path = keys.iter().map(|key| Step::Key((*key).to_owned())).collect();
        let here = core::mem::replace(&mut self.path, path);
        let out = inside(self);
        self.path = here;
        out
    }

    fn step<T>(&mut self, step: Step, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let out = inside(self);
        self.path.pop();
        out
    }

    /// The compiled part with its doubts, or the problems.
    pub(super) fn finish<T>(self, compiled: T) -> Result<(T, Vec<PathProblem>), Vec<PathProblem>> {
        if self.found.is_empty() { Ok((compiled, self.doubtful)) } else { Err(self.found) }
    }
}
