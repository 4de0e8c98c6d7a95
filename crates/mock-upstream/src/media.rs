//! Images, speech and transcripts.
//!
//! A form says in its field `mock` how it is served, as text of JSON.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::{Channel, Sender};
use serde_json::{Map, Value, json};

use crate::asked::{Options, Surface, Wish};
use crate::events::{fail, named};
use crate::form::{self, Form};
use crate::refusals::{refusal, refused};
use crate::served::{Ended, Entry, Log, Served, key};

/// The surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Images,
    Edits,
    Variations,
    Speech,
    Transcriptions,
    Translations,
}

/// A picture: the first bytes of a file that is one.
const PICTURE: &str = "iVBORw0KGgo=";
/// The sound of a token: a beginning as MP3 has one, and silence.
const SOUND: [u8; 100] = {
    let mut sound = [0; 100];
    (sound[0], sound[1], sound[2]) = (0xff, 0xf3, 0x84);
    sound
};

/// A request as it is served.
struct Asked {
    medium: Medium,
    wish: Wish,
    fields: Map<String, Value>,
    input: u64,
    /// Pictures that it has.
    given: u64,
    /// Outputs, and tokens of each.
    outputs: u64,
    output: u64,
    is_stream: bool,
}

impl Asked {
    fn read(options: Options, medium: Medium, headers: &HeaderMap, body: &[u8]) -> Result<Self, String> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Form { fields, files } = if kind.starts_with("multipart/form-data") {
            form::read(kind, body).ok_or("the body is no form")?
        } else {
            let fields = serde_json::from_slice(body).map_err(|e| format!("the body is not JSON: {e}"))?;
            Form { fields, files: Vec::new() }
        };
        let wish = match fields.get("mock") {
            None => Wish::default(),
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|e| format!("`mock`: {e}"))?,
            Some(wish) => serde_json::from_value(wish.clone()).map_err(|e| format!("`mock`: {e}"))?,
        };
        let is = |name: &str, value: &str| fields.get(name).is_some_and(|is| is == value);
        let is_true = |stream: &Value| *stream == json!(true) || stream == "true";
        let is_stream = if medium == Medium::Speech {
            is("stream_format", "sse")
        } else {
            fields.get("stream").is_some_and(is_true)
        };
        let listed = fields.get("images").and_then(Value::as_array).map_or(0, Vec::len);
        let given = if medium == Medium::Transcriptions { 0 } else { files.len() + listed };
        let mut asked = Self {
            medium,
            input: wish.input_tokens.unwrap_or(u64::try_from(body.len().div_ceil(4)).unwrap_or(u64::MAX)),
            given: u64::try_from(given).unwrap_or(u64::MAX),
            outputs: 1,
            output: wish.output_tokens.unwrap_or(options.output_tokens),
            is_stream,
            wish,
            fields,
        };
        if asked.is_picture() {
            asked.outputs = asked.wish.images.or(asked.number("n")).unwrap_or(1);
        }
        Ok(asked)
    }

    fn is_picture(&self) -> bool {
        matches!(self.medium, Medium::Images | Medium::Edits | Medium::Variations)
    }

    fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        let value = self.fields.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// The report of so many outputs.
    fn usage(&self, outputs: u64) -> Option<Value> {
        if self.wish.no_usage {
            return None;
        }
        if let Some(usage) = &self.wish.usage {
            return Some(usage.clone());
        }
        let (input, output) = (self.input, self.output * outputs);
        let mut usage =
            json!({"input_tokens": input, "output_tokens": output, "total_tokens": input + output});
        match self.medium {
            Medium::Images | Medium::Edits | Medium::Variations => {
                let seen = if self.given > 0 { input / 2 } else { 0 };
                usage["input_tokens_details"] = json!({"text_tokens": input - seen, "image_tokens": seen});
            }
            Medium::Transcriptions => {
                if let Some(seconds) = &self.wish.seconds {
                    return Some(json!({"type": "duration", "seconds": seconds}));
                }
                usage["type"] = "tokens".into();
                usage["input_token_details"] =
                    json!({"text_tokens": input / 4, "audio_tokens": input - input / 4});
            }
            Medium::Speech => {}
            // The answer to a translation says how long its sound was, at most.
            Medium::Translations => return None,
        }
        Some(usage)
    }

    /// What is said of pictures.
    fn picture(&self) -> Map<String, Value> {
        let mut said = Map::new();
        for (name, usual) in [("size", "1024x1024"), ("quality", "medium"), ("output_format", "png")] {
            let asked = Some(self.text(name)).filter(|asked| !asked.is_empty() && *asked != "auto");
            said.insert(name.into(), asked.unwrap_or(usual).into());
        }
        said.insert("background".into(), "opaque".into());
        said.extend(self.wish.picture.clone());
        said
    }

    /// The transcript, and a piece of it.
    fn said(&self) -> String {
        "tok ".repeat(usize::try_from(self.output).unwrap_or(0))
    }

    /// An answer that comes as a whole: its type, its bytes, and what it reports.
    fn whole(&self) -> (&'static str, Vec<u8>, Option<Value>) {
        let usage = self.usage(self.outputs);
        let mut body = json!({});
        if self.is_picture() {
            let said = self.picture();
            body = said.into();
            body["created"] = 1_790_000_000.into();
            body["data"] = (0..self.outputs).map(|_| json!({"b64_json": PICTURE})).collect();
        } else {
            let text = self.said();
            match self.text("response_format") {
                "text" => return ("text/plain; charset=utf-8", format!("{text}\n").into_bytes(), None),
                "srt" => {
                    let text = format!("1\n00:00:00,000 --> 00:00:01,000\n{text}\n");
                    return ("text/plain; charset=utf-8", text.into_bytes(), None);
                }
                "vtt" => {
                    let text = format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n");
                    return ("text/plain; charset=utf-8", text.into_bytes(), None);
                }
                "verbose_json" | "diarized_json" => {
                    let length = self.wish.seconds.clone().map_or(json!(1.5), Value::Number);
                    body["task"] = "transcribe".into();
                    body["duration"] = length;
                    body["language"] = "english".into();
                    body["segments"] = json!([]);
                }
                _ => {}
            }
            body["text"] = text.into();
        }
        if let Some(usage) = &usage {
            body["usage"] = usage.clone();
        }
        ("application/json", body.to_string().into_bytes(), usage)
    }

    /// The events of a stream, and what they report in all.
    fn events(&self) -> (Vec<Bytes>, Option<Value>) {
        let kind = if self.medium == Medium::Images { "image_generation" } else { "image_edit" };
        let mut events = Vec::new();
        match self.medium {
            Medium::Images | Medium::Edits | Medium::Variations => {
                for _ in 0..self.outputs {
                    let mut picture = self.picture();
                    picture.insert("created_at".into(), 1_790_000_000.into());
                    picture.insert("b64_json".into(), PICTURE.into());
                    for index in 0..self.number("partial_images").unwrap_or(0) {
                        picture.insert("type".into(), format!("{kind}.partial_image").into());
                        picture.insert("partial_image_index".into(), index.into());
                        events.push(named(&picture.clone().into()));
                    }
                    picture.remove("partial_image_index");
                    picture.insert("type".into(), format!("{kind}.completed").into());
                    picture.extend(self.usage(1).map(|usage| ("usage".to_owned(), usage)));
                    events.push(named(&picture.into()));
                }
            }
            Medium::Speech => {
                for _ in 0..self.output {
                    events.push(named(&json!({"type": "speech.audio.delta", "audio": "//OEAAAA"})));
                }
                events.push(named(&with(json!({"type": "speech.audio.done"}), self.usage(1))));
            }
            Medium::Transcriptions | Medium::Translations => {
                for _ in 0..self.output {
                    events.push(named(&json!({"type": "transcript.text.delta", "delta": "tok "})));
                }
                let done = json!({"type": "transcript.text.done", "text": self.said()});
                events.push(named(&with(done, self.usage(1))));
            }
        }
        let mut usage = self.usage(self.outputs);
        if let Some(usage) = usage.as_mut().filter(|_| self.is_picture() && self.wish.usage.is_none()) {
            // Each picture has a report of its own, with the input.
            usage["input_tokens"] = (self.input * self.outputs).into();
        }
        (events.into_iter().map(Bytes::from).collect(), usage)
    }

    /// Bytes of speech.
    fn sound(&self) -> Vec<Bytes> {
        let each = self.wish.tokens_per_event.unwrap_or(1).max(1);
        let part = Bytes::from(SOUND.repeat(usize::try_from(each).unwrap_or(1)));
        (0..self.output.div_ceil(each)).map(|_| part.clone()).collect()
    }
}

fn with(mut event: Value, usage: Option<Value>) -> Value {
    if let Some(usage) = usage {
        event["usage"] = usage;
    }
    event
}

/// Serves a request.
pub(crate) async fn serve(
    options: Options,
    log: &Log,
    medium: Medium,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let asked = match Asked::read(options, medium, headers, body) {
        Ok(asked) => asked,
        Err(why) => return refused(Surface::Chat, StatusCode::BAD_REQUEST, &why),
    };
    let characters = if medium == Medium::Speech { asked.text("input").chars().count() } else { 0 };
    let entry = log.push(Served {
        id: log.next_id(),
        surface: format!("{medium:?}").to_lowercase(),
        model: asked.text("model").to_owned(),
        stream: asked.is_stream,
        input_tokens: asked.input,
        output_tokens: 0,
        limit: asked.output,
        usage: Value::Null,
        ended: Ended::Running,
        key: key(headers),
        images: if asked.is_picture() { asked.outputs } else { 0 },
        characters: u64::try_from(characters).unwrap_or(u64::MAX),
        bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
    });
    if let Some(refused) = refusal(Surface::Chat, asked.wish.fault.as_ref(), &entry).await {
        return refused;
    }
    let first = asked.wish.first_token_ms.map_or(options.first_token, Duration::from_millis);
    if !first.is_zero() {
        tokio::time::sleep(first).await;
    }
    let is_speech = medium == Medium::Speech;
    if !asked.is_stream && !is_speech {
        let (kind, body, usage) = asked.whole();
        entry.generated(asked.output.saturating_mul(asked.outputs));
        entry.reported(usage.unwrap_or_default());
        entry.end(Ended::Complete);
        return ([(header::CONTENT_TYPE, kind)], body).into_response();
    }
    let (kind, (parts, usage)) = if asked.is_stream {
        ("text/event-stream", asked.events())
    } else {
        ("audio/mpeg", (asked.sound(), None))
    };
    let (sender, body) = Channel::<Bytes, io::Error>::new(4);
    let wish = asked.wish;
    tokio::spawn(async move { write(parts, usage, &wish, entry, sender).await });
    ([(header::CONTENT_TYPE, kind)], Body::new(body)).into_response()
}

/// Writes what comes in parts.
async fn write(
    parts: Vec<Bytes>,
    usage: Option<Value>,
    wish: &Wish,
    entry: Entry,
    mut sender: Sender<Bytes, io::Error>,
) {
    let each = wish.tokens_per_event.unwrap_or(1).max(1);
    let rate = wish.tokens_per_second.unwrap_or(0);
    let fails_at = wish.fault.as_ref().and_then(crate::asked::Fault::after);
    for (number, part) in (0..).zip(parts) {
        if let Some(fault) = wish.fault.as_ref().filter(|_| fails_at == Some(number)) {
            if fail(fault, Surface::Chat, &mut sender).await {
                // What was sent before is on its way first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                sender.abort(io::Error::other("as wished"));
            }
            return entry.end(Ended::Failed);
        }
        if sender.send_data(part).await.is_err() {
            return entry.end(Ended::Left);
        }
        entry.generated(each);
        if let Some(micros) = each.saturating_mul(1_000_000).checked_div(rate) {
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }
    entry.reported(usage.unwrap_or_default());
    entry.end(Ended::Complete);
}
