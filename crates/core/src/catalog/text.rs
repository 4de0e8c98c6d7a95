//! Catalog text: TOML or JSON in, shapes out, and the line of each problem.
//!
//! Never guesses a format and never accepts an unknown field.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::CatalogSource;
use crate::record::check_keys;

/// The two notations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// The notation of a text: JSON begins with a brace.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.trim_start().starts_with('{') { Self::Json } else { Self::Toml }
    }
}

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

/// All problems found, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Problems {}

/// A step into the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A problem found after parsing, located by its path.
#[derive(Debug)]
pub(super) struct PathProblem {
    pub(super) path: Vec<Step>,
    pub(super) what: String,
    pub(super) fix: String,
}

pub(super) fn read(text: &str, format: Format) -> Result<CatalogSource, Problems> {
    let problem = match format {
        Format::Toml => match toml::from_str(text) {
            Ok(source) => return Ok(source),
            Err(e) => {
                let line = e.span().map(|span| line_of(text, span.start));
                shape_problem(line, e.message())
            }
        },
        Format::Json => {
            match serde_json::from_str(text).and_then(|source| check_keys(text.as_bytes()).map(|()| source)) {
                Ok(source) => return Ok(source),
                Err(e) => {
                    let message = e.to_string();
                    let what = message.split(" at line ").next().unwrap_or(&message);
                    shape_problem((e.line() > 0).then(|| e.line()), what)
                }
            }
        }
    };
    Err(Problems(alloc::vec![problem]))
}

/// Splits serde's `unknown field `x`, expected one of …` into a problem and its fix.
fn shape_problem(line: Option<usize>, message: &str) -> Problem {
    let message = message.trim();
    let (what, fix) = match message.split_once(", expected ") {
        Some((what, expected)) => (what.to_owned(), alloc::format!("write {expected}")),
        None if message.contains(", available keys: ") => {
            let (what, known) = message.split_once(", available keys: ").unwrap_or((message, ""));
            (what.to_owned(), alloc::format!("write one of {known}"))
        }
        None if message.starts_with("missing field") => (message.to_owned(), "add the field".to_owned()),
        None => (message.to_owned(), "see the catalog reference for the shape".to_owned()),
    };
    Problem { line, at: String::new(), what, fix }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

pub(super) fn locate(found: Vec<PathProblem>, text: &str, format: Format) -> Problems {
    let toml = match format {
        Format::Toml => DeTable::parse(text).ok(),
        Format::Json => None,
    };
    let mut problems: Vec<Problem> = found
        .into_iter()
        .map(|f| {
            let offset = match &toml {
                Some(table) => toml_offset(table, &f.path),
                None => json_offset(text, &f.path),
            };
            Problem { line: offset.map(|o| line_of(text, o)), at: spell(&f.path), what: f.what, fix: f.fix }
        })
        .collect();
    problems.sort_by_key(|p| p.line);
    Problems(problems)
}

fn spell(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Index(i) => out.push_str(&alloc::format!("[{i}]")),
        }
    }
    out
}

/// The offset of the deepest step of the path that the text has.
fn toml_offset(root: &Spanned<DeTable<'_>>, path: &[Step]) -> Option<usize> {
    let mut best = None;
    let mut table = Some(root.get_ref());
    let mut array: Option<&[Spanned<DeValue<'_>>]> = None;
    for step in path {
        let value = match step {
            Step::Key(key) => {
                let Some((spelled, value)) = table.and_then(|t| t.iter().find(|(k, _)| k.get_ref() == key))
                else {
                    return best;
                };
                best = Some(spelled.span().start);
                value
            }
            Step::Index(i) => {
                let Some(value) = array.and_then(|a| a.get(*i)) else {
                    return best;
                };
                best = Some(value.span().start);
                value
            }
        };
        table = value.get_ref().as_table();
        array = value.get_ref().as_array().map(|a| &**a);
    }
    best
}

/// The same for JSON: raw values borrow from the text, so their place in it is their address.
fn json_offset(text: &str, path: &[Step]) -> Option<usize> {
    let mut here: &str = text;
    let mut best = None;
    for step in path {
        let next: Option<&str> = match step {
            Step::Key(key) => {
                let map: BTreeMap<String, &RawValue> = serde_json::from_str(here).ok()?;
                map.get(key).map(|v| v.get())
            }
            Step::Index(i) => {
                let list: Vec<&RawValue> = serde_json::from_str(here).ok()?;
                list.get(*i).map(|v| v.get())
            }
        };
        let Some(value) = next else { return best };
        best = value.as_ptr().addr().checked_sub(text.as_ptr().addr());
        here = value;
    }
    best
}
