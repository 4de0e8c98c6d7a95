//! Use that is reported as CloudEvents, with OpenMeter's conventions: `subject` is the account, `type` the feature, `time` when
//! it happened, and `data` has the meters' quantities and the dimensions.
//!
//! Source: CloudEvents 1.0.2, JSON format.
//! V1 the key of an event is its `source` and `id`, the same in every mode (`an_event_counts_once_in_every_mode`).
//! V2 an event that is not understood is refused, never recorded as zero (`what_is_misspelled_is_refused`).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use headworks_core::catalog::{Catalog, Feature};
use headworks_core::command::Command;
use headworks_core::record::{Id, Instant, Label, Name, NameError, Path, REQUESTS, check_seen, nfc};
use headworks_core::waterfall::Refusal;
use headworks_engine::{EngineError, Idempotency};
use headworks_wire as wire;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use wire::Scope;

use super::decisions::Recorded;
use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::json::{is_json, parse};
use crate::problem::{Kind, Problem};
use crate::render::EVENT;

/// Most events of one request.
pub const EVENTS_MAX: usize = 1_000;

/// A request has more than [`EVENTS_MAX`].
#[must_use]
pub fn too_many_events() -> Problem {
    Problem::invalid(format!("a batch has at most {EVENTS_MAX} events; send less at once"))
}

/// How often a text is percent-decoded at most.
const DECODED_MAX: usize = 3;

/// The outcome of events.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Charged now.
    pub accepted: u64,
    /// Already known.
    pub duplicates: u64,
    /// Past the horizon.
    pub quarantined: u64,
    /// Refused: the place in the request, the event's id, and why; in order.
    pub refused: Vec<(usize, String, Problem)>,
}

impl Api {
    /// Records use reported as events, each independently: a refused event does not affect the others.
    ///
    /// # Errors
    /// When there are too many, when the only one is refused, or when the store accepts none: then send all of them again.
    pub async fn ingest(
        &self,
        access: &Access,
        events: impl ExactSizeIterator<Item = Result<Value, Problem>>,
        is_batch: bool,
    ) -> Result<Ingested, Problem> {
        access.scope(Scope::Record)?;
        if events.len() > EVENTS_MAX {
            return Err(too_many_events());
        }
        let catalog = self.engine.catalog();
        let one = |event: Result<Value, Problem>| {
            let id = event.as_ref().ok().and_then(|event| event.get("id")?.as_str());
            let id = id.unwrap_or_default().to_owned();
            let ask = event.and_then(|event| request(&event, &catalog));
            async move {
                let recorded = match ask {
                    Ok(ask) => self.record(access, Key::Missing, ask).await,
                    Err(problem) => Err(problem),
                };
                (id, recorded)
            }
        };
        // All are decided in order before any waits, so they share a commit, and of two identical events the first counts.
        let all = join_all(events.map(one)).await;
        let mut done = Ingested::default();
        for (n, (id, recorded)) in all.into_iter().enumerate() {
            match recorded {
                Ok(Recorded::Charged(charge)) if charge.replayed => done.duplicates += 1,
                Ok(Recorded::Quarantined(change)) if change.replayed => done.duplicates += 1,
                Ok(Recorded::Charged(_)) => done.accepted += 1,
                Ok(Recorded::Quarantined(_)) => done.quarantined += 1,
                Err(problem) if !is_batch || problem.kind.is_passing() => return Err(problem),
                Err(problem) => done.refused.push((n, id, problem)),
            }
        }
        Ok(done)
    }
}

/// The request in an event: the account, the key, and the command.
pub type Reported = (Name, Idempotency, Command);

/// The request in an event, as [`Api::ingest`] runs it.
///
/// # Errors
/// When it is refused.
pub fn usage(event: &Value, catalog: &Catalog) -> Result<Reported, Problem> {
    let mut ask = request(event, catalog)?;
    let key = Key::Missing.of_record(&mut ask)?.ok_or_else(Problem::internal)?;
    let command = ask.command()?;
    Ok((ask.account.0, key, command))
}

/// A text without percent encoding. Some senders omit it in headers where the binding requires it, and a URI may have its
/// own: events that differ only in encoding are the same event.
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

/// The idempotency key of an event: its `source` and `id` if they fit into a key, otherwise their hash. Both are in NFC, and
/// every character of the id can be seen.
fn event_key(source: &str, id: &str) -> Result<Id, Problem> {
    let (source, id) = (decoded(source), decoded(id));
    let (source, id) = (nfc(&source), nfc(&id));
    check_seen(&id).map_err(|e| Problem::invalid(format!("`id`: {e}")))?;
    // A source is a URI, so the first blank ends it and two events never share a key.
    let readable = Label::new(&format!("{EVENT}{source} {id}")).ok();
    let readable = readable.and_then(|key| key.as_str().parse::<Id>().ok());
    let readable = readable.filter(|_| !source.contains(char::is_whitespace));
    let hash = || blake3::hash(format!("{source}\0{id}").as_bytes()).to_hex();
    match readable {
        Some(key) => Ok(key),
        None => format!("{EVENT}{}", hash()).parse().map_err(|e: NameError| Problem::invalid(e.to_string())),
    }
}

/// The use that an event reports.
fn request(event: &Value, catalog: &Catalog) -> Result<wire::RecordRequest, Problem> {
    let Value::Object(event) = event else { return Err(Problem::invalid("an event is an object")) };
    let text = |name: &str| match event.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(Problem::invalid(format!("`{name}` is empty"))),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Problem::invalid(format!("`{name}` must be text"))),
    };
    let required =
        |name: &str| text(name)?.ok_or_else(|| Problem::invalid(format!("the event has no `{name}`")));
    if required("specversion")? != "1.0" {
        return Err(Problem::invalid("`specversion` must be 1.0"));
    }
    let wrong = |name: &'static str| move |e: NameError| Problem::invalid(format!("`{name}`: {e}"));
    let feature = Name::new(required("type")?).map_err(wrong("type"))?;
    let mut ask = wire::RecordRequest {
        idempotency_key: Some(event_key(required("source")?, required("id")?)?),
        account: required("subject")?.parse().map_err(wrong("subject"))?,
        path: Path::default(),
        dimensions: std::collections::BTreeMap::new(),
        quantities: wire::Quantities::new(),
        parts: None,
        consent: false,
        effective_at: text("time")?
            .map(str::parse::<Instant>)
            .transpose()
            .map_err(|e| Problem::invalid(format!("`time`: {e}")))?,
        feature,
    };
    let unknown = || EngineError::Refused(Refusal::UnknownFeature(ask.feature.clone()));
    let feature = catalog.feature(ask.feature.as_str()).ok_or_else(unknown)?;
    for (name, value) in &data(event, text("datacontenttype")?)? {
        take(&mut ask, feature, name, value)?;
    }
    Ok(ask)
}

/// The data of an event, as JSON or as JSON in base64.
fn data(event: &Map<String, Value>, kind: Option<&str>) -> Result<Map<String, Value>, Problem> {
    if let Some(kind) = kind.filter(|kind| !is_json(kind)) {
        return Err(Problem::invalid(format!(
            "`datacontenttype`: data of type `{kind}` cannot be read; send JSON"
        )));
    }
    let filled = |name: &str| event.get(name).filter(|value| !value.is_null());
    let data = match (filled("data"), filled("data_base64")) {
        (Some(_), Some(_)) => return Err(Problem::invalid("an event has `data` or `data_base64`, not both")),
        (Some(data), None) => data.clone(),
        (None, Some(Value::String(text))) => {
            let bytes = BASE64_STANDARD.decode(text);
            let bytes = bytes.map_err(|e| Problem::invalid(format!("`data_base64`: {e}")))?;
            parse(&bytes).map_err(|e| Problem::invalid(format!("`data_base64`: {}", e.detail)))?
        }
        (None, Some(_)) => return Err(Problem::invalid("`data_base64` must be text")),
        (None, None) => return Ok(Map::new()),
    };
    match data {
        Value::Object(data) => Ok(data),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Problem::invalid("`data` must be an object"))
        }
    }
}

/// One value of an event's data: a quantity, the path, or a dimension.
fn take(ask: &mut wire::RecordRequest, feature: &Feature, name: &str, value: &Value) -> Result<(), Problem> {
    let wrong = |what: String| Problem::invalid(format!("`data.{name}`: {what}"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null => return Ok(()),
        Value::Array(_) if name == "path" => value.to_string(),
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
        if ask.dimensions.len() > wire::DIMENSIONS_MAX {
            return Err(wrong(format!("an event has at most {} dimensions", wire::DIMENSIONS_MAX)));
        }
    }
    Ok(())
}

/// Whether somebody may have meant a quantity: `12`, `1.5e3`, `1,000`.
fn is_number(text: &str) -> bool {
    let text = text.trim().replace(',', "");
    text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// A number under a name that is not a meter would be uncounted use.
fn no_meter(feature: &Feature, name: &str) -> Problem {
    let meters: Vec<&str> = feature.meters.iter().map(Name::as_str).collect();
    let meters = if meters.is_empty() { "none".into() } else { meters.join(", ") };
    Problem::new(
        Kind::UnknownMeter,
        format!(
            "`data.{name}`: `{}` has no meter `{name}`, its meters are: {meters}; list a dimension with numbers in the \
             feature's `dimensions`",
            feature.name
        ),
    )
}
