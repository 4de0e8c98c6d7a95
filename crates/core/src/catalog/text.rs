//! Catalog text: TOML or JSON in, shapes out.
//!
//! Never guesses a format and never accepts an unknown field. A text is measured before it is read: what is built from it is
//! bounded (`a_text_is_measured_before_it_is_read`).

use alloc::string::ToString;

use serde::Deserialize;
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::counted::Counted;
use super::problems::{ParseError, Problem, cut, line_of};
use super::source::CatalogSource;
use super::work::Work;
use crate::record::{Checked, in_words};

/// Longest text of a catalog that is read, in bytes.
pub const TEXT_LEN_MAX: usize = 8 << 20;

/// The most tables and lists in TOML. Each takes a kilobyte while it is read.
const TABLES_MAX: usize = 320_000;

/// The most tokens of TOML: keys, values, signs, gaps and ends of lines.
const TOKENS_MAX: usize = 5_000_000;

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

pub(super) fn read(text: &str, format: Format, work: &Work<'_>) -> Result<CatalogSource, ParseError> {
    if text.len() > TEXT_LEN_MAX {
        let what = alloc::format!("the text has {} bytes, at most {TEXT_LEN_MAX} are read", text.len());
        return Err(whole(what, "split what is sold into fewer parts").into());
    }
    let problem = match format {
        Format::Toml => {
            measure(text, work)?;
            match toml::Deserializer::parse(text)
                .and_then(|reader| CatalogSource::deserialize(Counted::new(reader, work)))
            {
                Ok(source) => return Ok(source),
                Err(e) => shape_problem(e.span().map(|span| line_of(text, span.start)), e.message()),
            }
        }
        Format::Json => match read_json(text, work) {
            Ok(source) => return Ok(source),
            Err(e) => {
                let message = e.to_string();
                let what = message.split(" at line ").next().unwrap_or(&message);
                shape_problem((e.line() > 0).then(|| e.line()), what)
            }
        },
    };
    if work.is_stopped() { Err(ParseError::Stopped) } else { Err(problem.into()) }
}

fn read_json(text: &str, work: &Work<'_>) -> Result<CatalogSource, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let source = CatalogSource::deserialize(Counted::new(&mut reader, work))?;
    reader.end()?;
    Checked::deserialize(Counted::new(&mut serde_json::Deserializer::from_str(text), work))?;
    Ok(source)
}

/// Counts what a reader of TOML would build.
fn measure(text: &str, work: &Work<'_>) -> Result<(), ParseError> {
    let (mut tables, mut tokens) = (0, 0);
    for token in work.each(Source::new(text).lex()) {
        tokens += 1;
        if matches!(token.kind(), TokenKind::LeftCurlyBracket | TokenKind::LeftSquareBracket) {
            tables += 1;
        }
        if tables > TABLES_MAX || tokens > TOKENS_MAX {
            let what = alloc::format!(
                "a catalog in TOML has at most {TABLES_MAX} tables and lists and {TOKENS_MAX} words and signs"
            );
            let line = Some(line_of(text, token.span().start()));
            return Err(
                Problem { line, ..whole(what, "write it in JSON, or split it into fewer parts") }.into()
            );
        }
    }
    if work.is_stopped() { Err(ParseError::Stopped) } else { Ok(()) }
}

/// A problem of the whole text.
fn whole(what: impl core::fmt::Display, fix: impl core::fmt::Display) -> Problem {
    Problem { line: None, at: alloc::string::String::new(), what: cut(what), fix: cut(fix) }
}

/// Splits serde's `unknown field `x`, expected one of …` into a problem and its fix.
fn shape_problem(line: Option<usize>, message: &str) -> Problem {
    let message = in_words(message.trim());
    let message = message.as_str();
    let problem = match message.split_once(", expected ") {
        Some((what, expected)) => whole(what, format_args!("write {expected}")),
        None if message.contains(", available keys: ") => {
            let (what, known) = message.split_once(", available keys: ").unwrap_or((message, ""));
            whole(what, format_args!("write one of {known}"))
        }
        None if message.starts_with("missing field") => whole(message, "add the field"),
        None => whole(message, "see the catalog reference for the shape"),
    };
    Problem { line, ..problem }
}
