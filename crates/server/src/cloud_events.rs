//! CloudEvents as they come over HTTP, with OpenMeter's conventions: `subject` is the account, `type` the feature, `time` when
//! it happened, and `data` has the meters' quantities and the dimensions.
//!
//! Source: CloudEvents 1.0.2, JSON format and HTTP protocol binding: structured, batched and binary.
//! V1 the key of an event is its `source` and `id`, the same in every mode (`an_event_counts_once_in_whatever_mode_it_comes`).
//! V2 what is not understood is refused, never recorded as nothing (`what_is_misspelled_is_refused`).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use headworks_core::catalog::{Catalog, Feature};
use headworks_core::command::Command;
use headworks_core::record::{Instant, Label, Name, Path, REQUESTS};
use headworks_core::waterfall::Refusal;
use headworks_engine::{EngineError, Idempotency};
use headworks_wire as wire;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::json::{parse, parse_envelope, record_key};
use crate::problem::Failure;
use crate::render::EVENT;

/// The attributes that are read; others are extensions, and mean nothing here.
const ATTRIBUTES: [&str; 6] = ["specversion", "id", "source", "type", "subject", "time"];

/// How often a text is percent-decoded at most.
const DECODED_MAX: usize = 3;

/// The events of one request.
pub(crate) struct Events {
    /// Each by itself: one that cannot be read leaves the others as they are.
    pub(crate) events: Vec<Result<Value, Failure>>,
    pub(crate) is_batch: bool,
}

/// A media type without its parameters, in small letters.
fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    matches!(media_type, "application/json" | "text/json" | "") || media_type.ends_with("+json")
}

/// The events of a request, in any mode.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Events, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = media_type(kind);
    // The media type says that the body is structured, whatever other headers say.
    if !kind.starts_with("application/cloudevents") && headers.contains_key("ce-specversion") {
        return Ok(Events { events: vec![binary(headers, &kind, body)], is_batch: false });
    }
    let is_list = body.trim_ascii_start().starts_with(b"[");
    match (kind.as_str(), is_list) {
        ("application/cloudevents+json" | "application/json" | "", false) => {
            Ok(Events { events: vec![parse(body)], is_batch: false })
        }
        ("application/cloudevents-batch+json" | "application/json" | "", true) => {
            let events: Vec<Box<RawValue>> = parse_envelope(body)?;
            let events = events.into_iter().map(|event| parse(event.get().as_bytes())).collect();
            Ok(Events { events, is_batch: true })
        }
        (kind, _) => {
            parse::<Value>(body)?;
            Err(Failure::invalid(format!(
                "a body of `{kind}` is not an event: send application/cloudevents+json with an object, \
                 application/cloudevents-batch+json with a list, or the data alone with ce- headers"
            )))
        }
    }
}

/// An event in binary mode: attributes as headers, the body is the data.
fn binary(headers: &HeaderMap, kind: &str, body: &[u8]) -> Result<Value, Failure> {
    if !is_json(kind) {
        return Err(Failure::invalid(format!("data of `{kind}` is not read: send application/json")));
    }
    let data: Value = if body.is_empty() { Value::Null } else { parse(body)? };
    let mut event = Map::from_iter([("data".to_owned(), data)]);
    for name in ATTRIBUTES {
        let mut values = headers.get_all(format!("ce-{name}")).iter();
        if let Some(value) = values.next() {
            if values.next().is_some() {
                return Err(Failure::invalid(format!("the header ce-{name} comes twice")));
            }
            event.insert(name.to_owned(), json!(attribute(name, value)?));
        }
    }
    Ok(Value::Object(event))
}

/// The value of an attribute's header: quotes and backslashes taken off, then one round of percent decoding.
fn attribute(name: &str, value: &HeaderValue) -> Result<String, Failure> {
    let raw = value.as_bytes();
    let quoted = raw.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
    let unescaped: Vec<u8> = match quoted {
        None => raw.to_vec(),
        Some(inside) => {
            let mut escaped = false;
            let keeps = |byte: &&u8| {
                escaped = **byte == b'\\' && !escaped;
                !escaped
            };
            inside.iter().filter(keeps).copied().collect()
        }
    };
    let decoded = percent_decode(&unescaped).decode_utf8();
    let wrong = |_| Failure::invalid(format!("the header ce-{name} is not UTF-8, percent-encoded"));
    decoded.map(Into::into).map_err(wrong)
}

/// A text without percent encoding. Some senders leave it out of headers where the binding asks for it, and a URI may have its
/// own: what differs in that alone is one event.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DECODED_MAX {
        match percent_decode(text.as_bytes()).decode_utf8() {
            Ok(plain) if plain != text => text = plain.into_owned(),
            _ => break,
        }
    }
    text
}

/// The idempotency key of an event: its `source` and `id` where a key has room for them, otherwise their hash.
fn event_key(source: &str, id: &str) -> Result<Label, Failure> {
    let (source, id) = (decoded(source), decoded(id));
    // A source is a URI, so the first blank ends it and two events never share a key.
    let readable = Label::new(&format!("{EVENT}{source} {id}"));
    let readable = readable.ok().filter(|_| !source.contains(char::is_whitespace));
    let hash = || blake3::hash(format!("{source}\0{id}").as_bytes()).to_hex();
    match readable {
        Some(key) => Ok(key),
        None => Label::new(&format!("{EVENT}{}", hash())).map_err(|e| Failure::invalid(e.to_string())),
    }
}

/// The use that an event reports.
pub(crate) fn request(event: &Value, catalog: &Catalog) -> Result<wire::RecordRequest, Failure> {
    let Value::Object(event) = event else { return Err(Failure::invalid("an event is an object")) };
    let text = |name: &str| match event.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(Failure::invalid(format!("`{name}` is empty"))),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Failure::invalid(format!("`{name}` must be text"))),
    };
    let required =
        |name: &str| text(name)?.ok_or_else(|| Failure::invalid(format!("the event has no `{name}`")));
    let named =
        |name: &str| Name::new(required(name)?).map_err(|e| Failure::invalid(format!("`{name}`: {e}")));
    if required("specversion")? != "1.0" {
        return Err(Failure::invalid("`specversion` must be 1.0"));
    }
    let feature = named("type")?;
    let mut ask = wire::RecordRequest {
        idempotency_key: Some(event_key(required("source")?, required("id")?)?),
        account: named("subject")?,
        path: Path::default(),
        dimensions: std::collections::BTreeMap::new(),
        quantities: wire::Quantities::new(),
        consent: false,
        effective_at: text("time")?
            .map(str::parse::<Instant>)
            .transpose()
            .map_err(|e| Failure::invalid(format!("`time`: {e}")))?,
        feature,
    };
    let unknown = || EngineError::Refused(Refusal::UnknownFeature(ask.feature.clone()));
    let feature = catalog.feature(ask.feature.as_str()).ok_or_else(unknown)?;
    for (name, value) in &data(event, text("datacontenttype")?)? {
        take(&mut ask, feature, name, value)?;
    }
    Ok(ask)
}

/// What an event asks for: the account, the key, and the command.
pub type Reported = (Name, Idempotency, Command);

/// What the events of a request ask for, as `POST /v1/events` runs it, or why it is refused.
///
/// # Errors
/// When the request cannot be read at all.
pub fn usage(
    headers: &[(&str, String)],
    body: &[u8],
    catalog: &Catalog,
) -> Result<Vec<Result<Reported, String>>, String> {
    let header = |(name, value): &(&str, String)| {
        let name = HeaderName::try_from(*name).map_err(|e| e.to_string())?;
        Ok((name, HeaderValue::try_from(value).map_err(|e| e.to_string())?))
    };
    let headers: HeaderMap = headers.iter().map(header).collect::<Result<_, String>>()?;
    let command = |event: Result<Value, Failure>| {
        let mut ask = request(&event?, catalog)?;
        let key = record_key(&HeaderMap::new(), &mut ask)?;
        Ok((ask.account.clone(), key, ask.command()))
    };
    let events = read(&headers, body).map_err(|e| e.0.detail)?.events;
    Ok(events.into_iter().map(|event| command(event).map_err(|e: Failure| e.0.detail)).collect())
}

/// The data of an event, as JSON or as JSON in base64.
fn data(event: &Map<String, Value>, kind: Option<&str>) -> Result<Map<String, Value>, Failure> {
    if let Some(kind) = kind.filter(|kind| !is_json(&media_type(kind))) {
        return Err(Failure::invalid(format!("`datacontenttype`: data of `{kind}` is not read, JSON is")));
    }
    let filled = |name: &str| event.get(name).filter(|value| !value.is_null());
    let data = match (filled("data"), filled("data_base64")) {
        (Some(_), Some(_)) => return Err(Failure::invalid("an event has `data` or `data_base64`, not both")),
        (Some(data), None) => data.clone(),
        (None, Some(Value::String(text))) => {
            let bytes = BASE64_STANDARD.decode(text);
            let bytes = bytes.map_err(|e| Failure::invalid(format!("`data_base64`: {e}")))?;
            let wrong = |e: Failure| Failure::invalid(format!("`data_base64`: {}", e.0.detail));
            parse(&bytes).map_err(wrong)?
        }
        (None, Some(_)) => return Err(Failure::invalid("`data_base64` must be text")),
        (None, None) => return Ok(Map::new()),
    };
    match data {
        Value::Object(data) => Ok(data),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::invalid("`data` must be an object"))
        }
    }
}

/// One value of an event's data: a quantity, the path, or a dimension.
fn take(ask: &mut wire::RecordRequest, feature: &Feature, name: &str, value: &Value) -> Result<(), Failure> {
    let wrong = |what: String| Failure::invalid(format!("`data.{name}`: {what}"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null => return Ok(()),
        Value::Array(_) | Value::Object(_) => return Err(wrong("must be a number or a text".into())),
    };
    let key = Name::new(name).map_err(|e| wrong(e.to_string()))?;
    if feature.meters.contains(&key) || name == REQUESTS {
        let quantity = text.parse().map_err(|_| wrong(format!("`{text}` is not a whole number of units")))?;
        ask.quantities.insert(key, quantity);
    } else if name == "path" {
        ask.path = text.parse().map_err(|e| wrong(format!("{e}")))?;
    } else if is_number(&text) && !feature.has_dimension(&key) {
        return Err(no_meter(feature, name));
    } else {
        ask.dimensions.insert(key, Label::new(&text).map_err(|e| wrong(e.to_string()))?);
    }
    Ok(())
}

/// Whether somebody may have meant a quantity: `12`, `1.5e3`, `1,000`.
fn is_number(text: &str) -> bool {
    let text = text.trim().replace(',', "");
    text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// A number under a name that is no meter would be use that is not counted.
fn no_meter(feature: &Feature, name: &str) -> Failure {
    let meters: Vec<&str> = feature.meters.iter().map(Name::as_str).collect();
    let meters = if meters.is_empty() { "none".into() } else { meters.join(", ") };
    Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown_meter",
        format!(
            "`data.{name}`: `{}` has no meter `{name}`, its meters are: {meters}; a dimension that has numbers is listed in the \
             feature's `dimensions`",
            feature.name
        ),
    )
}
