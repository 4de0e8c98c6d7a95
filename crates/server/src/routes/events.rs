//! Usage as CloudEvents: each is recorded once, however often and in which mode it is sent.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use headworks_wire as wire;

use crate::app::App;
use crate::cloud_events::{Events, event, read};
use crate::extract::{Caller, EventsBody};
use crate::problem::{Failure, document};

/// Record use sent as CloudEvents: structured, batched, or binary
#[utoipa::path(post, path = "/v1/events", tag = "decisions",
    request_body(content = inline(Vec<wire::UsageEvent>), description = "A batch; one event as `application/cloudevents+json`; or the data alone with `ce-` headers", content_type = "application/cloudevents-batch+json"),
    responses((status = 200, description = "The outcome of each event that was not simply charged", body = wire::Ingested),
        (status = "4XX", description = "A problem; for a single event also one of its own", body = wire::Problem), (status = 503, description = "Retry: what was recorded is not recorded again", body = wire::Problem)))]
pub(super) async fn ingest(
    State(app): State<App>,
    Caller(access): Caller,
    headers: HeaderMap,
    EventsBody(body): EventsBody,
) -> Result<Json<wire::Ingested>, Failure> {
    let done = match read(&headers, &body)? {
        Events::One(event) => app.api.ingest(&access, [event].into_iter(), false).await?,
        Events::Batch(texts) => app.api.ingest(&access, texts.into_iter().map(event), true).await?,
    };
    let refused = done.refused.into_iter();
    let refused = refused.map(|(n, id, problem)| wire::RefusedEvent { n, id, problem: document(problem) });
    Ok(Json(wire::Ingested {
        accepted: done.accepted,
        duplicates: done.duplicates,
        quarantined: done.quarantined,
        refused: refused.collect(),
    }))
}
