//! The test clock: time that moves only on request.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use headworks_wire as wire;

use crate::app::App;
use crate::extract::{Body, Caller};
use crate::problem::Failure;

/// The header that marks every answer of a server with a test clock, with the time it shows.
const MARK: HeaderName = HeaderName::from_static("headworks-test-clock");

/// Marks an answer if the server runs on a test clock.
pub(super) fn mark(app: &App, response: &mut Response) {
    if app.api.engine().clock().is_test()
        && let Ok(now) = HeaderValue::from_str(&app.api.engine().clock().now().to_string())
    {
        response.headers_mut().insert(MARK, now);
    }
}

/// Show the time of the test clock
#[utoipa::path(get, path = "/v1/test-clock", tag = "testing",
    responses((status = 200, description = "The time of this server", body = wire::TestClock),
        (status = 404, description = "The server uses the machine's clock", body = wire::Problem),
        (status = "4XX", description = "A problem", body = wire::Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Caller(access): Caller,
) -> Result<Json<wire::TestClock>, Failure> {
    Ok(Json(app.api.test_clock(&access)?))
}

/// Move the test clock ahead; everything due on the way is stored when this answers
///
/// Holds end, grants expire and recur, each at its own instant and in order. `to` may be retried; `by` moves on
/// each time.
#[utoipa::path(post, path = "/v1/test-clock/advance", tag = "testing", request_body = wire::AdvanceRequest,
    responses((status = 200, description = "The time of this server from now on", body = wire::TestClock),
        (status = 404, description = "The server uses the machine's clock", body = wire::Problem),
        (status = "4XX", description = "A problem", body = wire::Problem), (status = 503, description = "Retry", body = wire::Problem)))]
pub(super) async fn advance(
    State(app): State<App>,
    Caller(access): Caller,
    Body(ask): Body<wire::AdvanceRequest>,
) -> Result<Json<wire::TestClock>, Failure> {
    Ok(Json(app.api.advance_test_clock(&access, ask).await?))
}
