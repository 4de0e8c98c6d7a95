//! Usage as CloudEvents: each is recorded once, however often and in which mode it is sent.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use headworks_wire as wire;
use wire::Scope;

use super::decisions::{Recorded, run_record};
use crate::app::App;
use crate::auth::Access;
use crate::cloud_events::{Events, read, request};
use crate::problem::Failure;

/// Most events of one batch.
const EVENTS_MAX: usize = 1_000;

/// Record use sent as CloudEvents: structured, batched, or binary
#[utoipa::path(post, path = "/v1/events", tag = "decisions",
    request_body(content = inline(Vec<wire::UsageEvent>), description = "A batch; one event as `application/cloudevents+json`; or the data alone with `ce-` headers", content_type = "application/cloudevents-batch+json"),
    responses((status = 200, description = "What became of each event that was not simply charged", body = wire::Ingested),
        (status = "4XX", description = "A problem; for a single event also one of its own", body = wire::Problem), (status = 503, description = "Retry: what was recorded is not recorded again", body = wire::Problem)))]
pub(super) async fn ingest(
    State(app): State<App>,
    access: Access,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<wire::Ingested>, Failure> {
    access.scope(Scope::Record)?;
    let Events { events, is_batch } = read(&headers, &body)?;
    if events.len() > EVENTS_MAX {
        return Err(Failure::invalid(format!("a batch has at most {EVENTS_MAX} events")));
    }
    let catalog = app.engine.catalog();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, event) in events.into_iter().enumerate() {
        let id =
            event.as_ref().ok().and_then(|event| event.get("id")?.as_str()).unwrap_or_default().to_owned();
        let (app, access, ask) = (app.clone(), access.clone(), event.and_then(|e| request(&e, &catalog)));
        tasks.spawn(async move {
            let recorded = match ask {
                Ok(ask) => run_record(&app, &access, &HeaderMap::new(), ask).await,
                Err(failure) => Err(failure),
            };
            (n, id, recorded)
        });
    }
    let mut done = wire::Ingested::default();
    while let Some(one) = tasks.join_next().await {
        let (n, id, recorded) = one
            .map_err(|e| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", e.to_string()))?;
        match recorded {
            Ok(Recorded::Charged(charge)) if charge.replayed => done.duplicates += 1,
            Ok(Recorded::Quarantined(change)) if change.replayed => done.duplicates += 1,
            Ok(Recorded::Charged(_)) => done.accepted += 1,
            Ok(Recorded::Quarantined(_)) => done.quarantined += 1,
            // The store is overloaded or has stopped: the whole batch is to be sent again.
            Err(failure) if !is_batch || failure.0.status == 503 => return Err(failure),
            Err(Failure(problem, _)) => done.refused.push(wire::RefusedEvent { n, id, problem }),
        }
    }
    done.refused.sort_by_key(|r| r.n);
    Ok(Json(done))
}
