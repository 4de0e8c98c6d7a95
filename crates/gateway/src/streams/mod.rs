//! Streams of each surface: what an event says, and how a stream is ended early.
//!
//! T1 a stream that is cut ends as its protocol ends one that has reached its length (`a_stream_is_cut_before_what_is_not_paid`).
//! T2 a stream that breaks off is never taken for one that ended (`a_stream_that_breaks_off_ends_with_an_error`).

mod chat;
mod media;
mod messages;
mod parts;
mod responses;

use bytes::Bytes;

use self::parts::{Seen, named};
use crate::sse::Event;
use crate::surface::Surface;
use crate::usage::Report;

/// A stream as it has been read so far.
#[derive(Debug)]
pub(crate) struct Reading {
    kind: Kind,
    /// The usage as reported so far.
    pub(crate) report: Option<Report>,
    /// The usage of the output is among it.
    pub(crate) is_final: bool,
    /// It has come to its end.
    pub(crate) is_over: bool,
    /// The upstream has said that it fails.
    pub(crate) has_failed: bool,
}

#[derive(Debug)]
enum Kind {
    Chat(chat::Chat),
    Responses(responses::Responses),
    Messages(messages::Messages),
    Media(Box<media::Media>),
}

impl Reading {
    /// A stream of a surface; `hides_usage`: its caller has not asked for the usage; `pieces`: pictures that are asked for.
    pub(crate) fn new(surface: Surface, hides_usage: bool, pieces: u64) -> Self {
        let kind = match surface {
            Surface::Chat | Surface::Completions | Surface::Embeddings => {
                Kind::Chat(chat::Chat::new(surface == Surface::Completions, hides_usage))
            }
            Surface::Responses => Kind::Responses(responses::Responses::default()),
            Surface::Messages => Kind::Messages(messages::Messages::default()),
            Surface::Images
            | Surface::ImageEdits
            | Surface::ImageVariations
            | Surface::Speech
            | Surface::Transcriptions
            | Surface::Translations => Kind::Media(Box::new(media::Media::new(pieces))),
        };
        Self { kind, report: None, is_final: false, is_over: false, has_failed: false }
    }

    /// Reads an event.
    pub(crate) fn event(&mut self, event: &Event) -> Seen {
        let Some(data) = event.data() else { return Seen { text: event.strange(), is_hidden: false } };
        self.has_failed |= says_failed(&data);
        let ((seen, report), is_final, is_over) = match &mut self.kind {
            Kind::Chat(chat) => (chat.event(&data), true, chat.is_over),
            Kind::Responses(responses) => (responses.event(&data), true, responses.is_over),
            // The report at the start has the input alone.
            Kind::Messages(messages) => (messages.event(&data), messages.has_delta, messages.is_over),
            Kind::Media(media) => (media.event(&data), true, media.is_over),
        };
        self.take(report, is_final);
        self.is_over |= is_over;
        seen
    }

    /// Whether a body that ends here is whole.
    pub(crate) fn may_end(&self) -> bool {
        let has_ended = match &self.kind {
            Kind::Chat(chat) => chat.has_ended(),
            Kind::Media(media) => media.may_end(),
            Kind::Responses(_) | Kind::Messages(_) => false,
        };
        self.is_over || has_ended
    }

    /// Pictures, or one if anything of a speech has come.
    pub(crate) fn pieces(&self) -> u64 {
        if let Kind::Media(media) = &self.kind { media.pieces() } else { 0 }
    }

    fn take(&mut self, report: Option<Report>, is_final: bool) {
        let Some(report) = report else { return };
        self.is_final |= is_final && (report.output_tokens.is_some() || report.seconds.is_some());
        match &mut self.report {
            Some(before) => before.update(report),
            before @ None => *before = Some(report),
        }
    }

    /// The end of a stream that is cut because nobody pays for more: before the event that was read last.
    pub(crate) fn cut(&mut self, (input, output): (u64, u64), why: &str) -> Bytes {
        let end = match &mut self.kind {
            Kind::Chat(chat) => chat.cut(input, output),
            Kind::Responses(responses) => responses.cut(input, output),
            Kind::Messages(messages) => messages.cut(output),
            Kind::Media(_) => media::Media::error("insufficient_quota", "insufficient_quota", why),
        };
        // No text may end the comment early.
        let why = why.replace(['\n', '\r'], " ");
        Bytes::from(format!(": {why}\n\n{end}"))
    }

    /// The end of a stream that breaks off.
    pub(crate) fn broken(&self, code: &str, why: &str) -> Bytes {
        let error = serde_json::json!({"message": why, "type": "server_error", "code": code, "param": null});
        Bytes::from(match &self.kind {
            Kind::Chat(_) => format!("data: {}\n\n", serde_json::json!({"error": error})),
            Kind::Responses(responses) => responses.broken(code, why),
            Kind::Media(_) => media::Media::error("server_error", code, why),
            Kind::Messages(_) => named(
                "error",
                &serde_json::json!({"type": "error", "error": {"type": "api_error", "message": why,
                    "details": {"error_code": code}}}),
            ),
        })
    }
}

/// Whether an event says that the upstream fails, in a way that every SDK raises: an error of Responses without an `error` inside is an
/// event like any other to OpenAI's for Python.
fn says_failed(data: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Failure<'a> {
        #[serde(borrow, default)]
        error: Option<&'a serde_json::value::RawValue>,
    }
    // Nearly every event is read once only.
    const ERROR: &[u8] = b"\"error\"";
    if memchr::memmem::find(data, ERROR).is_none() {
        return false;
    }
    let Ok(failure) = serde_json::from_slice::<Failure<'_>>(data) else { return false };
    failure.error.is_some_and(|error| error.get() != "null")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::Reading;
    use crate::sse::Event;
    use crate::surface::Surface;

    /// A stream that is cut before the last of these events, and the events that it then ends with.
    fn cut(surface: Surface, hides_usage: bool, events: &[Value]) -> Vec<Value> {
        let mut reading = Reading::new(surface, hides_usage, 1);
        for event in events {
            reading.event(&Event { raw: Bytes::from(format!("data: {event}\n\n")) });
        }
        let end = reading.cut((3, 7), "no credits\ndata: 1");
        let end = std::str::from_utf8(&end).expect("UTF-8");
        let (comment, end) = end.split_once("\n\n").expect("a comment");
        assert_eq!(comment, ": no credits data: 1");
        let data = end.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).expect(data)).collect()
    }

    fn chunk(choices: &Value) -> Value {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 9, "model": "m", "choices": choices})
    }

    /// The last event has not reached the caller: nothing of it is in the end.
    #[test]
    fn a_cut_stream_ends_as_its_protocol_does() {
        let begin =
            chunk(&json!([{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}},
            {"index": 2, "delta": {"content": "c"}}]));
        let ended = chunk(&json!([{"index": 1, "delta": {}, "finish_reason": "stop"}]));
        let last = chunk(&json!([{"index": 2, "delta": {"content": "d"}, "finish_reason": "stop"}]));
        let end =
            |index: u64| json!({"index": index, "delta": {}, "logprobs": null, "finish_reason": "length"});
        let ends = chunk(&json!([end(0), end(2)]));
        let events = [begin, ended, last];
        assert_eq!(cut(Surface::Chat, true, &events), std::slice::from_ref(&ends));
        let mut usage = chunk(&json!([]));
        usage["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10});
        assert_eq!(cut(Surface::Chat, false, &events), [ends, usage]);

        let start =
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}});
        let block =
            json!({"type": "content_block_start", "index": 4, "content_block": {"type": "text", "text": ""}});
        let delta =
            json!({"type": "content_block_delta", "index": 4, "delta": {"type": "text_delta", "text": "d"}});
        let ends = [
            json!({"type": "content_block_stop", "index": 4}),
            json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens", "stop_sequence": null}, "usage": {"output_tokens": 7}}),
            json!({"type": "message_stop"}),
        ];
        assert_eq!(cut(Surface::Messages, true, &[start, block, delta]), ends);
    }

    #[test]
    fn a_cut_transcript_does_not_look_whole() {
        let delta = |text: &str| json!({"type": "transcript.text.delta", "delta": text});
        let end = cut(Surface::Transcriptions, true, &[delta("one"), delta("two")]);
        let error = json!({"message": "no credits\ndata: 1", "type": "insufficient_quota", "code": "insufficient_quota", "param": null});
        assert_eq!(end, [json!({"error": error})]);
    }

    /// A stream of Responses that is cut before a delta of the part of this item.
    fn response(item: &Value, before: &[Value]) -> Vec<Value> {
        let mut events = vec![
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": [], "usage": null}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        ];
        events.extend_from_slice(before);
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = number.into();
            if event["type"] != "response.created" {
                event["output_index"] = 0.into();
                event["item_id"] = "i".into();
            }
        }
        let ends = cut(Surface::Responses, true, &events);
        // The numbers go on where the events that were passed on ended.
        let numbers = ends.iter().map(|end| end["sequence_number"].as_u64().expect("a number"));
        let next = u64::try_from(events.len()).expect("fits") - 1;
        assert!(numbers.eq((next..).take(ends.len())), "{ends:?}");
        let last = ends.last().expect("an end");
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(
            (&last["response"]["id"], &last["response"]["status"]),
            (&json!("r"), &json!("incomplete"))
        );
        assert_eq!(last["response"]["incomplete_details"], json!({"reason": "max_output_tokens"}));
        assert_eq!(last["response"]["usage"]["output_tokens"], 7);
        let done = &ends[ends.len() - 2];
        assert_eq!(
            (&done["type"], &done["item"]),
            (&json!("response.output_item.done"), &last["response"]["output"][0])
        );
        ends
    }

    #[test]
    fn a_cut_response_closes_each_part_in_its_own_words() {
        let message = json!({"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []});
        let reasoning = json!({"id": "i", "type": "reasoning", "status": "in_progress", "summary": []});
        for (item, kind, field) in [
            (&message, "output_text", "text"),
            (&message, "refusal", "refusal"),
            (&reasoning, "reasoning_text", "text"),
        ] {
            let delta = |text: &str| json!({"type": format!("response.{kind}.delta"), "content_index": 1, "delta": text});
            let (first, second) = (json!({"type": kind, field: "first"}), json!({"type": kind, field: ""}));
            let ends = response(
                item,
                &[
                    json!({"type": "response.content_part.added", "content_index": 0, "part": {"type": kind, field: ""}}),
                    json!({"type": "response.content_part.done", "content_index": 0, "part": first}),
                    json!({"type": "response.content_part.added", "content_index": 1, "part": second}),
                    delta("a"),
                    delta("b"),
                    delta("not paid"),
                ],
            );
            let kinds: Vec<&str> = ends.iter().filter_map(|end| end["type"].as_str()).collect();
            let closed = format!("response.{kind}.done");
            assert_eq!(
                kinds,
                [
                    closed.as_str(),
                    "response.content_part.done",
                    "response.output_item.done",
                    "response.incomplete"
                ]
            );
            assert_eq!(
                (&ends[0][field], &ends[0]["content_index"], &ends[0]["item_id"]),
                (&json!("ab"), &json!(1), &json!("i"))
            );
            let content = json!([{"type": kind, field: "first"}, {"type": kind, field: "ab"}]);
            assert_eq!(
                (&ends[2]["item"]["content"], &ends[2]["item"]["status"]),
                (&content, &json!("incomplete"))
            );
        }
        for (kind, event, field) in [
            ("function_call", "response.function_call_arguments.delta", "arguments"),
            ("mcp_call", "response.mcp_call_arguments.delta", "arguments"),
            ("custom_tool_call", "response.custom_tool_call_input.delta", "input"),
        ] {
            let item = json!({"id": "i", "type": kind, "call_id": "c", "name": "n", field: ""});
            let delta = |text: &str| json!({"type": event, "delta": text});
            let ends = response(&item, &[delta("{\"a"), delta("\":"), delta("1")]);
            assert_eq!((ends.len(), &ends[0]["item"][field]), (2, &json!("{\"a\":")), "{kind}");
        }
    }
}
