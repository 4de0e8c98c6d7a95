//! What infers nothing and costs nothing: the models that there are, and counts of tokens.

use std::collections::BTreeMap;

use bytes::Bytes;
use headworks_api::Access;
use headworks_core::record::{Label, Name, Path};
use headworks_wire as wire;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use crate::asked::{Asked, Change};
use crate::denial::{Refused, Why};
use crate::reply::{Body, whole};
use crate::setup::{Model, Protocol};
use crate::shared::{Shared, Sold, held_dimensions, place};
use crate::surface::Surface;
use crate::upstream::{collected, passed, path, request};
use crate::usage;

pub(crate) const MODELS: &str = "/v1/models";
pub(crate) const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
/// The longest answer to a count, in bytes.
const COUNTED_MAX: usize = 1 << 20;

/// The models that a key may use.
pub(crate) fn models(
    shared: &Shared,
    access: &Access,
    protocol: Protocol,
    one: Option<&str>,
) -> Result<Response<Body>, Refused> {
    access.place().map_err(|problem| Refused::of_problem(&problem))?;
    let shown = |name: &str| match protocol {
        Protocol::Openai => json!({"id": name, "object": "model", "created": 0, "owned_by": "headworks"}),
        Protocol::Anthropic => {
            json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"})
        }
    };
    let body = if let Some(name) = one {
        shown(&shared.model(access, name)?.name)
    } else {
        let speaks =
            |model: &&Model| !shared.targets(model, protocol).is_empty() && access.may_use(&model.name);
        let all: Vec<_> =
            shared.setup.models.values().filter(speaks).map(|model| shown(&model.name)).collect();
        match protocol {
            Protocol::Openai => json!({"object": "list", "data": all}),
            Protocol::Anthropic => {
                let (first, last) =
                    (all.first().map(|m| m["id"].clone()), all.last().map(|m| m["id"].clone()));
                json!({"data": all, "has_more": false, "first_id": first, "last_id": last})
            }
        }
    };
    let mut response = whole(StatusCode::OK, Bytes::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Counts tokens at the upstream: infers nothing and costs nothing, for those who may use the model.
pub(crate) async fn count(
    shared: &Shared,
    access: Access,
    request: Request<Bytes>,
) -> Result<Response<Body>, Refused> {
    let (head, body) = request.into_parts();
    let asked = Asked::of(Surface::Messages, &body)?;
    let (account, path) = place(&access, &head.headers)?;
    let model = shared.model(&access, &asked.model)?;
    let sold = shared.sold(model)?;
    let dimensions = held_dimensions(&asked, model, &sold.knows);
    may_use(shared, &access, (&account, path), model, (&sold, dimensions)).await?;
    forward(shared, &account, model, &asked, &head).await
}

/// Refuses those who may not use a model at all.
///
/// # Errors
/// With the refusal.
pub(crate) async fn may_use(
    shared: &Shared,
    access: &Access,
    (account, path): (&Name, Path),
    model: &Model,
    (sold, dimensions): (&Sold, BTreeMap<Name, Label>),
) -> Result<(), Refused> {
    let one = usage::held(&sold.meters, &[("input_tokens", 1), ("output_tokens", 1)]);
    let peek = wire::AuthorizeRequest {
        path,
        dimensions,
        quantities: one.into_iter().collect(),
        consent: true,
        ..wire::AuthorizeRequest::new(account.into(), model.feature.clone())
    };
    let decision = shared.api.check_as(access, wire::Scope::Gateway, &peek).await;
    let decision = decision.map_err(|problem| Refused::of_problem(&problem))?;
    let refused = Refused::of_decision(&decision);
    if decision.outcome == "deny" && refused.why == Why::Forbidden { Err(refused) } else { Ok(()) }
}

/// Passes a count of tokens on to the first target that can be reached.
async fn forward(
    shared: &Shared,
    account: &Name,
    model: &Model,
    asked: &Asked<'_>,
    head: &Parts,
) -> Result<Response<Body>, Refused> {
    let refused = |why: Why, reason: &str, message: &str| Err(Refused::new(why, reason, message));
    let Some(place) = shared.targets(model, Surface::Messages.protocol()).first().copied() else {
        return refused(Why::NotFound, "model_not_found", "the model is not served at /v1/messages");
    };
    let Some((target, upstream, client)) = shared.served_by(model, place) else {
        return refused(Why::Internal, "internal_error", "the model's target is gone");
    };
    let body = asked.body(&Change { model: &target.model, ..Change::default() });
    let Ok(sent) =
        request(upstream, account, (&Method::POST, &path(COUNT_TOKENS, &head.uri)), &head.headers, body)
    else {
        return refused(Why::Internal, "internal_error", "the request cannot be sent");
    };
    let counted = tokio::time::timeout(upstream.idle_timeout, async {
        let answer = client.send(sent).await.map_err(|_| ())?;
        let (status, headers) = (answer.status(), passed(answer.headers()));
        let body = collected(answer, COUNTED_MAX).await.ok_or(())?;
        let mut response = whole(status, body);
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
