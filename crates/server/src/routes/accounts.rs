//! Accounts: opening, changing, reading.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller, IdempotencyKey, Parameters, Path};
use crate::json::json;
use crate::problem::Failure;

/// Open an account
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = wire::OpenAccountRequest,
    params(("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "Default: the account's name")),
    responses((status = 200, description = "The account as the request left it", body = wire::ChangedAccount),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn open(
    State(app): State<App>,
    Caller(access): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::OpenAccountRequest>,
) -> Result<Json<wire::ChangedAccount>, Failure> {
    Ok(Json(app.api.open_account(&access, key, ask).await?))
}

/// Change an account's plan and settings
#[utoipa::path(patch, path = "/v1/accounts/{id}", tag = "accounts", request_body = wire::ChangeAccountRequest,
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), ("Idempotency-Key" = Option<wire::IdempotencyKey>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The account as the request left it", body = wire::ChangedAccount),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body(ask): Body<wire::ChangeAccountRequest>,
) -> Result<Json<wire::ChangedAccount>, Failure> {
    Ok(Json(app.api.change_account(&access, &id, key, ask).await?))
}

/// List accounts by name
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", params(wire::Page),
    responses((status = 200, description = "A page of names", body = wire::Accounts),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Caller(access): Caller,
    Parameters(page): Parameters<wire::Page>,
) -> Result<Json<wire::Accounts>, Failure> {
    Ok(Json(app.api.accounts(&access, &page).await?))
}

/// Show an account
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "The account", body = wire::Account),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Account>, Failure> {
    Ok(Json(app.api.account(&access, &id).await?))
}

/// Show an account's credits, now or as planned
#[utoipa::path(get, path = "/v1/accounts/{id}/balances", tag = "accounts",
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), wire::Moment),
    responses((status = 200, description = "Its credits", body = wire::Balances),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn balances(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    Parameters(moment): Parameters<wire::Moment>,
) -> Result<Json<wire::Balances>, Failure> {
    Ok(Json(app.api.balances(&access, &id, moment).await?))
}

/// Show a balance as of two instants: events up to one, as known at the other
#[utoipa::path(get, path = "/v1/accounts/{id}/balances/as-of", tag = "accounts",
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), wire::AsOf),
    responses((status = 200, description = "The balance; corrections and late use count from when they took effect or were recorded", body = wire::BalanceAsOf),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn balance_as_of(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    Parameters(as_of): Parameters<wire::AsOf>,
) -> Result<Json<wire::BalanceAsOf>, Failure> {
    Ok(Json(app.api.balance_as_of(&access, &id, as_of).await?))
}

/// Show an account's windows
#[utoipa::path(get, path = "/v1/accounts/{id}/windows", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Limits, use and resets", body = wire::Windows),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn windows(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Windows>, Failure> {
    Ok(Json(app.api.windows(&access, &id).await?))
}

/// Show an account's open holds
#[utoipa::path(get, path = "/v1/accounts/{id}/holds", tag = "accounts", params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded")),
    responses((status = 200, description = "Open holds, oldest first", body = wire::Holds),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn holds(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Holds>, Failure> {
    Ok(Json(app.api.holds(&access, &id).await?))
}

/// Read an account's log
#[utoipa::path(get, path = "/v1/accounts/{id}/records", tag = "accounts",
    params(("id" = headworks_core::record::Id, Path, description = "The account, percent-encoded"), wire::RecordsPage),
    responses((status = 200, description = "Records in order, with their canonical bytes and chain hashes", body = wire::Records),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn records(
    State(app): State<App>,
    Caller(access): Caller,
    Path(id): Path<String>,
    Parameters(page): Parameters<wire::RecordsPage>,
) -> Result<Response, Failure> {
    let records = app.api.records(&access, &id, page).await?;
    Ok(json(app.api.written(&access, records).await?))
}
