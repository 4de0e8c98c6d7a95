//! Responses: a stream that is cut has to say all of its output once more, so that is kept.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::parts::{Read, length, named, part, text};
use crate::usage::Report;

/// The most bytes of output that are kept; what is beyond is left out of the last event of a stream that is cut.
const KEPT_MAX: u64 = 4 << 20;

#[derive(Debug, Default)]
pub(super) struct Responses {
    /// The response as the first event has it.
    response: Option<Value>,
    /// The items of its output, as far as they have come.
    items: Vec<Item>,
    kept: u64,
    number: u64,
    pub(super) is_over: bool,
}

#[derive(Debug)]
struct Item {
    index: u64,
    item: Value,
    is_done: bool,
    /// The open part of a message, and its text.
    content: Option<u64>,
    text: String,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    sequence_number: u64,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
}

impl Responses {
    /// Bytes of text in an event, and the usage that it reports.
    pub(super) fn event(&mut self, data: &[u8]) -> Read {
        let Ok(step) = serde_json::from_slice::<Step<'_>>(data) else { return Read::default() };
        self.number = self.number.max(step.sequence_number);
        match step.kind.as_ref() {
            "response.created" => {
                self.response = part(step.response);
            }
            "response.output_item.added" => {
                if let Some(item) = self.keep(step.item) {
                    let index = step.output_index;
                    self.items.push(Item { index, item, is_done: false, content: None, text: String::new() });
                }
            }
            "response.output_item.done" => {
                let done = self.keep(step.item);
                if let (Some(item), Some(done)) = (self.open(step.output_index), done) {
                    (item.item, item.is_done, item.text) = (done, true, String::new());
                }
            }
            "response.content_part.added" => {
                if let Some(item) = self.open(step.output_index) {
                    (item.content, item.text) = (Some(step.content_index), String::new());
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.is_over = true;
                let Some(response) = part::<Response<'_>>(step.response) else { return Read::default() };
                let report = part::<Report>(response.usage);
                return (
                    text(0),
                    report.map(|report| report.served(response.service_tier.map(Cow::into_owned))),
                );
            }
            // Sound is no text.
            "response.audio.delta" => {}
            kind if kind.ends_with(".delta") => {
                let Some(delta) = part::<Cow<'_, str>>(step.delta) else { return Read::default() };
                let bytes = length(&delta);
                self.kept += bytes;
                let is_kept =
                    self.kept <= KEPT_MAX && (kind.contains("output_text") || kind.contains("arguments"));
                if let Some(item) = self.open(step.output_index).filter(|_| is_kept) {
                    item.text.push_str(&delta);
                }
                return (text(bytes), None);
            }
            _ => {}
        }
        Read::default()
    }

    fn keep(&mut self, item: Option<&RawValue>) -> Option<Value> {
        self.kept += length(item?.get());
        if self.kept > KEPT_MAX { None } else { part(item) }
    }

    fn open(&mut self, index: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.index == index && !item.is_done)
    }

    fn next(&mut self, name: &str, mut data: Value) -> String {
        self.number += 1;
        data["type"] = name.into();
        data["sequence_number"] = self.number.into();
        named(name, &data)
    }

    /// What is open is closed, and the response is incomplete by its length.
    pub(super) fn cut(&mut self, input: u64, output: u64) -> String {
        let mut end = String::new();
        let mut all = Vec::new();
        for mut item in std::mem::take(&mut self.items) {
            if !item.is_done {
                end += &self.close(&mut item);
            }
            all.push(item.item);
        }
        let mut response = self.response.take().unwrap_or_else(|| json!({"object": "response"}));
        response["status"] = "incomplete".into();
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
        response["output"] = all.into();
        response["usage"] = json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output});
        end + &self.next("response.incomplete", json!({ "response": response }))
    }

    /// Closes an item as far as it has come.
    fn close(&mut self, item: &mut Item) -> String {
        let mut end = String::new();
        let (id, index) = (item.item["id"].clone(), item.index);
        item.item["status"] = "incomplete".into();
        if item.item["type"] == "function_call" {
            item.item["arguments"] = item.text.as_str().into();
        } else if let Some(content) = item.content {
            let of = json!({"item_id": id, "output_index": index, "content_index": content});
            let mut text = of.clone();
            text["text"] = item.text.as_str().into();
            text["logprobs"] = json!([]);
            end += &self.next("response.output_text.done", text);
            let part = json!({"type": "output_text", "text": item.text, "annotations": []});
            let mut done = of;
            done["part"] = part.clone();
            end += &self.next("response.content_part.done", done);
            item.item["content"] = json!([part]);
        }
        end + &self.next("response.output_item.done", json!({"output_index": index, "item": item.item}))
    }

    /// An event that the stream has broken off.
    pub(super) fn broken(&self, code: &str, why: &str) -> String {
        let error = json!({"type": "error", "code": code, "message": why, "param": null,
            "sequence_number": self.number + 1, "error": {"type": "server_error", "code": code, "message": why}});
        named("error", &error)
    }
}
