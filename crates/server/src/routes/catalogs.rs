//! The catalog in force, and every one that ever was.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use headworks_core::catalog::source::CatalogSource;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{CatalogHash, Name};
use headworks_wire as wire;
use utoipa::{PartialSchema, ToSchema};
use wire::Scope;

use crate::app::App;
use crate::auth::Access;
use crate::json::{Path, Text, idempotency};
use crate::problem::Failure;

fn accepted(catalog: &Catalog, label: Name) -> wire::CatalogAccepted {
    let is_reused = label.as_str().ends_with(&format!("@{:.*}", CatalogHash::SHORT, catalog.hash));
    let reused =
        is_reused.then(|| format!("another catalog has had this label; decisions name this one `{label}`"));
    let doubtful = catalog.warnings.iter().map(ToString::to_string);
    wire::CatalogAccepted {
        version: label,
        hash: catalog.hash,
        warnings: reused.into_iter().chain(doubtful).collect(),
        plans: catalog.plan_names().into_iter().cloned().collect(),
        features: catalog.feature_names().into_iter().cloned().collect(),
    }
}

/// Show the catalog in force, as it was written
#[utoipa::path(get, path = "/v1/catalog", tag = "administration",
    responses((status = 200, description = "TOML or JSON", content_type = "text/plain", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_catalog(State(app): State<App>, access: Access) -> Result<Response, Failure> {
    access.everywhere(Scope::Read)?;
    let catalog = app.engine.catalog();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], catalog.text.clone()).into_response())
}

/// Put a catalog in force, whole or not at all
#[utoipa::path(put, path = "/v1/catalog", tag = "administration",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    params(("Idempotency-Key" = Option<String>, Header, description = "Default: a digest of the text and the time")),
    responses((status = 200, description = "It is in force", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn put_catalog(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Text(text): Text,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    access.everywhere(Scope::Admin)?;
    put(&app, &access, &headers, &text).await
}

async fn put(
    app: &App,
    access: &Access,
    headers: &HeaderMap,
    text: &str,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    // By the wall: a test clock may stand still while one catalog follows another.
    let natural = format!("catalog at {}", headworks_engine::wall());
    let key = idempotency(headers, None, Some(natural), &text)?;
    let (catalog, _) = app.engine.put_catalog(text, (&key, access.actor())).await??;
    Ok(Json(accepted(&catalog, catalog.version.clone())))
}

/// Check a catalog without putting it in force
#[utoipa::path(post, path = "/v1/catalog/check", tag = "administration",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    responses((status = 200, description = "It would be accepted", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem)))]
pub(super) async fn check_catalog(
    State(app): State<App>,
    access: Access,
    Text(text): Text,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    access.scope(Scope::Read)?;
    let catalog = Catalog::parse(&text, Format::of(&text))?;
    let label = app.engine.label_of(&catalog);
    Ok(Json(accepted(&catalog, label)))
}

/// List every time that a catalog was put in force, the newest first
#[utoipa::path(get, path = "/v1/catalogs", tag = "administration",
    responses((status = 200, description = "What was in force, who put it there and what it changed", body = wire::Catalogs),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list_catalogs(
    State(app): State<App>,
    access: Access,
) -> Result<Json<wire::Catalogs>, Failure> {
    access.everywhere(Scope::Read)?;
    let past = app.engine.past_catalogs();
    let shown = past.iter().rev().enumerate().map(|(back, past)| wire::PastCatalog {
        hash: past.hash,
        version: past.label.clone(),
        at: past.at,
        actor: past.actor.clone(),
        in_force: back == 0,
        changes: past.changes.clone(),
    });
    Ok(Json(wire::Catalogs { catalogs: shown.collect() }))
}

/// Show a catalog that was in force, as it was written
#[utoipa::path(get, path = "/v1/catalogs/{hash}", tag = "administration",
    params(("hash" = String, Path, description = "Its hash, or at least the first eight digits")),
    responses((status = 200, description = "TOML or JSON", content_type = "text/plain", body = String),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_past(
    State(app): State<App>,
    access: Access,
    Path(hash): Path<String>,
) -> Result<Response, Failure> {
    access.everywhere(Scope::Read)?;
    let text = app.engine.text_of(&app.engine.past_catalog(&hash)?)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Put a catalog that was in force back
#[utoipa::path(post, path = "/v1/catalogs/{hash}/restore", tag = "administration",
    params(("hash" = String, Path, description = "Its hash, or at least the first eight digits"),
        ("Idempotency-Key" = Option<String>, Header, description = "Default: a digest of the text and the time")),
    responses((status = 200, description = "It is in force", body = wire::CatalogAccepted),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn restore(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> Result<Json<wire::CatalogAccepted>, Failure> {
    access.everywhere(Scope::Admin)?;
    let text = app.engine.text_of(&app.engine.past_catalog(&hash)?)?;
    put(&app, &access, &headers, &text).await
}

/// The JSON Schema of the catalog
#[utoipa::path(get, path = "/v1/catalog/schema", tag = "administration",
    responses((status = 200, description = "JSON Schema 2020-12", content_type = "application/schema+json"),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show_schema(access: Access) -> Result<Response, Failure> {
    access.scope(Scope::Read)?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], schema().to_string()).into_response())
}

/// The catalog's JSON Schema, made from the types that read it.
pub(super) fn schema() -> serde_json::Value {
    let mut named = Vec::new();
    CatalogSource::schemas(&mut named);
    let definitions: serde_json::Map<String, serde_json::Value> = named
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
        .collect();
    let mut root = serde_json::to_value(CatalogSource::schema()).unwrap_or_default();
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".into(), "Headworks catalog".into());
        root.insert("$defs".into(), definitions.into());
    }
    let text = root.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).unwrap_or_default()
}
