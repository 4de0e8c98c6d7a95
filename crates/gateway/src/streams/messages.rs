//! Messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::parts::{Read, length, named, part, text};

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The block that is open.
    block: Option<u64>,
    has_begun: bool,
    /// Its last report has come: the one with the output.
    pub(super) has_delta: bool,
    pub(super) is_over: bool,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
}

impl Messages {
    /// Bytes of text in an event, and the usage that it reports.
    pub(super) fn event(&mut self, data: &[u8]) -> Read {
        let Ok(step) = serde_json::from_slice::<Step<'_>>(data) else { return Read::default() };
        match step.kind.as_ref() {
            "message_start" => {
                self.has_begun = true;
                return (text(0), part(step.message.and_then(|message| message.usage)));
            }
            "content_block_start" => self.block = Some(step.index),
            "content_block_stop" => self.block = None,
            "content_block_delta" => {
                let texts = step.delta.map(|delta| [delta.text, delta.thinking, delta.partial_json]);
                let bytes = texts.iter().flatten().flatten().map(|text| length(text)).sum();
                return (text(bytes), None);
            }
            "message_delta" => {
                self.has_delta = true;
                return (text(0), part(step.usage));
            }
            "message_stop" => self.is_over = true,
            _ => {}
        }
        Read::default()
    }

    /// The open block is closed, and the message ends by its length.
    pub(super) fn cut(&mut self, output: u64) -> String {
        let mut end = String::new();
        if !self.has_begun {
            end += &named(
                "message_start",
                &json!({"type": "message_start", "message": {"id": "", "type": "message", "role": "assistant", "model": "",
                    "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0}}}),
            );
        }
        if let Some(index) = self.block.take() {
            end += &named("content_block_stop", &json!({"type": "content_block_stop", "index": index}));
        }
        end += &named(
            "message_delta",
            &json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens", "stop_sequence": null},
                "usage": {"output_tokens": output}}),
        );
        end + &named("message_stop", &json!({"type": "message_stop"}))
    }
}
