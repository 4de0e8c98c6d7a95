//! What the streams of all surfaces have in common.

use serde_json::value::RawValue;

use crate::usage::Report;

/// What an event means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bytes of text that a model wrote.
    pub(crate) text: u64,
    /// It says nothing but the usage, for which the caller has not asked.
    pub(crate) is_hidden: bool,
}

pub(super) fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// An event with a name.
pub(super) fn named(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// What an event means, and the usage that it reports.
pub(super) type Read = (Seen, Option<Report>);

/// An event that writes so much text.
pub(super) fn text(text: u64) -> Seen {
    Seen { text, is_hidden: false }
}

/// A part of an event, if it has the shape that is looked for.
pub(super) fn part<'a, T: serde::Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}
