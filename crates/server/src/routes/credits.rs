//! Adding, taking back, correcting and refunding credits.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_engine::{Answer, Effect};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::accounts::account_name;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Path, idempotency};
use crate::problem::Failure;
use crate::render;

pub(super) fn change(answer: &Answer) -> Result<Json<wire::Change>, Failure> {
    match &answer.effect {
        Effect::Recorded(record) => Ok(Json(render::change(&answer.account, record, answer.replayed))),
        Effect::Denied(_) | Effect::Unrecorded(_) => Err(Failure::invalid("nothing was recorded")),
    }
}

/// Add credits
#[utoipa::path(post, path = "/v1/accounts/{id}/grants", tag = "credits", request_body = wire::GrantRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The grant's record; its id names the grant", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn grant(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::GrantRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    let command = ask.command(app.engine.clock().now())?;
    change(&app.run(access.actor(), &account, &key, &command).await?)
}

/// Take back what is left of a grant
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/void", tag = "credits", request_body = wire::VoidRequest,
    params(("id" = String, Path, description = "The account"), ("grant" = String, Path, description = "The grant, like acme~3"),
        ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "What went back", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn void(
    State(app): State<App>,
    access: Access,
    Path((id, grant)): Path<(String, String)>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::VoidRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let grant: Reference = grant.parse().map_err(|e: wire::ReferenceError| {
        Failure::new(StatusCode::NOT_FOUND, "unknown_grant", e.to_string())
    })?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &(&grant, &ask))?;
    change(&app.run(access.actor(), &account, &key, &ask.command(&account, &grant)?).await?)
}

/// Correct a grant by hand
#[utoipa::path(post, path = "/v1/accounts/{id}/adjustments", tag = "credits", request_body = wire::AdjustRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The correction", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn adjust(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::AdjustRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    change(&app.run(access.actor(), &account, &key, &ask.command(&account)?).await?)
}

/// Give back a charge, once, wholly or in part
#[utoipa::path(post, path = "/v1/accounts/{id}/refunds", tag = "credits", request_body = wire::RefundRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "What came back, from the last source to the first", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn refund(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::RefundRequest>,
) -> Result<Json<wire::Change>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    change(&app.run(access.actor(), &account, &key, &ask.command(&account)?).await?)
}
