//! A call that was let in: sent to an upstream, and ended once, also when its caller leaves or its upstream fails.
//!
//! C1 a call's hold is settled or released once, however it ends (`calls_given_up_at_any_moment_leave_nothing_held`). C2 nothing is sent a second
//! time unless it is certain that the first upstream has not generated anything (`only_what_was_not_served_is_sent_again`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headworks_api::Access;
use headworks_core::capacity::controller::Answered;
use headworks_core::command::Command;
use headworks_core::record::{Label, Seq};
use headworks_core::waterfall::Quantities;
use headworks_engine::{Caller, Lease, Upstream as Facts};
use headworks_wire as wire;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::asked::{Asked, Change};
use crate::attempts::{Attempt, Outcome};
use crate::denial::{Refused, Why, decided};
use crate::held::Held;
use crate::media::Medium;
use crate::metrics::{Ended, REFUSED};
use crate::reply::{Body, whole};
use crate::setup::Upstream;
use crate::upstream::{Failed, collected, passed, request, retry_after};

/// How often a hold is told that its call goes on.
const PROGRESS: Duration = Duration::from_secs(5);
/// The longest answer of an upstream that refuses, in bytes.
const ERROR_MAX: usize = 1 << 20;

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its key counts it as long as it runs.
    pub(crate) access: Access,
    /// The model's targets in the order to try them.
    pub(crate) targets: Vec<usize>,
    pub(crate) is_stream: bool,
    /// It goes on without its caller.
    pub(crate) is_background: bool,
    /// The user agreed to paid sources.
    pub(crate) consented: bool,
    /// The upstream's name for the response that it follows.
    pub(crate) previous: Option<String>,
    /// The output that is paid for, where it is less than was asked for.
    pub(crate) output_max: Option<u64>,
    pub(crate) held: Held,
    pub(crate) decision: Box<wire::Decision>,
    /// The path at an upstream.
    pub(crate) path: String,
    /// The caller's headers and body.
    pub(crate) head: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) ends: Ends,
    pub(crate) attempt: Arc<Attempt>,
    /// The charges of attempts whose place it takes.
    pub(crate) replaces: Vec<Seq>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// What ends a call before its time.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// The gateway ends.
    pub(crate) stop: watch::Receiver<bool>,
    /// Another attempt takes its place.
    pub(crate) replaced: watch::Receiver<bool>,
}

impl Ends {
    /// Returns when it is to end; whether that is because another attempt takes its place.
    pub(crate) async fn ended(&mut self) -> bool {
        let (stop, replaced) = (&mut self.stop, &mut self.replaced);
        // Who is gone has ended.
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => false,
            _ = replaced.wait_for(|replaced| *replaced) => true,
        }
    }
}

/// The answer, once it begins; the caller may have gone.
pub(crate) type Reply = oneshot::Sender<Result<Response<Body>, Refused>>;

/// Runs a call in a task of its own. It goes on when its caller leaves, also while it is decided: a hold that is opened has to be ended,
/// or left to what goes on.
pub(crate) async fn apart<F: Future<Output = ()> + Send + 'static>(
    run: impl FnOnce(Reply) -> F,
) -> Result<Response<Body>, Refused> {
    let (reply, answered) = oneshot::channel();
    tokio::spawn(run(reply));
    answered.await.unwrap_or_else(|_| Err(Refused::new(Why::Internal, "internal_error", "the call failed")))
}

/// What an upstream did with a call.
enum Sent {
    /// It serves it: which target, and whether its report of the usage is to be hidden.
    Serves(Response<Incoming>, usize, bool),
    /// It does not; this is for the caller.
    Refuses(Result<Response<Body>, Refused>),
    /// Nobody waits for it any more.
    Abandoned,
}

/// How an answer comes.
enum Shape {
    /// Event by event.
    Stream,
    /// As a whole.
    Whole,
    /// As bytes that are not looked into.
    Bytes,
}

/// A clock for regular reports.
pub(crate) fn ticks() -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + PROGRESS, PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl Call {
    pub(crate) fn upstream(&self, target: usize) -> Option<&Upstream> {
        self.held.shared.served_by(self.held.sold()?, target).map(|(_, upstream, _)| upstream)
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self, mut reply: Reply) {
        match self.send(&mut reply).await {
            Sent::Serves(answer, target, hides_usage) => {
                // Nobody is sent it again.
                self.body = Bytes::new();
                match (self.shape(answer.headers()), self.is_background) {
                    (Shape::Stream, true) => self.followed(answer, target, reply).await,
                    (Shape::Stream, false) => self.stream(answer, target, hides_usage, reply).await,
                    (Shape::Whole, true) => self.begun(answer, target, reply).await,
                    (Shape::Whole, false) => self.whole(answer, target, reply).await,
                    (Shape::Bytes, _) => self.pass(answer, target, reply).await,
                }
            }
            Sent::Refuses(answer) => {
                self.ended(REFUSED);
                self.held.release().await;
                self.over(None, false).await;
                // The caller may have gone.
                let _ = reply.send(answer.map(|answer| self.marked(answer)));
            }
            Sent::Abandoned => {
                self.ended(Ended::Left.name());
                self.held.release().await;
                self.over(None, false).await;
                // A caller who still waits has sent the call again.
                let _ = reply.send(Err(sent_again()));
            }
        }
    }

    /// How an answer comes, by its type and by what was asked for.
    fn shape(&self, headers: &HeaderMap) -> Shape {
        let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
        let is = |of: &str| kind.is_some_and(|kind| is_kind(kind, of));
        match self.held.surface.medium() {
            _ if is("application/json") => Shape::Whole,
            // What is no JSON is read as the stream that was asked for, by whichever name it comes.
            None if self.is_stream => Shape::Stream,
            None => Shape::Whole,
            Some(_) if is("text/event-stream") || (self.is_stream && kind.is_none()) => Shape::Stream,
            // A transcript may be plain text.
            Some(Medium::Sound) => Shape::Whole,
            Some(Medium::Pictures) if kind.is_none() => Shape::Whole,
            Some(Medium::Pictures | Medium::Speech) => Shape::Bytes,
        }
    }

    /// Counts how it ended.
    pub(crate) fn ended(&self, ended: &'static str) {
        self.held.shared.metrics.ended(&self.held.model, ended);
    }

    /// It is over. Once an answer is delivered, attempts whose place it took are given back.
    pub(crate) async fn over(&mut self, charge: Option<Seq>, is_delivered: bool) {
        let mut charges = std::mem::take(&mut self.replaces);
        if !is_delivered {
            charges.extend(charge);
            self.attempt.end(if charges.is_empty() { Outcome::Free } else { Outcome::Left(charges) });
            return;
        }
        for charge in charges {
            let caller = Caller { actor: self.access.actor(), ..Caller::default() };
            let reason = Label::new("the call was sent again").ok();
            let refund = Command::Refund { charge, amount: None, reason };
            let account = &self.held.account;
            if let Err(e) = self.held.shared.api.engine().run(account, None, caller, &refund).await {
                tracing::warn!(%account, charge, error = %e, "an attempt whose place was taken stays charged");
            }
        }
        self.attempt.end(Outcome::Delivered);
    }

    /// An answer with what the decision says of it.
    pub(crate) fn marked(&self, mut answer: Response<Body>) -> Response<Body> {
        decided(&self.decision, answer.headers_mut());
        answer
    }

    /// Sends it to its targets, one after the other as long as nothing can have been generated.
    async fn send(&mut self, reply: &mut Reply) -> Sent {
        let mut last = None;
        let mut ends = self.ends.clone();
        for (place, target) in self.targets.clone().into_iter().enumerate() {
            let is_last = place + 1 == self.targets.len();
            let sent = tokio::select! {
                biased;
                sent = self.send_to(target) => sent,
                // Work in the background can be cancelled only by the name that its answer has.
                () = reply.closed(), if !self.is_background => return Sent::Abandoned,
                is_replaced = ends.ended() => {
                    if is_replaced {
                        return Sent::Abandoned;
                    }
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
        let shared = Arc::clone(&self.held.shared);
        let model = shared.setup.models.get(&self.held.model).ok_or_else(lost)?;
        let (of, upstream, client) = shared.served_by(model, target).ok_or_else(lost)?;
        let asked =
            Asked::received(self.held.surface, &self.head, &self.body).map_err(|refused| (refused, false))?;
        let adds_usage = asked.adds_usage(upstream.include_usage);
        let hides_usage = asked.hides_usage();
        let (output_max, previous) = (self.output_max, self.previous.as_deref());
        let change = Change { model: &of.model, previous, output_max, adds_usage };
        let body = asked.body(&change);
        let sent = request(upstream, &self.held.account, (&Method::POST, &self.path), &self.head, body);
        let sent = sent.map_err(|e| internal(&e.to_string()))?;
        let (name, timeout) = (upstream.name.clone(), upstream.answer_timeout);
        let asked_at = Instant::now();
        let mut answered = std::pin::pin!(tokio::time::timeout(timeout, client.send(sent)));
        let mut ticks = ticks();
        let answer = loop {
            tokio::select! {
                answer = &mut answered => break answer,
                _ = ticks.tick() => report(self.held.lease.as_deref_mut(), Quantities::new()).await,
            }
        };
        let status = answer.as_ref().ok().and_then(|answer| answer.as_ref().ok());
        let status = status.map(|answer| answer.status().as_u16());
        shared.metrics.answered(&name, status, asked_at.elapsed());
        match answer {
            Ok(Ok(answer)) => Ok((answer, hides_usage)),
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
        let wait = retry_after(answer.headers());
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let upstream = self.upstream(target).map_or("", |upstream| &upstream.name);
            tracing::error!(upstream, %status, "an upstream refuses the operator's key");
            return Err(Refused::new(
                Why::Upstream,
                "upstream_refused",
                "the upstream refuses the gateway itself",
            ));
        }
        if !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS {
            // Its words are about the operator's limits and the upstream's machines.
            let code = status.as_u16();
            let status =
                if status.is_server_error() || code == 429 { status } else { StatusCode::BAD_GATEWAY };
            let message = format!("the upstream refuses the call with status {code}");
            let refused = Refused::new(Why::Upstream, "upstream_refused", message).with_status(status);
            return Err(if wait.is_some() { refused.at_most(wait) } else { refused });
        }
        let idle = self.upstream(target).map_or(PROGRESS, |upstream| upstream.idle_timeout);
        let Ok(Some(body)) = tokio::time::timeout(idle, collected(answer, ERROR_MAX)).await else {
            return Err(Refused::new(Why::Upstream, "upstream_failed", "the upstream broke off its refusal"));
        };
        let mut response = whole(status, body);
        response.headers_mut().extend(headers);
        Ok(response)
    }

    /// Says to the supply how its upstream refused.
    fn feed_refusal(&self, answer: &Response<Incoming>) {
        let Some(lease) = &self.held.lease else { return };
        let answered = match answer.status().as_u16() {
            429 | 503 | 529 => Answered::Congested,
            _ => Answered::Other,
        };
        let facts = Facts { limit: None, retry_after: retry_after(answer.headers()) };
        if let Err(e) = lease.feed(answered, facts) {
            tracing::debug!(error = %e, "a supply was not told of a refusal");
        }
    }
}

/// The answer to an attempt whose place another one takes.
pub(crate) fn sent_again() -> Refused {
    Refused::new(Why::Unavailable, "sent_again", "the call was sent again, and this attempt gave way")
        .for_good()
}

/// Whether a content type is this one.
fn is_kind(kind: &str, of: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(of)
}

/// Says to a hold that its call goes on.
pub(crate) async fn report(lease: Option<&mut Lease>, used: Quantities) {
    let Some(lease) = lease else { return };
    if let Err(e) = lease.report(used).await {
        tracing::debug!(account = %lease.account(), hold = lease.hold().0, error = %e, "a hold lives no longer");
    }
}
