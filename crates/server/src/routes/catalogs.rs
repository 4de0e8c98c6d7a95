//! The catalog in force, and all earlier ones.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use headworks_api::catalog_schema;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Caller, IdempotencyKey, Path, Text};
use crate::problem::Failure;

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Show the catalog in force, as it was written
#[utoipa::path(get, path = "/v1/catalog", tag = "administration",
    responses((status = 200, description = "TOML or JSON", content_type = "text/plain", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_catalog(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Response, Failure> {
    Ok(plain(app.api.catalog_text(&access)?))
}

/// Put a catalog in force, whole or not at all
#[utoipa::path(put, path = "/v1/catalog", tag = "administration",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "Default: a digest of the text and the time")),
    responses((status = 200, description = "It is in force", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn put_catalog(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Text(text): Text,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    Ok(Json(app.api.put_catalog(&access, key, text).await?))
}

/// Check a catalog without putting it in force
#[utoipa::path(post, path = "/v1/catalog/check", tag = "administration",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    responses((status = 200, description = "It would be accepted", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem)))]
pub(super) async fn check_catalog(
    State(app): State<App>,
    Caller(access): Caller,
    Text(text): Text,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    Ok(Json(app.api.check_catalog(&access, text).await?))
}

/// List every time a catalog was put in force, newest first
#[utoipa::path(get, path = "/v1/catalogs", tag = "administration",
    responses((status = 200, description = "Each catalog, who put it in force, and what it changed", body = wire::Catalogs),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list_catalogs(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Catalogs>, Failure> {
    Ok(Json(app.api.catalogs(&access)?))
}

/// Show a catalog that was in force, as it was written
#[utoipa::path(get, path = "/v1/catalogs/{hash}", tag = "administration",
    params(("hash" = wire::CatalogHash, Path, description = "Its hash, or at least the first eight digits")),
    responses((status = 200, description = "TOML or JSON", content_type = "text/plain", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_past(
    State(app): State<App>,
    Caller(access): Caller,
    Path(hash): Path<String>,
) -> Result<Response, Failure> {
    Ok(plain(app.api.past_catalog(&access, &hash).await?))
}

/// Put a catalog that was in force back
#[utoipa::path(post, path = "/v1/catalogs/{hash}/restore", tag = "administration",
    params(("hash" = wire::CatalogHash, Path, description = "Its hash, or at least the first eight digits"),
        ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "Default: a digest of the text and the time")),
    responses((status = 200, description = "It is in force", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn restore(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Path(hash): Path<String>,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    Ok(Json(app.api.restore_catalog(&access, key, &hash).await?))
}

/// The JSON Schema of the catalog
#[utoipa::path(get, path = "/v1/catalog/schema", tag = "administration",
    responses((status = 200, description = "JSON Schema 2020-12", content_type = "application/schema+json"),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_schema(Caller(access): Caller) -> Result<Response, Failure> {
    access.scope(wire::Scope::Read)?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], catalog_schema().to_string()).into_response())
}
