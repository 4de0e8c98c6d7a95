//! A call that was let in: sent to an upstream, and ended once, whatever becomes of its caller and its upstream.
//!
//! C1 a call's hold is settled or released once, however it ends (`every_ending_ends_the_hold_once`). C2 nothing is sent a second
//! time unless it is certain that the first upstream has not generated anything (`only_what_was_not_served_is_sent_again`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headworks_api::Access;
use headworks_core::capacity::controller::Answered;
use headworks_core::record::{Dimension, Dimensions, Label, Name, Span};
use headworks_core::waterfall::Quantities;
use headworks_engine::{Lease, Upstream as Facts};
use headworks_wire as wire;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::body::Text;
use crate::config::{Model, Upstream};
use crate::denial::{Refused, Why, decided};
use crate::estimate::TurnedOut;
use crate::gateway::Gateway;
use crate::reply::{Body, whole};
use crate::surface::{Asked, Surface};
use crate::upstream::{Failed, passed, request};
use crate::usage::{self, Report};

/// How often a hold is told that its call goes on.
const PROGRESS: Duration = Duration::from_secs(5);
/// The longest answer of an upstream that refuses, in bytes.
const ERROR_MAX: usize = 1 << 20;

/// What a call may use, and what it is priced by.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) account: Name,
    /// None: the feature is not recorded.
    pub(crate) lease: Option<Box<Lease>>,
    pub(crate) decision: Box<wire::Decision>,
    pub(crate) meters: Vec<Name>,
    /// The dimensions that the feature has.
    pub(crate) knows: Vec<Name>,
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// The meter of output.
    pub(crate) output_meter: Option<Name>,
    /// Tokens of input that are held, and how many of them are held by the meter of output.
    pub(crate) input: u64,
    pub(crate) input_in_output: u64,
}

impl Held {
    /// Tokens of output that are paid for.
    pub(crate) fn output(&self) -> u64 {
        let (Some(lease), Some(meter)) = (&self.lease, &self.output_meter) else { return u64::MAX };
        let covered = lease.covered().iter().find(|(known, _)| known == meter);
        covered.map_or(0, |(_, covered)| *covered).saturating_sub(self.input_in_output)
    }
}

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) gateway: Arc<Gateway>,
    /// Its key counts it as long as it runs.
    pub(crate) _access: Access,
    pub(crate) surface: Surface,
    pub(crate) model: String,
    /// The model's targets in the order to try them.
    pub(crate) targets: Vec<usize>,
    pub(crate) is_stream: bool,
    pub(crate) input: Text,
    /// The output that is paid for, where it is less than was asked for.
    pub(crate) output_max: Option<u64>,
    pub(crate) held: Held,
    /// The caller's headers and body.
    pub(crate) head: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// The answer, once it begins; the caller may have gone.
pub(crate) type Reply = oneshot::Sender<Result<Response<Body>, Refused>>;

/// What an upstream did with a call.
enum Sent {
    /// It serves it: which target, and whether its report of the usage is to be hidden.
    Serves(Response<Incoming>, usize, bool),
    /// It does not; this is for the caller.
    Refuses(Result<Response<Body>, Refused>),
    /// Nobody waits for it any more.
    Abandoned,
}

/// A clock for regular reports.
pub(crate) fn ticks() -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + PROGRESS, PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl Call {
    fn model(&self) -> Option<&Model> {
        self.gateway.config.models.get(&self.model)
    }

    pub(crate) fn upstream(&self, target: usize) -> Option<&Upstream> {
        let target = self.model()?.targets.get(target)?;
        self.gateway.config.upstreams.get(target.upstream)
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self, mut reply: Reply) {
        match self.send(&mut reply).await {
            Sent::Serves(answer, target, hides_usage) => {
                // Nobody is sent it again.
                self.body = Bytes::new();
                let kind = answer.headers().get(CONTENT_TYPE);
                let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
                if self.is_stream && is_stream {
                    self.stream(answer, target, hides_usage, reply).await;
                } else {
                    self.whole(answer, target, reply).await;
                }
            }
            Sent::Refuses(answer) => {
                self.release().await;
                // The caller may have gone.
                let _ = reply.send(answer.map(|answer| self.marked(answer)));
            }
            Sent::Abandoned => self.release().await,
        }
    }

    /// An answer with what the decision says of it.
    pub(crate) fn marked(&self, mut answer: Response<Body>) -> Response<Body> {
        decided(&self.held.decision, answer.headers_mut());
        answer
    }

    /// Sends it to its targets, one after the other as long as nothing can have been generated.
    async fn send(&mut self, reply: &mut Reply) -> Sent {
        let mut last = None;
        let mut stop = self.stop.clone();
        for (place, target) in self.targets.clone().into_iter().enumerate() {
            let is_last = place + 1 == self.targets.len();
            let sent = tokio::select! {
                biased;
                sent = self.send_to(target) => sent,
                () = reply.closed() => return Sent::Abandoned,
                () = stopped(&mut stop) => {
                    let refused = Refused::new(Why::Unavailable, "shutting_down", "the gateway is shutting down; try again");
                    return Sent::Refuses(Err(refused));
                }
            };
            match sent {
                Ok((answer, hides_usage)) if answer.status().is_success() => {
                    return Sent::Serves(answer, target, hides_usage);
                }
                Ok((answer, _)) => {
                    self.feed_refusal(&answer);
                    // It has answered, and generated nothing.
                    let is_congested = matches!(answer.status().as_u16(), 429 | 500 | 502 | 503 | 529);
                    if is_last || !is_congested {
                        return Sent::Refuses(self.refusal(answer, target).await);
                    }
                    last = Some(Refused::new(
                        Why::Upstream,
                        "upstream_refused",
                        "every upstream refused the call",
                    ));
                }
                Err((refused, is_certain)) => {
                    if is_last || !is_certain {
                        return Sent::Refuses(Err(refused));
                    }
                    last = Some(refused);
                }
            }
        }
        Sent::Refuses(Err(
            last.unwrap_or_else(|| Refused::new(Why::Upstream, "no_upstream", "there is no upstream"))
        ))
    }

    /// Sends it to one target. An error says whether it is certain that nothing was sent.
    async fn send_to(&mut self, target: usize) -> Result<(Response<Incoming>, bool), (Refused, bool)> {
        let internal = |why: &str| (Refused::new(Why::Internal, "internal_error", why), false);
        let lost = || internal("the model's target is gone");
        let model = self.model().ok_or_else(lost)?;
        let of = model.targets.get(target).ok_or_else(lost)?;
        let upstream = self.gateway.config.upstreams.get(of.upstream).ok_or_else(lost)?;
        let text = std::str::from_utf8(&self.body).map_err(|_| lost())?;
        let asked = Asked::read(self.surface, text).map_err(|why| internal(&why))?;
        let adds_usage = asked.adds_usage(upstream.include_usage);
        let body = Bytes::from(asked.body(&of.model, self.output_max, adds_usage));
        let sent = request(upstream, (&Method::POST, self.surface.path()), &self.head, body);
        let sent = sent.map_err(|e| internal(&e.to_string()))?;
        let client = self.gateway.clients.get(of.upstream).ok_or_else(lost)?;
        let (name, timeout) = (upstream.name.clone(), upstream.answer_timeout);
        let mut answered = std::pin::pin!(tokio::time::timeout(timeout, client.send(sent)));
        let mut ticks = ticks();
        let answer = loop {
            tokio::select! {
                answer = &mut answered => break answer,
                _ = ticks.tick() => report(self.held.lease.as_deref_mut(), Quantities::new()).await,
            }
        };
        match answer {
            Ok(Ok(answer)) => Ok((answer, adds_usage)),
            Ok(Err(Failed::Unreached(why))) => {
                tracing::warn!(upstream = name, why, "an upstream cannot be reached");
                Err((
                    Refused::new(Why::Upstream, "upstream_unreachable", "the upstream cannot be reached"),
                    true,
                ))
            }
            Ok(Err(Failed::Unknown(why))) => {
                tracing::warn!(upstream = name, why, "an upstream broke off before it answered");
                Err((
                    Refused::new(
                        Why::Upstream,
                        "upstream_failed",
                        "the upstream broke off before it answered",
                    ),
                    false,
                ))
            }
            Err(_) => {
                tracing::warn!(upstream = name, "an upstream did not answer in time");
                Err((
                    Refused::new(Why::Timeout, "upstream_timeout", "the upstream did not answer in time"),
                    false,
                ))
            }
        }
    }

    /// What a caller gets of an upstream's refusal: the same, unless it concerns the operator alone.
    async fn refusal(&self, answer: Response<Incoming>, target: usize) -> Result<Response<Body>, Refused> {
        let (status, headers) = (answer.status(), passed(answer.headers()));
        let retry = answer.headers().get(RETRY_AFTER).cloned();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let upstream = self.upstream(target).map_or("", |upstream| &upstream.name);
            tracing::error!(upstream, %status, "an upstream refuses the operator's key");
            return Err(Refused::new(
                Why::Upstream,
                "upstream_refused",
                "the upstream refuses the gateway itself",
            ));
        }
        let idle = self.upstream(target).map_or(PROGRESS, |upstream| upstream.idle_timeout);
        let body = http_body_util::Limited::new(answer.into_body(), ERROR_MAX);
        let body = tokio::time::timeout(idle, body.collect()).await;
        let Ok(Ok(body)) = body else {
            return Err(Refused::new(Why::Upstream, "upstream_failed", "the upstream broke off its refusal"));
        };
        let mut response = whole(status, body.to_bytes());
        response.headers_mut().extend(headers);
        if let Some(retry) = retry {
            response.headers_mut().insert(RETRY_AFTER, retry);
        }
        Ok(response)
    }

    /// Says to the supply how its upstream refused.
    fn feed_refusal(&self, answer: &Response<Incoming>) {
        let Some(lease) = &self.held.lease else { return };
        let answered = match answer.status().as_u16() {
            429 | 503 | 529 => Answered::Congested,
            _ => Answered::Other,
        };
        let retry =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let facts = Facts { limit: None, retry_after: retry.map(Span::from_secs) };
        if let Err(e) = lease.feed(answered, facts) {
            tracing::debug!(error = %e, "a supply was not told of a refusal");
        }
    }

    /// Ends the hold at zero.
    pub(crate) async fn release(&mut self) {
        let Some(lease) = self.held.lease.take() else { return };
        let hold = lease.hold();
        if let Err(e) = lease.release().await {
            tracing::warn!(account = %self.held.account, hold = hold.0, error = %e, "a hold is released later");
        }
    }

    /// The use as reported so far; what was not reported is counted.
    pub(crate) fn classes(
        &self,
        report: Option<&Report>,
        is_final: bool,
        text: u64,
    ) -> Vec<(&'static str, u64)> {
        if let Some(report) = report.filter(|_| is_final) {
            return report.classes();
        }
        let mut report = report.cloned().unwrap_or_default();
        report.input_tokens.get_or_insert(self.held.input);
        let counted = self.gateway.learned.text(&self.model, text);
        let output = report.output_tokens.get_or_insert(0);
        *output = counted.max(*output);
        report.classes()
    }

    /// Ends the hold at what was used. `is_reported`: an upstream says so; what was counted is never charged beyond the hold.
    pub(crate) async fn settle(
        &mut self,
        target: usize,
        report: Option<&Report>,
        classes: &[(&'static str, u64)],
        is_reported: bool,
    ) {
        let Some(mut lease) = self.held.lease.take() else { return };
        let input_of =
            |class: &str| !class.contains("output") && !class.starts_with("rea") && !class.starts_with("rej");
        let sum = |of: &dyn Fn(&str) -> bool| -> u64 {
            classes
                .iter()
                .filter(|(class, _)| class.ends_with("tokens") && of(class))
                .map(|(_, count)| count)
                .sum()
        };
        let (input, output) = (sum(&|class| input_of(class)), sum(&|class| !input_of(class)));
        let mut quantities = usage::quantities(&self.held.meters, classes);
        if is_reported {
            // What turned out larger than it was held is held as well, as far as anybody pays for it.
            let covered = self.held_output(&lease);
            let more = [
                ("input_tokens", input.saturating_sub(self.held.input)),
                ("output_tokens", output.saturating_sub(covered)),
            ];
            let more = usage::quantities(
                &self.held.meters,
                &more.into_iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>(),
            );
            if !more.is_empty() {
                extend(&mut lease, more, &self.held.account).await;
            }
        }
        for meter in &self.held.meters {
            if meter.as_str() != "requests" && quantities.iter().all(|(known, _)| known != meter) {
                quantities.push((meter.clone(), 0));
            }
        }
        let dimensions = self.turned_out(target, report, is_reported);
        let hold = lease.hold();
        if let Err(e) = lease.settle_as(quantities, dimensions).await {
            tracing::warn!(account = %self.held.account, hold = hold.0, error = %e, "a hold is settled later");
        }
    }

    fn held_output(&self, lease: &Lease) -> u64 {
        let Some(meter) = &self.held.output_meter else { return u64::MAX };
        let covered = lease.covered().iter().find(|(known, _)| known == meter);
        covered.map_or(0, |(_, covered)| *covered).saturating_sub(self.held.input_in_output)
    }

    /// What the use is priced by, if that is not what it was held by.
    fn turned_out(&self, target: usize, report: Option<&Report>, is_reported: bool) -> Option<Dimensions> {
        let served = self.model().and_then(|model| model.targets.get(target));
        let model = self.model()?;
        let mut dimensions = self.held.dimensions.clone();
        if let Some(served) = served.filter(|served| served.dimensions != model.dimensions) {
            let known =
                served.dimensions.clone().into_iter().filter(|(name, _)| self.held.knows.contains(name));
            dimensions.extend(known);
        }
        for name in &self.held.knows {
            let value = match name.as_str() {
                "usage" => Some(if is_reported { "reported" } else { "estimated" }),
                other => report.and_then(|report| report.dimension(other)),
            };
            if let Some(value) = value.and_then(|value| Label::new(value).ok()) {
                dimensions.insert(name.clone(), value);
            }
        }
        (dimensions != self.held.dimensions)
            .then(|| dimensions.into_iter().map(|(name, value)| Dimension::new(name, value)).collect())
    }

    /// What is learned from a call that was served as a whole.
    pub(crate) fn learn(&self, report: &Report, text: u64) {
        let Some(output_tokens) = report.output_tokens else { return };
        let input_tokens = report
            .classes()
            .iter()
            .filter(|(class, _)| class.contains("input") || class.contains("cache"))
            .map(|(_, n)| n)
            .sum();
        let of = TurnedOut { input: self.input, input_tokens, text, output_tokens };
        self.gateway.learned.note(&self.model, &self.held.account, of);
    }

    /// Says to the supply that its upstream served the call.
    pub(crate) fn feed_served(&self) {
        if let Some(lease) = &self.held.lease
            && let Err(e) = lease.feed(Answered::Served, Facts::default())
        {
            tracing::debug!(error = %e, "a supply was not told of an answer");
        }
    }
}

/// Returns when the gateway ends.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A gateway that is gone has ended.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Says to a hold that its call goes on.
pub(crate) async fn report(lease: Option<&mut Lease>, used: Quantities) {
    let Some(lease) = lease else { return };
    if let Err(e) = lease.report(used).await {
        tracing::debug!(account = %lease.account(), hold = lease.hold().0, error = %e, "a hold lives no longer");
    }
}

async fn extend(lease: &mut Lease, more: Quantities, account: &Name) {
    if let Err(e) = lease.extend(more, None).await {
        tracing::debug!(%account, hold = lease.hold().0, error = %e, "a hold was not extended");
    }
}

/// Passes a count of tokens on to the first target that can be reached.
pub(crate) async fn forward_count(
    gateway: &Gateway,
    model: &Model,
    asked: &Asked<'_>,
    head: &HeaderMap,
) -> Result<Response<Body>, Refused> {
    let refused = |why: Why, reason: &str, message: &str| Err(Refused::new(why, reason, message));
    let place = gateway.targets(model, Surface::Messages.protocol()).first().copied();
    let Some(target) = place.and_then(|place| model.targets.get(place)) else {
        return refused(Why::NotFound, "model_not_found", "the model is not served at /v1/messages");
    };
    let (Some(upstream), Some(client)) =
        (gateway.config.upstreams.get(target.upstream), gateway.clients.get(target.upstream))
    else {
        return refused(Why::Internal, "internal_error", "the model's target is gone");
    };
    let body = Bytes::from(asked.body(&target.model, None, false));
    let path = "/v1/messages/count_tokens";
    let Ok(sent) = request(upstream, (&Method::POST, path), head, body) else {
        return refused(Why::Internal, "internal_error", "the request cannot be sent");
    };
    let counted = tokio::time::timeout(upstream.idle_timeout, async {
        let answer = client.send(sent).await.map_err(|_| ())?;
        let (status, headers) = (answer.status(), passed(answer.headers()));
        let body =
            http_body_util::Limited::new(answer.into_body(), ERROR_MAX).collect().await.map_err(|_| ())?;
        let mut response = whole(status, body.to_bytes());
        response.headers_mut().extend(headers);
        response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok::<_, ()>(response)
    });
    match counted.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(())) => refused(Why::Upstream, "upstream_failed", "the upstream cannot be reached"),
        Err(_) => refused(Why::Timeout, "upstream_timeout", "the upstream did not answer in time"),
    }
}
