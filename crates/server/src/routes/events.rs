//! Usage as CloudEvents, with OpenMeter's conventions: `subject` is the account, `type` the feature, `time` when it
//! happened, and `data` has the meters' quantities and the dimensions.
//!
//! `source` and `id` together are the idempotency key, so that an event counts once however often it is sent.
//! Source: CloudEvents 1.0.2, HTTP protocol binding: structured, batched and binary.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use headworks_core::catalog::Catalog;
use headworks_core::record::{Instant, Label, Name, Path, REQUESTS};
use headworks_wire as wire;
use serde_json::{Map, Value, json};
use wire::Scope;

use super::decisions::{Recorded, run_record};
use crate::app::App;
use crate::auth::Access;
use crate::json::parse;
use crate::problem::Failure;
use crate::render::EVENT;

/// Most events of one batch.
const EVENTS_MAX: usize = 1_000;

/// Record use sent as CloudEvents: structured, batched, or binary
#[utoipa::path(post, path = "/v1/events", tag = "decisions",
    request_body(content = inline(Vec<wire::UsageEvent>), description = "A batch; one event as `application/cloudevents+json`; or the data alone with `ce-` headers", content_type = "application/cloudevents-batch+json"),
    responses((status = 200, description = "What became of each event that was not simply charged", body = wire::Ingested),
        (status = "4XX", description = "A problem; for a single event also one of its own", body = wire::Problem), (status = 503, description = "Retry: what was recorded is not recorded again", body = wire::Problem)))]
pub(super) async fn ingest(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<wire::Ingested>, Failure> {
    access.scope(Scope::Record)?;
    let events = read(&headers, &body)?;
    let single = events.len() == 1 && !is_batch(&headers);
    if events.len() > EVENTS_MAX {
        return Err(Failure::invalid(format!("a batch has at most {EVENTS_MAX} events")));
    }
    let catalog = app.engine.catalog();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, event) in events.into_iter().enumerate() {
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (app, access, ask) = (app.clone(), access.clone(), request(&event, &catalog));
        tasks.spawn(async move {
            let recorded = match ask {
                Ok(ask) => record(&app, &access, ask).await,
                Err(failure) => Err(failure),
            };
            (n, id, recorded)
        });
    }
    let mut done = wire::Ingested::default();
    while let Some(one) = tasks.join_next().await {
        let (n, id, recorded) = one
            .map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))?;
        match recorded {
            Ok(Recorded::Charged(charge)) if charge.replayed => done.duplicates += 1,
            Ok(Recorded::Quarantined(change)) if change.replayed => done.duplicates += 1,
            Ok(Recorded::Charged(_)) => done.accepted += 1,
            Ok(Recorded::Quarantined(_)) => done.quarantined += 1,
            // The store is overloaded or has stopped: the whole batch is to be sent again.
            Err(failure) if single || failure.0.status == 503 => return Err(failure),
            Err(Failure(problem, _)) => done.refused.push(wire::RefusedEvent { n, id, problem }),
        }
    }
    done.refused.sort_by_key(|r| r.n);
    Ok(Json(done))
}

/// Records one event; the same one twice in a batch waits for the first.
async fn record(app: &App, access: &Access, ask: wire::RecordRequest) -> Result<Recorded, Failure> {
    loop {
        match run_record(app, access, &HeaderMap::new(), ask.clone()).await {
            Err(failure) if failure.0.kind.ends_with(":idempotency_in_progress") => {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            recorded => return recorded,
        }
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn is_batch(headers: &HeaderMap) -> bool {
    content_type(headers) == "application/cloudevents-batch+json"
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, Failure> {
    if headers.contains_key("ce-specversion") {
        let data: Value = if body.is_empty() { Value::Null } else { parse(body)? };
        let mut event = Map::from_iter([("data".to_owned(), data)]);
        for name in ["specversion", "id", "source", "type", "subject", "time"] {
            if let Some(value) = headers.get(format!("ce-{name}")) {
                event.insert(
                    name.to_owned(),
                    json!(value.to_str().map_err(|_| {
                        Failure::invalid(format!("the header ce-{name} is not printable ASCII"))
                    })?),
                );
            }
        }
        return Ok(vec![Value::Object(event)]);
    }
    match (content_type(headers), parse(body)?) {
        ("application/cloudevents+json" | "application/json" | "", event @ Value::Object(_)) => {
            Ok(vec![event])
        }
        ("application/cloudevents-batch+json" | "application/json" | "", Value::Array(events)) => Ok(events),
        (kind, _) => Err(Failure::invalid(format!(
            "a body of `{kind}` is not an event: send application/cloudevents+json with an object, \
             application/cloudevents-batch+json with a list, or the data alone with ce- headers"
        ))),
    }
}

/// The idempotency key of an event: its `source` and `id` where a key has room for them, otherwise their hash.
fn event_key(source: &str, id: &str) -> Result<Label, Failure> {
    // A source is a URI, so the first blank ends it and two events never share a key.
    let readable = Label::new(&format!("{EVENT}{source} {id}"));
    let readable = readable.ok().filter(|_| !source.contains(char::is_whitespace) && !id.is_empty());
    let hash = || blake3::hash(format!("{source}\0{id}").as_bytes()).to_hex();
    match readable {
        Some(key) => Ok(key),
        None => Label::new(&format!("{EVENT}{}", hash())).map_err(|e| Failure::invalid(e.to_string())),
    }
}

/// The use that an event tells of.
fn request(event: &Value, catalog: &Catalog) -> Result<wire::RecordRequest, Failure> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let required =
        |name: &str| text(name).ok_or_else(|| Failure::invalid(format!("the event has no `{name}`")));
    let named =
        |name: &str| Name::new(required(name)?).map_err(|e| Failure::invalid(format!("`{name}`: {e}")));
    if required("specversion")? != "1.0" {
        return Err(Failure::invalid("`specversion` must be 1.0"));
    }
    let key = event_key(required("source")?, required("id")?)?;
    let feature = named("type")?;
    let mut ask = wire::RecordRequest {
        account: named("subject")?,
        path: Path::default(),
        dimensions: std::collections::BTreeMap::new(),
        quantities: wire::Quantities::new(),
        consent: false,
        effective_at: text("time")
            .map(str::parse::<Instant>)
            .transpose()
            .map_err(|e| Failure::invalid(format!("`time`: {e}")))?,
        idempotency_key: Some(key),
        feature,
    };
    let nothing = Map::new();
    let data = match event.get("data") {
        None | Some(Value::Null) => &nothing,
        Some(Value::Object(data)) => data,
        Some(_) => return Err(Failure::invalid("`data` must be an object")),
    };
    let meters = catalog.feature(ask.feature.as_str()).map(|f| f.meters.as_slice()).unwrap_or_default();
    for (name, value) in data {
        take(&mut ask, meters, name, value)?;
    }
    Ok(ask)
}

/// One value of an event's data: a quantity, the path, or a dimension.
fn take(ask: &mut wire::RecordRequest, meters: &[Name], name: &str, value: &Value) -> Result<(), Failure> {
    let wrong = |what: String| Failure::invalid(format!("`data.{name}`: {what}"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null => return Ok(()),
        Value::Array(_) | Value::Object(_) => return Err(wrong("must be a number or a text".into())),
    };
    let key = Name::new(name).map_err(|e| wrong(e.to_string()))?;
    if meters.contains(&key) || name == REQUESTS {
        let quantity = text.parse().map_err(|_| wrong(format!("`{text}` is not a whole number of units")))?;
        ask.quantities.insert(key, quantity);
    } else if name == "path" {
        ask.path = text.parse().map_err(|e| wrong(format!("{e}")))?;
    } else {
        ask.dimensions.insert(key, Label::new(&text).map_err(|e| wrong(e.to_string()))?);
    }
    Ok(())
}
