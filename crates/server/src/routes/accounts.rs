//! Accounts: opening, changing, reading.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::record::{CREDITS, Event, Instant, Name, Record, Span, is_internal, own_unit};
use headworks_core::waterfall::{Context, Refusal};
use headworks_core::{account, view};
use headworks_engine::{Answer, Effect, EngineError};
use headworks_wire as wire;
use serde::Deserialize;
use wire::{Reference, Scope};

use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Parameters, Path, idempotency};
use crate::problem::Failure;
use crate::render;

const PAGE_MAX: usize = 1_000;

/// The account of a path, when the caller may reach it.
pub(super) fn account_name(access: &Access, scope: Scope, id: &str) -> Result<Name, Failure> {
    access.scope(scope)?;
    let name = Name::new(id).map_err(|_| Failure::unknown_account(id))?;
    access.on(scope, &name)?;
    Ok(name)
}

fn shown(ctx: Context<'_>) -> wire::Account {
    let account = ctx.account;
    render::account(&account.id, &account.settings, account.opened_at, (account.seq, &account.chain))
}

/// The account as a request left it, also when the request comes again after other changes.
async fn left(app: &App, answer: &Answer) -> Result<Json<wire::ChangedAccount>, Failure> {
    let Effect::Recorded(record) = &answer.effect else { return Err(Failure::internal()) };
    let (Event::Opened(settings) | Event::Changed { settings, .. }) = &record.event else {
        return Err(Failure::internal());
    };
    let opened_at = app.engine.view(&answer.account, |ctx| Ok(ctx.account.opened_at)).await?;
    let stored = app.engine.records(&answer.account, record.seq, 1).await?;
    let stored = stored.first().ok_or_else(Failure::internal)?;
    let account = render::account(&answer.account, settings, opened_at, (stored.seq, &stored.hash));
    Ok(Json(wire::ChangedAccount { account, replayed: answer.replayed }))
}

/// Open an account
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = wire::OpenAccountRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Default: the account's name")),
    responses((status = 200, description = "The account as the request left it", body = wire::ChangedAccount),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn open(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    Body(mut ask): Body<wire::OpenAccountRequest>,
) -> Result<Json<wire::ChangedAccount>, Failure> {
    access.scope(Scope::Admin)?;
    if is_internal(&ask.id) {
        return Err(Failure::invalid("names that begin with _ are the server's own"));
    }
    access.on(Scope::Admin, &ask.id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), Some(ask.id.to_string()), &ask)?;
    left(&app, &app.run(access.actor(), &ask.id, &key, &ask.command()).await?).await
}

/// Change an account's plan and settings
#[utoipa::path(patch, path = "/v1/accounts/{id}", tag = "accounts", request_body = wire::ChangeAccountRequest,
    params(("id" = String, Path, description = "The account"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The account as the request left it", body = wire::ChangedAccount),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut ask): Body<wire::ChangeAccountRequest>,
) -> Result<Json<wire::ChangedAccount>, Failure> {
    let account = account_name(&access, Scope::Admin, &id)?;
    let key = idempotency(&headers, ask.idempotency_key.take(), None, &ask)?;
    left(&app, &app.run(access.actor(), &account, &key, &ask.command()).await?).await
}

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Names after this one.
    after: Option<String>,
    /// At most this many, at most 1,000. Default 100.
    max: Option<u16>,
}

/// How many of a list are shown.
pub(super) fn page_size(max: Option<u16>) -> usize {
    usize::from(max.unwrap_or(100)).clamp(1, PAGE_MAX)
}

/// List accounts by name
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", params(Page),
    responses((status = 200, description = "A page of names", body = wire::Accounts),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    access: Access,
    Parameters(page): Parameters<Page>,
) -> Result<Json<wire::Accounts>, Failure> {
    access.scope(Scope::Read)?;
    let after = page.after.as_deref().map(Name::new).transpose();
    let after = after.map_err(|e| Failure::invalid(format!("`after`: {e}")))?;
    let max = page_size(page.max);
    let mut names = app.engine.accounts(after.as_ref(), max)?;
    let next = (names.len() == max).then(|| names.last().cloned()).flatten();
    names.retain(|name| access.reaches(name));
    Ok(Json(wire::Accounts { accounts: names, next }))
}

/// Show an account
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "The account", body = wire::Account),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Account>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    Ok(Json(app.engine.view(&account, |ctx| Ok(shown(ctx))).await?))
}

/// When balances are read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Moment {
    /// As they will be at this instant when nobody asks for anything until then: holds expired, grants begun and ended.
    /// Default, and for instants that have passed: now.
    at: Option<Instant>,
    /// Only this unit of credits. Default: all that the account has.
    unit: Option<Name>,
}

/// Show an account's credits, now or as planned
#[utoipa::path(get, path = "/v1/accounts/{id}/balances", tag = "accounts",
    params(("id" = String, Path, description = "The account"), Moment),
    responses((status = 200, description = "Its credits", body = wire::Balances),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn balances(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    Parameters(moment): Parameters<Moment>,
) -> Result<Json<wire::Balances>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let at = moment.at.unwrap_or_default();
    let read = |ctx: Context<'_>| Ok(balances_of(ctx, moment.unit.as_ref()));
    Ok(Json(app.engine.view_at(&account, at, read).await?))
}

/// Two instants that a balance is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AsOf {
    /// What had happened by this instant. Default: now.
    effective_at: Option<Instant>,
    /// As it was known at this instant. Default: now.
    recorded_at: Option<Instant>,
    /// The unit of credits. Default: the first that the account has, `credits` before others.
    unit: Option<Name>,
}

/// Show a balance as of two instants: what had happened by one, as it was known at the other
#[utoipa::path(get, path = "/v1/accounts/{id}/balances/as-of", tag = "accounts",
    params(("id" = String, Path, description = "The account"), AsOf),
    responses((status = 200, description = "The balance; corrections and late use count from when they took effect or were recorded", body = wire::BalanceAsOf),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn balance_as_of(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    Parameters(as_of): Parameters<AsOf>,
) -> Result<Json<wire::BalanceAsOf>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let (now, unit) = after_all(&app, &account, as_of.unit).await?;
    let (effective_at, recorded_at) = (as_of.effective_at.unwrap_or(now), as_of.recorded_at.unwrap_or(now));
    let balance = app.engine.balance_as_of(&account, effective_at, recorded_at, unit.as_ref()).await?;
    Ok(Json(wire::BalanceAsOf { effective_at, recorded_at, unit: unit_name(unit.as_ref()), balance }))
}

/// An instant after all that is written of an account, whose own time may be ahead of a clock that stands; and the unit of
/// credits that is asked for, or the first that it has.
pub(super) async fn after_all(
    app: &App,
    account: &Name,
    unit: Option<Name>,
) -> Result<(Instant, Option<Name>), Failure> {
    let read = |ctx: Context<'_>| {
        let first = units_of(ctx).into_iter().next().flatten().cloned();
        Ok((ctx.now.max(ctx.account.recorded_at), first))
    };
    let (last, first) = app.engine.view(account, read).await?;
    let unit = unit.map_or(first, |unit| own_unit(Some(&unit)).cloned());
    Ok((last.after(Span::from_micros(1)), unit))
}

/// The units that an account has, the default one first; the catalog's while it has none.
fn units_of(ctx: Context<'_>) -> Vec<Option<&Name>> {
    let mut units: Vec<_> = ctx.account.units().filter(|unit| ctx.account.has_books_in(*unit)).collect();
    if units.is_empty() {
        units.push(ctx.catalog.credit_unit());
    }
    units
}

fn unit_name(unit: Option<&Name>) -> String {
    unit.map_or_else(|| CREDITS.to_owned(), Name::to_string)
}

fn balances_of(ctx: Context<'_>, asked: Option<&Name>) -> wire::Balances {
    let units = units_of(ctx);
    let shown = match asked {
        Some(unit) => vec![own_unit(Some(unit))],
        None => units.clone(),
    };
    let mut balances = shown.into_iter().map(|unit| balances_in(ctx, unit));
    wire::Balances {
        at: ctx.now,
        units: units.into_iter().map(unit_name).collect(),
        first: balances.next().unwrap_or_else(|| balances_in(ctx, None)),
        other_units: balances.collect(),
    }
}

fn balances_in(ctx: Context<'_>, unit: Option<&Name>) -> wire::UnitBalances {
    let account = ctx.account;
    let books = account.books_of(unit);
    let grant = |g: &account::Grant| wire::Grant {
        id: Reference::Record(account.id.clone(), g.id.0),
        category: g.terms.category,
        priority: g.terms.priority,
        unit: unit_name(unit),
        amount: g.terms.amount,
        remaining: g.remaining,
        held: g.held,
        effective_from: g.terms.effective_from,
        expires_at: Some(g.terms.expires_at).filter(|at| *at < Instant::NEVER),
        features: g.terms.features.to_vec(),
        reference: g.terms.reference.clone(),
    };
    let schedule = |s: &account::Schedule| {
        let recurrence = s.terms.recurrence.as_ref()?;
        Some(wire::Schedule {
            id: Reference::Record(account.id.clone(), s.id.0),
            current: Reference::Record(account.id.clone(), s.current.0),
            amount: s.terms.amount,
            unit: unit_name(unit),
            every: recurrence.every,
            zone: recurrence.zone.clone(),
            began_at: s.began_at,
            next_at: s.next_at,
            until: Some(recurrence.until).filter(|at| *at < Instant::NEVER),
        })
    };
    let schedules = account.extras().schedules.iter().filter(|s| s.terms.unit.as_ref() == unit);
    wire::UnitBalances {
        unit: unit_name(unit),
        available: account.available(ctx.now, unit),
        held: account.held(unit),
        spent: books.spent,
        issued: books.issued,
        breakage: books.breakage,
        goodwill: books.goodwill,
        debt: books.debt,
        overdraft: books.overdraft,
        grants: account
            .grants
            .iter()
            .filter(|g| !g.voided && g.terms.unit.as_ref() == unit)
            .map(grant)
            .collect(),
        schedules: schedules.filter_map(schedule).collect(),
    }
}

/// Show an account's windows
#[utoipa::path(get, path = "/v1/accounts/{id}/windows", tag = "accounts", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "Limits, use and resets", body = wire::Windows),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn windows(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Windows>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let read = |ctx: Context<'_>| {
        let windows = view::windows(ctx).map_err(|e: Refusal| EngineError::Refused(e))?;
        Ok(wire::Windows { at: ctx.now, windows: windows.iter().map(render::window).collect() })
    };
    Ok(Json(app.engine.view(&account, read).await?))
}

/// Show an account's open holds
#[utoipa::path(get, path = "/v1/accounts/{id}/holds", tag = "accounts", params(("id" = String, Path, description = "The account")),
    responses((status = 200, description = "Open holds, oldest first", body = wire::Holds),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn holds(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<wire::Holds>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let read = |ctx: Context<'_>| {
        let holds = ctx.account.holds.iter().map(|h| render::hold(&ctx.account.id, h)).collect();
        Ok(wire::Holds { at: ctx.now, holds })
    };
    Ok(Json(app.engine.view(&account, read).await?))
}

/// Where a page of records begins and how long it is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordsPage {
    /// From this number on. Default 1.
    from: Option<u64>,
    /// At most this many, at most 1,000. Default 100.
    max: Option<u16>,
}

/// Read an account's log
#[utoipa::path(get, path = "/v1/accounts/{id}/records", tag = "accounts",
    params(("id" = String, Path, description = "The account"), RecordsPage),
    responses((status = 200, description = "Records in order, with their canonical bytes and chain hashes", body = wire::Records),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn records(
    State(app): State<App>,
    access: Access,
    Path(id): Path<String>,
    Parameters(page): Parameters<RecordsPage>,
) -> Result<Json<wire::Records>, Failure> {
    let account = account_name(&access, Scope::Read, &id)?;
    let max = page_size(page.max);
    let stored = app.engine.records(&account, page.from.unwrap_or(1).max(1), max).await?;
    let mut records = Vec::with_capacity(stored.len());
    for s in &stored {
        let record = Record::from_bytes(&s.bytes)
            .map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))?;
        records.push(render::record_answer(&account, &record, &s.bytes, &s.hash));
    }
    let next = stored.last().filter(|_| stored.len() == max).map(|last| last.seq + 1);
    Ok(Json(wire::Records { records, next }))
}
