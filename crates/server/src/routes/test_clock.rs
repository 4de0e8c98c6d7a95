//! The test clock: time that moves only when it is told to.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use headworks_engine::AdvanceError;
use headworks_wire as wire;
use wire::Scope;

use crate::app::App;
use crate::auth::Access;
use crate::json::Body;
use crate::problem::Failure;

/// The header that marks every answer of a server with a test clock, with the time it shows.
const MARK: HeaderName = HeaderName::from_static("headworks-test-clock");

/// Marks an answer where time is a test clock's.
pub(super) fn mark(app: &App, response: &mut Response) {
    if app.engine.clock().is_test()
        && let Ok(now) = HeaderValue::from_str(&app.engine.clock().now().to_string())
    {
        response.headers_mut().insert(MARK, now);
    }
}

/// Show what the test clock shows
#[utoipa::path(get, path = "/v1/test-clock", tag = "testing",
    responses((status = 200, description = "The time of this server", body = wire::TestClock),
        (status = 404, description = "The server goes by the machine's clock", body = wire::Problem),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(State(app): State<App>, access: Access) -> Result<Json<wire::TestClock>, Failure> {
    access.everywhere(Scope::Admin)?;
    let clock = app.engine.clock();
    if !clock.is_test() {
        return Err(AdvanceError::NoTestClock.into());
    }
    Ok(Json(wire::TestClock { now: clock.now() }))
}

/// Move the test clock ahead; everything due on the way is stored when this answers
///
/// Holds end, grants expire and come again, each at its own instant and in order. `to` may be retried; `by` moves on
/// each time.
#[utoipa::path(post, path = "/v1/test-clock/advance", tag = "testing", request_body = wire::AdvanceRequest,
    responses((status = 200, description = "The time of this server from now on", body = wire::TestClock),
        (status = 404, description = "The server goes by the machine's clock", body = wire::Problem),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn advance(
    State(app): State<App>,
    access: Access,
    Body(ask): Body<wire::AdvanceRequest>,
) -> Result<Json<wire::TestClock>, Failure> {
    access.everywhere(Scope::Admin)?;
    let engine = app.engine;
    // On a task of its own: a caller that leaves, or whose time is over, does not cut it off.
    let moving = async move {
        match (ask.to, ask.by) {
            (Some(to), None) => Some(engine.advance_to(to).await),
            (None, Some(by)) => Some(engine.advance_by(by).await),
            (None, None) | (Some(_), Some(_)) => None,
        }
    };
    let moved = tokio::spawn(moving).await.map_err(|_| Failure::internal())?;
    let now =
        moved.ok_or_else(|| Failure::invalid("name one of `to`, an instant, and `by`, a duration"))??;
    Ok(Json(wire::TestClock { now }))
}
