//! How much there is to read and was written, without a value being built.
//!
//! X1 a file that is written out does not count as text, and text does not pass for a file (`files_do_not_count_as_text`).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::body::Key;
use crate::tokenizer::Tokenizer;

/// How much text a request has for a model to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// Bytes of all strings, names of fields included.
    pub(crate) bytes: u64,
    /// The same in tokens, if the model's tokenizer is known.
    pub(crate) tokens: u64,
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
    /// What is in a value, for a model with this tokenizer.
    pub(crate) fn of(raw: &str, tokenizer: Option<Tokenizer>) -> Self {
        let mut counted = Counted { tokenizer, ..Counted::default() };
        if !counted.count(raw, false) {
            // Deeper than anybody looks.
            counted.text.bytes = length(raw);
            counted.text.tokens = tokenizer.map_or(0, |_| length(raw));
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
            tokens: self.tokens + other.tokens,
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
    tokenizer: Option<Tokenizer>,
    /// Bytes that it has seen.
    tokenized: usize,
}

/// The most bytes of a value that a tokenizer sees; of what follows, three are a token.
const TOKENIZED_MAX: usize = 1 << 20;

impl Counted {
    fn add(&mut self, text: &str) {
        self.text.bytes += length(text);
        let Some(tokenizer) = self.tokenizer else { return };
        self.tokenized = self.tokenized.saturating_add(text.len());
        let is_seen = self.tokenized <= TOKENIZED_MAX;
        self.text.tokens += if is_seen { tokenizer.count(text) } else { length(text).div_ceil(3) };
    }

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
        if !self.is_answer {
            self.counted.add("1234");
        }
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
        self.counted.add(text);
        let found = &mut self.counted.text;
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
                counted.add(&name);
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

    use super::{TOKENIZED_MAX, Text};
    use crate::tokenizer::Tokenizer;

    fn of(value: &Value) -> Text {
        Text::of(&value.to_string(), None)
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
        assert_eq!(Text::of(&deep, None).bytes, 1_001);
    }

    #[test]
    fn tokens_are_counted_where_the_tokenizer_is_known() {
        // Counts of `tiktoken is great!` and `お誕生日おめでとう` that OpenAI publishes for this vocabulary: 6 and 8. Names are one token each here.
        let messages = json!([{"role": "user", "content": "tiktoken is great!"}, {"role": "user", "content": "お誕生日おめでとう"}]);
        let text = Text::of(&messages.to_string(), Some(Tokenizer::O200kBase));
        assert_eq!((text.tokens, text.bytes), (6 + 8 + 2 * 3, 18 + 27 + 2 * 15));
        assert_eq!(of(&messages).tokens, 0);
        // Only so much is looked at.
        let long = "a ".repeat(TOKENIZED_MAX);
        let text = Text::of(&json!(long).to_string(), Some(Tokenizer::Cl100kBase));
        assert_eq!(text.tokens, super::length(&long).div_ceil(3));
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
