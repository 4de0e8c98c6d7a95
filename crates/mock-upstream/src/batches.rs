//! Files and batches: each request of a file is answered as it would be alone, all at once when the slowest is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::asked::{Asked, Fault, Options, Surface, duration};
use crate::bodies::whole;
use crate::form;
use crate::served::{Ended, Entry, Log};

/// A request of a batch: its own name, what is asked, and its place in the record.
#[derive(Debug)]
struct Request {
    custom_id: String,
    asked: Asked,
    entry: Entry,
}

#[derive(Debug)]
struct Batch {
    shown: Map<String, Value>,
    requests: Vec<Request>,
    began: Instant,
    takes: Duration,
    cancelled: Option<Instant>,
}

#[derive(Debug, Default)]
struct Known {
    /// Files by their ids.
    files: HashMap<String, String>,
    batches: HashMap<String, Batch>,
}

/// Files and batches.
#[derive(Debug)]
pub(crate) struct Batches {
    options: Options,
    log: Arc<Log>,
    known: Mutex<Known>,
}

fn not_found(id: &str) -> Response {
    let message = format!("No such object: {id}");
    let error =
        json!({"error": {"message": message, "type": "invalid_request_error", "param": "id", "code": null}});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

fn wrong(message: &str) -> Response {
    let error =
        json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

fn file(id: &str, text: &str, purpose: &str) -> Value {
    json!({"id": id, "object": "file", "bytes": text.len(), "created_at": 1_790_000_000, "filename": "f.jsonl",
        "purpose": purpose, "status": "processed"})
}

impl Batch {
    /// Whether it is over now, and how it ended.
    fn ended(&self, now: Instant) -> Option<&'static str> {
        let is_done = |at: Instant| at.duration_since(self.began) >= self.takes;
        match self.cancelled {
            Some(at) if !is_done(at) => Some("cancelled"),
            _ => is_done(now).then_some("completed"),
        }
    }
}

impl Batches {
    pub(crate) fn new(options: Options, log: Arc<Log>) -> Self {
        Self { options, log, known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests of a file.
    fn requests(&self, text: &str, headers: &HeaderMap) -> Option<Vec<Request>> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let request = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            let surface = match line["url"].as_str()? {
                "/v1/chat/completions" => Surface::Chat,
                "/v1/completions" => Surface::Completions,
                "/v1/responses" => Surface::Responses,
                "/v1/embeddings" => Surface::Embeddings,
                _ => return None,
            };
            let body = line["body"].to_string();
            let asked = Asked::read(self.options, surface, self.log.next_id(), body.as_bytes()).ok()?;
            let entry = self.log.begin(&asked, false, headers);
            Some(Request { custom_id: line["custom_id"].as_str()?.to_owned(), asked, entry })
        };
        lines.map(request).collect()
    }

    /// A batch as it is now; its files are there once it is over.
    fn shown(&self, id: &str) -> Option<Value> {
        let (now, mut known) = (Instant::now(), self.known());
        let Known { files, batches } = &mut *known;
        let batch = batches.get_mut(id)?;
        let Some(ended) = batch.ended(now) else { return Some(batch.shown.clone().into()) };
        if batch.shown["status"] == ended {
            return Some(batch.shown.clone().into());
        }
        let (mut output, mut errors, mut all) = (String::new(), String::new(), [0_u64; 2]);
        let mut done = 0;
        for Request { custom_id, asked, entry } in &batch.requests {
            if let (Some(Fault::Status(status)), _) | (None, Some(status)) =
                (&asked.wish.fault, (ended == "cancelled").then_some(&499))
            {
                entry.reported(Value::Null);
                entry.end(Ended::Refused);
                errors += &format!(
                    "{}\n",
                    json!({"id": asked.id, "custom_id": custom_id, "response": null,
                    "error": {"code": status.to_string(), "message": "as wished"}})
                );
                continue;
            }
            entry.generated(asked.output * asked.choices);
            entry.end(Ended::Complete);
            done += 1;
            all[0] += asked.input;
            all[1] += asked.output * asked.choices;
            output += &format!(
                "{}\n",
                json!({"id": asked.id, "custom_id": custom_id, "error": null,
                "response": {"status_code": 200, "request_id": asked.id, "body": whole(asked)}})
            );
        }
        let total = batch.requests.len();
        batch.shown.insert("status".into(), ended.into());
        batch.shown.insert(
            "request_counts".into(),
            json!({"total": total, "completed": done, "failed": total - done}),
        );
        for (name, text) in
            [("output", output), ("error", errors)].into_iter().filter(|(_, text)| !text.is_empty())
        {
            let file = format!("file-{name}-{id}");
            batch.shown.insert(format!("{name}_file_id"), file.clone().into());
            files.insert(file, text);
        }
        if batch.shown["metadata"]["no_usage"].is_null() {
            let usage = json!({"input_tokens": all[0], "input_tokens_details": {"cached_tokens": 0}, "output_tokens": all[1],
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": all[0] + all[1]});
            batch.shown.insert("usage".into(), usage);
        }
        Some(batch.shown.clone().into())
    }
}

pub(crate) fn routes(batches: Arc<Batches>) -> Router {
    Router::new()
        .route("/v1/files", post(upload))
        .route("/v1/files/{id}", get(retrieve).delete(delete))
        .route("/v1/files/{id}/content", get(content))
        .route("/v1/batches", post(begin))
        .route("/v1/batches/{id}", get(shown))
        .route("/v1/batches/{id}/cancel", post(cancel))
        .with_state(batches)
}

async fn upload(State(batches): State<Arc<Batches>>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let Some(form) = form::read(kind, &body) else { return wrong("the body is no form") };
    let Some((_, text)) = form.files.into_iter().next() else { return wrong("there is no file") };
    let id = format!("file-{}", batches.log.next_id());
    let text = String::from_utf8_lossy(&text).into_owned();
    let shown = file(&id, &text, "batch");
    batches.known().files.insert(id, text);
    Json(shown).into_response()
}

async fn retrieve(State(batches): State<Arc<Batches>>, Path(id): Path<String>) -> Response {
    match batches.known().files.get(&id) {
        Some(text) => Json(file(&id, text, "batch")).into_response(),
        None => not_found(&id),
    }
}

async fn delete(State(batches): State<Arc<Batches>>, Path(id): Path<String>) -> Response {
    match batches.known().files.remove(&id) {
        Some(_) => Json(json!({"id": id, "object": "file", "deleted": true})).into_response(),
        None => not_found(&id),
    }
}

async fn content(State(batches): State<Arc<Batches>>, Path(id): Path<String>) -> Response {
    match batches.known().files.get(&id) {
        Some(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], text.clone()).into_response(),
        None => not_found(&id),
    }
}

async fn begin(State(batches): State<Arc<Batches>>, headers: HeaderMap, Json(ask): Json<Value>) -> Response {
    let id = format!("batch-{}", batches.log.next_id());
    let input = ask["input_file_id"].as_str().unwrap_or_default();
    let Some(text) = batches.known().files.get(input).cloned() else { return not_found(input) };
    let Some(requests) = batches.requests(&text, &headers) else { return wrong("a line is no request") };
    let takes = requests.iter().map(|one| duration(batches.options, &one.asked, one.asked.output)).max();
    let shown = json!({"id": id, "object": "batch", "endpoint": ask["endpoint"], "errors": null, "input_file_id": input,
        "completion_window": ask["completion_window"], "status": "in_progress", "output_file_id": null, "error_file_id": null,
        "created_at": 1_790_000_000, "request_counts": {"total": requests.len(), "completed": 0, "failed": 0},
        "metadata": ask["metadata"]});
    let Value::Object(shown) = shown else { return wrong("the batch is no object") };
    let takes = takes.unwrap_or_default();
    let batch = Batch { shown: shown.clone(), requests, began: Instant::now(), takes, cancelled: None };
    batches.known().batches.insert(id, batch);
    Json(shown).into_response()
}

async fn shown(State(batches): State<Arc<Batches>>, Path(id): Path<String>) -> Response {
    batches.shown(&id).map_or_else(|| not_found(&id), |shown| Json(shown).into_response())
}

async fn cancel(State(batches): State<Arc<Batches>>, Path(id): Path<String>) -> Response {
    if let Some(batch) = batches.known().batches.get_mut(&id) {
        batch.cancelled.get_or_insert(Instant::now());
    }
    batches.shown(&id).map_or_else(|| not_found(&id), |shown| Json(shown).into_response())
}
