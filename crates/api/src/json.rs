//! JSON from callers: anything that does not match the shape exactly is refused, with the place and the reason.

use headworks_core::record::check_keys;
use serde::de::{Deserialize, DeserializeOwned};

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
        match inner.classify() {
            serde_json::error::Category::Data => {
                let place = if at == "." { String::new() } else { format!("`{at}`: ") };
                Problem::invalid(format!("{place}{inner}"))
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
