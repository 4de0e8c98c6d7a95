//! Responses in the background: begun by one call, asked for by others, and charged once when they are over.
//!
//! G1 a response is charged once when it is over, whether its caller asks for it or not (`a_background_response_is_charged_once`).
//! G2 only the account that began it can ask for it (`a_background_response_is_its_accounts_alone`). G3 what it may use is held until
//! it is over; if its hold has ended before, its use is charged directly (`a_background_response_outlives_its_hold`). G4 one whose name its
//! caller never got is cancelled at the operator's cost (`a_background_response_that_nobody_knows_is_cancelled`).

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use headworks_api::Access;
use headworks_core::record::Name;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, Uri};
use hyper::body::Incoming;

use crate::call::{Call, Reply};
use crate::denial::{Refused, Why};
use crate::follow::{Follow, Work};
use crate::job::{Job, Kind, Sealed};
use crate::metrics::BACKGROUND;
use crate::reply::{Body, events};
use crate::shared::Shared;
use crate::upstream::passed;
use crate::watch::{hand_over, settle, watch};
use crate::work::{State, ask, look, read, read_well, serves};

pub(crate) const RESPONSE: &str = "/v1/responses/{response}";
pub(crate) const CANCEL: &str = "/v1/responses/{response}/cancel";
pub(crate) const ITEMS: &str = "/v1/responses/{response}/input_items";

/// A call about work in the background.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    access: &Access,
    request: &Request<Bytes>,
) -> Result<Response<Body>, Refused> {
    let (account, _) = access.place().map_err(|problem| Refused::of_problem(&problem))?;
    let path = request.uri().path();
    let of = |kind: Kind| path.strip_prefix(kind.path()).map(|rest| (kind, rest));
    let (kind, rest) = of(Kind::Response).or_else(|| of(Kind::Batch)).unwrap_or((Kind::Response, ""));
    let (name, act) = rest.split_once('/').unwrap_or((rest, ""));
    let job = Job::of_name(&shared.seal, (kind, &account), name)?;
    shared.model(access, &job.of.model)?;
    let headers = request.headers();
    let actor = access.actor().cloned();
    let query = query(request.uri());
    let looked = match (request.method().clone(), act) {
        (Method::GET, "") if query.split(['?', '&']).any(|one| one == "stream=true") => {
            let answer = ask(shared, &job, (&Method::GET, &query), headers).await?;
            if is_stream(&answer) {
                return follow_again(shared, job, actor, answer);
            }
            read_well(shared, answer, serves(shared, &job)?.1.idle_timeout).await?
        }
        (Method::GET, "") => look(shared, &job, (&Method::GET, &query), headers).await?,
        (Method::POST, _) => look(shared, &job, (&Method::POST, "/cancel"), headers).await?,
        (Method::DELETE, _) => {
            let now = look(shared, &job, (&Method::GET, ""), headers).await?;
            if !now.status.is_success() {
                return Ok(now.answer(shared, &job));
            }
            let said = now.said();
            if said.state() == State::Runs {
                let message = "the response still runs; cancel it before it is deleted";
                return Err(Refused::new(Why::Invalid, "invalid_request", message));
            }
            // What is deleted says nothing later.
            settle(shared, &job, &said, (actor.as_ref(), true)).await;
            look(shared, &job, (&Method::DELETE, ""), headers).await?
        }
        _ => {
            return Ok(look(shared, &job, (&Method::GET, &format!("/{act}{query}")), headers)
                .await?
                .pass_on());
        }
    };
    if looked.status.is_success() && *request.method() != Method::DELETE {
        let said = looked.said();
        let is_over = said.state() == State::Over;
        if !is_over || !settle(shared, &job, &said, (actor.as_ref(), false)).await {
            watch(shared, job.clone(), actor);
        }
    }
    Ok(looked.answer(shared, &job))
}

/// The parameters of a query that reach the upstream.
const PARAMETERS: [&str; 7] =
    ["include", "include[]", "include%5B%5D", "starting_after", "limit", "order", "after"];

fn query(uri: &Uri) -> String {
    let all = uri.query().into_iter().flat_map(|query| query.split('&'));
    let listed = all.filter(|one| {
        *one == "stream=true" || PARAMETERS.contains(&one.split('=').next().unwrap_or_default())
    });
    let listed = listed.collect::<Vec<_>>().join("&");
    if listed.is_empty() { listed } else { format!("?{listed}") }
}

fn is_stream(answer: &Response<Incoming>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    answer.status().is_success() && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Passes on the events of a response from some event on.
fn follow_again(
    shared: &Arc<Shared>,
    job: Job,
    actor: Option<Name>,
    answer: Response<Incoming>,
) -> Result<Response<Body>, Refused> {
    let idle = serves(shared, &job)?.1.idle_timeout;
    watch(shared, job.clone(), actor.clone());
    let (to, response) = events(answer.status(), passed(answer.headers()));
    let follow = Follow::new(shared, actor, Work::Known(job), to);
    tokio::spawn(follow.pass(answer.into_body(), idle));
    Ok(response)
}

impl Call {
    /// What is sealed into the name of the work that this call began.
    fn sealed(&self, target: usize, hold: Option<u64>) -> Sealed {
        Sealed {
            model: self.held.model.clone(),
            upstream: self.upstream(target).map(|upstream| upstream.name.clone()).unwrap_or_default(),
            hold,
            dimensions: self.held.dimensions.clone(),
            input: self.held.input(),
            consented: self.consented,
            requests: None,
        }
    }

    /// The answer to a call that began work in the background: its hold is left to that.
    pub(crate) async fn begun(mut self, answer: Response<Incoming>, target: usize, reply: Reply) {
        let idle = self.upstream(target).map(|upstream| upstream.idle_timeout).unwrap_or_default();
        let looked = match read(&self.held.shared, answer, idle).await {
            Ok(looked) => looked,
            Err(refused) => return self.failed(refused, reply).await,
        };
        let Some(id) = looked.said().id.map(Cow::into_owned) else {
            let message = "the upstream's answer has no `id` by which it could be asked for";
            let refused = Refused::new(Why::Upstream, "upstream_failed", message);
            return self.failed(refused, reply).await;
        };
        let job = self.leave(id, target);
        let (shared, actor) = (Arc::clone(&self.held.shared), self.access.actor().cloned());
        let said = looked.said();
        let is_settled =
            said.state() == State::Over && settle(&shared, &job, &said, (actor.as_ref(), false)).await;
        let response = self.marked(looked.answer(&shared, &job));
        let is_delivered = reply.send(Ok(response)).is_ok();
        if !is_settled {
            hand_over(&shared, job, actor, is_delivered).await;
        }
        self.over(None, is_delivered).await;
    }

    /// Passes on the events of work in the background, which goes on without them.
    pub(crate) async fn followed(mut self, answer: Response<Incoming>, target: usize, reply: Reply) {
        let idle = self.upstream(target).map(|upstream| upstream.idle_timeout).unwrap_or_default();
        let (to, response) = events(answer.status(), passed(answer.headers()));
        let is_delivered = reply.send(Ok(self.marked(response))).is_ok();
        let (shared, actor) = (Arc::clone(&self.held.shared), self.access.actor().cloned());
        let follow = Follow::new(&shared, actor, Work::Unknown(Box::new((self, target))), to);
        if let Work::Unknown(unknown) = follow.pass(answer.into_body(), idle).await {
            (self, _) = *unknown;
            self.held.release().await;
            self.over(None, is_delivered).await;
        }
    }

    /// The work that this call began, to which it leaves its hold.
    pub(crate) fn leave(&mut self, id: String, target: usize) -> Job {
        self.ended(BACKGROUND);
        let hold = self.held.lease.take().map(|lease| lease.leave().0);
        Job { kind: Kind::Response, account: self.held.account.clone(), id, of: self.sealed(target, hold) }
    }

    async fn failed(mut self, refused: Refused, reply: Reply) {
        self.held.release().await;
        self.over(None, false).await;
        // The caller may have gone.
        let _ = reply.send(Err(refused));
    }
}
