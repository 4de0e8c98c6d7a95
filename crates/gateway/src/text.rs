//! How much there is to read and was written, without a value being built.
//!
//! X1 a file that is written out does not count as text, and text does not pass for a file (`files_do_not_count_as_text`).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::body::Key;

/// How much text a request has for a model to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// Bytes of all strings, names of fields included.
    pub(crate) bytes: u64,
    /// Pictures, sounds and files.
    pub(crate) media: u64,
    /// Whether a part asks to be kept in the prompt cache, and for an hour.
    pub(crate) cached: bool,
    pub(crate) cached_long: bool,
}

/// Parts that are pictures, sounds or files, by their types.
const MEDIA: [&str; 12] = [
    "image_url",
    "input_image",
    "image",
    "input_audio",
    "audio",
    "file",
    "input_file",
    "document",
    "container_upload",
    "video_url",
    "input_video",
    "video",
];
/// Fields that have a file, and those that have anything a caller likes.
const HOLDS_FILE: [&str; 9] =
    ["image_url", "source", "input_audio", "file", "image", "audio", "file_data", "video_url", "video"];
const HOLDS_ANYTHING: [&str; 4] = ["input", "arguments", "parameters", "input_schema"];
/// Fields of an answer that a model has not written.
const NOT_WRITTEN: [&str; 16] = [
    "role",
    "type",
    "id",
    "index",
    "object",
    "model",
    "status",
    "finish_reason",
    "stop_reason",
    "logprobs",
    "annotations",
    "signature",
    "system_fingerprint",
    "call_id",
    "item_id",
    "encrypted_content",
];
/// A shorter string is text in any case.
const FILE_MIN: usize = 256;

impl Text {
    /// What is in a value.
    pub(crate) fn of(raw: &str) -> Self {
        let mut counted = Counted::default();
        if !counted.count(raw, false) {
            // Deeper than anybody looks.
            counted.text.bytes = length(raw);
        }
        Self { media: counted.text.media.max(counted.skipped), ..counted.text }
    }

    /// Bytes that a model wrote in a value of an answer.
    pub(crate) fn written(raw: &str) -> u64 {
        let mut counted = Counted::default();
        if counted.count(raw, true) { counted.text.bytes } else { length(raw) }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            media: self.media + other.media,
            cached: self.cached || other.cached,
            cached_long: self.cached_long || other.cached_long,
        }
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Counted {
    text: Text,
    /// Files that were written out.
    skipped: u64,
}

impl Counted {
    fn count(&mut self, raw: &str, is_answer: bool) -> bool {
        let mut parser = serde_json::Deserializer::from_str(raw);
        let count = Count { counted: self, key: "", within: Within::Parts, is_answer };
        count.deserialize(&mut parser).is_ok()
    }
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Parts,
    File,
    Anything,
}

impl Within {
    fn field(self, name: &str) -> Self {
        if self == Self::Anything || HOLDS_ANYTHING.contains(&name) {
            Self::Anything
        } else if HOLDS_FILE.contains(&name) {
            Self::File
        } else {
            self
        }
    }
}

/// Counts the strings of a value.
struct Count<'t, 'k> {
    counted: &'t mut Counted,
    key: &'k str,
    within: Within,
    is_answer: bool,
}

impl Count<'_, '_> {
    fn number<E>(self) -> Result<(), E> {
        self.counted.text.bytes += if self.is_answer { 0 } else { 4 };
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.number()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.number()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.number()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.number()
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.within == Within::File
            && text.len() > FILE_MIN
            && !text.bytes().any(|byte| byte.is_ascii_whitespace())
        {
            self.counted.skipped += 1;
            return Ok(());
        }
        let found = &mut self.counted.text;
        found.bytes += length(text);
        if self.within != Within::Anything {
            found.media += u64::from(self.key == "type" && MEDIA.contains(&text));
            found.cached_long |= self.key == "ttl" && text != "5m";
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        let Self { counted, key, within, is_answer } = self;
        while all.next_element_seed(Count { counted: &mut *counted, key, within, is_answer })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { counted, within, is_answer, .. } = self;
        while let Some(Key(name)) = map.next_key()? {
            if is_answer && NOT_WRITTEN.contains(&name.as_ref()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if !is_answer {
                counted.text.bytes += length(&name);
                counted.text.cached |= name == "cache_control" && within != Within::Anything;
            }
            let within = within.field(&name);
            map.next_value_seed(Count { counted: &mut *counted, key: &name, within, is_answer })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Text;

    fn of(value: &Value) -> Text {
        Text::of(&value.to_string())
    }

    #[test]
    fn files_do_not_count_as_text() {
        let data = "A".repeat(90_000);
        let url = format!("data:image/png;base64,{data}");
        for part in [
            json!({"type": "image_url", "image_url": {"url": url}}),
            json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
            json!({"type": "input_image", "image_url": url}),
            json!({"type": "input_file", "file_id": "f"}),
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}),
            json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
            json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}),
            json!({"type": "document", "source": {"type": "base64", "data": data}}),
        ] {
            let text =
                of(&json!([{"role": "user", "content": [part, {"type": "text", "text": "what is it?"}]}]));
            assert_eq!(text.media, 1, "{part}");
            assert!(text.bytes < 300, "{part}: {text:?}");
        }
        // Words are words wherever they stand.
        let words = "data:of the kind ".repeat(5_000);
        for part in [
            json!({"type": "tool_use", "input": {"url": data, "source": {"data": data}}}),
            json!({"type": "document", "source": {"type": "text", "data": words}}),
            json!({"type": "text", "text": data}),
        ] {
            assert!(of(&json!([{"content": [part]}])).bytes >= 85_000, "{part}");
        }
        let cached = of(&json!([{"content": [{"cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]));
        assert!(cached.cached && cached.cached_long);
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(Text::of(&deep).bytes, 1_001);
    }

    #[test]
    fn only_what_a_model_wrote_is_written() {
        let choice = json!([{"index": 0, "message": {"role": "assistant", "content": "hello", "refusal": null,
            "annotations": [{"url": "https://example.com"}], "tool_calls": [{"id": "call_1", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}, "logprobs": {"content": [{"token": "hello"}]}, "finish_reason": "stop"}]);
        assert_eq!(Text::written(&choice.to_string()), 8);
        let delta = json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}], "audio": {"transcript": "la"}});
        assert_eq!(Text::written(&delta.to_string()), 4);
    }
}
