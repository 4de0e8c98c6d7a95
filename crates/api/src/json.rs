//! JSON from callers: anything that does not match the shape exactly is refused, with the place and the reason.

use headworks_core::record::{check_keys, in_words};
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use crate::problem::{Kind, Problem};

/// Whether a media type, with or without parameters, says that something is JSON.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(name.as_str(), "application/json" | "text/json" | "") || name.ends_with("+json")
}

/// Reads JSON of one shape, in which no object has a key twice.
///
/// # Errors
/// When it is not JSON, or does not match the shape: where and why.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = parse_envelope(bytes)?;
    check_keys(bytes).map_err(|e| Problem::invalid(e.to_string()))?;
    Ok(value)
}

/// Reads JSON of one shape whose parts are read by themselves later.
///
/// # Errors
/// As [`parse`].
pub fn parse_envelope<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let at = e.path().to_string();
        let inner = e.inner();
        let place = if at == "." { String::new() } else { format!("`{at}`: ") };
        match inner.classify() {
            serde_json::error::Category::Data => {
                Problem::invalid(format!("{place}{}", in_words(&inner.to_string())))
            }
            // What is not text where one of several words is expected.
            serde_json::error::Category::Syntax
                if inner.to_string().starts_with("expected value ")
                    && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() =>
            {
                let (line, column) = (inner.line(), inner.column());
                let what = "write one of the documented words, in quotes";
                Problem::invalid(format!("{place}{what}, at line {line} column {column}"))
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => {
                Problem::new(Kind::MalformedBody, format!("the body is not JSON: {inner}"))
            }
        }
    })?;
    json.end().map_err(|e| Problem::new(Kind::MalformedBody, e.to_string()))?;
    Ok(value)
}
