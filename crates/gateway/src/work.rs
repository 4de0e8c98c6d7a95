//! Work that an upstream does in the background: asked for, looked at until it is over, and charged once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::{Edits, Object};
use crate::denial::{Refused, Why};
use crate::job::{Counted, Job, Kind, Sealed};
use crate::reply::{Body, whole};
use crate::setup::Upstream;
use crate::shared::Shared;
use crate::upstream::{Requests, passed, request, segment};
use crate::usage::Report;
use crate::whole::ANSWER_MAX;

/// What a response or a batch says of itself.
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
    pub(crate) output: Option<&'a RawValue>,
    /// Of a batch: how many requests it has done, and its files.
    #[serde(borrow, default)]
    request_counts: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_file_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) output_file_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error_file_id: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Counts {
    #[serde(default)]
    completed: u64,
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
    pub(crate) fn report(&self) -> Option<Report> {
        let report: Report = serde_json::from_str(self.usage?.get()).ok()?;
        Some(report.served(self.service_tier.clone()))
    }

    /// Requests of a batch that were done.
    pub(crate) fn done(&self) -> u64 {
        let counts: Option<Counts> =
            self.request_counts.and_then(|counts| serde_json::from_str(counts.get()).ok());
        counts.unwrap_or_default().completed
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.status.as_deref() == Some("failed")
    }

    pub(crate) fn state(&self) -> State {
        let is_reported = || self.report().is_some_and(|report| report.is_whole(true));
        // Those of batches have all that was done.
        let is_batch = self.request_counts.is_some();
        match self.status.as_deref() {
            Some("completed" | "failed" | "incomplete" | "expired") => State::Over,
            Some("cancelled") if is_batch || is_reported() => State::Over,
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

    /// A refusal of the upstream's, in the gateway's words where it has none.
    pub(crate) fn refused(self) -> Refused {
        #[derive(Default, Deserialize)]
        struct Failure {
            #[serde(default)]
            message: String,
        }
        #[derive(Default, Deserialize)]
        struct Failed {
            #[serde(default)]
            error: Failure,
        }
        let Failed { error } = serde_json::from_slice(&self.body).unwrap_or_default();
        if !self.status.is_client_error() {
            let message = "the upstream's answer has no `id` by which it could be asked for";
            return Refused::new(Why::Upstream, "upstream_failed", message);
        }
        let message = format!("the upstream refuses it: {}", error.message);
        Refused::new(Why::Invalid, "upstream_refused", message)
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
        if let Some(body) = text.and_then(|text| renamed(text, &names(shared, job, &self.said()))) {
            self.body = body.into();
        }
        self.pass_on()
    }
}

/// The names here of work and of its files, by the fields that have them.
fn names(shared: &Shared, job: &Job, said: &Said<'_>) -> Vec<(&'static str, String)> {
    let mut names = vec![("id", job.name(&shared.seal))];
    let of = Sealed { hold: None, dimensions: BTreeMap::new(), ..job.of.clone() };
    let file = |id: &str, requests: Option<&Counted>| {
        let of = Sealed { requests: requests.cloned(), ..of.clone() };
        let (kind, account, id) = (Kind::File, job.account.clone(), id.to_owned());
        Job { kind, account, id, of }.name(&shared.seal)
    };
    let files = [
        ("input_file_id", &said.input_file_id, job.of.requests.as_ref()),
        ("output_file_id", &said.output_file_id, None),
        ("error_file_id", &said.error_file_id, None),
    ];
    names.extend(files.into_iter().filter_map(|(field, id, of)| Some((field, file(id.as_deref()?, of)))));
    names
}

/// An object with other names in it.
pub(crate) fn renamed(text: &str, names: &[(&str, String)]) -> Option<String> {
    let object = Object::parse(text).ok()?;
    let mut edits = Edits::default();
    for (field, name) in names.iter().filter(|(field, _)| object.raw(field).is_some()) {
        edits.set(text, &object, field, &serde_json::to_string(name).ok()?);
    }
    Some(edits.apply(text))
}

/// The upstream that does the work.
pub(crate) fn serves<'s>(
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
    let (_, upstream, client) = serves(shared, job)?;
    let path = format!("{}{}{more}", job.kind.path(), segment(&job.id));
    let sent = request(upstream, &job.account, (method, &path), caller, Bytes::new())
        .map_err(|_| Refused::new(Why::Invalid, "invalid_request", "the request cannot be sent"))?;
    client.send_within(sent, upstream.idle_timeout).await
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
    let idle = serves(shared, job)?.1.idle_timeout;
    read_well(shared, ask(shared, job, how, caller).await?, idle).await
}

/// An answer as a whole, unless it is about the operator's key and limits, or is one that SDKs would send again.
pub(crate) async fn read_well(
    shared: &Shared,
    answer: Response<Incoming>,
    idle: Duration,
) -> Result<Looked, Refused> {
    let looked = read(shared, answer, idle).await?;
    let status = looked.status;
    let is_object = || serde_json::from_slice::<Said<'_>>(&looked.body).is_ok();
    let is_of_request = status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 408 | 429);
    if is_of_request || (status.is_success() && is_object()) {
        return Ok(looked);
    }
    if status.is_success() {
        let why = "the upstream's answer is not an object of JSON";
        return Err(Refused::new(Why::Upstream, "upstream_failed", why));
    }
    let message = format!("the upstream refuses the call with status {}", status.as_u16());
    Err(Refused::new(Why::Upstream, "upstream_refused", message))
}
