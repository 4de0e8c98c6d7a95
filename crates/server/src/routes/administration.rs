//! API keys, health and metrics.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headworks_core::record::{ApiKey, Instant, Name};
use headworks_engine::{EngineError, Idempotency};
use headworks_wire as wire;
use wire::Scope;

use crate::app::App;
use crate::auth::{self, Access, CreateKeyError, scopes};
use crate::json::{Body, Path, idempotency};
use crate::problem::Failure;

fn shown(key: &ApiKey) -> wire::Key {
    wire::Key {
        id: key.id.clone(),
        scopes: scopes(key),
        accounts: key.accounts.clone(),
        expires_at: Some(key.expires_at).filter(|at| *at < Instant::NEVER),
        note: key.note.clone(),
    }
}

/// The key under which a change of keys is recorded: keys are random, so no request repeats another.
fn unique(word: &str, id: &Name) -> Result<Idempotency, Failure> {
    idempotency(&HeaderMap::new(), None, Some(format!("{word} {id}")), &id)
}

/// Make an API key; its secret is shown this once
#[utoipa::path(post, path = "/v1/keys", tag = "administration", request_body = wire::CreateKeyRequest,
    responses((status = 200, description = "The key with its secret", body = wire::KeyCreated),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn create_key(
    State(app): State<App>,
    access: Access,
    Body(ask): Body<wire::CreateKeyRequest>,
) -> Result<Json<wire::KeyCreated>, Failure> {
    access.everywhere(Scope::Admin)?;
    if ask.scopes.is_empty() {
        return Err(Failure::invalid("`scopes`: name at least one of decide, record, read, admin"));
    }
    let new = auth::create_key(&app.engine, &ask, access.actor()).await.map_err(|e| match e {
        CreateKeyError::Engine(e) => Failure::from(e),
        CreateKeyError::NoRandomness(_) => {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string())
        }
    })?;
    Ok(Json(wire::KeyCreated { key: shown(&new.key), secret: new.secret }))
}

/// List the API keys in force, without their secrets
#[utoipa::path(get, path = "/v1/keys", tag = "administration",
    responses((status = 200, description = "The keys", body = wire::Keys),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list_keys(State(app): State<App>, access: Access) -> Result<Json<wire::Keys>, Failure> {
    access.everywhere(Scope::Admin)?;
    Ok(Json(wire::Keys { keys: app.engine.keyring().list().into_iter().map(shown).collect() }))
}

/// Revoke an API key at once
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "administration", params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It no longer works"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn revoke_key(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    access.everywhere(Scope::Admin)?;
    let id = Name::new(&id).map_err(|_| {
        Failure::new(StatusCode::NOT_FOUND, "unknown_key", format!("there is no API key `{id}`"))
    })?;
    app.engine.revoke_key(&id, (&unique("revoke", &id)?, access.actor())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the process is up
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It is up", content_type = "text/plain", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests are taken
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They are", content_type = "text/plain", body = String),
        (status = 503, description = "They are not, and why", body = wire::Problem)))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Failure> {
    if let Some(why) = app.engine.stopped() {
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", why));
    }
    match app.engine.clock().jump() {
        None => Ok("ready\n"),
        Some(jump) => Err(EngineError::ClockJumped(jump).into()),
    }
}

/// Metrics in the OpenMetrics text format
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn metrics(State(app): State<App>, access: Access) -> Result<Response, Failure> {
    access.everywhere(Scope::Read)?;
    let text = app
        .metrics
        .text()
        .map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
