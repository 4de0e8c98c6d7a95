//! Chat Completions and Completions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::parts::{Read, Seen, length, part};
use crate::text::Text;
use crate::usage::Report;

/// The most choices of one stream.
const CHOICES_MAX: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Chat {
    is_text: bool,
    hides_usage: bool,
    /// The fields that each chunk repeats.
    id: String,
    model: String,
    created: u64,
    /// The choices that have begun, and whether each has ended.
    choices: BTreeMap<u64, bool>,
    /// Those that end with the last event, which count as ended once another one comes: a stream is cut before an event that was read.
    ending: Vec<u64>,
    pub(super) is_over: bool,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    created: Option<u64>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(borrow, default)]
    x_groq: Option<Vendor<'a>>,
}

/// Where one vendor has its usage.
#[derive(Deserialize)]
struct Vendor<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

impl Choice<'_> {
    fn text(&self) -> u64 {
        let delta = self.delta.map_or(0, |delta| Text::written(delta.get()));
        self.text.as_ref().map_or(0, |text| length(text)) + delta
    }
}

impl Chat {
    pub(super) fn new(is_text: bool, hides_usage: bool) -> Self {
        Self { is_text, hides_usage, ..Self::default() }
    }

    pub(super) fn event(&mut self, data: &[u8]) -> Read {
        if data.trim_ascii() == b"[DONE]" {
            self.is_over = true;
            return Read::default();
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            // What cannot be read is passed on, so it counts.
            return (Seen { text: u64::try_from(data.len()).unwrap_or(u64::MAX), is_hidden: false }, None);
        };
        if self.id.is_empty() {
            self.id = chunk.id.unwrap_or_default().into_owned();
            self.model = chunk.model.unwrap_or_default().into_owned();
            self.created = chunk.created.unwrap_or(0);
        }
        let vendor = chunk.x_groq.and_then(|vendor| part(vendor.usage));
        let report: Option<Report> = part(chunk.usage).or(vendor);
        let report = report.map(|report| report.served(chunk.service_tier));
        for index in self.ending.drain(..) {
            self.choices.insert(index, true);
        }
        let mut text = 0;
        let choices = chunk.choices.as_deref().unwrap_or_default();
        for choice in choices {
            text += choice.text();
            if self.choices.len() < CHOICES_MAX || self.choices.contains_key(&choice.index) {
                self.choices.entry(choice.index).or_default();
                if choice.finish_reason.is_some() {
                    self.ending.push(choice.index);
                }
            }
        }
        let is_hidden = self.hides_usage && report.is_some() && choices.is_empty();
        (Seen { text, is_hidden }, report)
    }

    /// Whether every choice has ended.
    pub(super) fn has_ended(&self) -> bool {
        let is_ended = |(index, ended): (&u64, &bool)| *ended || self.ending.contains(index);
        !self.choices.is_empty() && self.choices.iter().all(is_ended)
    }

    /// The event that was read last is not passed on: each choice that is open before it ends by its length.
    pub(super) fn cut(&mut self, input: u64, output: u64) -> String {
        if self.choices.is_empty() {
            self.choices.insert(0, false);
        }
        let open = self.choices.iter().filter(|(_, ended)| !**ended).map(|(index, _)| *index);
        let choices: Vec<_> = open
            .map(|index| {
                if self.is_text {
                    json!({"index": index, "text": "", "logprobs": null, "finish_reason": "length"})
                } else {
                    json!({"index": index, "delta": {}, "logprobs": null, "finish_reason": "length"})
                }
            })
            .collect();
        let object = if self.is_text { "text_completion" } else { "chat.completion.chunk" };
        let chunk = |choices: serde_json::Value| json!({"id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices});
        let mut end = format!("data: {}\n\n", chunk(choices.into()));
        if !self.hides_usage {
            let mut last = chunk(json!([]));
            last["usage"] =
                json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
            end += &format!("data: {last}\n\n");
        }
        end + "data: [DONE]\n\n"
    }
}
