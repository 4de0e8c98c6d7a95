//! What was served: one entry for each request that infers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use crate::asked::Asked;
use crate::bodies;

/// The most entries; the oldest give way.
const KEPT: usize = 100_000;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It is being served, or its caller left before it was answered.
    Running,
    /// All of it was sent.
    Complete,
    /// Its caller left.
    Left,
    /// It was refused.
    Refused,
    /// It failed, as wished.
    Failed,
}

/// What was served.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
    /// The id of the answer.
    pub id: String,
    /// The path's last part.
    pub surface: String,
    /// The model that was asked for.
    pub model: String,
    /// Whether it was a stream.
    pub stream: bool,
    /// Tokens of the input.
    pub input_tokens: u64,
    /// Tokens that were written.
    pub output_tokens: u64,
    /// The limit of each output that was asked for.
    pub limit: u64,
    /// The usage as reported; null: none was.
    pub usage: Value,
    /// How it ended.
    pub ended: Ended,
    /// The key that was sent.
    pub key: Option<String>,
    /// Pictures that were made.
    pub images: u64,
    /// Characters of text that was spoken.
    pub characters: u64,
    /// Bytes of the request.
    pub bytes: u64,
}

/// The key that was sent.
pub(crate) fn key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("authorization").or_else(|| headers.get("x-api-key"));
    key.and_then(|key| key.to_str().ok()).map(str::to_owned)
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Log {
    served: Mutex<VecDeque<Arc<Mutex<Served>>>>,
    numbers: AtomicU64,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Entry(Arc<Mutex<Served>>);

impl Log {
    pub(crate) fn next_id(&self) -> String {
        format!("mock-{}", self.numbers.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn begin(&self, asked: &Asked, is_stream: bool, headers: &HeaderMap) -> Entry {
        let entry = self.push(Served {
            id: asked.id.clone(),
            surface: format!("{:?}", asked.surface).to_lowercase(),
            model: asked.model.clone(),
            stream: is_stream,
            input_tokens: asked.input,
            output_tokens: 0,
            limit: asked.output,
            usage: Value::Null,
            ended: Ended::Running,
            key: key(headers),
            images: 0,
            characters: 0,
            bytes: asked.bytes,
        });
        if !is_stream {
            entry.reported(bodies::usage(asked, asked.output * asked.choices).unwrap_or_default());
        }
        entry
    }

    /// Adds an entry.
    pub(crate) fn push(&self, served: Served) -> Entry {
        let served = Arc::new(Mutex::new(served));
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back(Arc::clone(&served));
        Entry(served)
    }

    pub(crate) fn all(&self) -> Vec<Served> {
        let all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|served| served.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }
}

impl Entry {
    fn with(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn generated(&self, tokens: u64) {
        self.with(|served| served.output_tokens += tokens);
    }

    pub(crate) fn reported(&self, usage: Value) {
        self.with(|served| served.usage = usage);
    }

    pub(crate) fn end(&self, ended: Ended) {
        self.with(|served| served.ended = ended);
    }
}
