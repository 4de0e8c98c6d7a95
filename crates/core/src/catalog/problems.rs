//! Problems of a catalog: the first are kept, all are counted, and each has a text of bounded length.
//!
//! C2 an error names the line, what is wrong and what to write instead (`problems_name_line_and_fix`,
//! `json_problems_have_lines_too`); many are told at once (`all_problems_are_told_at_once`), at most 100 of them
//! (`problems_beyond_the_first_hundred_are_counted`). A problem that is only counted costs no memory.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// The most problems that are kept.
const KEPT_MAX: usize = 100;

/// Longest text of a problem or of its fix, in bytes.
const TEXT_LEN_MAX: usize = 400;

/// One problem of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the text, from 1, if known.
    pub line: Option<usize>,
    /// Where in the catalog: `plans.plus.guards[0].window`.
    pub at: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.what)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", self.fix) }
    }
}

/// The problems found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The first that were found, at most 100, in the order of the text.
    pub kept: Vec<Problem>,
    /// How many there are.
    pub count: usize,
}

impl Problems {
    /// How many there are beyond those that are kept.
    #[must_use]
    pub fn more(&self) -> usize {
        self.count.saturating_sub(self.kept.len())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { kept: alloc::vec![problem], count: 1 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.kept.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        if self.more() > 0 { write!(f, "\nand {} more", self.more()) } else { Ok(()) }
    }
}

impl core::error::Error for Problems {}

/// Why there is no catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The text has problems.
    Problems(Problems),
    /// The caller did not want the answer any more.
    Stopped,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(f),
            Self::Stopped => f.write_str("the check of the catalog was stopped"),
        }
    }
}

impl core::error::Error for ParseError {}

impl From<Problem> for ParseError {
    fn from(problem: Problem) -> Self {
        Self::Problems(problem.into())
    }
}

/// A step into the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The way from the top of the catalog to a place in it.
pub(super) type Path<'a> = Vec<Step<'a>>;

/// A problem found after parsing, located by its path.
#[derive(Debug)]
pub(super) struct PathProblem<'a> {
    pub(super) path: Path<'a>,
    /// The plan that has it, where the path leads elsewhere.
    pub(super) plan: Option<&'a str>,
    pub(super) what: String,
    pub(super) fix: String,
}

/// Problems found after parsing.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub(super) kept: Vec<PathProblem<'a>>,
    pub(super) count: usize,
}

impl<'a> Found<'a> {
    /// The same with the places where features write prices of their own, which were checked as a card.
    pub(super) fn placed_as_written(mut self, is_own_card: impl Fn(&str) -> bool) -> Self {
        for problem in &mut self.kept {
            if let [Step::Key(part @ "rate_cards"), Step::Key(name), rest @ ..] = problem.path.as_mut_slice()
                && is_own_card(name)
            {
                *part = "features";
                if matches!(rest, [Step::Index(_), ..]) {
                    problem.path.remove(2);
                }
            }
        }
        self
    }

    /// Adds a problem of what is written at the path; `plan` takes it over from there. What several plans or features
    /// share is told of once.
    pub(super) fn add(
        &mut self,
        path: &[Step<'a>],
        plan: Option<&'a str>,
        what: impl fmt::Display,
        fix: impl fmt::Display,
    ) {
        if self.is_full() {
            self.count += 1;
            return;
        }
        let what = cut(what);
        let is_same = |known: &&mut PathProblem<'a>| known.path == path && known.what == what;
        match self.kept.iter_mut().find(is_same) {
            Some(known) => known.plan = known.plan.filter(|_| plan.is_some()),
            None => {
                self.count += 1;
                self.kept.push(PathProblem { path: path.to_owned(), plan, what, fix: cut(fix) });
            }
        }
    }

    /// Whether further problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= KEPT_MAX
    }
}

/// The line of an offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// A text, cut to the length that a problem may have. What is cut off is not even made.
pub(super) fn cut(text: impl fmt::Display) -> String {
    struct Cut(String);
    impl Write for Cut {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            let room = TEXT_LEN_MAX.saturating_sub(self.0.len());
            if more.len() <= room {
                self.0.push_str(more);
                return Ok(());
            }
            let whole = (0..=room).rev().find_map(|end| more.get(..end));
            self.0.push_str(whole.unwrap_or_default());
            self.0.push('…');
            Err(fmt::Error)
        }
    }
    let mut out = Cut(String::new());
    // The only error is that the text is full.
    let _full = write!(out, "{text}");
    out.0
}
