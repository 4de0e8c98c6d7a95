//! The router: one table of routes, from which the OpenAPI document is made as well.

use axum::Extension;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, Version, header};
use axum::middleware::{Next, from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use headworks_api::{Kind, Problem};
use headworks_wire as wire;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::body::{Allowance, LengthMax, SIGNED_BYTES_MAX};
use crate::edge::{self, Edge};
use crate::extract::Caller;
use crate::problem::Failure;

mod abuse;
mod accounts;
mod administration;
mod audit_log;
mod catalogs;
mod corrections;
mod credits;
mod decisions;
mod document;
mod events;
mod inbound;
mod incidents;
mod increases;
mod invoices;
mod ledger;
mod overrides;
mod pauses;
mod plans;
mod resets;
mod seats;
mod supplies;
mod test_clock;
mod top_ups;
mod webhooks;

/// Pages have their own style and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Largest catalog, in bytes.
const CATALOG_BYTES_MAX: usize = headworks_core::catalog::TEXT_LEN_MAX;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Headworks",
        description = "How much is allowed, and from which source? Amounts of credits are decimal strings, instants \
                       RFC 3339 in UTC, durations `60s` or ISO 8601. Mutating calls take an `Idempotency-Key`; errors are \
                       RFC 9457 problem details. A denial is an answer with status 200.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(wire::Format, wire::IdempotencyKey, wire::CatalogHash, wire::InboundName, wire::InstantOrDay, wire::RecordNumber, wire::StatementPlace)),
    modifiers(&Security),
    security(("key" = []))
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

fn table() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(decisions::authorize))
        .routes(routes!(decisions::check))
        .routes(routes!(decisions::extend))
        .routes(routes!(decisions::settle))
        .routes(routes!(decisions::release))
        .routes(routes!(decisions::record))
        .routes(routes!(decisions::batch))
        .routes(routes!(decisions::explain))
        .routes(routes!(accounts::open, accounts::list))
        .routes(routes!(accounts::show, accounts::change))
        .routes(routes!(accounts::balances))
        .routes(routes!(accounts::balance_as_of))
        .routes(routes!(accounts::windows))
        .routes(routes!(accounts::holds))
        .routes(routes!(accounts::records))
        .routes(routes!(abuse::list))
        .routes(routes!(abuse::show))
        .routes(routes!(abuse::lift))
        .routes(routes!(abuse::report))
        .routes(routes!(credits::grant))
        .routes(routes!(credits::void))
        .routes(routes!(credits::adjust))
        .routes(routes!(credits::refund))
        .routes(routes!(pauses::pause))
        .routes(routes!(pauses::resume))
        .routes(routes!(plans::change_plan))
        .routes(routes!(plans::withdraw))
        .routes(routes!(plans::stop_renewal))
        .routes(routes!(resets::bank, resets::resets))
        .routes(routes!(resets::redeem))
        .routes(routes!(resets::close_periods))
        .routes(routes!(overrides::set, overrides::overrides))
        .routes(routes!(overrides::remove))
        .routes(routes!(increases::ask, increases::increases))
        .routes(routes!(increases::approve))
        .routes(routes!(increases::deny))
        .routes(routes!(seats::set, seats::seats))
        .routes(routes!(seats::assign))
        .routes(routes!(seats::remove))
        .routes(routes!(invoices::invoices))
        .routes(routes!(invoices::pay))
        .routes(routes!(top_ups::top_ups))
        .routes(routes!(top_ups::confirm_top_up))
        .routes(routes!(corrections::correct))
        .routes(routes!(corrections::reprice))
        .routes(routes!(incidents::run))
        .routes(routes!(corrections::quarantine))
        .routes(routes!(corrections::decide_late))
        .routes(routes!(webhooks::show, webhooks::set, webhooks::remove))
        .routes(routes!(webhooks::parked))
        .routes(routes!(webhooks::resume))
        .routes(routes!(webhooks::list))
        .routes(routes!(inbound::show, inbound::set, inbound::remove))
        .routes(routes!(inbound::list))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(inbound::top_up))
                .routes(routes!(inbound::signal))
                .layer(Extension(LengthMax(SIGNED_BYTES_MAX))),
        )
        .routes(routes!(supplies::list))
        .routes(routes!(supplies::show, supplies::change))
        .routes(routes!(supplies::sharers))
        .routes(routes!(supplies::feedback))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(catalogs::show_catalog, catalogs::put_catalog))
                .routes(routes!(catalogs::check_catalog))
                .routes(routes!(ledger::what_if))
                .layer(Extension(LengthMax(CATALOG_BYTES_MAX))),
        )
        .routes(routes!(events::ingest))
        .routes(routes!(ledger::show, ledger::start))
        .routes(routes!(ledger::statement))
        .routes(routes!(ledger::signing_key))
        .routes(routes!(catalogs::show_schema))
        .routes(routes!(catalogs::list_catalogs))
        .routes(routes!(catalogs::show_past))
        .routes(routes!(catalogs::restore))
        .routes(routes!(administration::create_key, administration::list_keys))
        .routes(routes!(administration::revoke_key))
        .routes(routes!(administration::rotate_key))
        .routes(routes!(audit_log::show))
        .routes(routes!(test_clock::show))
        .routes(routes!(test_clock::advance))
        .routes(routes!(administration::healthz))
        .routes(routes!(administration::readyz))
        .routes(routes!(administration::metrics))
}

/// The routes, and the document that describes them.
fn documented() -> (axum::Router<App>, serde_json::Value) {
    let (router, document) = table().split_for_parts();
    (router, document::complete(document))
}

/// The router over an engine.
pub fn app(app: App) -> axum::Router {
    with_edge(app, None)
}

/// The same with the routes of another crate.
pub(crate) fn with_edge(app: App, edge: Option<Edge>) -> axum::Router {
    let (router, document) = documented();
    let wrong_method = || async {
        Failure::new(Kind::MethodNotAllowed, "the route takes another method; see /v1/openapi.json")
    };
    let edge =
        edge.map(|edge| bounded(edge::routes(edge).method_not_allowed_fallback(wrong_method), &app, None));
    let document = document.to_string();
    let timeout = Some(app.request_timeout);
    let router = router
        .route(
            "/v1/openapi.json",
            axum::routing::get(move |_: Caller| async move {
                ([(axum::http::header::CONTENT_TYPE, "application/json")], document)
            }),
        )
        .fallback(|| async {
            Failure::new(Kind::NoSuchRoute, "there is no such route; see /v1/openapi.json")
        })
        .method_not_allowed_fallback(wrong_method);
    bounded(router, &app, timeout)
        .merge(edge.unwrap_or_default())
        .layer(map_response_with_state(
            app.clone(),
            |State(app): State<App>, mut response: Response| async move {
                test_clock::mark(&app, &mut response);
                response
            },
        ))
        .with_state(app)
}

/// Routes within the bounds of requests; `None`: those that bound their own time.
fn bounded(router: axum::Router<App>, app: &App, timeout: Option<Duration>) -> axum::Router<App> {
    router
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_| Failure(Problem::internal()).into_response()))
        .layer(from_fn_with_state((app.clone(), timeout), observe))
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> serde_json::Value {
    documented().1
}

/// Routes that are answered under any load, and that need no key.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Routes that end earlier work, or say how the server is doing: they are answered while memory is short.
const ENDING: [&str; 3] = ["/v1/settle", "/v1/release", "/metrics"];

/// Bounds the time and the memory of a request, and measures it.
async fn observe(
    State((app, timeout)): State<(App, Option<Duration>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", |p| p.as_str()).to_owned();
    let (is_read, is_health) = (request.method().is_safe(), HEALTH.contains(&route.as_str()));
    let started = Instant::now();
    let allowance = Allowance::new(&app.bodies, started + app.request_timeout / 4 * 3);
    request.extensions_mut().insert(allowance.clone());
    let turn = app.requests.try_acquire();
    let response = if let Err(problem) = host(&request) {
        problem.into_response()
    } else if app.memory.is_short() && !is_health && !ENDING.contains(&route.as_str()) {
        Failure::new(Kind::Overloaded, "the server is short of memory; try again soon").into_response()
    } else if turn.is_err() && !is_health {
        Failure::new(Kind::Overloaded, "too many requests are being answered; try again soon").into_response()
    } else {
        let answering = next.run(request);
        let answered = match timeout {
            Some(timeout) => tokio::time::timeout(timeout, answering).await.ok(),
            None => Some(answering.await),
        };
        match answered {
            Some(response) => allowance.answer(response, is_read),
            None => {
                let detail =
                    "the request took too long; retry with the same key to learn whether it was stored";
                Failure::new(Kind::OutcomeUnknown, detail).into_response()
            }
        }
    };
    app.metrics.observe(&route, response.status().as_u16(), started.elapsed().as_secs_f64());
    guarded(allowance.warned(response))
}

/// Refuses a request whose host is missing or ambiguous: a proxy in front may have understood another one.
fn host(request: &Request) -> Result<(), Failure> {
    let mut given = request.headers().get_all(header::HOST).iter();
    let (first, second) = (given.next(), given.next());
    let is_named =
        first.is_some() || request.uri().authority().is_some() || request.version() < Version::HTTP_11;
    if second.is_none() && is_named {
        return Ok(());
    }
    Err(Failure::new(Kind::MalformedRequest, "a request names its host once: send one Host header"))
}

/// Adds what keeps browsers and caches from doing more with an answer than showing it.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let is_page =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}
