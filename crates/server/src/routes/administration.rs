//! API keys, health and metrics.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use headworks_api::Kind;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Anybody, Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Make an API key; its secret is shown only once
#[utoipa::path(post, path = "/v1/keys", tag = "administration", request_body = wire::CreateKeyRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries; without one each request makes a key")),
    responses((status = 200, description = "The key with its secret", body = wire::KeyCreated),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn create_key(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::CreateKeyRequest>,
) -> Result<Json<wire::KeyCreated>, Failure> {
    Ok(Json(app.api.create_key(&access, key, ask).await?))
}

/// Give an API key a new secret; the one before it works a while longer
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", tag = "administration", request_body = wire::RotateKeyRequest,
    params(("id" = headworks_core::record::Name, Path, description = "The key's id"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries; without one each request makes a secret")),
    responses((status = 200, description = "The key with its new secret", body = wire::KeyCreated),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn rotate_key(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::RotateKeyRequest>,
) -> Result<Json<wire::KeyCreated>, Failure> {
    Ok(Json(app.api.rotate_key(&access, &id, key, ask).await?))
}

/// List the API keys in force, without their secrets
#[utoipa::path(get, path = "/v1/keys", tag = "administration",
    responses((status = 200, description = "The keys", body = wire::Keys),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list_keys(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Keys>, Failure> {
    Ok(Json(app.api.keys(&access)?))
}

/// Revoke an API key at once
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "administration", params(("id" = headworks_core::record::Name, Path, description = "The key's id")),
    responses((status = 204, description = "It no longer works"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn revoke_key(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    app.api.revoke_key(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the process is up
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It is up", content_type = "text/plain", body = String)))]
pub(super) async fn healthz(_: Anybody) -> &'static str {
    "ok\n"
}

/// Whether requests are taken
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They are", content_type = "text/plain", body = String),
        (status = 503, description = "They are not, and why", body = wire::Problem)))]
pub(super) async fn readyz(State(app): State<App>, _: Anybody) -> Result<&'static str, Failure> {
    app.api.ready()?;
    if app.memory.is_short() {
        return Err(Failure::new(Kind::Overloaded, "the server is short of memory"));
    }
    Ok("ready\n")
}

/// Metrics in the OpenMetrics text format
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn metrics(State(app): State<App>, Caller(access): Caller) -> Result<Response, Failure> {
    access.everywhere(wire::Scope::Read)?;
    let text = app.metrics.text().map_err(|e| Failure::new(Kind::InternalError, e.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
