//! Webhooks: made, shown and removed; what waits in them; signed confirmations of top-ups.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::{Label, Name, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{EngineError, Hook, Parked};
use headworks_wire as wire;
use wire::Scope;

use crate::app::App;
use crate::auth::Access;
use crate::events::{DATASETS, NOTICES};
use crate::json::{Body, Path, idempotency, parse};
use crate::problem::Failure;
use crate::strangers::Peer;
use crate::webhooks::Signed;

fn name_of(name: &str) -> Result<Name, Failure> {
    Name::new(name).map_err(|e| Failure::invalid(format!("the webhook's name: {e}")))
}

/// How a webhook is doing. What it is behind is counted where nobody waits for other answers.
async fn shown(app: &App, hook: Arc<Hook>) -> Result<wire::Webhook, Failure> {
    let app = app.clone();
    let shown = move || {
        let (webhook, status) = (&hook.webhook, app.webhooks.status(&app.engine, &hook));
        wire::Webhook {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            format: webhook.format,
            stripe: (webhook.format == WebhookFormat::StripeMeterEvents).then_some(webhook.stripe),
            since: webhook.since,
            secret: app.webhooks.secrets.secret(webhook),
            state: match (&status.error, hook.is_gone) {
                (_, true) => "gone",
                (Some(_), false) => "failing",
                (None, false) => "ok",
            }
            .into(),
            behind: status.behind(),
            attempts: status.attempts.into(),
            delivered: status.delivered,
            error: if hook.is_gone { Some("it answered 410 Gone".into()) } else { status.error },
            parked: u64::try_from(hook.parked.len()).unwrap_or(u64::MAX),
        }
    };
    let shown = tokio::task::spawn_blocking(shown).await;
    shown.map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))
}

fn find(app: &App, name: &str) -> Result<Arc<Hook>, Failure> {
    let name = name_of(name)?;
    let hook = app.engine.webhooks().get(&name).cloned();
    hook.ok_or_else(|| EngineError::UnknownWebhook(name).into())
}

/// Make or replace a webhook
#[utoipa::path(put, path = "/v1/webhooks/{name}", tag = "administration", request_body = wire::WebhookRequest,
    params(("name" = String, Path, description = "Its name"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The webhook with the secret that its receiver verifies signatures with", body = wire::Webhook),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(ask): Body<wire::WebhookRequest>,
) -> Result<Json<wire::Webhook>, Failure> {
    access.everywhere(Scope::Admin)?;
    let name = name_of(&name)?;
    if !ask.url.starts_with("https://") && !ask.url.starts_with("http://") {
        return Err(Failure::invalid("`url` begins with https:// or http://"));
    }
    let known = |kind: &&Label| NOTICES.iter().chain(&DATASETS).any(|k| *k == kind.as_str());
    if let Some(unknown) = ask.events.iter().find(|kind| !known(kind)) {
        let all: Vec<&str> = NOTICES.into_iter().chain(DATASETS).collect();
        return Err(Failure::invalid(format!(
            "there are no events `{unknown}`; write some of {}",
            all.join(", ")
        )));
    }
    if ask.format == WebhookFormat::StripeMeterEvents && !ask.events.is_empty() {
        return Err(Failure::invalid("Stripe meter events are made of charges; leave `events` out"));
    }
    if ask.format != WebhookFormat::StripeMeterEvents && ask.stripe != StripeValue::default() {
        return Err(Failure::invalid("`stripe` goes with the format `stripe_meter_events`"));
    }
    let key = idempotency(&headers, None, None, &(&name, &ask))?;
    let before = app.engine.webhooks().get(&name).cloned();
    if let Some(before) = &before
        && (before.webhook.format, before.webhook.stripe) != (ask.format, ask.stripe)
    {
        // What was sent could not be adjusted any more.
        return Err(Failure::invalid("a webhook keeps its `format` and `stripe`; make another one"));
    }
    let rotation =
        before.map_or(0, |hook| hook.webhook.rotation).saturating_add(u32::from(ask.rotate_secret));
    let webhook = Webhook {
        name: name.clone(),
        url: ask.url,
        events: ask.events,
        format: ask.format,
        rotation,
        stripe: ask.stripe,
        since: None,
    };
    let beginning = ask.from == wire::WebhookFrom::Beginning;
    app.engine.set_webhook(webhook, beginning, (&key, access.actor())).await?;
    app.webhooks.apply(&app.engine);
    Ok(Json(shown(&app, find(&app, name.as_str())?).await?))
}

/// List the webhooks and how they are doing
#[utoipa::path(get, path = "/v1/webhooks", tag = "administration",
    responses((status = 200, description = "The webhooks, by name", body = wire::Webhooks),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(State(app): State<App>, access: Access) -> Result<Json<wire::Webhooks>, Failure> {
    access.everywhere(Scope::Admin)?;
    let mut webhooks = Vec::new();
    for hook in app.engine.webhooks().values() {
        webhooks.push(shown(&app, Arc::clone(hook)).await?);
    }
    Ok(Json(wire::Webhooks { webhooks }))
}

/// Show a webhook and how it is doing
#[utoipa::path(get, path = "/v1/webhooks/{name}", tag = "administration",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The webhook", body = wire::Webhook),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
) -> Result<Json<wire::Webhook>, Failure> {
    access.everywhere(Scope::Admin)?;
    Ok(Json(shown(&app, find(&app, &name)?).await?))
}

/// List the accounts that wait in a webhook, because Stripe has refused something of theirs
#[utoipa::path(get, path = "/v1/webhooks/{name}/parked", tag = "administration",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The accounts, by name", body = wire::ParkedAccounts),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn parked(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
) -> Result<Json<wire::ParkedAccounts>, Failure> {
    access.everywhere(Scope::Admin)?;
    let hook = find(&app, &name)?;
    let shown = |(account, parked): (&Name, &Parked)| wire::Parked {
        account: account.clone(),
        record: wire::Reference::Record(account.clone(), parked.record),
        reason: parked.reason.clone(),
        since: parked.at,
        resume: parked.resumed.map(|(resume, _)| resume),
    };
    Ok(Json(wire::ParkedAccounts { parked: hook.parked.iter().map(shown).collect() }))
}

/// Let an account go on that waits in a webhook: send the refused record again, or pass over it
#[utoipa::path(post, path = "/v1/webhooks/{name}/parked/{account}", tag = "administration",
    request_body = wire::ResumeRequest,
    params(("name" = String, Path, description = "The webhook"), ("account" = String, Path, description = "The account"),
        ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "It goes on"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn resume(
    State(app): State<App>,
    access: Access,
    Path((name, account)): Path<(String, String)>,
    headers: HeaderMap,
    Body(ask): Body<wire::ResumeRequest>,
) -> Result<StatusCode, Failure> {
    access.everywhere(Scope::Admin)?;
    let name = name_of(&name)?;
    let account = Name::new(&account).map_err(|e| Failure::invalid(format!("the account's name: {e}")))?;
    let key = idempotency(&headers, None, None, &("resume", &name, &account, &ask))?;
    app.engine.resume_webhook(&name, &account, ask.resume, (&key, access.actor())).await?;
    app.webhooks.apply(&app.engine);
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a webhook; what it has not got yet is not sent any more
#[utoipa::path(delete, path = "/v1/webhooks/{name}", tag = "administration",
    params(("name" = String, Path, description = "Its name"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 204, description = "It is removed"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    access.everywhere(Scope::Admin)?;
    let name = name_of(&name)?;
    let key = idempotency(&headers, None, None, &("remove", &name))?;
    app.engine.remove_webhook(&name, (&key, access.actor())).await?;
    app.webhooks.apply(&app.engine);
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a call was signed with one of a webhook's secrets, lately; its id.
fn signed(
    app: &App,
    name: &str,
    peer: Option<Extension<Peer>>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Label, Failure> {
    let now = app.engine.clock().now();
    let bad = || {
        let detail = "the signature does not fit; sign `id.timestamp.body` with the webhook's secret, now";
        Failure::new(StatusCode::UNAUTHORIZED, "bad_signature", detail)
    };
    let refused = || match app.strangers.note(peer.as_ref().map(|p| p.0), Misdeed::ForgedWebhook, now) {
        Ok(()) => bad(),
        Err(after) => Failure::too_many(after),
    };
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).ok_or_else(refused);
    let webhooks = app.engine.webhooks();
    let webhook = &webhooks.get(name).ok_or_else(refused)?.webhook;
    let secs = header("webhook-timestamp")?.parse().map_err(|_| refused())?;
    let id = header("webhook-id")?;
    // The sender's timestamp is of the wall, also where time is a test clock's.
    let wall = headworks_engine::wall();
    match app.webhooks.secrets.verify(webhook, (id, secs, header("webhook-signature")?), body, wall) {
        Signed::Now => {}
        Signed::Stale => return Err(bad()),
        Signed::Wrong => return Err(refused()),
    }
    Label::new(id).map_err(|e| Failure::invalid(format!("webhook-id: {e}")))
}

/// Report what a payment system sees of an account, signed with a webhook's secret instead of an API key
#[utoipa::path(post, path = "/v1/webhooks/{name}/signals", tag = "abuse", security(()), request_body = wire::SignedSignal,
    params(("name" = String, Path, description = "The webhook whose secret signs"),
        ("webhook-id" = String, Header, description = "The event's id: it has one effect however often it comes"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as of Standard Webhooks")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn signal(
    State(app): State<App>,
    Path(name): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let id = signed(&app, &name, peer, &headers, &body)?;
    let ask: wire::SignedSignal = parse(&body)?;
    // What an id has said once it does not say again. A retry is signed anew, with another time, and is the same event.
    let key = idempotency(&HeaderMap::new(), Some(id), None, &ask)?;
    super::conduct::note(&app, &ask.account, &key, None, &ask.report).await
}

/// Say what became of a top-up's payment, signed with a webhook's secret instead of an API key
#[utoipa::path(post, path = "/v1/webhooks/{name}/top-ups", tag = "credits", security(()), request_body = wire::SignedTopUp,
    params(("name" = String, Path, description = "The webhook whose secret signs"),
        ("webhook-id" = String, Header, description = "Any unique text"),
        ("webhook-timestamp" = i64, Header, description = "Seconds since 1970; at most 5 minutes off"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as of Standard Webhooks")),
    responses((status = 200, description = "The credits that it brought, or the record of its failure", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn confirm_top_up(
    State(app): State<App>,
    Path(name): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<wire::Change>, Failure> {
    signed(&app, &name, peer, &headers, &body)?;
    let ask: wire::SignedTopUp = parse(&body)?;
    super::periodic::confirm(&app, &ask.account, ask.number, &ask.payment, &HeaderMap::new(), None).await
}
