//! Webhooks: making, showing and removing them; accounts that wait in them; signed reports and confirmations.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_api::{Network, Problem, Signature, SignedId, parse};
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, From, IdempotencyKey, Path, Raw};
use crate::problem::Failure;

/// Make or replace a webhook
#[utoipa::path(put, path = "/v1/webhooks/{name}", tag = "administration", request_body = wire::WebhookRequest,
    params(("name" = String, Path, description = "Its name"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The webhook with the secret that its receiver verifies signatures with", body = wire::Webhook),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Caller(access): Caller,
    Path(name): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::WebhookRequest>,
) -> Result<Json<wire::Webhook>, Failure> {
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
    params(("name" = String, Path, description = "Its name")),
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
    params(("name" = String, Path, description = "Its name")),
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
    params(("name" = String, Path, description = "The webhook"), ("account" = String, Path, description = "The account"),
        ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
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
    params(("name" = String, Path, description = "Its name"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
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

/// The id of a signed call.
fn signed(
    app: &App,
    name: &str,
    from: Network,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<SignedId, Problem> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let shown = Signature {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    app.api.signed(name, from, shown, body)
}

/// Report a payment system's observation about an account, signed with a webhook's secret instead of an API key
#[utoipa::path(post, path = "/v1/webhooks/{name}/signals", tag = "abuse", security(()), request_body = wire::SignedSignal,
    params(("name" = String, Path, description = "The webhook whose secret signs"),
        ("webhook-id" = String, Header, description = "The event's id: it takes effect once, however often it is sent"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn signal(
    State(app): State<App>,
    Path(name): Path<String>,
    From(network): From,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Failure> {
    let id = signed(&app, &name, network, &headers, &body)?;
    app.api.signed_signal(id, &parse(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Report the outcome of a top-up's payment, signed with a webhook's secret instead of an API key
#[utoipa::path(post, path = "/v1/webhooks/{name}/top-ups", tag = "credits", security(()), request_body = wire::SignedTopUp,
    params(("name" = String, Path, description = "The webhook whose secret signs"),
        ("webhook-id" = String, Header, description = "Any unique text"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks")),
    responses((status = 200, description = "The credits that it brought, or the record of its failure", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn confirm_top_up(
    State(app): State<App>,
    Path(name): Path<String>,
    From(network): From,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<wire::Change>, Failure> {
    let id = signed(&app, &name, network, &headers, &body)?;
    Ok(Json(app.api.signed_top_up(id, &parse(&body)?).await?))
}
