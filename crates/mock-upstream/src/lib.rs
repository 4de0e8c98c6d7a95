//! A stand-in for upstreams of models, for demos, benchmarks and tests: it speaks each protocol, writes tokens at a set rate, and
//! fails as it is asked to. It infers nothing.
//!
//! A request says in its field `mock` how it is served (`asked.rs`). `GET /mock/requests` lists what was served: the independent record
//! that a ledger is compared with.

mod asked;
mod background;
mod batches;
mod bodies;
mod events;
mod form;
mod media;
mod refusals;
mod served;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use asked::Options;
use asked::{Asked, Surface, wait};
use background::Jobs;
use batches::Batches;
use media::Medium;
use refusals::{refusal, refused};
use served::Log;
pub use served::{Ended, Served};

#[derive(Debug)]
pub(crate) struct Upstream {
    options: Options,
    log: Arc<Log>,
    jobs: Arc<Jobs>,
}

/// A running stand-in.
#[derive(Debug)]
pub struct MockUpstream {
    /// Its address.
    pub address: SocketAddr,
    upstream: Arc<Upstream>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl MockUpstream {
    /// Starts listening; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let upstream = Arc::new(Upstream { options, log: Arc::default(), jobs: Arc::default() });
        let (stop, mut stopping) = watch::channel(false);
        let router = router(Arc::clone(&upstream));
        let task = tokio::spawn(async move {
            let served = async {
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                    // Each event is sent at once; where that cannot be, it is sent a little later.
                    let _ = stream.set_nodelay(true);
                });
                axum::serve(listener, router).await
            };
            tokio::select! {
                _ = served => {}
                _ = stopping.changed() => {}
            }
        });
        Ok(Self { address, upstream, stop, task })
    }

    /// What it has served, oldest first.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.upstream.log.all()
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // It ends by itself only when it cannot listen.
        let _ = self.task.await;
    }
}

fn router(upstream: Arc<Upstream>) -> Router {
    let infer = |surface: Surface| {
        post(move |State(upstream): State<Arc<Upstream>>, headers: HeaderMap, body: Bytes| async move {
            serve(&upstream, surface, &headers, &body).await
        })
    };
    let background = background::routes(Arc::clone(&upstream.jobs));
    let batches = batches::routes(Arc::new(Batches::new(upstream.options, Arc::clone(&upstream.log))));
    let media = |medium: Medium| {
        post(move |State(upstream): State<Arc<Upstream>>, headers: HeaderMap, body: Bytes| async move {
            media::serve(upstream.options, &upstream.log, medium, &headers, &body).await
        })
    };
    Router::new()
        .route("/v1/images/generations", media(Medium::Images))
        .route("/v1/images/edits", media(Medium::Edits))
        .route("/v1/images/variations", media(Medium::Variations))
        .route("/v1/audio/speech", media(Medium::Speech))
        .route("/v1/audio/transcriptions", media(Medium::Transcriptions))
        .route("/v1/audio/translations", media(Medium::Translations))
        .route("/v1/chat/completions", infer(Surface::Chat))
        .route("/v1/completions", infer(Surface::Completions))
        .route("/v1/responses", infer(Surface::Responses))
        .route("/v1/embeddings", infer(Surface::Embeddings))
        .route("/v1/messages", infer(Surface::Messages))
        .route(
            "/v1/messages/count_tokens",
            post(|body: Bytes| async move { Json(json!({"input_tokens": quarter(&body)})) }),
        )
        .route(
            "/mock/requests",
            get(|State(upstream): State<Arc<Upstream>>| async move { Json(upstream.log.all()) }),
        )
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(upstream)
        .merge(background)
        .merge(batches)
}

fn quarter(body: &Bytes) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX).div_ceil(4)
}

async fn serve(upstream: &Arc<Upstream>, surface: Surface, headers: &HeaderMap, body: &Bytes) -> Response {
    let asked = match Asked::read(upstream.options, surface, upstream.log.next_id(), body) {
        Ok(asked) => asked,
        Err(why) => return refused(surface, StatusCode::BAD_REQUEST, &why),
    };
    let (is_stream, is_background) = (asked.is_stream, asked.is_background);
    let entry = upstream.log.begin(&asked, is_stream && !is_background, headers);
    if let Some(refused) = refusal(surface, asked.wish.fault.as_ref(), &entry).await {
        return refused;
    }
    if is_background {
        upstream.jobs.begin(upstream.options, &asked, entry.clone());
        if !is_stream {
            return Json(bodies::response(&asked, "queued", &json!([]), None)).into_response();
        }
    } else if !is_stream {
        wait(upstream.options, &asked, asked.output).await;
        entry.generated(asked.output.saturating_mul(asked.choices));
        entry.end(Ended::Complete);
        return Json(bodies::whole(&asked)).into_response();
    }
    let (sender, body) = http_body_util::channel::Channel::<Bytes, io::Error>::new(4);
    let options = upstream.options;
    tokio::spawn(async move { events::write(options, asked, entry, sender).await });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(body)).into_response()
}
