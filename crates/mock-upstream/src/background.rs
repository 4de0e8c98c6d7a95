//! Responses in the background: how far each is follows from the time since it began.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::asked::{Asked, Options, duration};
use crate::bodies::{item, response, usage};
use crate::served::{Ended, Entry};

#[derive(Debug)]
struct Job {
    asked: Asked,
    began: Instant,
    /// How long it takes.
    takes: Duration,
    /// When it was cancelled.
    cancelled: Option<Instant>,
    entry: Entry,
}

impl Job {
    /// Tokens that are written by now.
    fn written(&self, now: Instant) -> u64 {
        let passed = self.cancelled.unwrap_or(now).duration_since(self.began);
        if passed >= self.takes {
            return self.asked.output;
        }
        let (passed, takes) = (passed.as_micros(), self.takes.as_micros());
        let written = passed.saturating_mul(self.asked.output.into()).checked_div(takes);
        written.and_then(|written| u64::try_from(written).ok()).unwrap_or(self.asked.output)
    }

    fn shown(&self, now: Instant) -> Value {
        let written = self.written(now);
        let usage = || usage(&self.asked, written);
        let (status, usage) = if self.cancelled.is_some() {
            ("cancelled", usage())
        } else if now.duration_since(self.began) < self.takes {
            ("in_progress", None)
        } else if self.asked.is_limited() {
            ("incomplete", usage())
        } else {
            ("completed", usage())
        };
        if status != "in_progress" {
            self.entry.reported(usage.clone().unwrap_or_default());
            self.entry.end(if status == "cancelled" { Ended::Left } else { Ended::Complete });
        }
        let text = self.asked.text(0, written);
        let output = if written == 0 { json!([]) } else { json!([item(&self.asked, status, Some(&text))]) };
        response(&self.asked, status, &output, usage)
    }
}

/// Responses by their ids.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<HashMap<String, Job>>);

impl Jobs {
    pub(crate) fn begin(&self, options: Options, asked: &Asked, entry: Entry) {
        let takes = duration(options, asked, asked.output);
        let job = Job { asked: asked.clone(), began: Instant::now(), takes, cancelled: None, entry };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.id.clone(), job);
    }

    fn with(&self, id: &str, answer: impl FnOnce(&mut HashMap<String, Job>) -> Option<Value>) -> Response {
        match answer(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            Some(answer) => Json(answer).into_response(),
            None => {
                let message = format!("Response with id '{id}' not found.");
                let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": "id", "code": null}});
                (StatusCode::NOT_FOUND, Json(error)).into_response()
            }
        }
    }
}

pub(crate) fn routes(jobs: Arc<Jobs>) -> Router {
    Router::new()
        .route("/v1/responses/{id}", get(retrieve).delete(delete))
        .route("/v1/responses/{id}/cancel", post(cancel))
        .route("/v1/responses/{id}/input_items", get(input_items))
        .with_state(jobs)
}

async fn retrieve(State(jobs): State<Arc<Jobs>>, Path(id): Path<String>) -> Response {
    jobs.with(&id, |jobs| Some(jobs.get(&id)?.shown(Instant::now())))
}

/// Its answer does not have the usage yet, as real ones do not.
async fn cancel(State(jobs): State<Arc<Jobs>>, Path(id): Path<String>) -> Response {
    jobs.with(&id, |jobs| {
        let job = jobs.get_mut(&id)?;
        let now = Instant::now();
        if now.duration_since(job.began) < job.takes {
            job.cancelled.get_or_insert(now);
            let mut shown = job.shown(now);
            shown["usage"] = Value::Null;
            return Some(shown);
        }
        Some(job.shown(now))
    })
}

async fn delete(State(jobs): State<Arc<Jobs>>, Path(id): Path<String>) -> Response {
    jobs.with(&id, |jobs| {
        jobs.remove(&id)?;
        Some(json!({"id": id, "object": "response.deleted", "deleted": true}))
    })
}

async fn input_items(State(jobs): State<Arc<Jobs>>, Path(id): Path<String>) -> Response {
    jobs.with(&id, |jobs| {
        jobs.get(&id)?;
        let item = json!({"id": "msg_1", "type": "message", "role": "user", "content": []});
        Some(json!({"object": "list", "data": [item], "first_id": "msg_1", "last_id": "msg_1", "has_more": false}))
    })
}
