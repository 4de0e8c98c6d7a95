//! Capacity pools: seen, changed live, and told what their supply answers.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::capacity::allocator::Why;
use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::catalog::ClassTerms;
use headworks_core::record::{ClassFigures, Name, PoolChange};
use headworks_engine::{PoolState, SeatState};
use headworks_wire as wire;
use serde::Deserialize;
use wire::Scope;

use super::accounts::page_size;
use crate::app::App;
use crate::auth::Access;
use crate::json::{Body, Parameters, Path, idempotency};
use crate::problem::Failure;

fn name_of(name: &str) -> Result<Name, Failure> {
    Name::new(name).map_err(|e| Failure::invalid(format!("the pool's name: {e}")))
}

fn class(terms: &ClassTerms) -> ClassFigures {
    ClassFigures {
        priority: Some(terms.priority),
        weight: Some(terms.weight),
        floor_percent: Some(terms.floor_percent),
        lend_percent: Some(terms.lend_percent),
        borrow_percent: Some(terms.borrow_percent),
        starvation_percent: Some(terms.starvation_percent),
        wait_max: Some(terms.wait_max),
    }
}

fn shown((name, terms, view, change): PoolState) -> wire::Pool {
    let shares =
        |of: &Name| view.classes.iter().find(|(name, ..)| name == of).map_or((0, 0), |(_, r, f)| (*r, *f));
    let classes = terms.classes.iter().map(|(name, terms)| {
        let (rate_share, in_flight_share_milli) = shares(name);
        (name.clone(), wire::PoolClass { terms: class(terms), rate_share, in_flight_share_milli })
    });
    wire::Pool {
        name,
        rate: view.rate,
        in_flight_max: view.in_flight_max,
        in_flight: view.in_flight,
        served: view.served,
        waiting: view.waiting,
        waiting_cost: view.waiting_cost,
        active: u64::try_from(view.active).unwrap_or(u64::MAX),
        classes: classes.collect(),
        change: change.map(|c| wire::PoolChange {
            rate: c.rate,
            in_flight: c.in_flight,
            classes: c.classes,
            reason: c.reason,
        }),
    }
}

fn one(app: &App, name: &str) -> Result<wire::Pool, Failure> {
    Ok(shown(app.engine.pool(&name_of(name)?)?))
}

/// List the capacity pools and how they are used
#[utoipa::path(get, path = "/v1/pools", tag = "capacity",
    responses((status = 200, description = "The pools", body = wire::Pools),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn list(State(app): State<App>, access: Access) -> Result<Json<wire::Pools>, Failure> {
    access.everywhere(Scope::Read)?;
    Ok(Json(wire::Pools { pools: app.engine.pools().into_iter().map(shown).collect() }))
}

/// Show a capacity pool and how it is used
#[utoipa::path(get, path = "/v1/pools/{name}", tag = "capacity",
    params(("name" = String, Path, description = "Its name in the catalog")),
    responses((status = 200, description = "The pool", body = wire::Pool),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
) -> Result<Json<wire::Pool>, Failure> {
    access.everywhere(Scope::Read)?;
    Ok(Json(one(&app, &name)?))
}

/// Which seats.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SeatsQuery {
    /// Only those of this account.
    account: Option<Name>,
    /// How many at most, up to 1000. Default 100.
    max: Option<u16>,
}

fn seat(seat: SeatState) -> wire::PoolSeat {
    let SeatState { account, key, class, cluster, terms, in_flight, waiting, share } = seat;
    wire::PoolSeat {
        account,
        key,
        class,
        cluster,
        weight: terms.weight,
        in_flight,
        waiting,
        rate_share: share.rate,
        in_flight_share_milli: share.in_flight_milli,
        bounded_by: match share.why {
            Why::Demand => wire::BoundedBy::Demand,
            Why::FairShare => wire::BoundedBy::FairShare,
            Why::AccountMax => wire::BoundedBy::AccountMax,
        },
    }
}

/// Show who uses a capacity pool now
#[utoipa::path(get, path = "/v1/pools/{name}/seats", tag = "capacity",
    params(("name" = String, Path, description = "Its name in the catalog"), SeatsQuery),
    responses((status = 200, description = "The seats with work in the last ten seconds", body = wire::PoolSeats),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn seats(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
    Parameters(query): Parameters<SeatsQuery>,
) -> Result<Json<wire::PoolSeats>, Failure> {
    access.everywhere(Scope::Read)?;
    let seats = app.engine.seats(&name_of(&name)?, query.account.as_ref(), page_size(query.max))?;
    Ok(Json(wire::PoolSeats { seats: seats.into_iter().map(seat).collect() }))
}

/// Change a capacity pool without a new catalog; in force within 100 ms
#[utoipa::path(put, path = "/v1/pools/{name}", tag = "capacity", request_body = wire::PoolChange,
    params(("name" = String, Path, description = "Its name in the catalog"), ("Idempotency-Key" = Option<String>, Header, description = "A new one for each new request, the same for its retries")),
    responses((status = 200, description = "The pool", body = wire::Pool),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(ask): Body<wire::PoolChange>,
) -> Result<Json<wire::Pool>, Failure> {
    access.everywhere(Scope::Admin)?;
    let key = idempotency(&headers, None, None, &(&name, &ask))?;
    let wire::PoolChange { rate, in_flight, classes, reason } = ask;
    let change = PoolChange { pool: name_of(&name)?, rate, in_flight, classes, reason };
    app.engine.change_pool(change, (&key, access.actor())).await?;
    Ok(Json(one(&app, &name)?))
}

/// Tell a capacity pool what its supply answered
#[utoipa::path(post, path = "/v1/pools/{name}/feedback", tag = "capacity", request_body = wire::PoolFeedback,
    params(("name" = String, Path, description = "Its name in the catalog")),
    responses((status = 204, description = "Noted"),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn feedback(
    State(app): State<App>,
    access: Access,
    Path(name): Path<String>,
    Body(ask): Body<wire::PoolFeedback>,
) -> Result<StatusCode, Failure> {
    access.everywhere(Scope::Decide)?;
    if !(100..600).contains(&ask.status) {
        return Err(Failure::invalid("`status` is an HTTP status, 100 to 599"));
    }
    let name = name_of(&name)?;
    let answered = match ask.status {
        429 | 503 | 529 => Answered::Congested,
        200..300 => Answered::Served,
        _ => Answered::Other,
    };
    let catalog = app.engine.catalog();
    let quantities = || ask.quantities.iter().map(|(meter, n)| (meter.as_str(), *n));
    let cost = catalog.pools.get(&name).map_or(0, |terms| terms.rate.formula.cost(quantities()));
    let feedback = Feedback {
        answered,
        cost,
        first_output: ask.first_output,
        limit: ask.limit,
        retry_after: ask.retry_after,
    };
    app.engine.pool_feedback(&name, feedback)?;
    Ok(StatusCode::NO_CONTENT)
}
