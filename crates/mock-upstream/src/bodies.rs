//! Answers that come as a whole, and reports of use.

use serde_json::{Value, json};

use crate::asked::{Asked, Surface};

/// The report of a use; `None`: there is none.
pub(crate) fn usage(asked: &Asked, output: u64) -> Option<Value> {
    if asked.wish.no_usage {
        return None;
    }
    if let Some(usage) = &asked.wish.usage {
        return Some(usage.clone());
    }
    let input = asked.input;
    Some(match asked.surface {
        Surface::Chat | Surface::Completions => {
            json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
        }
        Surface::Responses => json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output}),
        Surface::Embeddings => json!({"prompt_tokens": input, "total_tokens": input}),
        Surface::Messages => json!({"input_tokens": input, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": output}),
    })
}

/// Why an output ends, in the words of its surface.
pub(crate) fn reason(asked: &Asked) -> &'static str {
    match (asked.surface, asked.is_limited(), asked.tool()) {
        (Surface::Messages, true, _) => "max_tokens",
        (Surface::Messages, false, Some(_)) => "tool_use",
        (Surface::Messages, false, None) => "end_turn",
        (_, true, _) => "length",
        (_, false, Some(_)) => "tool_calls",
        (_, false, None) => "stop",
    }
}

/// A response as an object, without its output.
pub(crate) fn response(asked: &Asked, status: &str, output: &Value, usage: Option<Value>) -> Value {
    let why = (status == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    json!({"id": asked.id, "object": "response", "created_at": 1_790_000_000, "model": asked.model, "status": status,
        "error": null, "incomplete_details": why, "instructions": null, "metadata": {}, "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "usage": usage})
}

/// The id of what a response writes.
pub(crate) fn item_id(asked: &Asked) -> String {
    let kind = if asked.tool().is_some() { "fc" } else { "msg" };
    format!("{kind}_{}", asked.id)
}

/// The message of a response, or its call of a tool.
pub(crate) fn item(asked: &Asked, status: &str, text: Option<&str>) -> Value {
    let id = item_id(asked);
    if let Some(name) = asked.tool() {
        return json!({"id": id, "type": "function_call", "status": status, "call_id": format!("call_{}", asked.id),
            "name": name, "arguments": text.unwrap_or_default()});
    }
    let content: Vec<Value> = text
        .map(|text| json!({"type": "output_text", "text": text, "annotations": []}))
        .into_iter()
        .collect();
    json!({"id": id, "type": "message", "role": "assistant", "status": status, "content": content})
}

/// A call of a tool in Chat Completions.
pub(crate) fn call(asked: &Asked, name: &str, arguments: &str) -> Value {
    json!({"id": format!("call_{}", asked.id), "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// A block of a message.
pub(crate) fn block(asked: &Asked, name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{}", asked.id), "name": name, "input": input})
}

/// An answer that comes as a whole.
pub(crate) fn whole(asked: &Asked) -> Value {
    let (usage, text) = (usage(asked, asked.output * asked.choices), asked.text(0, asked.output));
    let reason = reason(asked);
    let mut body = match asked.surface {
        Surface::Chat => {
            let message = match asked.tool() {
                Some(name) => {
                    json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call(asked, name, &text)]})
                }
                None => json!({"role": "assistant", "content": text, "refusal": null}),
            };
            let choice = |index: u64| json!({"index": index, "message": message, "logprobs": null, "finish_reason": reason});
            let choices: Vec<Value> = (0..asked.choices).map(choice).collect();
            json!({"id": asked.id, "object": "chat.completion", "created": 1_790_000_000, "model": asked.model, "choices": choices})
        }
        Surface::Completions => {
            let choice =
                |index: u64| json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason});
            let choices: Vec<Value> = (0..asked.choices).map(choice).collect();
            json!({"id": asked.id, "object": "text_completion", "created": 1_790_000_000, "model": asked.model, "choices": choices})
        }
        Surface::Responses => {
            let status = if asked.is_limited() { "incomplete" } else { "completed" };
            return response(asked, status, &json!([item(asked, status, Some(&text))]), usage);
        }
        Surface::Embeddings => {
            // The numbers 0 and 1, if need be as SDKs ask for them: in 32 bits, base64.
            let embedding = if asked.is_base64 { json!("AAAAAAAAgD8=") } else { json!([0.0, 1.0]) };
            json!({"object": "list", "model": asked.model, "data": [{"object": "embedding", "index": 0, "embedding": embedding}]})
        }
        Surface::Messages => {
            let written = match asked.tool() {
                // Arguments that are cut short are no JSON.
                Some(name) => block(asked, name, serde_json::from_str(&text).unwrap_or_else(|_| json!({}))),
                None => json!({"type": "text", "text": text}),
            };
            json!({"id": asked.id, "type": "message", "role": "assistant", "model": asked.model,
            "content": [written], "stop_reason": reason, "stop_sequence": null})
        }
    };
    if let Some(usage) = usage {
        body["usage"] = usage;
    }
    body
}
