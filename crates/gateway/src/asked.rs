//! What is read from a request, and what is changed of it for an upstream.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;

use crate::body::{Edits, Object};
use crate::denial::{Refused, Why};
use crate::fields::Fields;
use crate::media::{Media, Medium};
use crate::multipart::{Form, boundary};
use crate::surface::Surface;
use crate::text::Text;
use crate::tokenizer::Tokenizer;

/// A request, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) surface: Surface,
    text: &'a str,
    fields: Fields<'a>,
    pub(crate) model: Cow<'a, str>,
    pub(crate) is_stream: bool,
    /// It goes on without its caller.
    pub(crate) is_background: bool,
    /// The response that it follows.
    pub(crate) previous: Option<String>,
    /// The most tokens of one output that the caller asks for.
    pub(crate) output_max: Option<u64>,
    /// How many outputs.
    pub(crate) choices: u64,
    /// What it says about its usage in a stream of Chat Completions.
    include_usage: Option<bool>,
    /// What a call of images or audio asks for.
    pub(crate) media: Option<Media>,
}

/// What a body has otherwise for an upstream than its caller sent it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change<'a> {
    /// The upstream's name for the model.
    pub(crate) model: &'a str,
    /// Its name for the response that this one follows.
    pub(crate) previous: Option<&'a str>,
    /// The output that is paid for.
    pub(crate) output_max: Option<u64>,
    /// A report of the usage.
    pub(crate) adds_usage: bool,
}

/// A body that is longer is read where it holds up nobody, in bytes.
const LONG: usize = 256 << 10;

/// The most outputs of one request.
const CHOICES_MAX: u64 = 128;

/// The outputs of Completions that ask for no length, in tokens.
const COMPLETION: u64 = 16;

/// How many prompts there are: one, or a list of texts or of lists of tokens.
fn prompts(raw: Option<&str>) -> u64 {
    let list = raw.and_then(|raw| serde_json::from_str::<Vec<&serde_json::value::RawValue>>(raw).ok());
    let each = list.iter().flatten().filter(|one| one.get().starts_with(['"', '[']));
    u64::try_from(each.count()).unwrap_or(u64::MAX).max(1)
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Does what takes a while for a long body where it holds up nobody.
pub(crate) fn aside<T>(length: usize, work: impl FnOnce() -> T) -> T {
    if length > LONG { tokio::task::block_in_place(work) } else { work() }
}

impl<'a> Asked<'a> {
    /// Reads the request in a body.
    ///
    /// # Errors
    /// With a refusal; nothing was sent then.
    pub(crate) fn of(surface: Surface, body: &'a [u8]) -> Result<Self, Refused> {
        let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned());
        let asked = text.and_then(|text| Self::read(surface, text));
        asked.map_err(|why| Refused::new(Why::Invalid, "invalid_request", why))
    }

    /// Reads the request in a body, which may be a form if its headers say so.
    ///
    /// # Errors
    /// With a refusal; nothing was sent then.
    pub(crate) fn received(surface: Surface, headers: &HeaderMap, body: &'a [u8]) -> Result<Self, Refused> {
        let Some(medium) = surface.medium() else { return Self::of(surface, body) };
        let asked = aside(body.len(), || Self::parse_media(surface, medium, headers, body));
        asked.map_err(|why| Refused::new(Why::Invalid, "invalid_request", why))
    }

    fn parse_media(
        surface: Surface,
        medium: Medium,
        headers: &HeaderMap,
        body: &'a [u8],
    ) -> Result<Self, String> {
        let (text, fields) = match (boundary(headers)?, surface.shapes()) {
            (Some(boundary), (true, _)) => ("", Fields::Form(Form::parse(boundary, body)?)),
            (Some(_), (false, _)) => return Err("the body is a form; send JSON".into()),
            (None, (_, true)) => {
                let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
                let object = Object::parse(text).map_err(|e| format!("the body is not a request: {e}"))?;
                (text, Fields::Json(object))
            }
            (None, (_, false)) => return Err("the body is no form; send `multipart/form-data`".into()),
        };
        let model = fields.text("model")?.filter(|model| !model.is_empty());
        let model = model.ok_or("`model` is missing; name a model")?;
        let is_stream = match medium {
            Medium::Speech => fields.text("stream_format")?.as_deref() == Some("sse"),
            Medium::Pictures | Medium::Sound => fields.flag("stream")?.unwrap_or(false),
        };
        let media = Some(Media::read(medium, &fields)?);
        Ok(Self {
            surface,
            text,
            fields,
            model,
            is_stream,
            is_background: false,
            previous: None,
            output_max: None,
            choices: 1,
            include_usage: None,
            media,
        })
    }

    /// Reads a request.
    ///
    /// # Errors
    /// With what is wrong with it; nothing was sent then.
    pub(crate) fn read(surface: Surface, text: &'a str) -> Result<Self, String> {
        aside(text.len(), || Self::parse(surface, text))
    }

    /// How much there is for a model to read that has this tokenizer.
    pub(crate) fn input(&self, tokenizer: Option<Tokenizer>) -> Text {
        let object = match (&self.media, &self.fields) {
            (None, Fields::Json(object)) => object,
            (Some(media), _) => return media.input,
            (None, Fields::Form(_)) => return Text::default(),
        };
        let of = |name: &&str| object.raw(name).map_or_else(Text::default, |raw| Text::of(raw, tokenizer));
        let inputs = self.surface.inputs();
        let mut input = aside(self.text.len(), || inputs.iter().map(of).fold(Text::default(), Text::and));
        input.cached |= object.raw("cache_control").is_some_and(|raw| raw != "null");
        input
    }

    fn parse(surface: Surface, text: &'a str) -> Result<Self, String> {
        let object = Object::parse(text).map_err(|e| format!("the body is not a request: {e}"))?;
        let model: Cow<'a, str> = match object.raw("model") {
            None | Some("null") => return Err("`model` is missing; name a model".into()),
            Some(raw) => serde_json::from_str(raw).map_err(|_| "`model` is not a text".to_owned())?,
        };
        let is_responses = surface == Surface::Responses;
        let is_background = is_responses && object.get::<bool>("background")?.unwrap_or(false);
        if is_background && object.get::<bool>("store")? == Some(false) {
            return Err("a `background` response needs `store`; leave it out or set it to true".into());
        }
        let previous = if is_responses { object.get("previous_response_id")? } else { None };
        let mut output_max: Option<u64> = None;
        for cap in surface.caps() {
            if let Some(most) = object.get::<u64>(cap)? {
                // An upstream may go by either.
                output_max = Some(output_max.map_or(most, |other| other.max(most)));
            }
        }
        if surface == Surface::Completions {
            output_max.get_or_insert(COMPLETION);
        }
        let mut choices = 1;
        if matches!(surface, Surface::Chat | Surface::Completions) {
            for count in ["n", "best_of"] {
                let asked = object.get::<u64>(count)?.unwrap_or(1);
                if !(1..=CHOICES_MAX).contains(&asked) {
                    return Err(format!("`{count}` is from 1 to {CHOICES_MAX}"));
                }
                choices = choices.max(asked);
            }
        }
        let is_stream = surface.has_output() && object.get::<bool>("stream")?.unwrap_or(false);
        let options = object.get::<StreamOptions>("stream_options")?.unwrap_or_default();
        if surface == Surface::Completions {
            choices = choices.saturating_mul(prompts(object.raw("prompt")));
        }
        Ok(Self {
            surface,
            text,
            model,
            is_stream,
            is_background,
            previous,
            output_max,
            choices,
            include_usage: options.include_usage,
            fields: Fields::Json(object),
            media: None,
        })
    }

    /// What was sent, in parts: all of it but the boundary of a form, which is another one each time.
    pub(crate) fn sent(&self) -> Vec<&'a [u8]> {
        match &self.fields {
            Fields::Json(_) => vec![self.text.as_bytes()],
            Fields::Form(form) => form.parts().iter().flat_map(|part| [part.head, part.content]).collect(),
        }
    }

    /// The value of a field that prices may depend on.
    pub(crate) fn dimension(&self, name: &str) -> Option<String> {
        self.fields.text(name).ok().flatten().map(Cow::into_owned)
    }

    /// Whether the caller has not asked for the usage of a stream of Chat Completions: a report is then hidden.
    pub(crate) fn hides_usage(&self) -> bool {
        self.include_usage != Some(true)
    }

    /// Whether the upstream has to be asked for the usage of its stream.
    pub(crate) fn adds_usage(&self, asks_upstream: bool) -> bool {
        let has_option = matches!(self.surface, Surface::Chat | Surface::Completions);
        has_option && asks_upstream && self.is_stream && self.include_usage.is_none()
    }

    /// The body for an upstream.
    pub(crate) fn body(&self, change: &Change<'_>) -> Bytes {
        let object = match &self.fields {
            Fields::Json(object) => object,
            Fields::Form(form) => return form.with("model", change.model).into(),
        };
        let mut edits = Edits::default();
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        if self.model != change.model {
            edits.set(self.text, object, "model", &quoted(change.model));
        }
        if let Some(previous) = change.previous {
            edits.set(self.text, object, "previous_response_id", &quoted(previous));
        }
        if let Some(most) = change.output_max {
            let most = most.to_string();
            let caps = self.surface.caps();
            let mut given =
                caps.iter().filter(|cap| object.raw(cap).is_some_and(|raw| raw != "null")).peekable();
            if let (None, Some(cap)) = (given.peek(), caps.first()) {
                edits.set(self.text, object, cap, &most);
            }
            for cap in given {
                edits.set(self.text, object, cap, &most);
            }
        }
        if change.adds_usage {
            match object.raw("stream_options").filter(|raw| *raw != "null").map(Object::parse) {
                Some(Ok(options)) => edits.set(self.text, &options, "include_usage", "true"),
                Some(Err(_)) | None => {
                    edits.set(self.text, object, "stream_options", "{\"include_usage\":true}");
                }
            }
        }
        edits.apply(self.text).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Change};
    use crate::surface::Surface;

    fn change(model: &str, output_max: Option<u64>, adds_usage: bool) -> Change<'_> {
        Change { model, previous: None, output_max, adds_usage }
    }

    #[test]
    fn a_body_keeps_its_bytes_but_for_the_edits() {
        let text = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"h\\u00e9\"} ],\n\t\"x_new\": {\"b\":1.50,\"a\":[ ]}, \"model\":\"big\",\"stream\":true }";
        let asked = Asked::read(Surface::Chat, text).expect("a request");
        assert_eq!((asked.model.as_ref(), asked.is_stream, asked.output_max), ("big", true, None));
        assert_eq!(asked.body(&change("big", None, false)), text);
        assert_eq!(asked.body(&change("other", None, false)), text.replace("\"big\"", "\"other\""));
        let whole = asked.body(&change("big", Some(7), true));
        let added = "{\"max_completion_tokens\":7,\"stream_options\":{\"include_usage\":true},";
        assert_eq!(whole, text.replacen('{', added, 1));
        // Options of which one is missing, and both names of a limit.
        let text = r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false},"max_tokens":90,"max_completion_tokens":80}"#;
        let asked = Asked::read(Surface::Chat, text).expect("a request");
        assert_eq!(asked.output_max, Some(90));
        assert_eq!(
            asked.body(&change("m", Some(5), true)),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"max_tokens":5,"max_completion_tokens":5}"#
        );
        // An explicit refusal of the report stays.
        let text = r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#;
        assert!(!Asked::read(Surface::Chat, text).expect("a request").adds_usage(true));
        let text = r#"{"model":"m","stream":false}"#;
        assert!(!Asked::read(Surface::Chat, text).expect("a request").adds_usage(true));
        let text = r#"{"model":"m","stream":true,"max_output_tokens":null}"#;
        let asked = Asked::read(Surface::Responses, text).expect("a request");
        assert!(!asked.adds_usage(true));
        let capped = asked.body(&change("m", Some(3), false));
        assert_eq!(capped, r#"{"model":"m","stream":true,"max_output_tokens":3}"#);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        for text in [
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"a","max_tokens":1,"max_tok\u0065ns":99}"#,
            r#"{"model":"a","n":0}"#,
            r#"{"model":"a","n":1.5}"#,
            r#"{"model":null}"#,
            r#"{"model":7}"#,
            r#"["model"]"#,
            "",
        ] {
            assert!(Asked::read(Surface::Chat, text).is_err(), "{text}");
        }
        assert!(Asked::read(Surface::Responses, r#"{"model":"a","background":true,"store":false}"#).is_err());
    }

    #[test]
    fn each_prompt_has_outputs_of_its_own() {
        for (prompt, choices) in
            [(r#""one""#, 1), (r#"["one","two","three"]"#, 3), ("[1,2,3]", 1), ("[[1,2],[3]]", 2)]
        {
            let text = format!(r#"{{"model":"m","prompt":{prompt},"n":2,"best_of":5}}"#);
            let asked = Asked::read(Surface::Completions, &text).expect("a request");
            assert_eq!((asked.choices, asked.output_max), (5 * choices, Some(16)), "{prompt}");
        }
    }
}
