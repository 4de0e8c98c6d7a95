//! Deciding, holding and charging use.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use headworks_core::command::Command;
use headworks_core::record::Event;
use headworks_engine::{Answer, Caller, Effect};
use headworks_wire as wire;
use serde_json::value::RawValue;
use wire::{Reference, Scope};

use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Envelope, Path, idempotency, parse, record_key};
use crate::problem::Failure;
use crate::render::{self, Decided};

const BATCH_MAX: usize = 1_000;

fn decision(answer: &Answer) -> Result<Box<wire::Decision>, Failure> {
    let rendered = match &answer.effect {
        Effect::Recorded(record) => render::decision_of_record(&answer.account, record, answer.replayed),
        Effect::Denied(denial) => {
            let mut shown = render::decision_of_denial(&answer.account, denial, answer.replayed);
            if !answer.is_kept {
                (shown.decision_id, shown.kept) = (None, Some(false));
            }
            Some(shown)
        }
        Effect::Unrecorded(counted) => {
            let (at, usage, decision) = &**counted;
            let account = &answer.account;
            let parts = Decided { account, at: *at, usage, decision, id: None, hold: None, charge: None };
            Some(render::decision(parts, false))
        }
    };
    rendered.map(Box::new).ok_or_else(no_decision)
}

fn no_decision() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "unknown_decision", "this record stores no decision")
}

fn charge(answer: &Answer) -> Result<Box<wire::Charge>, Failure> {
    let rendered = match &answer.effect {
        Effect::Recorded(record) => render::charge_of_record(&answer.account, record, answer.replayed),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    };
    rendered
        .map(Box::new)
        .ok_or_else(|| Failure::invalid("the feature is not recorded, so there is no charge"))
}

/// Decide how much is allowed, and hold it or charge it at once
#[utoipa::path(post, path = "/v1/authorize", tag = "decisions", request_body = wire::AuthorizeRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The decision; a denial is an answer", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn authorize(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(ask): Body<wire::AuthorizeRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    Ok(Json(*run_authorize(&app, &access, &headers, ask).await?))
}

async fn run_authorize(
    app: &App,
    access: &Access,
    headers: &HeaderMap,
    mut ask: wire::AuthorizeRequest,
) -> Result<Box<wire::Decision>, Failure> {
    access.on(Scope::Decide, &ask.account)?;
    // A retry may come from elsewhere.
    let caller = Caller { actor: access.actor(), max_wait: ask.max_wait, source: ask.source.take() };
    // Who agrees sends the same request again.
    let consent = std::mem::take(&mut ask.consent);
    let key = idempotency(headers, ask.idempotency_key.take(), None, &ask)?;
    ask.consent = consent;
    let command = Command::Authorize(ask.authorize()?);
    decision(&app.engine.run(&ask.account, Some(&key), caller, &command).await?)
}

/// Decide without any effect
#[utoipa::path(post, path = "/v1/check", tag = "decisions", request_body = wire::AuthorizeRequest,
    responses((status = 200, description = "The decision that authorize would give", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn check(
    State(app): State<App>,
    access: Access,
    Body(ask): Body<wire::AuthorizeRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    access.on(Scope::Decide, &ask.account)?;
    let (at, usage, decision) = app.engine.check(&ask.account, &ask.authorize()?).await?;
    let account = &ask.account;
    let parts =
        Decided { account, at, usage: &usage, decision: &decision, id: None, hold: None, charge: None };
    Ok(Json(render::decision(parts, false)))
}

/// Grow a hold, move its deadline, or report progress
#[utoipa::path(post, path = "/v1/extend", tag = "decisions", request_body = wire::ExtendRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The decision about the growth", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn extend(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(mut ask): Body<wire::ExtendRequest>,
) -> Result<Json<wire::Decision>, Failure> {
    access.on(Scope::Decide, ask.hold.account())?;
    let consent = std::mem::take(&mut ask.consent);
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    ask.consent = consent;
    Ok(Json(*decision(&app.run(access.actor(), ask.hold.account(), &key, &ask.command()?).await?)?))
}

/// End a hold at the actual use
#[utoipa::path(post, path = "/v1/settle", tag = "decisions", request_body = wire::SettleRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Default: the hold")),
    responses((status = 200, description = "The charge", body = wire::Charge),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn settle(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(ask): Body<wire::SettleRequest>,
) -> Result<Json<wire::Charge>, Failure> {
    Ok(Json(*run_settle(&app, &access, &headers, ask).await?))
}

async fn run_settle(
    app: &App,
    access: &Access,
    headers: &HeaderMap,
    mut ask: wire::SettleRequest,
) -> Result<Box<wire::Charge>, Failure> {
    access.on(Scope::Decide, ask.hold.account())?;
    let key = idempotency(headers, ask.idempotency_key.take(), Some(ask.hold.to_string()), &ask)?;
    charge(&app.run(access.actor(), ask.hold.account(), &key, &ask.command()?).await?)
}

/// End a hold at zero
#[utoipa::path(post, path = "/v1/release", tag = "decisions", request_body = wire::ReleaseRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Default: the hold")),
    responses((status = 200, description = "What went back", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn release(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(mut ask): Body<wire::ReleaseRequest>,
) -> Result<Json<wire::Change>, Failure> {
    access.on(Scope::Decide, ask.hold.account())?;
    let key = idempotency(&headers, ask.idempotency_key.take(), Some(ask.hold.to_string()), &ask)?;
    super::credits::change(&app.run(access.actor(), ask.hold.account(), &key, &ask.command()?).await?)
}

/// Charge use that has happened
#[utoipa::path(post, path = "/v1/record", tag = "decisions", request_body = wire::RecordRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The charge", body = wire::Charge),
        (status = 202, description = "It is past the horizon and waits in quarantine", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn record(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(ask): Body<wire::RecordRequest>,
) -> Result<Response, Failure> {
    Ok(match run_record(&app, &access, &headers, ask).await? {
        Recorded::Charged(charge) => Json(charge).into_response(),
        Recorded::Quarantined(change) => (StatusCode::ACCEPTED, Json(change)).into_response(),
    })
}

/// What came of recording use.
pub(super) enum Recorded {
    Charged(Box<wire::Charge>),
    Quarantined(Box<wire::Change>),
}

pub(super) async fn run_record(
    app: &App,
    access: &Access,
    headers: &HeaderMap,
    mut ask: wire::RecordRequest,
) -> Result<Recorded, Failure> {
    access.on(Scope::Record, &ask.account)?;
    let key = record_key(headers, &mut ask)?;
    let answer = app.run(access.actor(), &ask.account, &key, &ask.command()).await?;
    match &answer.effect {
        Effect::Recorded(record) if matches!(record.event, Event::Late(_)) => {
            Ok(Recorded::Quarantined(Box::new(render::change(&answer.account, record, answer.replayed))))
        }
        Effect::Recorded(_) | Effect::Denied(_) | Effect::Unrecorded(_) => {
            charge(&answer).map(Recorded::Charged)
        }
    }
}

/// Run several operations; each has its own answer, and one that fails does not stop the others
#[utoipa::path(post, path = "/v1/batch", tag = "decisions", request_body = wire::BatchRequest,
    responses((status = 200, description = "The answers, in the order of the items", body = wire::BatchAnswer),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn batch(
    State(app): State<App>,
    access: Access,
    Envelope(batch): Envelope<wire::BatchRequest>,
) -> Result<Json<wire::BatchAnswer>, Failure> {
    if batch.items.len() > BATCH_MAX {
        return Err(Failure::invalid(format!("a batch has at most {BATCH_MAX} items")));
    }
    // All items are decided, in their order, before any waits, so that they share a commit.
    let items = batch.items.iter().map(|item| run_item(&app, &access, item));
    Ok(Json(wire::BatchAnswer { items: join_all(items).await }))
}

/// What is wrong with an item. The batch is JSON, so an item that is none of its shapes is at fault.
fn in_item(Failure(problem, _): Failure) -> wire::Problem {
    if problem.status != StatusCode::BAD_REQUEST.as_u16() {
        return problem;
    }
    Failure::invalid("an item is an object with one key: `authorize`, `settle` or `record`").0
}

async fn run_item(app: &App, access: &Access, item: &RawValue) -> wire::BatchItemAnswer {
    let none = HeaderMap::new();
    let item = match parse(item.get().as_bytes()) {
        Ok(item) => item,
        Err(failure) => return wire::BatchItemAnswer::Problem(in_item(failure)),
    };
    let answer = match item {
        wire::BatchItem::Authorize(ask) => {
            run_authorize(app, access, &none, ask).await.map(wire::BatchItemAnswer::Decision)
        }
        wire::BatchItem::Settle(ask) => {
            run_settle(app, access, &none, ask).await.map(wire::BatchItemAnswer::Charge)
        }
        wire::BatchItem::Record(ask) => {
            run_record(app, access, &none, ask).await.map(|recorded| match recorded {
                Recorded::Charged(charge) => wire::BatchItemAnswer::Charge(charge),
                Recorded::Quarantined(change) => wire::BatchItemAnswer::Quarantined(change),
            })
        }
    };
    answer.unwrap_or_else(|Failure(problem, _)| wire::BatchItemAnswer::Problem(problem))
}

/// Explain a past decision from what was stored with it
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions",
    params(("id" = String, Path, description = "The decision's `decision_id`")),
    responses((status = 200, description = "The decision as it was answered", body = wire::Decision),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn explain(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Decision>, Failure> {
    access.scope(Scope::Read)?;
    let id: Reference = id.parse().map_err(|e: wire::ReferenceError| {
        Failure::new(StatusCode::NOT_FOUND, "unknown_decision", e.to_string())
    })?;
    access.on(Scope::Read, id.account())?;
    let found = match &id {
        Reference::Record(account, seq) => {
            render::decision_of_record(account, &app.engine.record_at(account, *seq).await?, false)
        }
        Reference::Denial(account, at) => {
            let denial = app.engine.denial_at(account, *at).await?;
            Some(render::decision_of_denial(account, &denial, false))
        }
    };
    found.map(Json).ok_or_else(no_decision)
}
