//! Streams, event by event.

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::channel::Sender;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::asked::{Asked, Fault, Options, Surface};
use crate::bodies::{block, call, item, item_id, reason, response, usage};
use crate::served::{Ended, Entry};

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An object with the fields of another one.
fn with(one: &Value, other: &Value) -> Value {
    let fields = [one, other].into_iter().filter_map(Value::as_object).flatten();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(crate) fn named(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

/// The events before the first token.
fn begin(asked: &Asked) -> Vec<String> {
    match asked.surface {
        Surface::Chat => {
            let mut delta = json!({"role": "assistant", "content": ""});
            if let Some(name) = asked.tool() {
                let mut call = call(asked, name, "");
                call["index"] = 0.into();
                delta = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            }
            (0..asked.choices).map(|index| chunk(asked, index, &delta, None)).collect()
        }
        Surface::Completions | Surface::Embeddings => Vec::new(),
        Surface::Responses => {
            let begun = response(asked, "in_progress", &json!([]), None);
            let mut events = vec![
                named(&json!({"type": "response.created", "sequence_number": 0, "response": begun})),
                named(&json!({"type": "response.in_progress", "sequence_number": 1, "response": begun})),
                named(&json!({"type": "response.output_item.added", "sequence_number": 2, "output_index": 0,
                    "item": item(asked, "in_progress", None)})),
            ];
            if asked.tool().is_none() {
                events.push(named(&json!({"type": "response.content_part.added", "sequence_number": 3, "item_id": item_id(asked),
                    "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}})));
            }
            events
        }
        Surface::Messages => {
            let mut begun = usage(asked, 1);
            if let Some(output) = begun.as_mut().and_then(|usage| usage.get_mut("output_tokens")) {
                *output = 1.into();
            }
            let begins = match asked.tool() {
                Some(name) => block(asked, name, json!({})),
                None => json!({"type": "text", "text": ""}),
            };
            vec![
                named(
                    &json!({"type": "message_start", "message": {"id": asked.id, "type": "message", "role": "assistant",
                    "model": asked.model, "content": [], "stop_reason": null, "stop_sequence": null, "usage": begun}}),
                ),
                named(&json!({"type": "content_block_start", "index": 0, "content_block": begins})),
                named(&json!({"type": "ping"})),
            ]
        }
    }
}

fn chunk(asked: &Asked, index: u64, delta: &Value, reason: Option<&str>) -> String {
    data(
        &json!({"id": asked.id, "object": "chat.completion.chunk", "created": 1_790_000_000, "model": asked.model,
        "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": reason}]}),
    )
}

fn text_chunk(asked: &Asked, index: u64, text: &str, reason: Option<&str>) -> String {
    data(&json!({"id": asked.id, "object": "text_completion", "created": 1_790_000_000, "model": asked.model,
        "choices": [{"index": index, "text": text, "logprobs": null, "finish_reason": reason}]}))
}

/// The event of some text of each choice.
fn tokens(asked: &Asked, number: u64, text: &str) -> String {
    let is_call = asked.tool().is_some();
    match asked.surface {
        Surface::Chat => {
            let delta = if is_call {
                json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]})
            } else {
                json!({"content": text})
            };
            (0..asked.choices).map(|index| chunk(asked, index, &delta, None)).collect()
        }
        Surface::Completions | Surface::Embeddings => {
            (0..asked.choices).map(|index| text_chunk(asked, index, text, None)).collect()
        }
        Surface::Responses if is_call => {
            named(&json!({"type": "response.function_call_arguments.delta", "sequence_number": 4 + number,
            "item_id": item_id(asked), "output_index": 0, "delta": text}))
        }
        Surface::Responses => {
            named(&json!({"type": "response.output_text.delta", "sequence_number": 4 + number,
            "item_id": item_id(asked), "output_index": 0, "content_index": 0, "delta": text, "logprobs": []}))
        }
        Surface::Messages => {
            let delta = if is_call {
                json!({"type": "input_json_delta", "partial_json": text})
            } else {
                json!({"type": "text_delta", "text": text})
            };
            named(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
        }
    }
}

/// The events after the last token.
fn end(asked: &Asked, number: u64, reported: Option<&Value>) -> Vec<String> {
    let reason = reason(asked);
    match asked.surface {
        Surface::Chat | Surface::Completions | Surface::Embeddings => {
            let is_text = asked.surface != Surface::Chat;
            let last = |index: u64| {
                if is_text {
                    text_chunk(asked, index, "", Some(reason))
                } else {
                    chunk(asked, index, &json!({}), Some(reason))
                }
            };
            let mut events: Vec<String> = (0..asked.choices).map(last).collect();
            if let Some(usage) = reported.filter(|_| asked.wants_usage) {
                let object = if is_text { "text_completion" } else { "chat.completion.chunk" };
                events.push(data(
                    &json!({"id": asked.id, "object": object, "created": 1_790_000_000, "model": asked.model,
                    "choices": [], "usage": usage}),
                ));
            }
            events.push("data: [DONE]\n\n".to_owned());
            events
        }
        Surface::Responses => {
            let written = asked.text(0, asked.output);
            let status = if asked.is_limited() { "incomplete" } else { "completed" };
            let done = item(asked, status, Some(&written));
            let last = response(asked, status, &json!([done]), reported.cloned());
            let of = json!({"item_id": item_id(asked), "output_index": 0});
            let mut events = Vec::new();
            if let Some(name) = asked.tool() {
                events.push(with(&of, &json!({"type": "response.function_call_arguments.done", "name": name, "arguments": written})));
            } else {
                events.push(with(&of, &json!({"type": "response.output_text.done", "content_index": 0, "text": written, "logprobs": []})));
                events.push(with(&of, &json!({"type": "response.content_part.done", "content_index": 0, "part": done["content"][0]})));
            }
            events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
            events.push(json!({"type": format!("response.{status}"), "response": last}));
            let numbers = 4 + number..;
            numbers
                .zip(&events)
                .map(|(number, event)| named(&with(event, &json!({"sequence_number": number}))))
                .collect()
        }
        Surface::Messages => {
            let mut events = vec![named(&json!({"type": "content_block_stop", "index": 0}))];
            let mut last =
                json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}});
            if let Some(usage) = reported {
                last["usage"] = json!({"output_tokens": usage["output_tokens"]});
                if asked.wish.usage.is_some() {
                    last["usage"] = usage.clone();
                }
            }
            events.push(named(&last));
            events.push(named(&json!({"type": "message_stop"})));
            events
        }
    }
}

fn error(surface: Surface) -> String {
    match surface {
        Surface::Messages => {
            named(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "as wished"}}))
        }
        Surface::Responses => {
            named(&json!({"type": "error", "code": "server_error", "message": "as wished", "param": null,
            "sequence_number": 99}))
        }
        Surface::Chat | Surface::Completions | Surface::Embeddings => data(
            &json!({"error": {"message": "as wished", "type": "server_error", "param": null, "code": null}}),
        ),
    }
}

/// How a stream ends before its time.
pub(crate) async fn fail(fault: &Fault, surface: Surface, sender: &mut Sender<Bytes, io::Error>) -> bool {
    let last = match fault {
        Fault::MalformedAfter(_) => "data: {\"choices\":[{\"ind\n".to_owned(),
        Fault::ErrorAfter(_) => error(surface),
        Fault::Status(_) | Fault::Hang | Fault::CutAfter(_) | Fault::EndAfter(_) => {
            return matches!(fault, Fault::CutAfter(_));
        }
    };
    // The caller may have gone.
    let _ = sender.send_data(Bytes::from(last)).await;
    false
}

/// Writes a stream.
pub(crate) async fn write(
    options: Options,
    asked: Asked,
    entry: Entry,
    mut sender: Sender<Bytes, io::Error>,
) {
    let first = asked.wish.first_token_ms.map_or(options.first_token, Duration::from_millis);
    let rate = asked.wish.tokens_per_second.unwrap_or(options.tokens_per_second);
    let each = asked.wish.tokens_per_event.unwrap_or(1).max(1);
    let fault = asked.wish.fault.clone();
    let fails_at = fault.as_ref().and_then(Fault::after);
    for event in begin(&asked) {
        if sender.send_data(Bytes::from(event)).await.is_err() {
            return entry.end(Ended::Left);
        }
    }
    let started = Instant::now() + first;
    if !first.is_zero() {
        tokio::time::sleep_until(started).await;
    }
    let (mut written, mut number) = (0, 0);
    while written < asked.output {
        if let Some(fault) = fault.as_ref().filter(|_| fails_at == Some(number)) {
            if fail(fault, asked.surface, &mut sender).await {
                // What was sent before is on its way first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                sender.abort(io::Error::other("as wished"));
            }
            return entry.end(Ended::Failed);
        }
        let some = each.min(asked.output - written);
        if sender
            .send_data(Bytes::from(tokens(&asked, number, &asked.text(written, written + some))))
            .await
            .is_err()
        {
            return entry.end(Ended::Left);
        }
        entry.generated(some * asked.choices);
        (written, number) = (written + some, number + 1);
        if let Some(micros) = written.saturating_mul(1_000_000).checked_div(rate) {
            tokio::time::sleep_until(started + Duration::from_micros(micros)).await;
        }
    }
    let reported = usage(&asked, asked.output * asked.choices);
    for event in end(&asked, number, reported.as_ref()) {
        if sender.send_data(Bytes::from(event)).await.is_err() {
            return entry.end(Ended::Left);
        }
    }
    if asked.wants_usage || !matches!(asked.surface, Surface::Chat | Surface::Completions) {
        entry.reported(reported.unwrap_or_default());
    }
    entry.end(Ended::Complete);
}
