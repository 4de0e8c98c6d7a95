//! Deciding, holding and charging use.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use headworks_api::{ItemAnswer, Kind, Problem, Recorded, parse};
use headworks_wire as wire;
use serde_json::value::RawValue;

use crate::app::App;
use crate::extract::{Body, Caller, Envelope, IdempotencyKey, Path};
use crate::problem::{Failure, document};

/// Decide how much is allowed, and hold it or charge it at once
#[utoipa::path(post, path = "/v1/authorize", tag = "decisions", request_body = wire::AuthorizeRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The decision; a denial is an answer", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn authorize(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::AuthorizeRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    Ok(Json(*app.api.authorize(&access, key, ask).await?))
}

/// Decide without any effect
#[utoipa::path(post, path = "/v1/check", tag = "decisions", request_body = wire::AuthorizeRequest,
    responses((status = 200, description = "The decision that authorize would give", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn check(
    State(app): State<App>,
    Caller(access): Caller,
    Body(ask): Body<wire::AuthorizeRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    Ok(Json(app.api.check(&access, &ask).await?))
}

/// Grow a hold, move its deadline, or report progress
#[utoipa::path(post, path = "/v1/extend", tag = "decisions", request_body = wire::ExtendRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The decision about the growth", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn extend(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ExtendRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    Ok(Json(*app.api.extend(&access, key, ask).await?))
}

/// End a hold at the actual use
#[utoipa::path(post, path = "/v1/settle", tag = "decisions", request_body = wire::SettleRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "Default: the hold")),
    responses((status = 200, description = "The charge", body = wire::Charge),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn settle(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::SettleRequest>,
) -> Result<Json<wire::Charge>, Failure> {
    Ok(Json(*app.api.settle(&access, key, ask).await?))
}

/// End a hold at zero
#[utoipa::path(post, path = "/v1/release", tag = "decisions", request_body = wire::ReleaseRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "Default: the hold")),
    responses((status = 200, description = "The credits that were given back", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn release(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ReleaseRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.release(&access, key, ask).await?))
}

/// Charge use that has happened
#[utoipa::path(post, path = "/v1/record", tag = "decisions", request_body = wire::RecordRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The charge", body = wire::Charge),
        (status = 202, description = "It is past the horizon and waits in quarantine", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn record(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RecordRequest>,
) -> Result<Response, Failure> {
    Ok(match app.api.record(&access, key, ask).await? {
        Recorded::Charged(charge) => Json(charge).into_response(),
        Recorded::Quarantined(change) => (StatusCode::ACCEPTED, Json(change)).into_response(),
    })
}

/// Run several operations; each has its own answer, and one that fails does not stop the others
#[utoipa::path(post, path = "/v1/batch", tag = "decisions", request_body = wire::BatchRequest,
    responses((status = 200, description = "The answers, in the order of the items", body = wire::BatchAnswer),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn batch(
    State(app): State<App>,
    Caller(access): Caller,
    Envelope(batch): Envelope<wire::BatchRequest>,
) -> Result<Json<wire::BatchAnswer>, Failure> {
    let answers = app.api.batch(&access, batch.items.0.iter().map(|text| item(text)).collect()).await?;
    let shown = answers.into_iter().map(|answer| match answer {
        Ok(ItemAnswer::Decision(decision)) => wire::BatchItemAnswer::Decision(decision),
        Ok(ItemAnswer::Charge(charge)) => wire::BatchItemAnswer::Charge(charge),
        Ok(ItemAnswer::Quarantined(change)) => wire::BatchItemAnswer::Quarantined(change),
        Err(problem) => wire::BatchItemAnswer::Problem(document(problem)),
    });
    Ok(Json(wire::BatchAnswer { items: shown.collect() }))
}

/// An item of a batch. The batch is JSON, so an item that has none of the shapes is itself at fault.
fn item(text: &RawValue) -> Result<wire::BatchItem, Problem> {
    parse(text.get().as_bytes()).map_err(|problem| {
        if problem.kind != Kind::MalformedBody {
            return problem;
        }
        Problem::invalid("an item is an object with one key: `authorize`, `settle` or `record`")
    })
}

/// Explain a past decision from what was stored with it
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions",
    params(("id" = wire::Reference, Path, description = "The decision's `decision_id`")),
    responses((status = 200, description = "The decision as it was answered", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn explain(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Decision>, Failure> {
    Ok(Json(app.api.explain(&access, &id).await?))
}
