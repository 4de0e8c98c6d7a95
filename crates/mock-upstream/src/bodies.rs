//! Answers that come as a whole, and reports of use.

use serde_json::{Value, json};

use crate::asked::{Asked, Surface};

/// The text of a token.
pub(crate) const TOKEN: &str = "tok ";

pub(crate) fn text(tokens: u64) -> String {
    TOKEN.repeat(usize::try_from(tokens).unwrap_or(0))
}

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
    match (asked.surface, asked.is_limited) {
        (Surface::Messages, true) => "max_tokens",
        (Surface::Messages, false) => "end_turn",
        (_, true) => "length",
        (_, false) => "stop",
    }
}

/// A response as an object, without its output.
pub(crate) fn response(asked: &Asked, status: &str, output: &Value, usage: Option<Value>) -> Value {
    json!({"id": asked.id, "object": "response", "created_at": 1_790_000_000, "model": asked.model, "status": status,
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {}, "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "usage": usage})
}

/// A message of a response.
pub(crate) fn item(asked: &Asked, status: &str, text: Option<&str>) -> Value {
    let content: Vec<Value> = text
        .map(|text| json!({"type": "output_text", "text": text, "annotations": []}))
        .into_iter()
        .collect();
    json!({"id": format!("msg_{}", asked.id), "type": "message", "role": "assistant", "status": status, "content": content})
}

/// An answer that comes as a whole.
pub(crate) fn whole(asked: &Asked) -> Value {
    let (usage, text) = (usage(asked, asked.output * asked.choices), text(asked.output));
    let reason = reason(asked);
    let mut body = match asked.surface {
        Surface::Chat => {
            let choice = |index: u64| {
                json!({"index": index, "message": {"role": "assistant", "content": text, "refusal": null},
                    "logprobs": null, "finish_reason": reason})
            };
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
            let status = if asked.is_limited { "incomplete" } else { "completed" };
            return response(asked, status, &json!([item(asked, status, Some(&text))]), usage);
        }
        Surface::Embeddings => {
            json!({"object": "list", "model": asked.model, "data": [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}]})
        }
        Surface::Messages => {
            json!({"id": asked.id, "type": "message", "role": "assistant", "model": asked.model,
            "content": [{"type": "text", "text": text}], "stop_reason": reason, "stop_sequence": null})
        }
    };
    if let Some(usage) = usage {
        body["usage"] = usage;
    }
    body
}
