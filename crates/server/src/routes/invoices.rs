//! Invoices of postpaid layers.

use axum::Json;
use axum::extract::State;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Path};
use crate::problem::Failure;

/// Show an account's invoices
#[utoipa::path(get, path = "/v1/accounts/{id}/invoices", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Those that are unpaid, the last others, and what the next ones have so far", body = wire::Invoices),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn invoices(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Invoices>, Failure> {
    Ok(Json(app.api.invoices(&access, &id).await?))
}

/// Mark an invoice paid
#[utoipa::path(post, path = "/v1/accounts/{id}/invoices/{invoice}/pay", tag = "accounts", request_body = wire::PayInvoiceRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("invoice" = wire::Reference, Path, description = "The invoice, like acme~9"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The record", body = wire::Change),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn pay(
    State(app): State<App>,
    Caller(access): Caller,
    Path((id, of)): Path<(String, String)>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::PayInvoiceRequest>,
) -> Result<Json<wire::Change>, Failure> {
    Ok(Json(app.api.pay_invoice(&access, &id, &of, key, ask).await?))
}
