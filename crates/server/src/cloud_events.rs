//! The modes of CloudEvents over HTTP: structured, batched and binary. The meaning of an event is not examined here.
//!
//! Source: CloudEvents 1.0.2, JSON format and HTTP protocol binding.

use axum::http::{HeaderMap, HeaderValue, header};
use headworks_api::{Problem, is_json, parse, parse_envelope};
use percent_encoding::percent_decode;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::problem::Failure;

/// The attributes that are read; others are extensions, and mean nothing here.
const ATTRIBUTES: [&str; 6] = ["specversion", "id", "source", "type", "subject", "time"];

/// Largest event, in bytes: a value of JSON takes many times the memory of its text.
const EVENT_BYTES_MAX: usize = 64 << 10;

/// Counts the items of a list in JSON while its text comes in, without understanding it. Anything else has no items.
#[derive(Debug, Default)]
pub(crate) struct Items {
    depth: u32,
    is_list: bool,
    in_text: bool,
    is_escaped: bool,
    count: usize,
}

impl Items {
    /// The items so far, with this part.
    pub(crate) fn count(&mut self, part: &[u8]) -> usize {
        for byte in part {
            if self.in_text {
                match (self.is_escaped, byte) {
                    (true, _) => self.is_escaped = false,
                    (false, b'\\') => self.is_escaped = true,
                    (false, b'"') => self.in_text = false,
                    (false, _) => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => {
                    if self.depth == 0 {
                        self.is_list = *byte == b'[';
                        self.count = 1;
                    }
                    self.depth += 1;
                }
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 1 && self.is_list => self.count += 1,
                _ => {}
            }
        }
        self.count
    }
}

/// The events of one request, not read yet.
pub(crate) enum Events<'a> {
    /// One event.
    One(Result<Value, Problem>),
    /// The texts of several.
    Batch(Vec<&'a RawValue>),
}

/// One event of a batch. Each is read independently: an unreadable event does not affect the others.
pub(crate) fn event(text: &RawValue) -> Result<Value, Problem> {
    sized(text.get().as_bytes()).and_then(parse)
}

fn sized(text: &[u8]) -> Result<&[u8], Problem> {
    if text.len() > EVENT_BYTES_MAX {
        return Err(Problem::invalid(format!("an event has at most {} KiB", EVENT_BYTES_MAX >> 10)));
    }
    Ok(text)
}

/// A media type without its parameters, in lower case.
fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The events of a request, in any mode.
pub(crate) fn read<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Events<'a>, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = media_type(kind);
    // The media type decides that the body is structured; other headers do not matter.
    if !kind.starts_with("application/cloudevents") && headers.contains_key("ce-specversion") {
        return Ok(Events::One(binary(headers, &kind, sized(body)?).map_err(|f| f.0)));
    }
    let is_list = body.trim_ascii_start().starts_with(b"[");
    match (kind.as_str(), is_list) {
        ("application/cloudevents+json" | "application/json" | "", false) => {
            Ok(Events::One(parse(sized(body)?)))
        }
        ("application/cloudevents-batch+json" | "application/json" | "", true) => {
            // Counted as they came, so they are not too many.
            Ok(Events::Batch(parse_envelope(body)?))
        }
        (kind, _) => {
            parse::<IgnoredAny>(body)?;
            Err(Failure::invalid(format!(
                "a body of `{kind}` is not an event: send application/cloudevents+json with an object, \
                 application/cloudevents-batch+json with a list, or the data alone with ce- headers"
            )))
        }
    }
}

/// An event in binary mode: attributes as headers, the body is the data.
fn binary(headers: &HeaderMap, kind: &str, body: &[u8]) -> Result<Value, Failure> {
    if !is_json(kind) {
        return Err(Failure::invalid(format!("data of type `{kind}` cannot be read; send application/json")));
    }
    let data: Value = if body.is_empty() { Value::Null } else { parse(body)? };
    let mut event = Map::from_iter([("data".to_owned(), data)]);
    for name in ATTRIBUTES {
        let mut values = headers.get_all(format!("ce-{name}")).iter();
        if let Some(value) = values.next() {
            if values.next().is_some() {
                return Err(Failure::invalid(format!("the header ce-{name} comes twice")));
            }
            event.insert(name.to_owned(), json!(attribute(name, value)?));
        }
    }
    Ok(Value::Object(event))
}

/// The value of an attribute's header: quotes and backslashes taken off, then one round of percent decoding.
fn attribute(name: &str, value: &HeaderValue) -> Result<String, Failure> {
    let raw = value.as_bytes();
    let quoted = raw.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
    let unescaped: Vec<u8> = match quoted {
        None => raw.to_vec(),
        Some(inside) => {
            let mut escaped = false;
            let keeps = |byte: &&u8| {
                escaped = **byte == b'\\' && !escaped;
                !escaped
            };
            inside.iter().filter(keeps).copied().collect()
        }
    };
    let decoded = percent_decode(&unescaped).decode_utf8();
    let wrong = |_| Failure::invalid(format!("the header ce-{name} is not UTF-8, percent-encoded"));
    decoded.map(Into::into).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::Items;

    #[test]
    fn items_are_counted_as_they_come() {
        let rows = [
            ("", 0),
            (r#"{"a":[1,2,3],"b":4}"#, 1),
            ("[1]", 1),
            (r#" [ {"a":1,"b":[1,2]}, "x,y]", [3,[4,5]], "\\\",\\", {} ]"#, 5),
            ("[1,2,3", 3),
            ("]]]]", 0),
        ];
        for (text, count) in rows {
            for cut in 0..=text.len() {
                let mut items = Items::default();
                items.count(&text.as_bytes()[..cut]);
                assert_eq!(items.count(&text.as_bytes()[cut..]), count, "{text} cut at {cut}");
            }
        }
    }
}
