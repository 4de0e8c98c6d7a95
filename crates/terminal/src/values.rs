//! Values of arguments, with a message that says what was expected.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;

/// Reads a value that has a notation of its own.
///
/// # Errors
/// What the value's own parser says.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

/// Reads one word of a closed list, written as in the API.
///
/// # Errors
/// When the word is not on the list; the message names those that are.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}
