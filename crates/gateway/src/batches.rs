//! Batches: held as one use when they are begun, and charged once when they are over.
//!
//! B1 a batch is held for the longest outputs of all its requests before it begins (`a_batch_is_held_before_it_begins`). B2 it is charged
//! at the report of the whole, or else of its lines (`a_batch_is_charged_by_its_report_or_its_lines`).

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use headworks_api::{Access, Key, Leased};
use headworks_wire as wire;
use http::request::Parts;
use http::{Method, Request, Response};
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{Edits, Object};
use crate::call::{Reply, apart};
use crate::denial::{Refused, decided};
use crate::files::{dimensions, invalid};
use crate::job::{Job, Kind, Sealed};
use crate::metrics::{BACKGROUND, DENIED, REFUSED};
use crate::reply::Body;
use crate::shared::{Shared, consents, place};
use crate::upstream;
use crate::usage;
use crate::watch::{hand_over, settle};
use crate::work::{Looked, State, read_well, serves};

pub(crate) const BATCHES: &str = "/v1/batches";
pub(crate) const BATCH: &str = "/v1/batches/{batch}";
pub(crate) const CANCEL: &str = "/v1/batches/{batch}/cancel";

/// A batch that is about to begin.
struct Begun {
    shared: Arc<Shared>,
    access: Access,
    head: Parts,
    body: Bytes,
    _permit: OwnedSemaphorePermit,
}

/// Holds what a batch may use, and begins it.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    access: Access,
    request: Request<Bytes>,
) -> Result<Response<Body>, Refused> {
    let permit = shared.permit()?;
    let (head, body) = request.into_parts();
    let begun = Begun { shared: Arc::clone(shared), access, head, body, _permit: permit };
    apart(|reply| begun.run(reply)).await
}

impl Begun {
    async fn run(self, reply: Reply) {
        match self.hold_and_send().await {
            // The caller may have gone.
            Err(refused) => drop(reply.send(Err(refused))),
            Ok((job, response, is_settled)) => {
                let is_delivered = reply.send(Ok(response)).is_ok();
                if !is_settled {
                    hand_over(&self.shared, job, self.access.actor().cloned(), is_delivered).await;
                }
            }
        }
    }

    async fn hold_and_send(&self) -> Result<(Job, Response<Body>, bool), Refused> {
        let shared = &self.shared;
        let text = std::str::from_utf8(&self.body).map_err(|_| invalid("the body is not UTF-8"))?;
        let object = Object::parse(text).map_err(|e| invalid(format!("the body is not a request: {e}")))?;
        let field = |name: &str| {
            let value = object.get::<String>(name).map_err(invalid)?;
            value.ok_or_else(|| invalid(format!("`{name}` is missing")))
        };
        let (account, path) = place(&self.access, &self.head.headers)?;
        let file = Job::of_name(&shared.seal, (Kind::File, &account), &field("input_file_id")?)?;
        let requests = file.of.requests.clone();
        let requests = requests.ok_or_else(|| invalid("`input_file_id` is not a file of requests"))?;
        if field("endpoint")? != requests.endpoint {
            return Err(invalid(format!("`endpoint` is `{}` in the file of requests", requests.endpoint)));
        }
        let model = shared.model(&self.access, &file.of.model)?;
        let sold = shared.sold(model)?;
        let dimensions = dimensions(model, &sold);
        let consented = consents(&self.head.headers);
        let classes = [
            ("input_tokens", requests.input),
            ("output_tokens", requests.output),
            ("requests", requests.count),
        ];
        let ask = wire::AuthorizeRequest {
            path,
            dimensions: dimensions.clone(),
            quantities: usage::held(&sold.meters, &classes).into_iter().collect(),
            consent: consented,
            life: Some(sold.hold_life_max),
            ..wire::AuthorizeRequest::new((&account).into(), model.feature.clone())
        };
        let leased = shared.api.lease(&self.access, wire::Scope::Gateway, Key::Unknown, ask).await;
        let (lease, decision) = match leased.map_err(|problem| Refused::of_problem(&problem))? {
            Leased::Held(lease, decision) => (Some(lease), decision),
            Leased::Answered(decision) if decision.outcome == "allow" => (None, decision),
            Leased::Answered(decision) => {
                shared.metrics.ended(&model.name, DENIED);
                return Err(Refused::of_decision(&decision));
            }
        };
        let mut edits = Edits::default();
        edits.set(text, &object, "input_file_id", &serde_json::Value::from(file.id.as_str()).to_string());
        let looked = self.send(&file, edits.apply(text).into()).await;
        let id =
            |looked: &Looked| looked.said().id.map(Cow::into_owned).filter(|_| looked.status.is_success());
        let begun = looked.map(|looked| (id(&looked), looked));
        let Ok((Some(id), looked)) = begun else {
            if let Some(lease) = lease {
                let hold = lease.hold();
                if let Err(e) = lease.release().await {
                    tracing::warn!(%account, hold = hold.0, error = %e, "a hold is released later");
                }
            }
            shared.metrics.ended(&model.name, REFUSED);
            return Err(match begun {
                Ok((_, looked)) => looked.refused(),
                Err(refused) => refused,
            });
        };
        shared.metrics.ended(&model.name, BACKGROUND);
        let of = Sealed {
            hold: lease.map(|lease| lease.leave().0),
            dimensions,
            input: requests.input,
            consented,
            ..file.of
        };
        let job = Job { kind: Kind::Batch, account, id, of };
        let said = looked.said();
        let is_settled =
            said.state() == State::Over && settle(shared, &job, &said, (self.access.actor(), false)).await;
        let mut response = looked.answer(shared, &job);
        decided(&decision, response.headers_mut());
        Ok((job, response, is_settled))
    }

    /// Begins it at the upstream that has its file.
    async fn send(&self, file: &Job, body: Bytes) -> Result<Looked, Refused> {
        let (_, upstream, client) = serves(&self.shared, file)?;
        let sent =
            upstream::request(upstream, &file.account, (&Method::POST, BATCHES), &self.head.headers, body);
        let sent = sent.map_err(|_| invalid("the request cannot be sent"))?;
        let answer = client.send_within(sent, upstream.answer_timeout).await?;
        read_well(&self.shared, answer, upstream.idle_timeout).await
    }
}
