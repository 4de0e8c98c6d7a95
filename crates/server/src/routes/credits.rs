//! Adding, taking back, correcting and refunding credits.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::operation::NewGrant;
use headworks_core::record::{Credits, GrantId, Instant, Label, Name, Recurrence, Rollover, Seq, WHOLE};
use headworks_engine::{Answer, Effect};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::App;
use super::accounts::account_name;
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

/// The number of a record that must be in this account.
pub(super) fn number(account: &Name, reference: &Reference, word: &str) -> Result<Seq, Failure> {
    match reference {
        Reference::Record(of, seq) if of == account => Ok(*seq),
        Reference::Record(..) | Reference::Denial(..) => {
            let detail = format!("`{reference}` is not of account `{account}`");
            Err(Failure::new(StatusCode::NOT_FOUND, word, detail))
        }
    }
}

/// How a grant comes again; the engine sets its end.
fn recurrence(r: &wire::Recurrence, app: &App, from: Option<Instant>) -> Result<Box<Recurrence>, Failure> {
    let zone = r.zone.clone().map_or_else(|| Label::new("UTC"), Ok);
    let fraction = |f: Credits| u32::try_from(f.nano()).ok().filter(|f| *f <= WHOLE);
    let rollover = |r: &wire::Rollover| {
        let fraction = r.fraction.map_or(Some(WHOLE), fraction);
        let fraction = fraction.ok_or_else(|| Failure::invalid("`fraction` is a decimal from 0 to 1"))?;
        Ok::<_, Failure>(Rollover { min: r.min, max: r.max, fraction, life: r.life })
    };
    Ok(Box::new(Recurrence {
        every: r.every,
        zone: zone.map_err(|e| Failure::invalid(e.to_string()))?,
        anchor: match r.anchor {
            wire::RecurrenceAnchor::Billing => None,
            wire::RecurrenceAnchor::Grant => Some(from.unwrap_or_else(|| app.engine.clock().now())),
        },
        until: Instant::NEVER,
        rollover: r.rollover.as_ref().map(rollover).transpose()?,
        overage: r.overage,
    }))
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
    let new = NewGrant {
        amount: ask.amount,
        category: ask.category,
        priority: ask.priority,
        effective_from: ask.effective_from,
        expires_at: ask.expires_at,
        features: ask.features.iter().cloned().collect(),
        reference: ask.reference.clone(),
        recurrence: ask.recurrence.as_ref().map(|r| recurrence(r, &app, ask.effective_from)).transpose()?,
        top_up: None,
        unit: ask.unit.clone(),
    };
    change(&app.engine.grant(&account, (&key, access.actor()), &new).await?)
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
    let grant = GrantId(number(&account, &grant, "unknown_grant")?);
    change(&app.engine.void(&account, (&key, access.actor()), grant, ask.reason.as_ref()).await?)
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
    let grant = GrantId(number(&account, &ask.grant, "unknown_grant")?);
    let keyed = (&key, access.actor());
    change(&app.engine.adjust(&account, keyed, grant, ask.amount, ask.reason.as_ref()).await?)
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
    let charge = number(&account, &ask.charge, "unknown_record")?;
    let keyed = (&key, access.actor());
    change(&app.engine.refund(&account, keyed, charge, ask.amount, ask.reason.as_ref()).await?)
}
