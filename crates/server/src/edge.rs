//! Routes of another crate behind this server's connections: it lets their callers in, reads their bodies within its bounds, and
//! measures them; what they do is their own.
//!
//! E1 a call of an edge is let in by an API key like any other, sent as a bearer or in `x-api-key` (`an_edge_is_behind_keys`). E2 it
//! may take longer than other requests; while it waits for others, its connection is not stalled (`an_edge_may_take_its_time`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use headworks_api::{Access, Api, Problem};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prometheus_client::registry::Registry;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::app::App;
use crate::body::{self, Allowance};
use crate::connections::Place;
use crate::extract::Caller;
use crate::metrics::Register;
use crate::problem::Failure;

/// How often a connection whose call waits is kept from counting as stalled.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer that is being made.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Answer = Box<dyn Fn(Access, axum::http::Request<Bytes>) -> Answering + Send + Sync>;
type Refuse = Box<dyn Fn(&str, &HeaderMap, &Problem) -> Response + Send + Sync>;

/// Routes of another crate.
pub struct Edge {
    routes: Vec<(Method, &'static str)>,
    /// The longest body, in bytes.
    body_bytes_max: usize,
    answer: Answer,
    refuse: Refuse,
    register: Option<Register>,
}

impl Edge {
    /// Routes by method and path, whose bodies have at most so many bytes; what answers a call, and what answers one that is not
    /// let in, by its path and headers.
    pub fn new<B, F>(
        routes: Vec<(Method, &'static str)>,
        body_bytes_max: usize,
        answer: impl Fn(Access, axum::http::Request<Bytes>) -> F + Send + Sync + 'static,
        refuse: impl Fn(&str, &HeaderMap, &Problem) -> axum::http::Response<B> + Send + Sync + 'static,
    ) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        F: Future<Output = axum::http::Response<B>> + Send + 'static,
    {
        Self {
            routes,
            body_bytes_max,
            answer: Box::new(move |access, request| {
                let answering = answer(access, request);
                Box::pin(async move { answering.await.map(Body::new) })
            }),
            refuse: Box::new(move |path, headers, problem| refuse(path, headers, problem).map(Body::new)),
            register: None,
        }
    }

    /// The same with metrics of its own.
    #[must_use]
    pub fn measured_by(self, register: impl FnOnce(&mut Registry) + Send + Sync + 'static) -> Self {
        Self { register: Some(Box::new(register)), ..self }
    }

    /// What registers its metrics.
    pub(crate) fn take_register(&mut self) -> Option<Register> {
        self.register.take()
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// Makes an edge over the calls of a server.
pub type MakeEdge = Box<dyn FnOnce(&Arc<Api>) -> Edge + Send>;

/// The routes of an edge.
pub(crate) fn routes(edge: Edge) -> Router<App> {
    let edge = Arc::new(edge);
    let routes = edge.routes.clone();
    routes.into_iter().fold(Router::new(), |router, (method, path)| {
        let Ok(method) = MethodFilter::try_from(method) else { return router };
        let edge = Arc::clone(&edge);
        let handler: MethodRouter<App> = on(method, move |State(app): State<App>, request: Request| {
            let edge = Arc::clone(&edge);
            async move { answer(&edge, app, request).await }
        });
        router.route(path, handler)
    })
}

async fn answer(edge: &Edge, app: App, mut request: Request) -> Response {
    let headers = request.headers_mut();
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(key) = headers.get("x-api-key").and_then(|key| key.to_str().ok())
        && let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {key}"))
    {
        headers.insert(header::AUTHORIZATION, bearer);
    }
    let place = request.extensions().get::<Arc<Place>>().cloned();
    // The memory of the body is taken as long as the answer is.
    let allowance = request.extensions().get::<Allowance>().cloned();
    let mut head = axum::http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    let read = async {
        let (mut parts, body) = request.into_parts();
        let Caller(access) = Caller::from_request_parts(&mut parts, &app).await?;
        let body = body::read(Request::from_parts(parts, body), edge.body_bytes_max, |_| Ok(())).await?;
        Ok::<_, Failure>((access, body))
    };
    let (access, request) = match read.await {
        Ok((access, body)) => (access, head.map(|()| body)),
        Err(Failure(problem)) => return (edge.refuse)(head.uri().path(), head.headers(), &problem),
    };
    let mut answering = (edge.answer)(access, request);
    let mut patience = patience();
    let response = loop {
        tokio::select! {
            response = &mut answering => break response,
            _ = patience.tick() => place.iter().for_each(|place| place.moved()),
        }
    };
    response.map(|body| Body::new(Patient { body, place, patience, _allowance: allowance }))
}

fn patience() -> Interval {
    let mut patience = tokio::time::interval_at(Instant::now() + PATIENCE, PATIENCE);
    patience.set_missed_tick_behavior(MissedTickBehavior::Delay);
    patience
}

/// A body whose next part may be long in coming. A caller who does not take what is here is stalled all the same.
struct Patient {
    body: Body,
    place: Option<Arc<Place>>,
    patience: Interval,
    _allowance: Option<Allowance>,
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if frame.is_pending() {
            while this.patience.poll_tick(cx).is_ready() {
                this.place.iter().for_each(|place| place.moved());
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
