//! Work that an upstream does in the background: asked for, looked at until it is over, and charged once.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headworks_core::record::Name;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::body::{Edits, Object};
use crate::denial::{Refused, Why};
use crate::held::Held;
use crate::job::Job;
use crate::reply::{Body, whole};
use crate::settle::Output;
use crate::setup::Upstream;
use crate::shared::Shared;
use crate::text::Text;
use crate::upstream::{Requests, passed, request};
use crate::usage::Report;
use crate::whole::ANSWER_MAX;

pub(crate) const RESPONSES: &str = "/v1/responses/";

/// The waits between looks at a response: each is twice the one before.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long it is looked at: longer than any hold lives.
const LOOKED_AT: Duration = Duration::from_secs(80 * 3_600);
/// The most responses that are looked at.
const LOOKED_MAX: usize = 16_384;
/// Looks at one that was cancelled, until its use counts as not reported: reports of those come later.
const LOOKS_CANCELLED: u32 = 5;

/// What a response says of itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Said<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Runs,
    /// It was cancelled, and has not reported its use yet.
    Cancelled,
    /// It is over.
    Over,
}

impl Said<'_> {
    fn report(&self) -> Option<Report> {
        let report: Report = serde_json::from_str(self.usage?.get()).ok()?;
        Some(report.served(self.service_tier.clone()))
    }

    /// Nothing more is going to be said.
    pub(crate) fn is_over(&self) -> bool {
        self.state() == State::Over
    }

    pub(crate) fn state(&self) -> State {
        let is_reported = || self.report().is_some_and(|report| report.is_whole(true));
        match self.status.as_deref() {
            Some("completed" | "failed" | "incomplete") => State::Over,
            Some("cancelled") if is_reported() => State::Over,
            Some("cancelled") => State::Cancelled,
            _ => State::Runs,
        }
    }
}

/// What an upstream answered, as a whole.
pub(crate) struct Looked {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Looked {
    pub(crate) fn said(&self) -> Said<'_> {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn pass_on(self) -> Response<Body> {
        let mut response = whole(self.status, self.body);
        response.headers_mut().extend(self.headers);
        response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        response
    }

    /// The answer for the caller, who knows the work by its name here.
    pub(crate) fn answer(mut self, shared: &Shared, job: &Job) -> Response<Body> {
        let text = std::str::from_utf8(&self.body).ok();
        if let Some(body) = text.and_then(|text| renamed(text, &job.name(&shared.seal))) {
            self.body = body.into();
        }
        self.pass_on()
    }
}

/// An object with another `id`.
pub(crate) fn renamed(text: &str, id: &str) -> Option<String> {
    let object = Object::parse(text).ok()?;
    object.raw("id")?;
    let mut edits = Edits::default();
    edits.set(text, &object, "id", &serde_json::to_string(id).ok()?);
    Some(edits.apply(text))
}

/// The upstream that does the work.
pub(crate) fn upstream<'s>(
    shared: &'s Shared,
    job: &Job,
) -> Result<(usize, &'s Upstream, &'s Requests), Refused> {
    let model = shared.setup.models.get(&job.of.model);
    let found = model.and_then(|model| {
        let of = |place: &usize| {
            shared.served_by(model, *place).is_some_and(|(_, upstream, _)| upstream.name == job.of.upstream)
        };
        let target = (0..model.targets.len()).find(of)?;
        shared.served_by(model, target).map(|(_, upstream, client)| (target, upstream, client))
    });
    found.ok_or_else(|| {
        let message = "what served this is not in the gateway's set-up any more";
        Refused::new(Why::NotFound, "not_found", message)
    })
}

/// Asks the upstream about the work.
pub(crate) async fn ask(
    shared: &Shared,
    job: &Job,
    (method, more): (&Method, &str),
    caller: &HeaderMap,
) -> Result<Response<Incoming>, Refused> {
    let (_, upstream, client) = upstream(shared, job)?;
    let path = format!("{RESPONSES}{}{more}", job.id);
    let sent = request(upstream, (method, &path), caller, Bytes::new())
        .map_err(|_| Refused::new(Why::Invalid, "invalid_request", "the request cannot be sent"))?;
    match tokio::time::timeout(upstream.idle_timeout, client.send(sent)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Refused::new(Why::Upstream, "upstream_failed", "the upstream cannot be reached")),
        Err(_) => Err(Refused::new(Why::Timeout, "upstream_timeout", "the upstream did not answer in time")),
    }
}

/// An upstream's answer as a whole.
pub(crate) async fn read(
    shared: &Shared,
    answer: Response<Incoming>,
    idle: Duration,
) -> Result<Looked, Refused> {
    let (head, mut body) = answer.into_parts();
    let (mut read, mut room) = (BytesMut::new(), None);
    let broken = || Refused::new(Why::Upstream, "upstream_truncated", "the upstream's answer broke off");
    while let Some(frame) = tokio::time::timeout(idle, body.frame()).await.map_err(|_| broken())? {
        let Ok(part) = frame.map_err(|_| broken())?.into_data() else { continue };
        let length = read.len() + part.len();
        if length > ANSWER_MAX || !shared.room(length, &mut room, idle).await {
            return Err(Refused::new(
                Why::Upstream,
                "upstream_too_long",
                "the upstream's answer is too long",
            ));
        }
        read.extend_from_slice(&part);
    }
    Ok(Looked { status: head.status, headers: passed(&head.headers), body: read.freeze() })
}

/// Asks about the work, and reads the answer.
pub(crate) async fn look(
    shared: &Shared,
    job: &Job,
    how: (&Method, &str),
    caller: &HeaderMap,
) -> Result<Looked, Refused> {
    let idle = upstream(shared, job)?.1.idle_timeout;
    let looked = read(shared, ask(shared, job, how, caller).await?, idle).await?;
    // What it says of the operator's key and limits is not for callers; nor is what SDKs would send again.
    let status = looked.status;
    if status.is_success() || matches!(status.as_u16(), 400 | 404 | 422) {
        return Ok(looked);
    }
    let message = format!("the upstream refuses the call with status {}", status.as_u16());
    Err(Refused::new(Why::Upstream, "upstream_refused", message))
}

/// Ends the hold of work that is over, at what it used.
pub(crate) async fn settle(shared: &Arc<Shared>, job: &Job, said: &Said<'_>, actor: Option<&Name>) {
    let (held, target) = (Held::again(shared, job, actor).await, upstream(shared, job));
    let (Ok(mut held), Ok((target, ..))) = (held, target) else {
        tracing::warn!(account = %job.account, id = job.id, "a background response is over, but cannot be charged");
        return;
    };
    let report = said.report();
    let is_reported = report.as_ref().is_some_and(|report| report.is_whole(true));
    if !is_reported && said.status.as_deref() == Some("failed") {
        held.release().await;
        return;
    }
    let is_first = held.lease.is_some();
    let text = said.output.map_or(0, |output| Text::written(output.get()));
    let classes = held.classes(report.as_ref(), is_reported, Output { text, pieces: 0 });
    held.feed_served();
    held.settle(target, report.as_ref(), &classes, is_reported).await;
    if let Some(report) = report.filter(|_| is_reported && is_first) {
        held.learn(&report, 0, 0);
    }
}

/// Looks at work again and again until it is over, so that it is charged also if nobody asks for it.
pub(crate) fn watch(shared: &Arc<Shared>, job: Job, actor: Option<Name>) {
    let Some(hold) = job.of.hold else { return };
    let of = (job.account.clone(), hold);
    {
        let mut looked_at = shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // It is then charged when somebody asks for it.
        if looked_at.len() >= LOOKED_MAX || !looked_at.insert(of.clone()) {
            return;
        }
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut stop = shared.stop.subscribe();
        tokio::select! {
            () = look_until_over(&shared, &job, actor.as_ref()) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&of);
    });
}

async fn look_until_over(shared: &Arc<Shared>, job: &Job, actor: Option<&Name>) {
    let (began, mut wait, mut cancelled) = (Instant::now(), LOOKS.0, 0);
    while began.elapsed() < LOOKED_AT {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOKS.1);
        let Ok(looked) = look(shared, job, (&Method::GET, ""), &HeaderMap::new()).await else { continue };
        if looked.status == StatusCode::NOT_FOUND {
            return;
        }
        let said = looked.said();
        cancelled += u32::from(said.state() == State::Cancelled);
        if said.state() == State::Over || cancelled > LOOKS_CANCELLED {
            settle(shared, job, &said, actor).await;
            return;
        }
    }
}

/// Cancels work whose name its caller never got; what it used is the operator's.
pub(crate) async fn abandon(shared: &Arc<Shared>, job: &Job, actor: Option<&Name>) {
    if look(shared, job, (&Method::POST, "/cancel"), &HeaderMap::new()).await.is_err() {
        tracing::warn!(account = %job.account, id = job.id, "a background response that nobody knows was not cancelled");
    }
    if let Ok(mut held) = Held::again(shared, job, actor).await {
        held.release().await;
    }
}
