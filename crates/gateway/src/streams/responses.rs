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
    /// The text of the last event, which counts once another one comes: a stream is cut before an event that was read.
    last: Option<Delta>,
    kept: u64,
    /// The number of the last event before the one that was read last, and the number of that one.
    number: u64,
    read: u64,
    pub(super) is_over: bool,
}

#[derive(Debug)]
struct Delta {
    kind: String,
    output: u64,
    content: u64,
    text: String,
}

#[derive(Debug)]
struct Item {
    index: u64,
    item: Value,
    is_done: bool,
    /// The parts of its content.
    parts: Vec<Part>,
    /// What a call of a tool is given, so far.
    given: String,
}

/// A part of an item's content, with its text so far unless it is done.
#[derive(Debug)]
struct Part {
    index: u64,
    part: Value,
    is_done: bool,
    text: String,
}

impl Item {
    /// Where it keeps what comes in events of a kind.
    fn text(&mut self, kind: &str, content: u64) -> Option<&mut String> {
        match kind {
            "response.output_text.delta" | "response.refusal.delta" | "response.reasoning_text.delta" => {
                let part = self.parts.iter_mut().find(|part| part.index == content && !part.is_done);
                part.map(|part| &mut part.text)
            }
            "response.function_call_arguments.delta"
            | "response.mcp_call_arguments.delta"
            | "response.custom_tool_call_input.delta" => Some(&mut self.given),
            _ => None,
        }
    }
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
    part: Option<&'a RawValue>,
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
        (self.number, self.read) = (self.read, self.read.max(step.sequence_number));
        if let Some(last) = self.last.take()
            && let Some(text) = self.open(last.output).and_then(|item| item.text(&last.kind, last.content))
        {
            text.push_str(&last.text);
        }
        match step.kind.as_ref() {
            "response.created" => {
                self.response = part(step.response).filter(Value::is_object);
            }
            "response.output_item.added" => {
                if let Some(item) = self.keep(step.item) {
                    let index = step.output_index;
                    let (parts, given) = (Vec::new(), String::new());
                    self.items.push(Item { index, item, is_done: false, parts, given });
                }
            }
            "response.output_item.done" => {
                let done = self.keep(step.item);
                if let (Some(item), Some(done)) = (self.open(step.output_index), done) {
                    (item.item, item.is_done, item.parts) = (done, true, Vec::new());
                }
            }
            "response.content_part.added" => {
                let added = self.keep(step.part);
                if let (Some(item), Some(part)) = (self.open(step.output_index), added) {
                    let index = step.content_index;
                    item.parts.push(Part { index, part, is_done: false, text: String::new() });
                }
            }
            "response.content_part.done" => {
                let done = self.keep(step.part);
                let item = self.open(step.output_index);
                let part =
                    item.and_then(|item| item.parts.iter_mut().find(|p| p.index == step.content_index));
                if let (Some(part), Some(done)) = (part, done) {
                    (part.part, part.is_done, part.text) = (done, true, String::new());
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
                if self.kept <= KEPT_MAX {
                    let (output, content) = (step.output_index, step.content_index);
                    let (kind, text) = (kind.to_owned(), delta.into_owned());
                    self.last = Some(Delta { kind, output, content, text });
                }
                return (text(bytes), None);
            }
            _ => {}
        }
        Read::default()
    }

    fn keep(&mut self, item: Option<&RawValue>) -> Option<Value> {
        self.kept += length(item?.get());
        // What is no object is none of these.
        if self.kept > KEPT_MAX { None } else { part(item).filter(Value::is_object) }
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

    /// The event that was read last is not passed on: what is open before it is closed, and the response is incomplete by its length.
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
        match item.item["type"].as_str() {
            Some("function_call" | "mcp_call") => item.item["arguments"] = item.given.as_str().into(),
            Some("custom_tool_call") => item.item["input"] = item.given.as_str().into(),
            _ => {}
        }
        let mut content = Vec::new();
        for mut part in std::mem::take(&mut item.parts) {
            if !part.is_done {
                let of = json!({"item_id": id, "output_index": index, "content_index": part.index});
                end += &self.close_part(&of, &mut part);
            }
            content.push(part.part);
        }
        if !content.is_empty() {
            item.item["content"] = content.into();
        }
        end + &self.next("response.output_item.done", json!({"output_index": index, "item": item.item}))
    }

    /// Closes a part as far as it has come, in the words of its kind.
    fn close_part(&mut self, of: &Value, part: &mut Part) -> String {
        let kind = part.part["type"].as_str().unwrap_or_default();
        let (name, field) = match kind {
            "refusal" => ("response.refusal.done", "refusal"),
            "reasoning_text" => ("response.reasoning_text.done", "text"),
            _ => ("response.output_text.done", "text"),
        };
        let (mut text, mut done) = (of.clone(), of.clone());
        if kind == "output_text" {
            text["logprobs"] = json!([]);
        }
        text[field] = part.text.as_str().into();
        part.part[field] = part.text.as_str().into();
        done["part"] = part.part.clone();
        self.next(name, text) + &self.next("response.content_part.done", done)
    }

    /// An event that the stream has broken off.
    pub(super) fn broken(&self, code: &str, why: &str) -> String {
        let error = json!({"type": "error", "code": code, "message": why, "param": null,
            "sequence_number": self.read + 1, "error": {"type": "server_error", "code": code, "message": why}});
        named("error", &error)
    }
}
