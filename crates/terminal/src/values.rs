//! Values of arguments, with a message that says what was expected.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;

/// Reads a value that has a notation of its own.
///
/// # Errors
/// With the message of the value's own parser.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

/// A value as one part of a URL's path or query: everything but letters, digits and `- . _ ~` is percent-encoded.
#[must_use]
pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Reads one word of a closed list, written as in the API.
///
/// # Errors
/// When the word is not on the list; the message names those that are.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}
