//! The ledger: reconciliation, statements, signed checkpoints, what-if.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use headworks_api::StatementBody;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Caller, Parameters, Path, Text};
use crate::json::json;
use crate::problem::Failure;

/// Show whether the ledger reconciles
#[utoipa::path(get, path = "/v1/reconcile", tag = "ledger",
    responses((status = 200, description = "The last pass over every account", body = wire::Reconciliation),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::Reconciliation>, Failure> {
    Ok(Json(app.api.reconciliation(&access)?))
}

/// Reconcile every account again, starting now
#[utoipa::path(post, path = "/v1/reconcile", tag = "ledger",
    responses((status = 202, description = "It has begun; ask for its state", body = wire::Reconciliation),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn start(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<(StatusCode, Json<wire::Reconciliation>), Failure> {
    Ok((StatusCode::ACCEPTED, Json(app.api.reconcile(&access)?)))
}

/// Show what moved an account's balance in a period, signed
#[utoipa::path(get, path = "/v1/accounts/{id}/statement", tag = "ledger",
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), wire::StatementPeriod),
    responses((status = 200, description = "The statement, or a page of it; the header Link names the next page", content(
            (wire::Statement = "application/json"), (String = "text/csv"), (String = "text/html"), (String = "text/plain"))),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn statement(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    Parameters(period): Parameters<wire::StatementPeriod>,
    uri: Uri,
) -> Result<Response, Failure> {
    let text = |kind, body: String| ([(header::CONTENT_TYPE, kind)], body).into_response();
    let shown = app.api.statement(&access, &id, &period).await?;
    let mut response = match shown.body {
        StatementBody::Json(statement) => json(app.api.written(&access, statement).await?),
        StatementBody::Csv(table) => text("text/csv; charset=utf-8", table),
        StatementBody::Html(page) => text("text/html; charset=utf-8", page),
        StatementBody::Text(plain) => text("text/plain; charset=utf-8", plain),
    };
    if let Some(next) = shown.next {
        let others =
            uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty() && !p.starts_with("after="));
        let query: Vec<&str> = others.collect();
        let link = format!(
            "<?{}{}after={next}>; rel=\"next\"",
            query.join("&"),
            if query.is_empty() { "" } else { "&" }
        );
        // A query is made of characters that a header may have.
        if let Ok(link) = link.parse() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// Try a catalog on every recorded request, without putting it in force
#[utoipa::path(post, path = "/v1/catalog/what-if", tag = "ledger",
    request_body(content = String, description = "TOML or JSON", content_type = "text/plain"),
    responses((status = 200, description = "Decisions, denials and revenue that change; over long logs use `headworks replay`", body = wire::WhatIf),
        (status = "4XX", description = "A problem, with each line that is wrong", body = wire::Problem), (status = 503, description = "It took too long, or retry", body = wire::Problem)))]
pub(super) async fn what_if(
    State(app): State<App>,
    Caller(access): Caller,
    Text(text): Text,
) -> Result<Json<wire::WhatIf>, Failure> {
    Ok(Json(app.api.what_if(&access, text).await?))
}

/// Show the key that checkpoints are signed with
#[utoipa::path(get, path = "/v1/signing-key", tag = "ledger",
    responses((status = 200, description = "The public key", body = wire::SigningKey),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn signing_key(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::SigningKey>, Failure> {
    Ok(Json(app.api.signing_key(&access)?))
}
