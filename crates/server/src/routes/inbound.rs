//! Inbound callers: making, showing and removing them; the reports that they sign.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_api::{Call, Problem, Report, Signature, parse};
use headworks_core::record::Purpose;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Called, Caller, IdempotencyKey, Path, Raw, Visit};
use crate::problem::Failure;

/// Make or replace an inbound caller
#[utoipa::path(put, path = "/v1/inbound/{name}", tag = "administration", request_body = wire::InboundRequest,
    params(("name" = wire::InboundName, Path, description = "Its name, of at most 64 bytes"), ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The inbound caller with the secret that it signs with", body = wire::ChangedInbound),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::InboundRequest>,
) -> Result<Json<wire::ChangedInbound>, Failure> {
    Ok(Json(app.api.set_inbound(&access, &name, key, ask).await?))
}

/// List the inbound callers
#[utoipa::path(get, path = "/v1/inbound", tag = "administration",
    responses((status = 200, description = "The inbound callers, by name", body = wire::Inbounds),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Inbounds>, Failure> {
    Ok(Json(app.api.inbounds(&access)?))
}

/// Show an inbound caller and its secret
#[utoipa::path(get, path = "/v1/inbound/{name}", tag = "administration",
    params(("name" = wire::InboundName, Path, description = "Its name")),
    responses((status = 200, description = "The inbound caller", body = wire::Inbound),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
) -> Result<Json<wire::Inbound>, Failure> {
    Ok(Json(app.api.inbound(&access, &name)?))
}

/// Remove an inbound caller; its secrets sign nothing any more
#[utoipa::path(delete, path = "/v1/inbound/{name}", tag = "administration",
    params(("name" = wire::InboundName, Path, description = "Its name"), ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "It is removed"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<StatusCode, Failure> {
    app.api.remove_inbound(&access, &name, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A report whose signature matches: its sender is as good as one with a key.
fn signed(
    app: &App,
    name: &str,
    purpose: Purpose,
    (call, visit): (Call, &Visit),
    (headers, body): (&HeaderMap, &[u8]),
) -> Result<Report, Problem> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let shown = Signature {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let report = app.api.signed(name, purpose, call, shown, body)?;
    visit.authenticate(None);
    Ok(report)
}

/// Report a payment system's observation about an account, signed by an inbound caller instead of with an API key
#[utoipa::path(post, path = "/v1/inbound/{name}/signals", tag = "abuse", security(()), request_body = wire::SignedSignal,
    params(("name" = wire::InboundName, Path, description = "The inbound caller whose secret signs"),
        ("webhook-id" = String, Header, description = "The event's id: it takes effect once, however often it is sent"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks; the first eight count")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn signal(
    State(app): State<App>,
    Path(name): Path<String>,
    Called(call): Called,
    visit: Visit,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Failure> {
    let report = signed(&app, &name, Purpose::Signals, (call, &visit), (&headers, &body))?;
    app.api.signed_signal(&report, &parse(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Report the outcome of a top-up's payment, signed by an inbound caller instead of with an API key
#[utoipa::path(post, path = "/v1/inbound/{name}/top-ups", tag = "credits", security(()), request_body = wire::SignedTopUp,
    params(("name" = wire::InboundName, Path, description = "The inbound caller whose secret signs"),
        ("webhook-id" = String, Header, description = "Any unique text"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks; the first eight count")),
    responses((status = 200, description = "The credits that it brought, or the record of its failure", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn top_up(
    State(app): State<App>,
    Path(name): Path<String>,
    Called(call): Called,
    visit: Visit,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<wire::Change>, Failure> {
    let report = signed(&app, &name, Purpose::TopUps, (call, &visit), (&headers, &body))?;
    Ok(Json(app.api.signed_top_up(&report, &parse(&body)?).await?))
}
