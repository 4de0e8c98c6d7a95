//! Webhooks: making, showing and removing them; accounts that wait in them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Make or replace a webhook
#[utoipa::path(put, path = "/v1/webhooks/{name}", tag = "administration", request_body = wire::WebhookRequest,
    params(("name" = headworks_core::record::Name, Path, description = "Its name"), ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The webhook with the secret that its receiver verifies signatures with", body = wire::ChangedWebhook),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::WebhookRequest>,
) -> Result<Json<wire::ChangedWebhook>, Failure> {
    Ok(Json(app.api.set_webhook(&access, &name, key, ask).await?))
}

/// List the webhooks and how they are doing
#[utoipa::path(get, path = "/v1/webhooks", tag = "administration",
    responses((status = 200, description = "The webhooks, by name", body = wire::Webhooks),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Webhooks>, Failure> {
    Ok(Json(app.api.webhooks(&access).await?))
}

/// Show a webhook and how it is doing
#[utoipa::path(get, path = "/v1/webhooks/{name}", tag = "administration",
    params(("name" = headworks_core::record::Name, Path, description = "Its name")),
    responses((status = 200, description = "The webhook", body = wire::Webhook),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
) -> Result<Json<wire::Webhook>, Failure> {
    Ok(Json(app.api.webhook(&access, &name).await?))
}

/// List the accounts that wait in a webhook, because Stripe refused one of their records
#[utoipa::path(get, path = "/v1/webhooks/{name}/parked", tag = "administration",
    params(("name" = headworks_core::record::Name, Path, description = "Its name")),
    responses((status = 200, description = "The accounts, by name", body = wire::ParkedAccounts),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn parked(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
) -> Result<Json<wire::ParkedAccounts>, Failure> {
    Ok(Json(app.api.parked(&access, &name)?))
}

/// Let an account that waits in a webhook resume: send the refused record again, or pass over it
#[utoipa::path(post, path = "/v1/webhooks/{name}/parked/{account}", tag = "administration",
    request_body = wire::ResumeRequest,
    params(("name" = headworks_core::record::Name, Path, description = "The webhook"), ("account" = headworks_core::record::Id, Path, description = "The account, percent-encoded"),
        ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "It resumes"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn resume(
    State(app): State<App>,
    Caller(access): Caller,
    Path((name, account)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ResumeRequest>,
) -> Result<StatusCode, Failure> {
    app.api.resume_webhook(&access, &name, &account, key, ask).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a webhook; events that it has not sent yet are dropped
#[utoipa::path(delete, path = "/v1/webhooks/{name}", tag = "administration",
    params(("name" = headworks_core::record::Name, Path, description = "Its name"), ("Idempotency-Key" = wire::IdempotencyKey, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "It is removed"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<StatusCode, Failure> {
    app.api.remove_webhook(&access, &name, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
