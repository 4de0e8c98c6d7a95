//! What holds for any bytes: for the fuzzer (`fuzz/targets/gateway.rs`), and for tests that draw some.
//!
//! Y1 a stream is the same events however it is cut, and each of its bytes is in one of them
//! (`events_hold_all_bytes_however_they_are_cut`). Y2 of a request, all but the listed edits reaches the upstream byte for byte, unknown fields included
//! (`unknown_fields_pass_unchanged`).

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;

use crate::asked::{Asked, Change};
use crate::multipart::{Form, boundary};
use crate::sse::{Event, Splitter};
use crate::streams::Reading;
use crate::surface::Surface;

/// The fields that may be edited.
const EDITED: [&str; 6] = [
    "model",
    "previous_response_id",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
];

fn split(parts: &[&[u8]]) -> (Vec<Event>, Option<Event>) {
    let (mut splitter, mut events) = (Splitter::default(), Vec::new());
    for part in parts {
        splitter.push(part);
        while let Ok(Some(event)) = splitter.next() {
            events.push(event);
        }
    }
    (events, splitter.rest())
}

/// Splits a body at a place and as a whole, and reads its events as each protocol does.
///
/// # Panics
/// If the two differ, a byte is lost, or an end cannot be written.
pub fn stream(body: &[u8], at: usize) {
    let (events, rest) = split(&[body]);
    let joined: Vec<u8> = events.iter().chain(&rest).flat_map(|event| event.raw.to_vec()).collect();
    assert_eq!(joined, body);
    let (first, second) = body.split_at(at.min(body.len()));
    assert_eq!(split(&[first, second]), (events.clone(), rest.clone()));
    for surface in Surface::ALL {
        let mut reading = Reading::new(surface, true, 1);
        for event in events.iter().chain(&rest) {
            let seen = reading.event(event);
            // A model writes no more than came; what is escaped is shorter when it is read.
            assert!(seen.text <= u64::try_from(event.raw.len()).unwrap_or(u64::MAX));
        }
        let end = [reading.cut((1, 2), "why\n\ndata: x"), reading.broken("code", "why")];
        for end in end {
            let (events, rest) = split(&[&end]);
            assert!(rest.is_none() && !events.is_empty(), "{end:?}");
        }
    }
}

fn fields(text: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(text).expect("an object")
}

/// Reads a request of each surface and edits it.
///
/// # Panics
/// If the edited request differs in anything but the edits.
pub fn request(text: &str) {
    for surface in Surface::ALL {
        let Ok(asked) = Asked::read(surface, text) else { continue };
        let _ = asked.input(None);
        let model = asked.model.clone().into_owned();
        let same = asked.body(&Change { model: &model, ..Change::default() });
        assert_eq!(same, text.as_bytes());
        let change =
            Change { model: "another", previous: Some("one"), output_max: Some(7), adds_usage: true };
        let edited = asked.body(&change);
        let edited = std::str::from_utf8(&edited).expect("UTF-8");
        let (before, after) = (fields(text), fields(edited));
        for (name, value) in before.iter().filter(|(name, _)| !EDITED.contains(&name.as_str())) {
            assert_eq!(after.get(name).map(|value| value.get()), Some(value.get()), "{name}");
        }
        assert_eq!(after.get("model").map(|value| value.get()), Some("\"another\""));
        assert!(after.keys().all(|name| before.contains_key(name) || EDITED.contains(&name.as_str())));
        let again = Asked::read(surface, edited).expect("is still a request");
        assert!(surface.caps().is_empty() || again.output_max == Some(7));
    }
}

/// Reads a form and edits it.
///
/// # Panics
/// If the edited form differs in anything but the edit.
pub fn form(body: &[u8]) {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
    let boundary = boundary(&headers).expect("a boundary").expect("a form");
    let Ok(form) = Form::parse(boundary, body) else { return };
    let edited = form.with("model", "another");
    let Ok(again) = Form::parse(boundary, &edited) else { panic!("is no form any more") };
    let all = |form: &Form<'_>| -> Vec<(String, Vec<u8>)> {
        let parts = form.parts().iter();
        parts.map(|part| (part.name.to_owned(), part.content.to_vec())).collect()
    };
    let mut expected = all(&form);
    if let Some((_, model)) = expected.iter_mut().find(|(name, _)| name == "model") {
        *model = b"another".to_vec();
    }
    assert_eq!(all(&again), expected);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{form, request, stream};

    /// Values of any shape, as they might be written some day.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_\"\\\\]{1,8}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            "(data|event|id|retry|: )[: ]{0,2}\\PC{0,20}",
            value().prop_map(|value| format!("data: {value}")),
            Just("data: [DONE]".to_owned()),
            Just(String::new()),
        ]
    }

    /// What was found by mutating the fuzzer's corpus: a response, an item and a part that are no objects.
    #[test]
    fn strange_shapes_stop_no_stream() {
        for event in [
            r#"{"type":"response.created","response":0}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":[]}"#,
            r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":"x"}"#,
        ] {
            stream(format!("data: {event}\n\n").as_bytes(), 9);
        }
    }

    proptest! {
        #[test]
        fn events_hold_all_bytes_however_they_are_cut(
            lines in prop::collection::vec((line(), prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]), 0..30),
            at in any::<prop::sample::Index>(),
        ) {
            let body: String = lines.into_iter().flat_map(|(line, end)| [line, end.to_owned()]).collect();
            stream(body.as_bytes(), at.index(body.len() + 1));
        }

        #[test]
        fn unknown_fields_pass_unchanged(
            unknown in prop::collection::btree_map("[a-z_\u{e9}\\\\\"]{1,12}", value(), 0..8),
            known in prop::collection::vec(0_usize..8, 0..8),
            is_pretty in any::<bool>(),
        ) {
            let mut fields: serde_json::Map<String, Value> = unknown.into_iter().collect();
            fields.insert("model".into(), "m".into());
            for place in known {
                let (name, value) = [
                    ("stream", json!(true)),
                    ("stream_options", json!({"include_obfuscation": false, "new": {"a": [1.50]}})),
                    ("max_tokens", json!(900)),
                    ("max_completion_tokens", Value::Null),
                    ("max_output_tokens", json!(800)),
                    ("previous_response_id", json!("resp_1")),
                    ("messages", json!([{"role": "user", "content": "h\u{e9}"}])),
                    ("n", json!(2)),
                ][place].clone();
                fields.insert(name.into(), value);
            }
            let text = if is_pretty { serde_json::to_string_pretty(&fields) } else { serde_json::to_string(&fields) };
            request(&text.expect("JSON"));
        }

        #[test]
        fn a_form_is_edited_in_one_place(parts in prop::collection::vec(("[a-z]{1,5}|model", "[\\x00-\\x7f]{0,30}"), 0..6)) {
            let mut body = String::new();
            for (name, content) in parts {
                body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n");
            }
            form(format!("{body}--b--\r\n").as_bytes());
        }
    }
}
