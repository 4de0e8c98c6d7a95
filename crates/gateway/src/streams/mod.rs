//! Streams of each surface: what an event says, and how a stream is ended early.
//!
//! T1 a stream that is cut ends as its protocol ends one that has reached its length (`a_stream_is_cut_before_what_is_not_paid`).
//! T2 a stream that breaks off is never taken for one that ended (`a_stream_that_breaks_off_ends_with_an_error`).

mod chat;
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
}

#[derive(Debug)]
enum Kind {
    Chat(chat::Chat),
    Responses(responses::Responses),
    Messages(messages::Messages),
}

impl Reading {
    /// A stream of a surface; `hides_usage`: its caller has not asked for the usage.
    pub(crate) fn new(surface: Surface, hides_usage: bool) -> Self {
        let kind = match surface {
            Surface::Chat | Surface::Completions | Surface::Embeddings => {
                Kind::Chat(chat::Chat::new(surface == Surface::Completions, hides_usage))
            }
            Surface::Responses => Kind::Responses(responses::Responses::default()),
            Surface::Messages => Kind::Messages(messages::Messages::default()),
        };
        Self { kind, report: None, is_final: false, is_over: false }
    }

    /// Reads an event.
    pub(crate) fn event(&mut self, event: &Event) -> Seen {
        let Some(data) = event.data() else { return Seen::default() };
        let ((seen, report), is_final, is_over) = match &mut self.kind {
            Kind::Chat(chat) => (chat.event(&data), true, chat.is_over),
            Kind::Responses(responses) => (responses.event(&data), true, responses.is_over),
            // The report at the start has the input alone.
            Kind::Messages(messages) => (messages.event(&data), messages.has_delta, messages.is_over),
        };
        self.take(report, is_final);
        self.is_over |= is_over;
        seen
    }

    fn take(&mut self, report: Option<Report>, is_final: bool) {
        let Some(report) = report else { return };
        self.is_final |= is_final && report.output_tokens.is_some();
        match &mut self.report {
            Some(before) => before.update(report),
            before @ None => *before = Some(report),
        }
    }

    /// The end of a stream that is cut because nobody pays for more.
    pub(crate) fn cut(&mut self, (input, output): (u64, u64), why: &str) -> Bytes {
        let end = match &mut self.kind {
            Kind::Chat(chat) => chat.cut(input, output),
            Kind::Responses(responses) => responses.cut(input, output),
            Kind::Messages(messages) => messages.cut(output),
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
            Kind::Messages(_) => named(
                "error",
                &serde_json::json!({"type": "error", "error": {"type": "api_error", "message": why,
                    "details": {"error_code": code}}}),
            ),
        })
    }
}
